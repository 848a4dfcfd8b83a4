"""ONNX Runtime's own file format, `.ort`: read as plain ONNX, and its weights put into graphs of our own.

Owns the file format, how such files hold int8 weights, and the writing of graphs. Must not know any model's network.
Imported at conversion only, because it needs onnx; recognising does not.

Why not run the files as they are: ONNX Runtime folds no constants of an `.ort` file, so each call makes the float
weights again from the int8 ones, which is nine tenths of a decoder step (engines reference, section 6).
"""

from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from attrs import define, field, frozen
from numpy.typing import DTypeLike, NDArray
from onnx import AttributeProto, helper, numpy_helper
from onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs import InferenceSession as ort_session
from onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs import TensorTypeAndShape as ort_tensor_type

from h2b.model.errors import EngineError

_IDENTIFIER: Final = b"ORTM"
"""Bytes 4 to 8 of the file: the flatbuffer's file identifier."""
_DIMENSION_VALUE: Final = 1
_VALUE_INFO_TENSOR: Final = 1
_LISTS: Final = {AttributeProto.FLOATS: "Floats", AttributeProto.INTS: "Ints", AttributeProto.STRINGS: "Strings"}

_RUNTIME: Final = "com.microsoft"
"""Domain of ONNX Runtime's own operators."""
_OPSETS: Final = {"": 17, _RUNTIME: 1}
"""17 is the first with LayerNormalization."""
_IR_VERSION: Final = 8
_EPSILON: Final = 1e-5


def read_ort(path: Path) -> onnx.ModelProto:
    """The graph of an `.ort` file, subgraphs included, as ONNX: nodes sorted, weights as initialisers.

    Raises EngineError when it is no such file, or holds what ONNX models of speech do not: sparse tensors, lists of
    tensors or of graphs.
    """
    content = path.read_bytes()
    if content[4:8] != _IDENTIFIER:
        raise EngineError(f"{path}: not an ONNX Runtime file: bytes 4 to 8 are {content[4:8]!r}, not {_IDENTIFIER!r}")
    model = ort_session.InferenceSession.GetRootAs(content, 0).Model()
    opsets = [model.OpsetImport(index) for index in range(model.OpsetImportLength())]
    return helper.make_model(
        _graph(model.Graph(), path.stem),
        opset_imports=[helper.make_opsetid(_text(opset.Domain()), opset.Version()) for opset in opsets],
        ir_version=model.IrVersion(),
    )


def _text(value: bytes | None) -> str:
    return (value or b"").decode()


def _graph(source: Any, name: str) -> onnx.GraphProto:
    initialisers = [_tensor(source.Initializers(index)) for index in range(source.InitializersLength())]
    held = {tensor.name for tensor in initialisers}
    values = {}
    for index in range(source.NodeArgsLength()):
        value = _value_info(source.NodeArgs(index))
        values[value.name] = value
    inputs = [_text(source.Inputs(index)) for index in range(source.InputsLength())]
    outputs = [_text(source.Outputs(index)) for index in range(source.OutputsLength())]
    return helper.make_graph(
        _sorted([_node(source.Nodes(index)) for index in range(source.NodesLength())]),
        name,
        [values[value] for value in inputs if value not in held],
        [values[value] for value in outputs],
        initialisers,
    )


def _tensor(source: Any) -> onnx.TensorProto:
    if source.StringDataLength():
        raise EngineError(f"tensor {_text(source.Name())}: strings are no weights")
    tensor = onnx.TensorProto(name=_text(source.Name()), data_type=source.DataType())
    tensor.dims.extend(source.Dims(index) for index in range(source.DimsLength()))
    tensor.raw_data = source.RawDataAsNumpy().tobytes() if source.RawDataLength() else b""
    return tensor


def _value_info(source: Any) -> onnx.ValueInfoProto:
    name, kind = _text(source.Name()), source.Type()
    if kind is None or kind.ValueType() != _VALUE_INFO_TENSOR:
        return helper.make_empty_tensor_value_info(name)
    tensor_type = ort_tensor_type.TensorTypeAndShape()
    tensor_type.Init(kind.Value().Bytes, kind.Value().Pos)
    shape = tensor_type.Shape()
    dimensions = shape and [_dimension(shape.Dim(index).Value()) for index in range(shape.DimLength())]
    return helper.make_tensor_value_info(name, tensor_type.ElemType(), dimensions)


