"""Graphs as files: an .npz of plain arrays, the same bytes for the same graph, nothing executable.

    header   uint8 [n]    canonical JSON: format, version, name, tensors, operators with shapes, strides, padding
    weight   int8 [n]     all weights, operator after operator, as each stores them
    bias     int32 [n]    all biases, in the same order
    scale    float32 [n]  all weight scales, in the same order
    value    int8 [n]     constants, tensor after tensor; of version 2 only

Version 1 holds what the first release knew: convolutions, depthwise layers, sums of equal shapes, the global pool and
a dense head at the end. Any other graph is of version 2, which says its inputs and outputs as well.
Members are stored, not deflated: compressors differ between builds of zlib, the bytes must not.
"""

import hashlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from fleet.base.arrays import read_arrays
from fleet.base.errors import InputError
from fleet.base.places import path_of
from fleet.node.model.graph import Add, Conv2d, Dense, Depthwise, Form, GlobalAveragePool, Graph, Op
from fleet.node.model.graph_check import check
from fleet.node.model.graph_fields import Arrays, OddError, described, operator, tensor_of, told

FORMAT: Final = "mcufleet-graph"
VERSIONS: Final = (1, 2)
_FIRST: Final[dict[str, type]] = {"header": np.uint8, "weight": np.int8, "bias": np.int32, "scale": np.float32}
_MEMBERS: Final = {1: _FIRST, 2: {**_FIRST, "value": np.int8}}
_REMEDY: Final = "make the model again with `fleet prepare`"


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
    version = version_of(graph)
    parts: dict[str, list[NDArray[Any]]] = {
        "header": [np.frombuffer(_header(graph, version), np.uint8)],
        "weight": [op.weight.ravel() for op in graph.weighted],
        "bias": [op.bias for op in graph.weighted],
        "scale": [op.weight_scale for op in graph.weighted],
        "value": [tensor.value.ravel() for tensor in graph.tensors if tensor.value is not None],
    }
    file = BytesIO()
    with ZipFile(file, "w", ZIP_STORED) as archive:
        for name, dtype in _MEMBERS[version].items():
            member = BytesIO()
            stored = np.concatenate([np.empty(0, dtype), *parts[name]]).astype(np.dtype(dtype).newbyteorder("<"))
            np.lib.format.write_array(member, stored, version=(1, 0), allow_pickle=False)
            archive.writestr(ZipInfo(name + ".npy"), member.getvalue())  # ZipInfo's own date: 1 January 1980
    return file.getvalue()


def load_graph(path: Path | str) -> Graph:
    """The graph in the file; InputError with one sentence when it is absent, damaged or describes no network."""
    path = path_of(path, _REMEDY)
    try:
        header = _read_header(path)
        graph = _graph(header, read_arrays(path, tuple(_MEMBERS[header["version"]]), remedy=_REMEDY))
        check(graph)
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as fault:
        reason = str(fault) if isinstance(fault, OddError) else "a header that cannot be read"
        raise InputError.one(str(path), f"expected an int8 network, got {reason}; {_REMEDY}") from fault
    return graph


def version_of(graph: Graph) -> int:
    """1 for a graph that the first release could hold, else 2."""
    plain = all(tensor.form is Form.INT8 and tensor.value is None for tensor in graph.tensors)
    ends = graph.inputs == (graph.tensors[0].name,) and graph.outputs == (graph.ops[-1].y,) and graph.has_head
    return 1 if plain and ends and all(_is_first(graph, op) for op in graph.ops) else 2


def _is_first(graph: Graph, op: Op) -> bool:
    """Whether the first release had this operator, and with these fields."""
    told_now = set(described(op))
    match op:
        case Conv2d() | Depthwise():
            multiplied = isinstance(op, Depthwise) and op.weight.shape[2] != graph.tensor(op.x).shape[2]
            return not multiplied and not told_now & {"groups", "clip"}
        case Add():
            return graph.tensor(op.x).shape == graph.tensor(op.x2).shape and "clip" not in told_now
        case _:
            return isinstance(op, Dense | GlobalAveragePool)


def _header(graph: Graph, version: int) -> bytes:
    header = {
        "format": FORMAT,
        "version": version,
        "name": graph.name,
        "tensors": [told(tensor) for tensor in graph.tensors],
        "ops": [described(op) for op in graph.ops],
    }
    if version > 1:
        header |= {"inputs": list(graph.inputs), "outputs": list(graph.outputs)}
    return json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _read_header(path: Path) -> dict[str, Any]:
    arrays = read_arrays(path, tuple(_MEMBERS[1]), remedy=_REMEDY)
    _check_types(arrays, _MEMBERS[1])
    header = json.loads(arrays["header"].tobytes())
    if header["format"] != FORMAT or type(header["version"]) is not int or header["version"] not in VERSIONS:
        known = " or ".join(str(version) for version in VERSIONS)
        raise OddError(f"format {header['format']!r} version {header['version']!r}, not {FORMAT!r} version {known}")
    return dict(header)


def _graph(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Graph:
    _check_types(arrays, _MEMBERS[header["version"]])
    rest = Arrays({name: array for name, array in arrays.items() if name != "header"})
    tensors = tuple(tensor_of(fields, rest) for fields in header["tensors"])
    ops = tuple(operator(fields, rest) for fields in header["ops"])
    rest.finish()
    ends: dict[str, Any] = {}
    if header["version"] > 1:
        ends = {name: tuple(str(tensor) for tensor in header[name]) for name in ("inputs", "outputs")}
    graph = Graph(name=str(header["name"]), tensors=tensors, ops=ops, **ends)
    if ops and version_of(graph) != header["version"]:
        raise OddError(f"version {header['version']} for a network of version {version_of(graph)}")
    return graph


def _check_types(arrays: dict[str, NDArray[Any]], members: dict[str, type]) -> None:
    for name, dtype in members.items():
        if arrays[name].dtype != dtype or arrays[name].ndim != 1:
            raise OddError(f"{name!r} as {arrays[name].dtype} {list(arrays[name].shape)}")
