"""Builds the two ONNX graphs of a Whisper model from its tensors.

Owns the network (pre-norm transformer, GELU, learned positions in the decoder) and how its products become int8.
Must not know where tensors come from, nor run anything: `whisper` does. Imported at conversion only, as it needs onnx.

`encoder.onnx`  features (1, mels, 2S) -> states (1, S, width), and per decoder layer i the projections every step
                reads: cross_keys_i (1, heads, head, S), transposed, and cross_values_i (1, heads, S, head).
`decoder.onnx`  tokens (b, t), parents (b), past_keys_i and past_values_i (r, heads, p, head), the cross projections
                -> logits (b, V) of the last position, keys_i and values_i (b, heads, p + t, head).
                Row i goes on from row parents[i] of the past. All rows share the one batch of cross projections.

Products of int8: weights by output channel, activations by row, in the graph, so a row's result does not depend on
which other rows are in the batch, and Whisper's few huge activations cost their own row only.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from attrs import define, field, frozen
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from h2b.asr.backends.ct2_tensors import Tensors
from h2b.model.errors import EngineError

ENCODER_FILE = "encoder.onnx"
DECODER_FILE = "decoder.onnx"

_OPSET = 17  # the first with LayerNormalization
_IR_VERSION = 9
_RUNTIME = "com.microsoft"  # operators of onnxruntime's own
_EPSILON = 1e-5
_HEAD_WIDTH = 64  # of every published Whisper
_MASKED = -1e9

# Seven bits: processors without VNNI add two products of 8 bits in 16, which must not overflow (255 x 63 x 2 fits).
_WEIGHT_LEVELS = 63
_LEAST_WEIGHT = 1e-12  # stands for the peak of a channel of zeros
_BLOCK_ROWS = 4096
# A row is divided by its peak, so its values lie in -1..1, or after GELU, whose minimum is -0.17, in -0.17..1.
_SIGNED = (1 / 127, 128, 1e-6)
_AFTER_GELU = (1 / 218, 37, 1.0)


@frozen
class Dimensions:
    """The sizes of one Whisper model, read off its tensors."""

    mels: int
    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    audio_positions: int
    text_positions: int
    tokens: int

    @property
    def head(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads


def dimensions(tensors: Tensors) -> Dimensions:
    """Sizes of the model. Raises EngineError when these are not the tensors of a Whisper model."""
    if tensors.specification != "WhisperSpec":
        raise EngineError(f"model.bin: a model of {tensors.specification!r}, expected 'WhisperSpec'")
    audio_positions, width = tensors.shape("encoder/position_encodings/encodings")
    return Dimensions(
        mels=tensors.shape("encoder/conv1/weight")[1],
        width=width,
        heads=tensors.integer("decoder/num_heads", width // _HEAD_WIDTH),
        encoder_layers=_layers(tensors, "encoder"),
        decoder_layers=_layers(tensors, "decoder"),
        audio_positions=audio_positions,
        text_positions=tensors.shape("decoder/position_encodings/encodings")[0],
        tokens=tensors.shape("decoder/embeddings/weight")[0],
    )


def _layers(tensors: Tensors, stack: str) -> int:
    count = 0
    while f"{stack}/layer_{count}/ffn/linear_0/weight" in tensors:
        count += 1
    return count


def build(tensors: Tensors, folder: Path, text_tokens: int, prompt_tokens: int) -> None:
    """Write both graphs into `folder`.

    Logits have `text_tokens` columns; ids below `prompt_tokens` can be fed (the timestamps above never are).
    Raises EngineError when a tensor is missing.
    """
    sizes = dimensions(tensors)
    _encoder(tensors, sizes, folder / ENCODER_FILE)
    _decoder(tensors, sizes, folder / DECODER_FILE, text_tokens, prompt_tokens)


def cross_names(layers: int) -> list[str]:
    """Names of the cross projections, outputs of the encoder and inputs of the decoder."""
    return [f"cross_{kind}_{layer}" for layer in range(layers) for kind in ("keys", "values")]


@define
class _Graph:
    """A graph under construction: operators are appended, names are made up on the way."""

    tensors: Tensors
    model: Any = field(init=False)  # filled in place: protobuf copies what it is given, and weights are large

    def __attrs_post_init__(self) -> None:
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_RUNTIME, 1)]
        empty = helper.make_graph([], "whisper", [], [])
        self.model = helper.make_model(empty, opset_imports=opsets, ir_version=_IR_VERSION)

    def constant(self, array: NDArray[Any]) -> str:
        constants = self.model.graph.initializer
        name = f"constant_{len(constants)}"
        constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def numbers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def operator(
        self, kind: str, *operands: str, outputs: Sequence[str] = (), domain: str = "", **attributes: Any
    ) -> str:
        nodes = self.model.graph.node
        names = list(outputs) or [f"value_{len(nodes)}"]
        nodes.append(helper.make_node(kind, operands, names, domain=domain, **attributes))
        return names[0]

    def input(self, name: str, kind: int, shape: Sequence[int | str]) -> str:
        self.model.graph.input.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, shape: Sequence[int | str]) -> None:
        self.model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def layer_norm(self, x: str, name: str) -> str:
        gamma, beta = (self.constant(self.tensors.floats(f"{name}/{part}")) for part in ("gamma", "beta"))
        return self.operator("LayerNormalization", x, gamma, beta, axis=-1, epsilon=_EPSILON)

    def gelu(self, x: str) -> str:
        return self.operator("Gelu", x, domain=_RUNTIME)

    def weights(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self.tensors.floats(f"{name}/weight"), self.tensors.floats(f"{name}/bias")

    def linear(self, x: str, name: str, after_gelu: bool = False) -> str:
        return self.product(x, *self.weights(name), after_gelu=after_gelu)

    def product(
        self,
        x: str,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        after_gelu: bool = False,
    ) -> str:
        """x (…, in) by weight (out, in), in int8."""
        step, zero, least = _AFTER_GELU if after_gelu else _SIGNED
        size = x if after_gelu else self.operator("Abs", x)
        peak = self.operator("ReduceMax", size, axes=[-1], keepdims=1)
        peak = self.operator("Max", peak, self.constant(np.array(least, np.float32)))
        activation_step = self.constant(np.array(step, np.float32))
        activation_zero = self.constant(np.array(zero, np.uint8))
        scaled = self.operator("Div", x, peak)
        rounded = self.operator("QuantizeLinear", scaled, activation_step, activation_zero)
        levels, weight_step = _quantised(weight)
        y = self.operator(
            "MatMulIntegerToFloat",
            rounded,
            self.constant(levels),
            activation_step,
            self.constant(weight_step),
            activation_zero,
            domain=_RUNTIME,
        )
        y = self.operator("Mul", y, peak)
        return y if bias is None else self.operator("Add", y, self.constant(bias))


def _quantised(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8 levels (in, out) and the step of each output channel."""
    step = np.maximum(np.maximum(weight.max(axis=1), -weight.min(axis=1)), _LEAST_WEIGHT) / _WEIGHT_LEVELS
    levels = np.empty(weight.shape[::-1], np.int8)
    for first in range(0, len(step), _BLOCK_ROWS):  # the output projection is large: no copies of the whole
        block = slice(first, first + _BLOCK_ROWS)
        levels[:, block] = np.rint(weight[block] / step[block, None]).T
    return levels, step.astype(np.float32)


