"""From a .tflite file to a Graph, or to every fault at once.

The network runs in int8. Float32 may stand at its edges only, where QUANTIZE and DEQUANTIZE are operators of their
own; a softmax or sigmoid in float32 behind the last DEQUANTIZE is left out: it keeps the order of the answers, and the
Import says so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fleet.base.errors import Fault, InputError
from fleet.base.places import path_of
from fleet.node.model.graph import Graph
from fleet.node.model.graph_check import check
from fleet.node.model.graph_fields import OddError
from fleet.node.model.tflite import folding, maps, pointwise, weighted
from fleet.node.model.tflite.assembly import AGAIN, Assembly
from fleet.node.model.tflite.content import Call, Content, Entry, content_of
from fleet.node.model.tflite.reader import DamagedError
from fleet.node.model.tflite.schema import STATEFUL
from fleet.node.model.tflite.shapes import RefusedError, short, shown

MOST_BYTES: Final = 2**28  # of a file; the flash of a large microcontroller holds a hundredth of it
_REMEDY: Final = "name a .tflite file as the TensorFlow Lite converter writes it"
_POINTER: Final = b"version https://git-lfs.github.com/spec/"
_FLOATS: Final = ("float32", "float16", "bfloat16", "float64")
_TAIL: Final = ("SOFTMAX", "LOG_SOFTMAX", "LOGISTIC")

CONVERTERS: Final[dict[str, Callable[[Assembly, Call], None]]] = {
    "ADD": pointwise.add,
    "AVERAGE_POOL_2D": maps.average_pool_2d,
    "CONCATENATION": maps.concatenation,
    "CONV_2D": weighted.conv_2d,
    "DEPTHWISE_CONV_2D": weighted.depthwise_conv_2d,
    "DEQUANTIZE": pointwise.dequantize,
    "EXPAND_DIMS": maps.expand_dims,
    "FULLY_CONNECTED": weighted.fully_connected,
    "HARD_SWISH": pointwise.hard_swish,
    "LOGISTIC": pointwise.logistic,
    "MAX_POOL_2D": maps.max_pool_2d,
    "MEAN": maps.mean,
    "MUL": pointwise.mul,
    "PAD": maps.pad,
    "PADV2": maps.pad,
    "QUANTIZE": pointwise.quantize,
    "REDUCE_MAX": maps.reduce_max,
    "RELU": pointwise.relu,
    "RELU6": pointwise.relu6,
    "RESHAPE": maps.reshape,
    "RESIZE_NEAREST_NEIGHBOR": maps.resize_nearest_neighbor,
    "SOFTMAX": pointwise.softmax,
    "SQUEEZE": maps.squeeze,
    "TRANSPOSE": maps.transpose,
}
_EDGES: Final = ("QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS")  # what may touch float32


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """graph: the network. tensors: the file's number of each map that is in it. left_out: what is not imported."""

    graph: Graph
    tensors: dict[str, int]
    left_out: tuple[str, ...]


def load_tflite(path: Path | str) -> Graph:
    """The network in the file; InputError with every fault when it is damaged or cannot run in int8 here."""
    return import_tflite(path).graph


def import_tflite(path: Path | str) -> Import:
    """As load_tflite, with the numbers that the file gives its tensors, and what was left out."""
    path = path_of(path, _REMEDY)
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MOST_BYTES and path.is_file() else None
    except OSError as fault:
        raise InputError.one(str(path), f"expected a file, got {fault.strerror or fault}; {_REMEDY}") from fault
    if data is None:
        got = f"{size} bytes" if path.is_file() else "something else"
        raise InputError.one(str(path), f"expected a file of at most {MOST_BYTES} bytes, got {got}; {_REMEDY}")
    return imported(data, str(path), path.stem)


def imported(data: bytes, where: str, name: str) -> Import:
    """The network in the bytes of a file. where: how messages call the file. name: of the graph."""
    if data.startswith(_POINTER):
        text = "expected a whole .tflite file, got a Git LFS pointer to one; fetch the file itself with `git lfs pull`"
        raise InputError.one(where, text)
    try:
        content = content_of(data)
    except DamagedError as fault:
        text = f"expected a whole .tflite file, got {fault}; {_REMEDY}"
        raise InputError.one(where, text) from fault
    if content.subgraphs != 1:
        text = f"expected one subgraph, got {content.subgraphs}; convert a model without branches and state"
        raise InputError.one(where, text)
    tail = _tail(content)
    if faults := _unknown(content, where, tail):
        raise InputError(faults)
    a = Assembly(content)
    if faults := _converted(a, where, tail):
        raise InputError(faults)
    sources = {call.outputs[0]: call.inputs[0] for call in tail.values()}
    outputs = [_source(index, sources) for index in content.outputs]
    if fault_text := _unfinished(a, outputs):
        raise InputError.one(where, fault_text)
    left_out = tuple(_place(content, call) for call in tail.values())
    return Import(graph=_checked(a.graph(name, outputs), where), tensors=a.places, left_out=left_out)


