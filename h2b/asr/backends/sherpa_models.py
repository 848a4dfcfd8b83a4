"""Which sherpa-onnx model a folder holds, and how it is loaded.

Owns the names of files in the folders that the project sherpa-onnx offers, and the choice among its many constructors.
Must not know grammars or results. sherpa-onnx ends the process when a model lacks what it expects, so what can be told
beforehand is told beforehand.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from attrs import define, frozen

from h2b.asr.backends.folders import refusal, require_package
from h2b.model.errors import EngineError

KEY: Final = "asr.sherpa"
BPE_VOCABULARY: Final = "bpe.vocab"
"""What turns hotwords into the tokens of a model; a transducer without it gets none."""

TRANSDUCER: Final = "transducer"
WHISPER: Final = "whisper"
MOONSHINE: Final = "moonshine"
MOONSHINE_V1: Final = "moonshine_v1"
ONE_FILE: Final = "one file"

_LAYOUTS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    TRANSDUCER: {
        "encoder": ("encoder*.onnx",),
        "decoder": ("decoder*.onnx",),
        "joiner": ("joiner*.onnx",),
        "tokens": ("tokens.txt",),
    },
    MOONSHINE: {
        "encoder": ("encoder_model*.ort", "encoder_model*.onnx"),
        "decoder": ("decoder_model_merged*.ort", "decoder_model_merged*.onnx"),
        "tokens": ("tokens.txt",),
    },
    MOONSHINE_V1: {
        "preprocessor": ("preprocess*.onnx",),
        "encoder": ("encode*.onnx",),
        "uncached_decoder": ("uncached_decode*.onnx",),
        "cached_decoder": ("cached_decode*.onnx",),
        "tokens": ("tokens.txt",),
    },
    WHISPER: {"encoder": ("*-encoder*.onnx",), "decoder": ("*-decoder*.onnx",), "tokens": ("*-tokens.txt",)},
    ONE_FILE: {"model": ("model*.onnx", "ctc*.onnx"), "tokens": ("tokens.txt",)},
}
"""By kind: what each part is called in the order tried. The first kind whose parts are all there is it."""
_EXPECTED: Final = (
    "tokens.txt with encoder, decoder and joiner (transducer), with one model*.onnx, or the files of Moonshine or "
    "Whisper, as sherpa-onnx offers them"
)

_ONE_FILE_KINDS: Final = {
    "sense_voice_ctc": "from_sense_voice",
    "paraformer": "from_paraformer",
    "zipformer2_ctc": "from_zipformer_ctc",
    "EncDecCTCModel": "from_nemo_ctc",
    "EncDecCTCModelBPE": "from_nemo_ctc",
    "EncDecHybridRNNTCTCBPEModel": "from_nemo_ctc",
}
"""By `model_type` in the model's own metadata: the constructor of OfflineRecognizer."""
_STREAMING_KINDS: Final = {"from_zipformer_ctc": "from_zipformer2_ctc", "from_nemo_ctc": "from_nemo_ctc"}
"""The constructor of OnlineRecognizer for the same kind."""
_WHOLE_INPUTS: Final = 2
"""Sound and its length; more are the state that a streaming model carries along. SenseVoice alone has four."""


@frozen
class Files:
    """A folder's model."""

    folder: Path
    kind: str
    parts: Mapping[str, Path]

    @property
    def hears_one_language(self) -> bool:
        """Whether a loaded model is told its language once and for all."""
        return self.kind in (WHISPER, ONE_FILE)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """What tokens write; of the kinds whose tokens.txt is plain text."""
        if self.kind not in (TRANSDUCER, ONE_FILE):
            return ()
        lines = self.parts["tokens"].read_text(encoding="utf-8", errors="replace").splitlines()
        found = (line.rpartition(" ")[0] or line.rpartition("\t")[0] for line in lines)
        return tuple(symbol for symbol in found if not symbol.startswith("<"))

    @cached_property
    def capitals(self) -> bool:
        """Whether the model writes everything in capitals: then they do not tell what is spelled."""
        return any(map(str.isupper, self.symbols)) and not any(map(str.islower, self.symbols))


def locate(folder: Path) -> Files:
    """The files of a model, looked for and not opened.

    Raises:
        EngineError: sherpa-onnx is not installed, or this is no folder of a model we know. One line.
    """
    require_package("sherpa_onnx", "sherpa")
    for kind, parts in _LAYOUTS.items():
        found = {part: path for part, patterns in parts.items() if (path := _first(folder, patterns))}
        if len(found) == len(parts):
            return Files(folder, kind, found)
    raise refusal(KEY, folder, "model of a known kind", _EXPECTED)