def _encoder(tensors: Tensors, sizes: Dimensions, path: Path) -> None:
    graph = _Graph(tensors)
    x = graph.input("features", TensorProto.FLOAT, [1, sizes.mels, "frames"])
    for convolution, stride in (("conv1", 1), ("conv2", 2)):
        weight, bias = map(graph.constant, graph.weights(f"encoder/{convolution}"))
        x = graph.gelu(graph.operator("Conv", x, weight, bias, pads=[1, 1], strides=[stride]))
    x = graph.operator("Transpose", x, perm=[0, 2, 1])
    count = graph.operator("Gather", graph.operator("Shape", x), graph.numbers(1), axis=0)
    positions = graph.constant(tensors.floats("encoder/position_encodings/encodings"))
    x = graph.operator("Add", x, graph.operator("Slice", positions, graph.numbers(0), count, graph.numbers(0)))
    for layer in range(sizes.encoder_layers):
        x = _encoder_layer(graph, sizes, x, f"encoder/layer_{layer}")
    states = graph.layer_norm(x, "encoder/layer_norm")
    graph.operator("Identity", states, outputs=["states"])
    graph.output("states", [1, "positions", sizes.width])
    _cross_projections(graph, sizes, states)
    onnx.save(graph.model, str(path))


def _encoder_layer(graph: _Graph, sizes: Dimensions, x: str, name: str) -> str:
    normed = graph.layer_norm(x, f"{name}/self_attention/layer_norm")
    queries, keys, values = _projections(graph, sizes, normed, f"{name}/self_attention/linear_0")
    heard = graph.operator(
        "MultiHeadAttention", queries, keys, values, domain=_RUNTIME, num_heads=sizes.heads, scale=1.0
    )
    x = graph.operator("Add", x, graph.linear(heard, f"{name}/self_attention/linear_1"))
    return _feed_forward(graph, x, f"{name}/ffn")


