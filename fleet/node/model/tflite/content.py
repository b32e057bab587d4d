"""What a .tflite file holds, as plain records: nothing is interpreted yet, every index lies in its list."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleet.node.model.tflite.reader import DamagedError, Table, root
from fleet.node.model.tflite.schema import IDENTIFIER, OPERATORS, TYPES, VERSION

MOST_SUBGRAPHS: Final = 64
MOST_TENSORS: Final = 16_384
MOST_OPERATORS: Final = 4_096
MOST_OPERANDS: Final = 256
MOST_AXES: Final = 8
MOST_SCALES: Final = 65_536
_NO_SHAPE: Final[tuple[int, ...]] = ()


@dataclass(slots=True, kw_only=True)
class Entry:
    """A tensor. dims: as written. signature: the same with -1 where unknown, or (). data: of a constant, else empty."""

    index: int
    name: str
    dims: tuple[int, ...]
    signature: tuple[int, ...]
    type: str
    scales: NDArray[np.generic]
    zeros: NDArray[np.generic]
    data: memoryview
    variable: bool
    sparse: bool


@dataclass(slots=True, kw_only=True)
class Call:
    """An operator at its place in the order of execution. inputs: -1 where an optional one is left out."""

    index: int
    code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None
    options_kind: int


@dataclass(slots=True, kw_only=True)
class Content:
    """The first subgraph, which is the network, and how many there are."""

    tensors: list[Entry]
    calls: list[Call]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    subgraphs: int


def content_of(data: bytes) -> Content:
    """The records of a file; DamagedError if it is none."""
    if len(data) < 8:
        raise DamagedError(f"{len(data)} bytes")
    model = root(data, IDENTIFIER)
    version = model.number(0, "I")
    if version != VERSION:
        raise DamagedError(f"schema version {version}, not {VERSION}")
    codes = [_code(table) for table in model.tables(1, MOST_OPERATORS)]
    subgraphs = model.tables(2, MOST_SUBGRAPHS)
    if not subgraphs:
        raise DamagedError("no subgraph")
    buffers = model.tables(4, 2 * MOST_TENSORS)
    graph = subgraphs[0]
    tensors = [_entry(i, table, buffers) for i, table in enumerate(graph.tables(0, MOST_TENSORS))]
    calls = [_call(i, table, codes, len(tensors)) for i, table in enumerate(graph.tables(3, MOST_OPERATORS))]
    inputs, outputs = graph.whole(1, MOST_TENSORS), graph.whole(2, MOST_TENSORS)
    for index in (*inputs, *outputs):
        _check_index(index, 0, len(tensors), "the subgraph")
    return Content(tensors=tensors, calls=calls, inputs=inputs, outputs=outputs, subgraphs=len(subgraphs))


def _code(table: Table) -> str:
    # Files older than 2020 have the number in a byte; newer ones in both, with 127 in the byte when it does not fit.
    number = max(table.number(0, "b"), table.number(3, "i"))
    if number < 0:
        raise DamagedError(f"operator code {number}")
    if OPERATORS[number : number + 1] == ("CUSTOM",):
        return f"CUSTOM {table.text(1)!r}"
    return OPERATORS[number] if number < len(OPERATORS) else f"number {number}"


def _entry(index: int, table: Table, buffers: list[Table]) -> Entry:
    kind = table.number(1, "b")
    if not 0 <= kind < len(TYPES):
        raise DamagedError(f"type {kind} of tensor {index}")
    quantisation = table.table(4)
    scales, zeros = _NO_SCALES, _NO_ZEROS
    if quantisation is not None:
        scales = quantisation.values(2, "<f4", MOST_SCALES)
        zeros = quantisation.values(3, "<i8", MOST_SCALES)
    return Entry(
        index=index,
        name=table.text(3),
        dims=table.whole(0, MOST_AXES),
        signature=table.whole(7, MOST_AXES),
        type=TYPES[kind],
        scales=scales,
        zeros=zeros,
        data=_data(table.number(2, "I"), buffers, index),
        variable=bool(table.number(5, "?")),
        sparse=table.has(6),
    )


_NO_SCALES: Final[NDArray[np.generic]] = np.zeros(0, dtype=np.float32)
_NO_ZEROS: Final[NDArray[np.generic]] = np.zeros(0, dtype=np.int64)
_NO_DATA: Final = memoryview(b"")


def _data(number: int, buffers: list[Table], tensor: int) -> memoryview:
    """The bytes of a constant; empty for buffer 0, which what is computed shares."""
    if number == 0:
        return _NO_DATA
    if number >= len(buffers):
        raise DamagedError(f"buffer {number} of {len(buffers)} for tensor {tensor}")
    if buffers[number].number(1, "Q") > 1:
        raise DamagedError(f"tensor {tensor} in a buffer outside of the file's tables")
    return buffers[number].raw(0)


def _call(index: int, table: Table, codes: list[str], tensors: int) -> Call:
    code = table.number(0, "I")
    if code >= len(codes):
        raise DamagedError(f"operator code {code} of {len(codes)} for operator {index}")
    inputs, outputs = table.whole(1, MOST_OPERANDS), table.whole(2, MOST_OPERANDS)
    for tensor in inputs:
        _check_index(tensor, -1, tensors, f"operator {index}")
    for tensor in outputs:
        _check_index(tensor, 0, tensors, f"operator {index}")
    return Call(
        index=index,
        code=codes[code],
        inputs=inputs,
        outputs=outputs,
        options=table.table(4),
        options_kind=table.number(3, "B"),
    )


def _check_index(index: int, least: int, tensors: int, who: str) -> None:
    if not least <= index < tensors:
        raise DamagedError(f"tensor {index} of {tensors} for {who}")