def _first(folder: Path, patterns: Iterable[str]) -> Path | None:
    """Eight-bit files first: on processors they are as right and faster."""
    for pattern in patterns:
        found = sorted(folder.glob(pattern), key=lambda path: (".int8." not in path.name, path.name))
        if found:
            return found[0]
    return None


@define
class Loaded:
    """A recogniser, and which of the two interfaces it has."""

    recogniser: Any
    streaming: bool
    hotwords: bool = False


def load(files: Files, language: str) -> Loaded:
    """The model in memory, on one thread.

    Raises:
        EngineError: it is of a kind that is not known, or cannot be loaded. One line.
    """
    try:
        if files.kind == TRANSDUCER:
            return _transducer(files)
        return _one_file(files, language) if files.kind == ONE_FILE else _of_parts(files, language)
    except (RuntimeError, ValueError) as error:
        raise EngineError(f"{KEY}: {files.folder} cannot be loaded by sherpa-onnx: {_one_line(error)}") from error


def _of_parts(files: Files, language: str) -> Loaded:
    import sherpa_onnx

    parts = {name: str(path) for name, path in files.parts.items()}
    offline = sherpa_onnx.OfflineRecognizer
    if files.kind == WHISPER:
        return Loaded(offline.from_whisper(**parts, language=language, num_threads=1), streaming=False)
    build = offline.from_moonshine_v2 if files.kind == MOONSHINE else offline.from_moonshine
    return Loaded(build(**parts, num_threads=1), streaming=False)


def _transducer(files: Files) -> Loaded:
    import sherpa_onnx

    encoder, decoder = _graph(files.parts["encoder"]), _graph(files.parts["decoder"])
    streaming = encoder.inputs > _WHOLE_INPUTS
    # NeMo's decoders give their state beside their output.
    nemo = decoder.outputs > 1
    if not nemo:
        decoder.require("vocab_size", "context_size")
        if streaming:
            encoder.require("model_type")
    options = {name: str(path) for name, path in files.parts.items()}
    vocabulary = files.folder / BPE_VOCABULARY
    # Streaming models of NeMo know no other search than the greedy one.
    hotwords = vocabulary.is_file() and not (nemo and streaming)
    if hotwords:
        options |= {"decoding_method": "modified_beam_search", "modeling_unit": "bpe", "bpe_vocab": str(vocabulary)}
    if streaming:
        online = sherpa_onnx.OnlineRecognizer.from_transducer(**options, num_threads=1)
        return Loaded(online, streaming=True, hotwords=hotwords)
    model_type = "nemo_transducer" if nemo else "transducer"
    offline = sherpa_onnx.OfflineRecognizer.from_transducer(**options, model_type=model_type, num_threads=1)
    return Loaded(offline, streaming=False, hotwords=hotwords)


def _one_file(files: Files, language: str) -> Loaded:
    import sherpa_onnx

    graph = _graph(files.parts["model"])
    kind = graph.metadata.get("model_type", "")
    build = _ONE_FILE_KINDS.get(kind)
    if build is None:
        known = ", ".join(_ONE_FILE_KINDS)
        raise EngineError(f"{KEY}: {graph.path} has model_type '{kind}' in its metadata, expected one of {known}")
    parts = {"paraformer" if kind == "paraformer" else "model": str(graph.path), "tokens": str(files.parts["tokens"])}
    if kind == "sense_voice_ctc":
        parts["language"] = language
    elif graph.inputs > _WHOLE_INPUTS and build in _STREAMING_KINDS:
        online = getattr(sherpa_onnx.OnlineRecognizer, _STREAMING_KINDS[build])
        return Loaded(online(**parts, num_threads=1), streaming=True)
    offline = getattr(sherpa_onnx.OfflineRecognizer, build)
    return Loaded(offline(**parts, num_threads=1), streaming=False)


@frozen
class _Graph:
    """What an ONNX file says of itself."""

    path: Path
    inputs: int
    outputs: int
    metadata: Mapping[str, str]

    def require(self, *keys: str) -> None:
        """sherpa-onnx ends the process without these."""
        for key in keys:
            if key not in self.metadata:
                raise EngineError(f"{KEY}: {self.path} has no '{key}' in its metadata: it was not made for sherpa-onnx")


def _graph(path: Path) -> _Graph:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # comes with onnx, without stubs

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (OSError, DecodeError) as error:
        raise EngineError(f"{KEY}: {path} cannot be read as ONNX: {_one_line(error)}") from error
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = sum(given.name not in weights for given in model.graph.input)
    metadata = {pair.key: pair.value for pair in model.metadata_props}
    return _Graph(path, inputs, len(model.graph.output), metadata)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