def _projections(graph: _Graph, sizes: Dimensions, x: str, name: str) -> list[str]:
    """Queries, keys and values (…, width) from one product; queries come scaled for the attention."""
    weight, bias = graph.weights(name)
    weight[: sizes.width] *= sizes.head**-0.5
    bias[: sizes.width] *= sizes.head**-0.5
    together = graph.product(x, weight, bias)
    names = [f"{together}_{part}" for part in ("queries", "keys", "values")]
    graph.operator("Split", together, outputs=names, axis=-1)
    return names


def _feed_forward(graph: _Graph, x: str, name: str) -> str:
    inner = graph.gelu(graph.linear(graph.layer_norm(x, f"{name}/layer_norm"), f"{name}/linear_0"))
    return graph.operator("Add", x, graph.linear(inner, f"{name}/linear_1", after_gelu=True))


def _cross_projections(graph: _Graph, sizes: Dimensions, states: str) -> None:
    """All layers' keys and values in one product: the states are quantised once."""
    parts = [graph.weights(f"decoder/layer_{layer}/attention/linear_1") for layer in range(sizes.decoder_layers)]
    weight, bias = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    names = cross_names(sizes.decoder_layers)
    projected = [f"{name}_projected" for name in names]
    graph.operator("Split", graph.product(states, weight, bias), outputs=projected, axis=-1)
    for name, source in zip(names, projected, strict=True):
        keys = "keys" in name
        split = graph.operator("Reshape", source, graph.numbers(0, 0, sizes.heads, sizes.head))
        graph.operator("Transpose", split, outputs=[name], perm=[0, 2, 3, 1] if keys else [0, 2, 1, 3])
        graph.output(name, [1, sizes.heads, *((sizes.head, "positions") if keys else ("positions", sizes.head))])


def _decoder(tensors: Tensors, sizes: Dimensions, path: Path, text_tokens: int, prompt_tokens: int) -> None:
    graph = _Graph(tensors)
    tokens = graph.input("tokens", TensorProto.INT64, ["rows", "new"])
    graph.input("parents", TensorProto.INT64, ["rows"])
    embeddings = tensors.floats("decoder/embeddings/weight")
    past = graph.operator("Gather", graph.operator("Shape", "past_keys_0"), graph.numbers(2), axis=0)
    new = graph.operator("Gather", graph.operator("Shape", tokens), graph.numbers(1), axis=0)
    end = graph.operator("Add", past, new)
    # Half precision halves the largest table in memory and is what the published weights are.
    table = graph.constant(embeddings[:prompt_tokens].astype(np.float16))
    embedded = graph.operator("Cast", graph.operator("Gather", table, tokens), to=TensorProto.FLOAT)
    positions = graph.constant(tensors.floats("decoder/position_encodings/encodings"))
    x = graph.operator("Add", embedded, graph.operator("Slice", positions, past, end, graph.numbers(0)))
    mask = _causal_mask(graph, sizes, past, end)
    for layer in range(sizes.decoder_layers):
        x = _decoder_layer(graph, sizes, x, mask, layer)
    last = graph.operator("Gather", x, graph.constant(np.array(-1, np.int64)), axis=1)
    last = graph.layer_norm(last, "decoder/layer_norm")
    logits = graph.product(last, embeddings[:text_tokens], None)
    graph.operator("Identity", logits, outputs=["logits"])
    graph.output("logits", ["rows", text_tokens])
    onnx.save(graph.model, str(path))