def _dimension(source: Any) -> int | str | None:
    if source.DimType() == _DIMENSION_VALUE:
        return int(source.DimValue())
    return _text(source.DimParam()) or None


def _node(source: Any) -> onnx.NodeProto:
    node = onnx.NodeProto(op_type=_text(source.OpType()), domain=_text(source.Domain()), name=_text(source.Name()))
    node.input.extend(_text(source.Inputs(index)) for index in range(source.InputsLength()))
    node.output.extend(_text(source.Outputs(index)) for index in range(source.OutputsLength()))
    node.attribute.extend(_attribute(source.Attributes(index)) for index in range(source.AttributesLength()))
    return node


def _attribute(source: Any) -> AttributeProto:
    name, kind = _text(source.Name()), source.Type()
    if kind in _LISTS:
        entry = getattr(source, _LISTS[kind])
        count = getattr(source, f"{_LISTS[kind]}Length")()
        return helper.make_attribute(name, [entry(index) for index in range(count)], attr_type=kind)
    if kind == AttributeProto.FLOAT:
        return helper.make_attribute(name, source.F())
    if kind == AttributeProto.INT:
        return helper.make_attribute(name, source.I())
    if kind == AttributeProto.STRING:
        return helper.make_attribute(name, source.S())
    if kind == AttributeProto.TENSOR:
        return helper.make_attribute(name, _tensor(source.T()))
    if kind == AttributeProto.GRAPH:
        return helper.make_attribute(name, _graph(source.G(), name))
    raise EngineError(f"attribute {name}: type {kind} is not read")


