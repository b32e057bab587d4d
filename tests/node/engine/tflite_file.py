"""A Graph as a .tflite file, so that TensorFlow Lite Micro can run it. The operators are in tflite_operators.py."""

from typing import Any

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from fleet.node.model.graph import Form, Graph, Tensor
from tests.node.engine.tflite_operators import written

KINDS = {
    Form.INT8: schema.TensorType.INT8,
    Form.UINT8: schema.TensorType.UINT8,
    Form.FLOAT32: schema.TensorType.FLOAT32,
}


class TfliteFile:
    """Collects buffers, tensors and operators. places: the index of each of the graph's maps among the tensors."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.buffers = [schema.BufferT()]  # the first is the empty one that maps share
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.codes: list[int] = []
        self.places = {t.name: self.map(t, t.shape) for t in graph.tensors}
        for op in graph.ops:
            written(self, op)

    def content(self) -> bytes:
        """The file."""
        subgraph = schema.SubGraphT()
        subgraph.tensors, subgraph.operators = self.tensors, self.operators
        subgraph.inputs = [self.places[name] for name in self.graph.inputs]
        subgraph.outputs = [self.places[name] for name in self.graph.outputs]
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [subgraph], self.buffers
        model.operatorCodes = [_code(code) for code in self.codes]
        builder = flatbuffers.Builder(4096)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def step(self, code: int, inputs: list[int], output: int, options: Any) -> None:
        """One more operator."""
        if code not in self.codes:
            self.codes.append(code)
        step = schema.OperatorT()
        step.opcodeIndex, step.inputs, step.outputs = self.codes.index(code), inputs, [output]
        if options is not None:
            step.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
            step.builtinOptions = options
        self.operators.append(step)

    def map(self, tensor: Tensor, shape: tuple[int, ...]) -> int:
        """The index of a map, or of a constant with the map's scale. A float32 map has no scale."""
        plain = tensor.form is Form.FLOAT32
        quantisation = None if plain else quantised([tensor.scale], [tensor.zero_point], 0)
        content = None if tensor.value is None else tensor.value.tobytes()
        return self._tensor(tensor.name, (1, *shape), KINDS[tensor.form], content, quantisation)

    def weight(self, values: Any, scales: Any, axis: int) -> int:
        """The index of an int8 constant with scales along an axis."""
        quantisation = quantised(scales.tolist(), [0] * len(scales), axis)
        return self._tensor("", values.shape, schema.TensorType.INT8, values.tobytes(), quantisation)

    def bias(self, values: Any, scales: list[float]) -> int:
        """The index of an int32 constant with a scale for each value, or one for all."""
        quantisation = quantised(scales, [0] * len(scales), 0)
        return self._tensor("", values.shape, schema.TensorType.INT32, values.astype("<i4").tobytes(), quantisation)

    def whole(self, values: Any) -> int:
        """The index of an int32 constant without a scale: axes, sides, shapes."""
        numbers = np.array(values, dtype="<i4")
        return self._tensor("", numbers.shape, schema.TensorType.INT32, numbers.tobytes(), None)

    def scalar(self, value: int, tensor: Tensor) -> int:
        """The index of one int8 on the scale of a map."""
        quantisation = quantised([tensor.scale], [tensor.zero_point], 0)
        return self._tensor("", (1,), schema.TensorType.INT8, np.int8(value).tobytes(), quantisation)

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
    made.builtinCode = code
    made.deprecatedBuiltinCode = min(code, 127)
    made.version = 1
    return made


def quantised(scales: list[float], zeros: list[int], axis: int) -> Any:
    """Scales and zero points of a tensor."""
    made = schema.QuantizationParametersT()
    made.scale, made.zeroPoint, made.quantizedDimension = scales, zeros, axis
    return made
