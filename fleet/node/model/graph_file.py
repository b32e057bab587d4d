"""Graphs as files: an .npz of four plain arrays, the same bytes for the same graph, nothing executable.

    header   uint8 [n]    canonical JSON: format, version, name, tensors, operators with shapes, strides, padding
    weight   int8 [n]     all weights, operator after operator, as each stores them
    bias     int32 [n]    all biases, in the same order
    scale    float32 [n]  all weight scales, in the same order

Members are stored, not deflated: compressors differ between builds of zlib, the bytes must not.
"""

import hashlib
import json
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from fleet.base.arrays import read_arrays
from fleet.base.errors import InputError
from fleet.node.model.graph import (
    BIAS_LIMIT,
    Add,
    Conv2d,
    Dense,
    Depthwise,
    GlobalAveragePool,
    Graph,
    Op,
    Tensor,
    Weighted,
)

FORMAT: Final = "mcufleet-graph"
VERSION: Final = 1
_MEMBERS: Final = {"header": np.uint8, "weight": np.int8, "bias": np.int32, "scale": np.float32}
_REMEDY: Final = "make the model again with `fleet prepare`"
_KINDS: Final[dict[str, type[Op]]] = {
    "conv": Conv2d,
    "depthwise": Depthwise,
    "dense": Dense,
    "add": Add,
    "pool": GlobalAveragePool,
}


class _Odd(ValueError):
    """The file is readable but does not describe a graph."""


def save_graph(graph: Graph, path: Path) -> None:
    """Writes the graph; the file is complete or absent, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(graph_bytes(graph))
    partial.replace(path)


def graph_digest(graph: Graph) -> str:
    """SHA-256 of the graph's file, as 64 hexadecimal digits."""
    return hashlib.sha256(graph_bytes(graph)).hexdigest()


def graph_bytes(graph: Graph) -> bytes:
    """The graph's file."""
    arrays = {
        "header": np.frombuffer(_header(graph), np.uint8),
        "weight": np.concatenate([op.weight.ravel() for op in graph.weighted]),
        "bias": np.concatenate([op.bias for op in graph.weighted]),
        "scale": np.concatenate([op.weight_scale for op in graph.weighted]),
    }
    file = BytesIO()
    with ZipFile(file, "w", ZIP_STORED) as archive:
        for name, dtype in _MEMBERS.items():
            member = BytesIO()
            stored = arrays[name].astype(np.dtype(dtype).newbyteorder("<"))
            np.lib.format.write_array(member, stored, version=(1, 0), allow_pickle=False)
            archive.writestr(ZipInfo(name + ".npy"), member.getvalue())  # ZipInfo's own date: 1 January 1980
    return file.getvalue()


def load_graph(path: Path) -> Graph:
    """The graph in the file; InputError with one sentence when it is absent, damaged or describes no network."""
    arrays = read_arrays(path, tuple(_MEMBERS), remedy=_REMEDY)
    try:
        graph = _graph(arrays)
        _check(graph)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as fault:
        reason = str(fault) if isinstance(fault, _Odd) else "a header that cannot be read"
        raise InputError.one(str(path), f"expected an int8 network, got {reason}; {_REMEDY}") from fault
    return graph


def _header(graph: Graph) -> bytes:
    header = {
        "format": FORMAT,
        "version": VERSION,
        "name": graph.name,
        "tensors": [[t.name, list(t.shape), t.scale, t.zero_point] for t in graph.tensors],
        "ops": [_described(op) for op in graph.ops],
    }
    return json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _described(op: Op) -> dict[str, Any]:
    kind = next(name for name, made in _KINDS.items() if isinstance(op, made))
    fields: dict[str, Any] = {"kind": kind, "name": op.name, "x": op.x, "y": op.y}
    if isinstance(op, Add):
        fields["x2"] = op.x2
    if isinstance(op, Weighted):
        fields["weight"] = list(op.weight.shape)
    if isinstance(op, Conv2d | Depthwise):
        fields |= {"stride": list(op.stride), "pad": list(op.pad)}
    return fields


