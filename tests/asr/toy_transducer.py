"""A transducer small enough to be written down: it hears that somebody speaks, and takes it for "NO", nearly "YES".

Real files for the real sherpa-onnx: which one wins tells whether hotwords arrive.
"""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SYMBOLS = ("<blk>", "<sos/eos>", "<unk>", "▁YES", "▁NO", "▁MAY", "BE")
YES, NO = 3, 4
WIDTH = len(SYMBOLS)
FEATURES = 80
FRAMES_TOGETHER = 4
"""Frames of features for one of the encoder's: sherpa-onnx expects so."""
CHUNK_FRAMES = 8
LEAD_NATS = 0.5
"""How much likelier NO is than YES."""


def write_transducer(folder: Path, *, streaming: bool = False, hotwords: bool = False, capitals: bool = True) -> Path:
    """The folder, filled."""
    folder.mkdir(exist_ok=True)
    _write(folder / "encoder.onnx", _encoder(streaming), _metadata(streaming))
    _write(folder / "decoder.onnx", _decoder(), {"vocab_size": str(WIDTH), "context_size": "2"})
    _write(folder / "joiner.onnx", _joiner(), {"joiner_dim": str(WIDTH)})
    symbols = SYMBOLS if capitals else tuple(symbol.lower() for symbol in SYMBOLS)
    lines = [f"{symbol} {number}\n" for number, symbol in enumerate(symbols)]
    (folder / "tokens.txt").write_text("".join(lines), encoding="utf-8")
    if hotwords:
        scores = "".join(f"{symbol}\t{-number}\n" for number, symbol in enumerate(symbols))
        (folder / "bpe.vocab").write_text(scores, encoding="utf-8")
    return folder


def _write(path: Path, graph: onnx.GraphProto, metadata: dict[str, str]) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.save(model, str(path))


def _metadata(streaming: bool) -> dict[str, str]:
    if not streaming:
        return {}
    state = {"num_encoder_layers": "1", "rnn_hidden_size": "1", "d_model": "1"}
    return {"model_type": "lstm", "T": str(CHUNK_FRAMES), "decode_chunk_len": str(CHUNK_FRAMES), **state}


def _constant(name: str, values: NDArray[np.generic]) -> TensorProto:
    return numpy_helper.from_array(values, name)


def _encoder(streaming: bool) -> onnx.GraphProto:
    """Loudness becomes scores: that of a word grows with it, that of a blank stays."""
    weights = np.zeros((1, WIDTH), np.float32)
    weights[0, [YES, NO]] = 1
    bias = np.full(WIDTH, -100, np.float32)
    bias[[0, YES, NO]] = 0, 10, 10 + LEAD_NATS
    nodes = [
        helper.make_node("Slice", ["x", "from", "to", "axis", "step"], ["some"]),
        helper.make_node("ReduceMean", ["some"], ["loudness"], axes=[2], keepdims=1),
        helper.make_node("MatMul", ["loudness", "weights"], ["weighted"]),
        helper.make_node("Add", ["weighted", "bias"], ["encoder_out"]),
    ]
    constants = [_constant("weights", weights), _constant("bias", bias)]
    for name, value in (("from", 0), ("to", 1 << 30), ("axis", 1), ("step", FRAMES_TOGETHER)):
        constants.append(_constant(name, np.array([value], np.int64)))
    sound = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "T", FEATURES])
    scores = helper.make_tensor_value_info("encoder_out", TensorProto.FLOAT, ["N", "U", WIDTH])
    if streaming:
        given, made = [sound], [scores]
        for name in ("h", "c"):
            nodes.append(helper.make_node("Identity", [name], [f"next_{name}"]))
            given.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "N", 1]))
            made.append(helper.make_tensor_value_info(f"next_{name}", TensorProto.FLOAT, [1, "N", 1]))
        return helper.make_graph(nodes, "encoder", given, made, constants)
    constants.append(_constant("together", np.array(FRAMES_TOGETHER, np.int64)))
    nodes.append(helper.make_node("Div", ["x_lens", "together"], ["encoder_out_lens"]))
    lengths = [helper.make_tensor_value_info(name, TensorProto.INT64, ["N"]) for name in ("x_lens", "encoder_out_lens")]
    return helper.make_graph(nodes, "encoder", [sound, lengths[0]], [scores, lengths[1]], constants)


def _decoder() -> onnx.GraphProto:
    """After a word nothing but blanks: a speaker says one word."""
    table = np.zeros((WIDTH, WIDTH), np.float32)
    table[np.ix_([YES, NO], [YES, NO])] = -1000
    nodes = [
        helper.make_node("Gather", ["y", "last"], ["token"], axis=1),
        helper.make_node("Gather", ["table", "token"], ["decoder_out"], axis=0),
    ]
    constants = [_constant("last", np.array(1, np.int64)), _constant("table", table)]
    tokens = helper.make_tensor_value_info("y", TensorProto.INT64, ["N", 2])
    made = helper.make_tensor_value_info("decoder_out", TensorProto.FLOAT, ["N", WIDTH])
    return helper.make_graph(nodes, "decoder", [tokens], [made], constants)


def _joiner() -> onnx.GraphProto:
    node = helper.make_node("Add", ["encoder_out", "decoder_out"], ["logit"])
    given = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", WIDTH]) for name in ("encoder_out", "decoder_out")
    ]
    made = helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["N", WIDTH])
    return helper.make_graph([node], "joiner", given, [made])
