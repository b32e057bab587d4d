"""A Graph as a .tflite file, so that TensorFlow Lite Micro can run it."""

from typing import Any

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from fleet.node.model.graph import Add, Conv2d, Dense, Depthwise, GlobalAveragePool, Graph, Op, Tensor, Weighted

BUILTIN = schema.BuiltinOperator
CODES = (
    BUILTIN.CONV_2D,
    BUILTIN.DEPTHWISE_CONV_2D,
    BUILTIN.FULLY_CONNECTED,
    BUILTIN.ADD,
    BUILTIN.AVERAGE_POOL_2D,
    BUILTIN.PAD,
)


class TfliteFile:
    """Collects buffers, tensors and operators. places: the index of each of the graph's maps among the tensors."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.buffers = [schema.BufferT()]  # the first is the empty one that maps share
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.places = {t.name: self._map(t, t.shape) for t in graph.tensors}
        for op in graph.ops:
            self._operator(op)

    def content(self) -> bytes:
        """The file."""
        subgraph = schema.SubGraphT()
        subgraph.tensors, subgraph.operators = self.tensors, self.operators
        subgraph.inputs = [self.places[self.graph.input.name]]
        subgraph.outputs = [self.places[self.graph.head.y]]
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [subgraph], self.buffers
        model.operatorCodes = [_code(code) for code in CODES]
        builder = flatbuffers.Builder(4096)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _operator(self, op: Op) -> None:
        x = self.places[op.x]
        match op:
            case Conv2d():
                weight = self._constant(op.weight, op.weight_scale, 0)
                self._add(
                    BUILTIN.CONV_2D,
                    [self._padded(op), weight, self._bias(op)],
                    op,
                    _strided(schema.Conv2DOptionsT(), op),
                )
            case Depthwise():
                weight = self._constant(op.weight[None], op.weight_scale, 3)
                options = _strided(schema.DepthwiseConv2DOptionsT(), op)
                options.depthMultiplier = 1
                self._add(BUILTIN.DEPTHWISE_CONV_2D, [self._padded(op), weight, self._bias(op)], op, options)
            case Dense():
                weight = self._constant(op.weight, op.weight_scale[:1], 0)
                self._add(BUILTIN.FULLY_CONNECTED, [x, weight, self._bias(op)], op, schema.FullyConnectedOptionsT())
            case Add():
                self._add(BUILTIN.ADD, [x, self.places[op.x2]], op, schema.AddOptionsT())
            case GlobalAveragePool():
                self._add(BUILTIN.AVERAGE_POOL_2D, [x], op, _over_all(self.graph.tensor(op.x)))

    def _add(self, code: int, inputs: list[int], op: Op, options: Any) -> None:
        self._step(code, inputs, self.places[op.y], options)

    def _step(self, code: int, inputs: list[int], output: int, options: Any) -> None:
        step = schema.OperatorT()
        step.opcodeIndex, step.inputs, step.outputs = CODES.index(code), inputs, [output]
        step.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
        step.builtinOptions = options
        self.operators.append(step)

    def _padded(self, op: Conv2d | Depthwise) -> int:
        """The operator's input with its padding as an operator of its own: TFLite knows SAME and VALID only."""
        x, (top, left, bottom, right) = self.graph.tensor(op.x), op.pad
        if not any(op.pad):
            return self.places[op.x]
        sides = np.array([[0, 0], [top, bottom], [left, right], [0, 0]], dtype=np.int32)
        sides_at = self._tensor("", sides.shape, schema.TensorType.INT32, sides.tobytes(), None)
        padded = self._map(x, (x.shape[0] + top + bottom, x.shape[1] + left + right, x.shape[2]))
        self._step(BUILTIN.PAD, [self.places[op.x], sides_at], padded, schema.PadOptionsT())
        return padded

    def _map(self, tensor: Tensor, shape: tuple[int, int, int]) -> int:
        quantisation = _quantisation([tensor.scale], [tensor.zero_point], 0)
        return self._tensor(tensor.name, (1, *shape), schema.TensorType.INT8, None, quantisation)

    def _constant(self, values: Any, scales: Any, axis: int) -> int:
        quantisation = _quantisation(scales.tolist(), [0] * len(scales), axis)
        return self._tensor("", values.shape, schema.TensorType.INT8, values.tobytes(), quantisation)

    def _bias(self, op: Weighted) -> int:
        scales = [self.graph.tensor(op.x).scale * float(s) for s in op.weight_scale]
        kept = scales[:1] if isinstance(op, Dense) else scales
        quantisation = _quantisation(kept, [0] * len(kept), 0)
        return self._tensor("", op.bias.shape, schema.TensorType.INT32, op.bias.astype("<i4").tobytes(), quantisation)

    def _tensor(self, name: str, shape: tuple[int, ...], kind: int, content: bytes | None, quantisation: Any) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.quantization = name, list(shape), kind, quantisation
        tensor.buffer = 0
        if content is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(content, dtype=np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def _code(code: int) -> Any:
    made = schema.OperatorCodeT()
    made.builtinCode = made.deprecatedBuiltinCode = code
    made.version = 1
    return made


def _quantisation(scales: list[float], zeros: list[int], axis: int) -> Any:
    made = schema.QuantizationParametersT()
    made.scale, made.zeroPoint, made.quantizedDimension = scales, zeros, axis
    return made


def _strided(options: Any, op: Conv2d | Depthwise) -> Any:
    options.padding = schema.Padding.VALID
    options.strideH, options.strideW = op.stride
    options.dilationHFactor = options.dilationWFactor = 1
    return options


def _over_all(x: Tensor) -> Any:
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideH = options.strideW = 1
    options.filterHeight, options.filterWidth = x.shape[:2]
    return options