def _checked(graph: Graph, where: str) -> Graph:
    """The graph, if it holds what the engine asks of every graph."""
    try:
        check(graph)
    except OddError as fault:
        raise InputError.one(where, f"expected a network that int8 kernels compute, got {fault}; {AGAIN}") from fault
    return graph


def _converted(a: Assembly, where: str, tail: dict[int, Call]) -> list[Fault]:
    """Puts the operators into the assembly; a fault for each that cannot be, not for those that wait for it."""
    faults: list[Fault] = []
    for index in dict.fromkeys(a.content.inputs):
        try:
            a.declare_input(a.content.tensors[index])
        except RefusedError as fault:
            faults.append(Fault(f"{where}, input {short(a.content.tensors[index])!r}", str(fault)))
    missing: set[int] = set(a.content.inputs) if faults else set()
    for call in a.content.calls:
        if call.index in tail or not missing.isdisjoint(call.inputs):
            missing.update(call.outputs)
            continue
        a.begin(call)
        try:
            _convert(a, call)
        except RefusedError as fault:
            faults.append(Fault(f"{where}, {_place(a.content, call)}", str(fault)))
            missing.update(call.outputs)
        except DamagedError as fault:
            text = f"expected a whole operator, got {fault}; {_REMEDY}"
            faults.append(Fault(f"{where}, {_place(a.content, call)}", text))
            missing.update(call.outputs)
    return faults


def _convert(a: Assembly, call: Call) -> None:
    for index in call.inputs:
        _check_plain(a.content.tensors[index] if index >= 0 else None)
    convert = folding.fold if folding.is_arithmetic_of_shapes(a.content, call) else CONVERTERS[call.code]
    convert(a, call)


def _check_plain(entry: Entry | None) -> None:
    if entry is not None and entry.variable:
        raise RefusedError(f"expected no state between runs, got the variable {short(entry)!r}; use a stateless model")
    if entry is not None and entry.sparse:
        raise RefusedError(f"expected dense values, got the sparse {short(entry)!r}; convert without sparsity")


def _unknown(content: Content, where: str, tail: dict[int, Call]) -> list[Fault]:
    """Faults of operators that no converter knows, and one for all that compute in another format than int8."""
    faults: list[Fault] = []
    floats: list[tuple[Call, Entry]] = []
    for call in content.calls:
        place = f"{where}, {_place(content, call)}"
        if call.code in STATEFUL:
            text = f"expected a network without state and branches, got {call.code}; convert a stateless model"
            faults.append(Fault(place, text))
        elif call.index in tail:
            continue
        elif call.code not in CONVERTERS and not folding.is_arithmetic_of_shapes(content, call):
            known = "a known operator" if faults else f"one of {', '.join(CONVERTERS)}"
            faults.append(Fault(place, f"expected {known}, got {call.code}; replace it or end the model before it"))
        elif call.code not in _EDGES and (odd := _float_operand(content, call)):
            floats.append((call, odd))
    if floats:
        call, odd = floats[0]
        more = f" here and in {len(floats) - 1} more operators" if len(floats) > 1 else ""
        text = f"expected int8, got {shown(odd)}{more}; quantise it fully: convert with a representative dataset"
        faults.append(Fault(f"{where}, {_place(content, call)}", text))
    return faults


def _float_operand(content: Content, call: Call) -> Entry | None:
    tensors = [content.tensors[index] for index in (*call.inputs, *call.outputs) if index >= 0]
    return next((entry for entry in tensors if entry.type in _FLOATS), None)


def _tail(content: Content) -> dict[int, Call]:
    """Softmaxes and sigmoids in float32 whose result is an output and nothing else."""
    read = {index for call in content.calls for index in call.inputs}
    made = {index for call in content.calls if call.code == "DEQUANTIZE" for index in call.outputs}
    return {
        call.index: call
        for call in content.calls
        if call.code in _TAIL
        and len(call.inputs) == len(call.outputs) == 1
        and call.inputs[0] in made
        and call.outputs[0] not in read
        and content.tensors[call.inputs[0]].type == "float32"
    }


def _source(index: int, sources: dict[int, int]) -> int:
    return sources.get(index, index)


def _unfinished(a: Assembly, outputs: list[int]) -> str:
    """What keeps the operators from being a network, or nothing."""
    if not a.ops or not a.content.inputs or not outputs:
        counts = f"{len(a.ops)} operators, {len(a.content.inputs)} inputs and {len(outputs)} outputs"
        return f"expected operators between an input and an output, got {counts}; {AGAIN}"
    odd = [a.content.tensors[index] for index in outputs if not a.computed(index)]
    return f"expected computed outputs, got {shown(odd[0])}; {AGAIN}" if odd else ""


def _place(content: Content, call: Call) -> str:
    makes = [short(content.tensors[index]) for index in call.outputs[:1]]
    return f"operator {call.index} {call.code}" + (f" (makes {makes[0]!r})" if makes else "")