class _Reader:
    """Hands out weights, biases and scales in the order in which they were stored."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._rest = {name: arrays[name] for name in ("weight", "bias", "scale")}

    def take(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        count = prod(shape)
        if not 0 < count <= self._rest[name].size or min(shape) < 1:
            raise _Odd(f"fewer values in {name!r} than its operators need")
        taken, self._rest[name] = np.split(self._rest[name], [count])
        return taken.reshape(shape)

    def finish(self) -> None:
        if left := [name for name, rest in self._rest.items() if rest.size]:
            raise _Odd(f"more values in {', '.join(left)} than its operators need")


def _graph(arrays: dict[str, NDArray[Any]]) -> Graph:
    for name, dtype in _MEMBERS.items():
        if arrays[name].dtype != dtype or arrays[name].ndim != 1:
            raise _Odd(f"{name!r} as {arrays[name].dtype} {list(arrays[name].shape)}")
    header = json.loads(arrays["header"].tobytes())
    if header["format"] != FORMAT or header["version"] != VERSION:
        raise _Odd(f"format {header['format']!r} version {header['version']!r}, not {FORMAT!r} version {VERSION}")
    reader = _Reader(arrays)
    tensors = tuple(_tensor(*fields) for fields in header["tensors"])
    ops = tuple(_operator(fields, reader) for fields in header["ops"])
    reader.finish()
    return Graph(name=str(header["name"]), tensors=tensors, ops=ops)


def _tensor(name: str, shape: list[int], scale: float, zero_point: int) -> Tensor:
    height, width, channels = (_whole(side, 1, 2**16) for side in shape)
    if not (isinstance(scale, float) and 0 < scale < float("inf") and float(np.float32(scale)) == scale):
        raise _Odd(f"scale {scale!r} of tensor {name!r}, which is no positive float32")
    zero = _whole(zero_point, -128, 127)
    return Tensor(name=str(name), shape=(height, width, channels), scale=scale, zero_point=zero)


def _operator(fields: dict[str, Any], reader: _Reader) -> Op:
    kind = _KINDS.get(fields["kind"])
    if kind is None:
        raise _Odd(f"operator {fields['kind']!r}, which this version does not know")
    given: dict[str, Any] = {name: str(fields[name]) for name in ("name", "x", "y")}
    if kind is Add:
        given["x2"] = str(fields["x2"])
    if issubclass(kind, Weighted):
        shape = tuple(_whole(side, 1, 2**16) for side in fields["weight"])
        outputs = shape[-1] if kind is Depthwise else shape[0]
        given["weight"] = reader.take("weight", shape)
        given["bias"] = reader.take("bias", (outputs,))
        given["weight_scale"] = reader.take("scale", (outputs,))
    if issubclass(kind, Conv2d | Depthwise):
        given["stride"] = tuple(_whole(step, 1, 2**8) for step in fields["stride"])
        given["pad"] = tuple(_whole(side, 0, 2**8) for side in fields["pad"])
    return kind(**given)


def _whole(value: object, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise _Odd(f"{value!r} where a whole number from {low} to {high} belongs")
    return value


def _check(graph: Graph) -> None:
    """Raises _Odd unless every operator reads maps made before it, and shapes and values are possible."""
    if not graph.ops or not isinstance(graph.ops[-1], Dense):
        raise _Odd("a network that does not end in a dense head")
    if len({t.name for t in graph.tensors}) != len(graph.tensors) or len({o.name for o in graph.ops}) != len(graph.ops):
        raise _Odd("two tensors or two operators of one name")
    made = {graph.input.name}
    for op in graph.ops:
        reads = {op.x, op.x2} if isinstance(op, Add) else {op.x}
        if not reads <= made or op.y in made:
            raise _Odd(f"operator {op.name!r}, which reads a map not made yet or makes one twice")
        made.add(op.y)
        _check_shapes(graph, op)
        if isinstance(op, Weighted):
            _check_values(op)
    if made != {t.name for t in graph.tensors}:
        raise _Odd("tensors that no operator makes")


def _check_shapes(graph: Graph, op: Op) -> None:
    x, y = graph.tensor(op.x).shape, graph.tensor(op.y).shape
    match op:
        case Conv2d():
            outputs, *kernel, inputs = op.weight.shape
            fits = x[2] == inputs and y == (*_out_size(op, x, kernel), outputs)
        case Depthwise():
            *kernel, channels = op.weight.shape
            fits = x[2] == channels and y == (*_out_size(op, x, kernel), channels)
        case Dense():
            fits = op.weight.shape[1:] == (prod(x),) and y == (1, 1, op.weight.shape[0])
        case Add():
            fits = x == y == graph.tensor(op.x2).shape
        case GlobalAveragePool():
            fits = y == (1, 1, x[2])
    if not fits:
        raise _Odd(f"operator {op.name!r}, which cannot make a map {list(y)} of a map {list(x)}")


def _out_size(op: Conv2d | Depthwise, x: tuple[int, int, int], kernel: list[int]) -> tuple[int, int]:
    down = (x[0] + op.pad[0] + op.pad[2] - kernel[0]) // op.stride[0] + 1
    right = (x[1] + op.pad[1] + op.pad[3] - kernel[1]) // op.stride[1] + 1
    return down, right


def _check_values(op: Weighted) -> None:
    if op.weight.min() < -127 or int(np.abs(op.bias.astype(np.int64)).max()) > BIAS_LIMIT:
        raise _Odd(f"operator {op.name!r} with a weight of -128 or a bias beyond 2^30")
    if not (np.isfinite(op.weight_scale).all() and (op.weight_scale > 0).all()):
        raise _Odd(f"operator {op.name!r} with a weight scale that is not positive")
