"""Steps of a plan before they have addresses: codes, references by name, gradients on their way.

The structs of fe_plan.h, field by field; `plan.py` turns names into offsets.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from fleet.base.errors import InputError
from fleet.node.model.graph import Form, Graph, Op, Reshape, Tensor
from fleet.node.model.recipe import MOST_SHIFT, Exponents, Gradients, Recipe


class Region(IntEnum):
    """Which memory a reference points into; the numbers are those of fe_plan.h."""

    NONE = 0
    MODEL = 1
    STATE = 2
    ARENA = 3
    INPUT = 4


class Code(IntEnum):
    """Step codes of fe_plan.h."""

    CONV = 1
    DEPTHWISE = 2
    LOGITS = 3
    ADD = 4
    POOL = 5
    LOSS = 6
    MASK = 7
    GRAD_CONV = 8
    GRAD_DEPTHWISE = 9
    GRAD_DENSE = 10
    GRAD_ADD = 11
    GRAD_POOL = 12
    COPY = 13
    MERGE = 14
    BLOCK = 15
    UPDATE_CONV = 16
    UPDATE_DEPTHWISE = 17
    UPDATE_DENSE = 18
    UPDATE_BIAS = 19
    DENSE = 20
    MUL = 21
    AVERAGE_POOL = 22
    MAX_POOL = 23
    MEAN = 24
    MOVE = 25
    RESIZE = 26
    TABLE = 27
    SOFTMAX = 28
    QUANTIZE = 29
    DEQUANTIZE = 30
    GRAD_MUL = 31
    GRAD_AVERAGE_POOL = 32
    GRAD_MAX_POOL = 33
    GRAD_MEAN = 34
    GRAD_MOVE = 35
    GRAD_RESIZE = 36
    GRAD_TABLE = 37
    LOSS_SQUARED = 38
    APPLY = 39
    APPLY_BIAS = 40
    ROWS = 41
    CHANNELS = 42
    DEPTHWISE_IN_PLACE = 43


@dataclass(frozen=True, slots=True)
class Ref:
    """A named place in a region."""

    region: Region
    name: str


NOTHING = Ref(Region.NONE, "")
Field = int | Ref


@dataclass(frozen=True, slots=True)
class Step:
    """A step code with its fields in the order of its struct in fe_plan.h. op: the graph's operator, for people."""

    code: Code
    fields: tuple[Field, ...]
    op: str

    @property
    def buffers(self) -> tuple[str, ...]:
        """Arena buffers this step touches."""
        return tuple(f.name for f in self.fields if isinstance(f, Ref) and f.region is Region.ARENA)


@dataclass(frozen=True, slots=True)
class Flowing:
    """A gradient in the arena and the slot of its exponent, 0 for gradients in fp32."""

    ref: Ref
    slot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """fe_flow: the gradient g of an output on its way to one input of its operator.

    Dynamic: the sums arrive in acc, one per element. Static: acc holds the sums of one place and e what is passed
    on, after `shift`. fp32: e alone, which begins as the waiting gradient. places, channels: of the input.
    """

    g: Flowing
    acc: Ref = NOTHING
    k: int = 0
    waiting: Flowing = Flowing(NOTHING, 0)
    e: Flowing = Flowing(NOTHING, 0)
    shift: int = -1
    places: int
    channels: int

    @property
    def words(self) -> tuple[Field, ...]:
        """The words of fe_flow."""
        return (
            *(self.g.ref, self.g.slot, self.acc, self.k, self.waiting.ref, self.waiting.slot),
            *(self.e.ref, self.e.slot, self.shift, self.places, self.channels),
        )


@dataclass(slots=True)
class Program:
    """Steps and the bytes of every arena buffer they name.

    exponents: int8 gradients that carry one. loss, apply: where the forward pass, and what every step does, end.
    maps: where each map of the graph lies; a reshaped one lies where its source does, a constant in the model.
    slices: of these maps only the first channels stay for the way back: where, and how many.
    lives: buffers that outlive the steps that name them, by first and last step.
    """

    recipe: Recipe = field(default_factory=Recipe)
    steps: list[Step] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    exponents: int = 0
    loss: int = 0
    apply: int = 0
    maps: dict[str, Ref] = field(default_factory=dict)
    slices: dict[str, tuple[Ref, int]] = field(default_factory=dict)
    lives: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def is_float(self) -> bool:
        """Whether gradients are float32."""
        return self.recipe.gradients is Gradients.FP32

    @property
    def is_static(self) -> bool:
        """Whether the recipe chose the shifts of int8 gradients."""
        return not self.is_float and self.recipe.exponents is Exponents.STATIC

    def add(self, code: Code, op: str, *fields: Field) -> None:
        """One more step."""
        self.steps.append(Step(code, fields, op))

    def buffer(self, name: str, size_bytes: int) -> Ref:
        """A buffer of the arena by its name; the same one for the same name."""
        self.sizes[name] = size_bytes
        return Ref(Region.ARENA, name)

    def fresh(self, name: str, size_bytes: int) -> Ref:
        """A buffer of the arena that no step has named yet."""
        while name in self.sizes:
            name += "'"
        return self.buffer(name, size_bytes)

    def slot(self) -> int:
        """The number of one more exponent; 0 where gradients have none."""
        if self.is_float:
            return 0
        self.exponents += 1
        return self.exponents - 1

    def gradient(self, tensor: str, size: int) -> Flowing:
        """A place for the gradient of a map."""
        return Flowing(self.fresh(f"{tensor} gradient", size * (4 if self.is_float else 1)), self.slot())

    def shift(self, tensor: str) -> int:
        """The shift of a map's int8 gradient. Raises InputError for a recipe that has none."""
        shifts = dict(self.recipe.shifts)
        if tensor not in shifts:
            text = f"expected a shift of the gradient of '{tensor}', got those of {', '.join(shifts) or 'no map'}"
            raise InputError.one("shifts", f"{text}; calibrate the scheme on this network")
        if not 0 <= shifts[tensor] <= MOST_SHIFT:
            text = f"expected a shift from 0 to {MOST_SHIFT} for '{tensor}', got {shifts[tensor]}"
            raise InputError.one("shifts", f"{text}; calibrate the scheme on this network")
        return shifts[tensor]

    def place_inputs(self, graph: Graph, *, streamed: bool = False) -> None:
        """Buffers for the inputs and references to the constants. streamed: the first input stays with its owner."""
        for i, name in enumerate(graph.inputs):
            held = streamed and i == 0
            self.maps[name] = Ref(Region.INPUT, name) if held else self.buffer(name, size_bytes(graph.tensor(name)))
        for tensor in graph.tensors:
            if tensor.value is not None:
                self.maps[tensor.name] = Ref(Region.MODEL, f"{tensor.name} value")

    def place_output(self, graph: Graph, op: Op) -> Ref:
        """Where an operator writes its output."""
        reshaped = isinstance(op, Reshape)
        self.maps[op.y] = self.maps[op.x] if reshaped else self.buffer(op.y, output_size(graph, op.y))
        return self.maps[op.y]


def size_bytes(tensor: Tensor) -> int:
    """Bytes of a map."""
    return tensor.size * (4 if tensor.form is Form.FLOAT32 else 1)


def output_size(graph: Graph, name: str) -> int:
    """Bytes of an operator's output: Q8 logits of a head, else the map."""
    head = graph.has_head and graph.head.y == name
    return 2 * graph.classes if head else size_bytes(graph.tensor(name))


def model(kind: str, op: str) -> Ref:
    """A constant of an operator: the section `OP KIND` of the model."""
    return Ref(Region.MODEL, f"{op} {kind}")