def _sorted(nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Each node after those it reads from: ONNX wants it, `.ort` files have other orders."""
    maker = {output: index for index, node in enumerate(nodes) for output in node.output if output}
    needs = {index: {maker[value] for value in _read_by(node) if value in maker} for index, node in enumerate(nodes)}
    return [nodes[index] for index in TopologicalSorter(needs).static_order()]


def _read_by(node: onnx.NodeProto) -> Iterator[str]:
    """Values a node reads, those its subgraphs take from outside included."""
    yield from node.input
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            inside = attribute.g
            # Names given inside may be those of the node's own outputs.
            given = {output for inner in inside.node for output in inner.output}
            given |= {tensor.name for tensor in inside.initializer}
            read = {value for inner in inside.node for value in _read_by(inner)}
            yield from (read | {output.name for output in inside.output}) - given


@frozen(eq=False)
class QuantisedTensor:
    """Weights as (levels - zero_point) * scale, without rounding: `scale` and `zero_point` are one or per column."""

    levels: NDArray[np.int8]
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int8]

    def floats(self) -> NDArray[np.float32]:
        """The weights themselves, rounded as the file's own arithmetic rounds them."""
        return self.levels.astype(np.float32) * self.scale - self.zero_point.astype(np.float32) * self.scale

    @classmethod
    def side_by_side(cls, parts: Sequence["QuantisedTensor"]) -> "QuantisedTensor":
        """Matrices (in, out) of one input as one matrix: their products are made in one call."""
        columns = [part.levels.shape[1] for part in parts]
        return cls(
            np.concatenate([part.levels for part in parts], axis=1),
            np.repeat(np.array([part.scale for part in parts]), columns),
            np.repeat(np.array([part.zero_point for part in parts]), columns),
        )


class Weights:
    """The weights of a graph, found by the name of the node that uses them.

    Nodes keep the module path of the network they were exported from; tensors are numbered at random.
    In a graph with an `If`, `branch` says which of its subgraphs to look in.
    """

    def __init__(self, model: onnx.ModelProto, branch: str = "") -> None:
        self._tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        self._operands = dict(_operands(model.graph, branch))

    def constant(self, node: str) -> NDArray[Any]:
        """The first constant operand of a node. Raises EngineError when it has none."""
        for name in self._of(node):
            if name in self._tensors:
                return numpy_helper.to_array(self._tensors[name])
        raise EngineError(f"node {node}: no constant operand")

    def quantised(self, node: str) -> QuantisedTensor:
        """The int8 operand of a node. Raises EngineError when it has none, or its zero is no whole number."""
        for name in self._of(node):
            stem = name.removesuffix("_add_tensor")
            if f"{stem}_quantized" in self._tensors:
                return self._quantised(stem)
        raise EngineError(f"node {node}: no int8 operand")

    def _of(self, node: str) -> Sequence[str]:
        if node not in self._operands:
            raise EngineError(f"no node {node}: not the network it is taken for")
        return self._operands[node]

    def _quantised(self, stem: str) -> QuantisedTensor:
        parts = (f"{stem}_{part}" for part in ("quantized", "scale", "zero_point"))
        levels, scale, offset = (numpy_helper.to_array(self._tensors[part]) for part in parts)
        # The file computes levels * scale + offset; all its offsets are whole numbers of scales.
        zero_point = -offset / scale
        if scale.size != 1 or levels.dtype != np.int8 or not np.allclose(zero_point, np.rint(zero_point), atol=1e-3):
            raise EngineError(f"tensor {stem}: not int8 with one scale and a whole zero point")
        return QuantisedTensor(levels, scale.reshape(()), np.rint(zero_point).astype(np.int8).reshape(()))


def _operands(graph: onnx.GraphProto, branch: str) -> Iterator[tuple[str, Sequence[str]]]:
    for node in graph.node:
        yield node.name, list(node.input)
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH and attribute.name == branch:
                yield from _operands(attribute.g, branch)


@define
class GraphWriter:
    """A graph under construction: operators are appended, values get names on the way.

    Products are int8 with the activations quantised on the fly, over all rows of the batch. With `in_floats` they
    are float products of the same weights: larger and slower, to compare with.
    """

    in_floats: bool = False
    _nodes: list[onnx.NodeProto] = field(factory=list, init=False)
    _initialisers: list[onnx.TensorProto] = field(factory=list, init=False)
    _inputs: list[onnx.ValueInfoProto] = field(factory=list, init=False)
    _outputs: list[onnx.ValueInfoProto] = field(factory=list, init=False)

    def input(self, name: str, kind: DTypeLike, shape: Sequence[int | str]) -> str:
        """An input of the graph; a dimension with a name may have any size."""
        element = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        self._inputs.append(helper.make_tensor_value_info(name, element, shape))
        return name

    def output(self, name: str, shape: Sequence[int | str]) -> str:
        """Declare the value `name` an output of the graph, of float32."""
        self._outputs.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
        return name

    def constant(self, value: NDArray[Any]) -> str:
        """A constant."""
        name = f"constant_{len(self._initialisers)}"
        self._initialisers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def integers(self, *values: int) -> str:
        """A constant list of int64, as shapes and axes are given."""
        return self.constant(np.array(values, np.int64))

    def apply(
        self, operator: str, *operands: str, into: Sequence[str] = (), domain: str = "", **attributes: Any
    ) -> str:
        """Apply an operator; `into` names its outputs. Returns the first output's name."""
        outputs = list(into) or [f"value_{len(self._nodes)}"]
        self._nodes.append(helper.make_node(operator, operands, outputs, domain=domain, **attributes))
        return outputs[0]

    def apply_runtime(self, operator: str, *operands: str, into: Sequence[str] = (), **attributes: Any) -> str:
        """Apply an operator of ONNX Runtime's own."""
        return self.apply(operator, *operands, into=into, domain=_RUNTIME, **attributes)

    def split(self, x: str, *sizes: int) -> list[str]:
        """Cut the last axis into parts."""
        parts = [f"{x}_part_{index}" for index in range(len(sizes))]
        self.apply("Split", x, self.integers(*sizes), into=parts, axis=-1)
        return parts

    def layer_norm(self, x: str, gamma: NDArray[np.float32]) -> str:
        """Layer normalisation over the last axis, without an offset."""
        return self.apply("LayerNormalization", x, self.constant(gamma), axis=-1, epsilon=_EPSILON)

    def product(
        self, x: str, weights: QuantisedTensor, bias: NDArray[np.float32] | None = None, into: Sequence[str] = ()
    ) -> str:
        """x (..., in) times weights (in, out), plus bias (out)."""
        if self.in_floats:
            y = self.apply("MatMul", x, self.constant(weights.floats()), into=() if bias is not None else into)
            return y if bias is None else self.apply("Add", y, self.constant(bias), into=into)
        parts: list[NDArray[Any]] = [weights.levels, weights.scale, weights.zero_point]
        operands = [x, *(self.constant(part) for part in (parts if bias is None else [*parts, bias]))]
        return self.apply_runtime("DynamicQuantizeMatMul", *operands, into=into)

    def save(self, name: str, path: Path) -> None:
        """Write the graph as an ONNX file."""
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._initialisers)
        opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION), str(path))