def _causal_mask(graph: _Graph, sizes: Dimensions, past: str, end: str) -> str:
    """(new, past + new): 0 where a position may look, very negative where it may not."""
    square = np.triu(np.full((sizes.text_positions,) * 2, _MASKED, np.float32), 1)
    rows = graph.operator("Slice", graph.constant(square), past, end, graph.numbers(0))
    return graph.operator("Slice", rows, graph.numbers(0), end, graph.numbers(1))


def _decoder_layer(graph: _Graph, sizes: Dimensions, x: str, mask: str, layer: int) -> str:
    name = f"decoder/layer_{layer}"
    normed = graph.layer_norm(x, f"{name}/self_attention/layer_norm")
    queries, keys, values = _projections(graph, sizes, normed, f"{name}/self_attention/linear_0")
    keys = _extended(graph, sizes, keys, "keys", layer)
    values = _extended(graph, sizes, values, "values", layer)
    turned = graph.operator("Transpose", keys, perm=[0, 1, 3, 2])
    scores = graph.operator("MatMul", _by_head(graph, sizes, queries), turned)
    weights = graph.operator("Softmax", graph.operator("Add", scores, mask), axis=-1)
    said = _merged(graph, sizes, graph.operator("MatMul", weights, values), x)
    x = graph.operator("Add", x, graph.linear(said, f"{name}/self_attention/linear_1"))
    x = graph.operator("Add", x, _cross_attention(graph, sizes, x, layer))
    return _feed_forward(graph, x, f"{name}/ffn")


def _extended(graph: _Graph, sizes: Dimensions, new: str, kind: str, layer: int) -> str:
    """The rows `parents` of the past with the new positions after them; an output of the graph."""
    past = graph.input(f"past_{kind}_{layer}", TensorProto.FLOAT, ["past_rows", sizes.heads, "past", sizes.head])
    kept = graph.operator("Gather", past, "parents", axis=0)
    name = f"{kind}_{layer}"
    graph.operator("Concat", kept, _by_head(graph, sizes, new), outputs=[name], axis=2)
    graph.output(name, ["rows", sizes.heads, "past_and_new", sizes.head])
    return name


def _cross_attention(graph: _Graph, sizes: Dimensions, x: str, layer: int) -> str:
    name = f"decoder/layer_{layer}/attention"
    keys = graph.input(f"cross_keys_{layer}", TensorProto.FLOAT, [1, sizes.heads, sizes.head, "positions"])
    values = graph.input(f"cross_values_{layer}", TensorProto.FLOAT, [1, sizes.heads, "positions", sizes.head])
    weight, bias = graph.weights(f"{name}/linear_0")
    scale = np.float32(sizes.head**-0.5)
    queries = graph.product(graph.layer_norm(x, f"{name}/layer_norm"), weight * scale, bias * scale)
    # No position is masked here, so all rows and positions are queries of the one batch: keys are read once.
    flat = graph.operator("Reshape", queries, graph.numbers(1, -1, sizes.width))
    scores = graph.operator("MatMul", _by_head(graph, sizes, flat), keys)
    heard = graph.operator("MatMul", graph.operator("Softmax", scores, axis=-1), values)
    return graph.linear(_merged(graph, sizes, heard, x), f"{name}/linear_2")


def _by_head(graph: _Graph, sizes: Dimensions, x: str) -> str:
    """(rows, positions, width) -> (rows, heads, positions, head)."""
    split = graph.operator("Reshape", x, graph.numbers(0, 0, sizes.heads, sizes.head))
    return graph.operator("Transpose", split, perm=[0, 2, 1, 3])


def _merged(graph: _Graph, sizes: Dimensions, x: str, like: str) -> str:
    """Heads side by side again, in the rows and positions of `like`."""
    together = graph.operator("Transpose", x, perm=[0, 2, 1, 3])
    return graph.operator("Reshape", together, graph.operator("Shape", like))
