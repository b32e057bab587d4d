"""Small .tflite files, written tensor by tensor with the format's own library."""

from typing import Any

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from fleet.base.rng import draws32, key

OPTIONS = {
    "CONV_2D": schema.Conv2DOptionsT,
    "DEPTHWISE_CONV_2D": schema.DepthwiseConv2DOptionsT,
    "FULLY_CONNECTED": schema.FullyConnectedOptionsT,
    "AVERAGE_POOL_2D": schema.Pool2DOptionsT,
    "MAX_POOL_2D": schema.Pool2DOptionsT,
    "ADD": schema.AddOptionsT,
    "MUL": schema.MulOptionsT,
    "MEAN": schema.ReducerOptionsT,
    "REDUCE_MAX": schema.ReducerOptionsT,
    "REDUCE_PROD": schema.ReducerOptionsT,
    "CONCATENATION": schema.ConcatenationOptionsT,
    "RESHAPE": schema.ReshapeOptionsT,
    "SQUEEZE": schema.SqueezeOptionsT,
    "SOFTMAX": schema.SoftmaxOptionsT,
    "STRIDED_SLICE": schema.StridedSliceOptionsT,
    "PACK": schema.PackOptionsT,
    "GATHER": schema.GatherOptionsT,
    "RESIZE_NEAREST_NEIGHBOR": schema.ResizeNearestNeighborOptionsT,
}
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
NONE, RELU, RELU_N1_TO_1, RELU6, TANH = range(5)


class Written:
    """Tensors and operators in the order in which they are added; the content is the file."""

    def __init__(self) -> None:
        self.buffers = [schema.BufferT()]
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.codes: list[str] = []
        self.inputs: list[int] = []
        self.outputs: list[int] = []
        self.version = 3
        self.subgraphs = 1

    def map(self, *sides: int, scale: float = 0.05, zero: int = 0, kind: str = "INT8", **more: Any) -> int:
        """A tensor that is computed, or that a caller fills."""
        scales, zeros = ([], []) if kind in ("FLOAT32", "INT32", "INT64") else ([scale], [zero])
        return self._tensor(sides, kind, scales, zeros, None, **more)

    def input(self, *sides: int, **more: Any) -> int:
        self.inputs.append(self.map(*sides, **more))
        return self.inputs[-1]

    def constant(self, values: Any, *, scales: Any = (), zeros: Any = (), axis: int = 0, **more: Any) -> int:
        """A tensor whose values the file holds."""
        array = np.asarray(values)
        kind = {"int8": "INT8", "int32": "INT32", "int64": "INT64", "float32": "FLOAT32"}[array.dtype.name]
        return self._tensor(array.shape, kind, list(scales), list(zeros), array.tobytes(), axis=axis, **more)

    def weight(self, *sides: int, axis: int = 0, per_channel: bool = True) -> int:
        """An int8 constant of random values, with a scale for each channel."""
        count = sides[axis] if per_channel else 1
        scales = [0.004 + 0.001 * (c % 7) for c in range(count)]
        return self.constant(self._draws(sides), scales=scales, zeros=[0] * count, axis=axis)

    def bias(self, count: int) -> int:
        return self.constant(20 * self._draws((count,)).astype(np.int32), scales=[1e-4], zeros=[0])

    def whole(self, values: Any) -> int:
        """An int32 constant: sides, axes."""
        return self.constant(np.asarray(values, dtype=np.int32))

    def op(self, code: str, inputs: list[int], output: int, **options: Any) -> int:
        """One more operator; returns its output. A new dict of options is that of the operator's own table."""
        if code not in self.codes:
            self.codes.append(code)
        step = schema.OperatorT()
        step.opcodeIndex, step.inputs, step.outputs = self.codes.index(code), inputs, [output]
        if code in OPTIONS:
            made = OPTIONS[code]()
            for name, value in options.items():
                assert hasattr(made, name), name
                setattr(made, name, value)
            step.builtinOptionsType = getattr(schema.BuiltinOptions, OPTIONS[code].__name__[:-1])
            step.builtinOptions = made
        self.operators.append(step)
        return output

    def content(self, *outputs: int) -> bytes:
        """The file. outputs: the last operator's unless said."""
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = self.inputs, list(outputs) or [self.operators[-1].outputs[0]]
        model = schema.ModelT()
        model.version, model.buffers, model.subgraphs = self.version, self.buffers, [graph] * self.subgraphs
        model.operatorCodes = [_code(code) for code in self.codes]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _draws(self, sides: tuple[int, ...]) -> Any:
        count = int(np.prod(sides))
        return (
            (draws32(key(7, len(self.tensors)), 0, count) % 255)
            .astype(np.int64)
            .astype(np.uint8)
            .view(np.int8)
            .reshape(sides)
        )

    def _tensor(
        self, sides: Any, kind: str, scales: Any, zeros: Any, data: bytes | None, *, axis: int = 0, name: str = "",
        signature: Any = None, variable: bool = False,
    ) -> int:  # fmt: skip
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name or f"t{len(self.tensors)}", list(sides), getattr(TYPE, kind)
        tensor.shapeSignature, tensor.isVariable, tensor.buffer = signature, variable, 0
        if len(scales):
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = scales, zeros
            tensor.quantization.quantizedDimension = axis
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data, dtype=np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        self.tensors.append(tensor)
        return len(self.tensors) - 1


TYPE = schema.TensorType


def _code(name: str) -> Any:
    made = schema.OperatorCodeT()
    number = getattr(schema.BuiltinOperator, name)
    made.builtinCode, made.deprecatedBuiltinCode, made.version = number, min(number, 127), 1
    return made
