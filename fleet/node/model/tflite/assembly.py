"""A graph while it grows out of a file: which tensor is which map, under which name, of which shape.

A tensor of the file keeps its bytes and their order: [1, H, W, C] is the map (H, W, C), [1, N] is (1, 1, N) and
[1, T, C] is (1, T, C). Where an operator must see other axes, a Reshape stands before or after it; it costs nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.node.model.graph import Form, Graph, Op, Reshape, Tensor
from fleet.node.model.tflite.content import Call, Content, Entry
from fleet.node.model.tflite.reader import Table
from fleet.node.model.tflite.schema import OPTIONS
from fleet.node.model.tflite.shapes import Dims, RefusedError, Shape, agrees, canonical, check_size, short, shown

Int64 = NDArray[np.int64]

MOST_WEIGHTS: Final = 2**28  # of all operators together
MOST_NUMBERS: Final = 64  # of one constant that says sides or axes
LEAST_SCALE: Final = 2.0**-60  # of a map; the real numbers of a network are nowhere near
LARGEST_SCALE: Final = 2.0**40
AGAIN: Final = "convert the model again"
_FORMS: Final = {"int8": Form.INT8, "uint8": Form.UINT8, "float32": Form.FLOAT32}
_NUMBER_TYPES: Final = {"int32": "<i4", "int64": "<i8"}


class Assembly:
    """dims: of every tensor of the file, as they turn out. numbers: constants that say sides and axes.

    places: the file's number of each map that is one of its tensors.
    """

    def __init__(self, content: Content) -> None:
        self.content = content
        self.dims: list[Dims] = [tuple(1 if side == -1 else side for side in entry.dims) for entry in content.tensors]
        self.numbers: dict[int, Int64] = {}
        self.tensors: dict[str, Tensor] = {}
        self.ops: list[Op] = []
        self.places: dict[str, int] = {}
        self._maps: dict[int, str] = {}
        self._views: dict[tuple[str, Shape], str] = {}
        self._weights = 0
        self._name = ""
        self._helpers = 0

    def begin(self, call: Call) -> None:
        """The operator that the next ones of the graph stand for."""
        self._name = f"{call.index}.{call.code.lower()}"
        self._helpers = 0

    # --- what an operator reads ------------------------------------------------------------------------------------

    def entry(self, call: Call, operand: int) -> Entry:
        """The tensor that an operator reads at a place."""
        if not has(call, operand):
            raise RefusedError(f"expected at least {operand + 1} inputs, got {len(call.inputs)}; {AGAIN}")
        return self.content.tensors[call.inputs[operand]]

    def output(self, call: Call) -> Entry:
        """The one tensor that an operator writes."""
        if len(call.outputs) != 1:
            raise RefusedError(f"expected one output, got {len(call.outputs)}; {AGAIN}")
        return self.content.tensors[call.outputs[0]]

    def computed(self, index: int) -> bool:
        """Whether a tensor is a map that has been made."""
        return index in self._maps

    def map_of(self, entry: Entry, *forms: Form) -> Tensor:
        """The map of a tensor in its own shape; forms: those the operator takes, int8 unless said."""
        return self.seen_as(entry, canonical(self.dims[entry.index]), *forms)

    def seen_as(self, entry: Entry, shape: Shape, *forms: Form) -> Tensor:
        """The map of a tensor under a shape of as many values."""
        name = self._maps.get(entry.index)
        if name is None:
            return self._constant(entry, shape)
        tensor = self.tensors[name]
        if tensor.form not in (forms or (Form.INT8,)):
            raise RefusedError(f"expected {_listed(forms)}, got {shown(entry)}; quantise the whole model")
        return tensor if tensor.shape == shape else self._view(tensor, shape)

    def number(self, call: Call, operand: int) -> tuple[int, ...]:
        """A constant that says sides or axes."""
        return tuple(int(value) for value in self.numbers_in(self.entry(call, operand)).ravel())

    def numbers_in(self, entry: Entry) -> Int64:
        """int64, in the tensor's own shape, of a small constant of whole numbers."""
        if entry.index not in self.numbers:
            kind = _NUMBER_TYPES.get(entry.type)
            if kind is None or len(entry.data) == 0:
                text = f"expected a constant of whole numbers, got {shown(entry)}; convert the model with fixed shapes"
                raise RefusedError(text)
            self.numbers[entry.index] = _numbers(entry, kind)
        return self.numbers[entry.index]

    def values(self, entry: Entry, dtype: str, count: int) -> NDArray[Any]:
        """A copy of a constant's values, so many of them; counted against the limit of all."""
        if len(entry.data) != count * int(dtype[-1]):
            raise RefusedError(f"expected {count} values, got {len(entry.data)} bytes in {shown(entry)}; {AGAIN}")
        self.spend(count)
        return np.frombuffer(entry.data, dtype).astype(dtype.replace("<", "="))

    def spend(self, count: int) -> None:
        """Counts weights that the graph will own."""
        self._weights += count
        if self._weights > MOST_WEIGHTS:
            raise RefusedError(f"expected at most {MOST_WEIGHTS} weights in all, got more; use a smaller model")

    # --- what an operator writes -----------------------------------------------------------------------------------

    def emit(
        self, call: Call, make: Callable[..., Op], dims: Dims, shape: Shape | None = None, *forms: Form, **fields: Any
    ) -> None:
        """One more operator. dims: of its output. shape: the axes it makes, if they are not those of that map.

        forms: what it can write, int8 unless said.
        """
        entry = self.output(call)
        self.settle(entry, dims)
        y = self._declare(entry)
        if y.form not in (forms or (Form.INT8,)):
            raise RefusedError(f"expected an output of {_listed(forms)}, got {shown(entry)}; quantise the whole model")
        if shape is None or shape == y.shape:
            self.ops.append(make(name=self._name, y=y.name, **fields))
            return
        seen = self._named(replace(y, name=self._free(f"{y.name}.view"), shape=shape))
        self.ops.append(make(name=self._name, y=seen.name, **fields))
        self._reshape(seen, y)

    def settle(self, entry: Entry, dims: Dims) -> None:
        """Notes the sides of a tensor; refuses those that the file contradicts."""
        if dims != entry.dims and not agrees(dims, entry):
            raise RefusedError(f"expected an output of shape {list(dims)}, got {shown(entry)}; {AGAIN}")
        check_size(dims, entry)
        self.dims[entry.index] = dims

    def declare_input(self, entry: Entry) -> None:
        """A map that a caller fills."""
        if any(side < 0 for side in entry.signature[1:]):
            raise RefusedError(f"expected a fixed shape, got {list(entry.signature)}; convert with a fixed input shape")
        dims = self.dims[entry.index]
        if len(dims) > 1 and dims[0] != 1:
            raise RefusedError(f"expected a batch of 1, got {dims[0]} in {shown(entry)}; convert with a batch of 1")
        check_size(dims, entry)
        self._declare(entry)

    def scaled(self, entry: Entry) -> tuple[float, int]:
        """Scale and zero point of a whole tensor."""
        if entry.scales.size != 1 or entry.zeros.size != 1:
            got = f"{entry.scales.size} scales and {entry.zeros.size} zero points"
            raise RefusedError(
                f"expected one scale and one zero point, got {got} in {shown(entry)}; quantise the model"
            )
        scale, zero = float(entry.scales[0]), int(entry.zeros[0])
        low, high = (0, 255) if entry.type == "uint8" else (-128, 127)
        if not LEAST_SCALE <= scale <= LARGEST_SCALE:
            raise RefusedError(f"expected a scale from 2^-60 to 2^40, got {scale} in {shown(entry)}; quantise it again")
        if not low <= zero <= high:
            raise RefusedError(f"expected a zero point from {low} to {high}, got {zero} in {shown(entry)}; {AGAIN}")
        return scale, zero

    def graph(self, name: str, outputs: Iterable[int]) -> Graph:
        """The finished graph."""
        inputs = tuple(dict.fromkeys(self._maps[index] for index in self.content.inputs))
        results = tuple(dict.fromkeys(self._maps[index] for index in outputs))
        tensors = tuple(self.tensors.values())
        return Graph(name=name, tensors=tensors, ops=tuple(self.ops), inputs=inputs, outputs=results)

    # --- names and maps --------------------------------------------------------------------------------------------

    def _constant(self, entry: Entry, shape: Shape) -> Tensor:
        if len(entry.data) == 0:
            raise RefusedError(f"expected an input made before, got {shown(entry)}; {AGAIN}")
        if entry.type != "int8":
            raise RefusedError(f"expected an int8 constant, got {shown(entry)}; quantise the whole model")
        check_size(self.dims[entry.index], entry)
        key = (f"#{entry.index}", shape)
        if key not in self._views:
            scale, zero = self.scaled(entry)
            value = self.values(entry, "i1", prod(shape)).reshape(shape)
            made = Tensor(name=self._free(short(entry)), shape=shape, scale=scale, zero_point=zero, value=value)
            self._views[key] = self._named(made).name
        return self.tensors[self._views[key]]

    def _declare(self, entry: Entry) -> Tensor:
        form = _FORMS.get(entry.type)
        if form is None:
            raise RefusedError(f"expected int8, got {shown(entry)}; quantise the whole model to int8")
        if entry.index in self._maps or len(entry.data) > 0:
            raise RefusedError(f"expected a tensor written once, got {shown(entry)} again; {AGAIN}")
        scale, zero = (1.0, 0) if form is Form.FLOAT32 else self.scaled(entry)
        shape = canonical(self.dims[entry.index])
        made = self._named(Tensor(name=self._free(short(entry)), shape=shape, scale=scale, zero_point=zero, form=form))
        self._maps[entry.index] = made.name
        self.places[made.name] = entry.index
        return made

    def _view(self, tensor: Tensor, shape: Shape) -> Tensor:
        key = (tensor.name, shape)
        if key not in self._views:
            view = self._named(replace(tensor, name=self._free(f"{tensor.name}.view"), shape=shape))
            self._views[key] = view.name
            self._reshape(tensor, view)
        return self.tensors[self._views[key]]

    def _reshape(self, x: Tensor, y: Tensor) -> None:
        self._helpers += 1
        self.ops.append(Reshape(name=f"{self._name}.view{self._helpers}", x=x.name, y=y.name))

    def _named(self, tensor: Tensor) -> Tensor:
        self.tensors[tensor.name] = tensor
        return tensor

    def _free(self, wish: str) -> str:
        name, tries = wish, 1
        while name in self.tensors:
            tries += 1
            name = f"{wish}.{tries}"
        return name


def has(call: Call, operand: int) -> bool:
    """Whether an optional input is there."""
    return operand < len(call.inputs) and call.inputs[operand] >= 0


def options_of(call: Call) -> Table | None:
    """The options of an operator; refused if they are another operator's."""
    if call.options is not None and call.options_kind != OPTIONS[call.code]:
        raise RefusedError(f"expected options number {OPTIONS[call.code]}, got {call.options_kind}; {AGAIN}")
    return call.options


def option(call: Call, field: int, kind: str = "i", default: int = 0) -> int:
    """A whole number or flag among the options of an operator."""
    options = options_of(call)
    return default if options is None else options.number(field, kind, default)


def _listed(forms: tuple[Form, ...]) -> str:
    return " or ".join(form.value for form in forms or (Form.INT8,))


def _numbers(entry: Entry, kind: str) -> Int64:
    count = prod(entry.dims)
    if count > MOST_NUMBERS or len(entry.data) != count * int(kind[-1]) or min(entry.dims, default=1) < 0:
        raise RefusedError(f"expected at most {MOST_NUMBERS} whole numbers, got {shown(entry)}; {AGAIN}")
    return np.frombuffer(entry.data, kind).astype(np.int64).reshape(entry.dims)
