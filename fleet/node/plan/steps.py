"""The steps of one training pass: forward, loss, backward, updates, in execution order and by name.

Names become addresses in `encode`. Gradients are applied as soon as they exist; an input gradient is always
taken before the update of the weights it reads.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from fleet.node.model.graph import Add, Conv2d, Dense, Depthwise, GlobalAveragePool, Graph, Op, Weighted, positions
from fleet.node.model.reference import add_scales, input_factors, inputs, pool_factor, tensors_with_gradient
from fleet.node.model.scheme import Scheme, Trained


class Region(IntEnum):
    """Which memory a reference points into; the numbers are those of fe_plan.h."""

    NONE = 0
    MODEL = 1
    STATE = 2
    ARENA = 3


class Code(IntEnum):
    """Step codes of fe_plan.h."""

    CONV = 1
    DEPTHWISE = 2
    DENSE = 3
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


FORWARD = {Conv2d: Code.CONV, Depthwise: Code.DEPTHWISE, Dense: Code.DENSE}
GRAD = {Conv2d: Code.GRAD_CONV, Depthwise: Code.GRAD_DEPTHWISE, Dense: Code.GRAD_DENSE}
UPDATE = {Conv2d: Code.UPDATE_CONV, Depthwise: Code.UPDATE_DEPTHWISE, Dense: Code.UPDATE_DENSE}


@dataclass(frozen=True, slots=True)
class Ref:
    """A named place in a region."""

    region: Region
    name: str


NOTHING = Ref(Region.NONE, "")


@dataclass(frozen=True, slots=True)
class Step:
    """A step code with its fields in the order of its struct in fe_plan.h. op: the graph's operator, for people."""

    code: Code
    fields: tuple[int | Ref, ...]
    op: str

    @property
    def buffers(self) -> tuple[str, ...]:
        """Arena buffers this step touches."""
        return tuple(f.name for f in self.fields if isinstance(f, Ref) and f.region is Region.ARENA)


@dataclass(slots=True)
class Program:
    """Steps and the bytes of every arena buffer they name. exponents: gradient tensors that carry one."""

    steps: list[Step] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    exponents: int = 0
    loss: int = 0

    def add(self, code: Code, op: str, *fields: int | Ref) -> None:
        self.steps.append(Step(code, fields, op))

    def buffer(self, name: str, size_bytes: int) -> Ref:
        self.sizes[name] = size_bytes
        return Ref(Region.ARENA, name)

    def slot(self) -> int:
        self.exponents += 1
        return self.exponents - 1


@dataclass(frozen=True, slots=True)
class Flowing:
    """A gradient in the arena and the slot of its exponent."""

    ref: Ref
    slot: int


def program(graph: Graph, scheme: Scheme) -> Program:
    """The whole pass of a scheme over a graph."""
    p = Program()
    needed = tensors_with_gradient(graph, scheme)
    masked = {op.name for op in graph.ops if op.y in needed and isinstance(op, Conv2d | Depthwise | Add)}
    p.buffer(graph.input.name, graph.input.size)
    for op in graph.ops:
        _forward(p, graph, scheme.of(op.name), op, masked=op.name in masked)
    waiting = {graph.head.y: _loss(p, graph)}
    for op in reversed(graph.ops):
        if op.y in waiting:
            _backward(p, graph, scheme, op, waiting, needed, masked=op.name in masked)
    return p


def geometry(graph: Graph, op: Weighted, part: Trained) -> tuple[int, ...]:
    """fe_geometry, field by field."""
    x = graph.tensor(op.x)
    if isinstance(op, Dense):
        o, i = op.weight.shape
        return (1, 1, i, 1, 1, o, 1, 1, 1, 1, 0, 0, x.zero_point, 0, part.channels)
    y = graph.tensor(op.y)
    kernel = op.weight.shape[:2] if isinstance(op, Depthwise) else op.weight.shape[1:3]
    return (*x.shape, *y.shape, *kernel, *op.stride, *op.pad[:2], x.zero_point, y.zero_point, part.channels)


def _forward(p: Program, graph: Graph, part: Trained, op: Op, *, masked: bool) -> None:
    x = Ref(Region.ARENA, op.x)
    y = p.buffer(op.y, _output_bytes(graph, op))
    mask = p.buffer(f"{op.name} mask", -(-graph.tensor(op.y).size // 8)) if masked else NOTHING
    match op:
        case Add():
            size = graph.tensor(op.y).size
            zeros = (graph.tensor(name).zero_point for name in (op.x, op.x2, op.y))
            scales = (number for scale in add_scales(graph, op) for number in (scale.mant, scale.exp))
            p.add(Code.ADD, op.name, x, Ref(Region.ARENA, op.x2), y, mask, size, *zeros, *scales)
        case GlobalAveragePool():
            p.add(Code.POOL, op.name, x, y, positions(graph.tensor(op.x)), graph.tensor(op.x).shape[2])
        case _:
            p.add(
                FORWARD[type(op)],
                op.name,
                x,
                y,
                mask,
                *_weights(op, part),
                _bias(op, part),
                _model("scale", op),
                *geometry(graph, op, part),
            )


def _output_bytes(graph: Graph, op: Op) -> int:
    return 2 * graph.classes if isinstance(op, Dense) else graph.tensor(op.y).size


def _weights(op: Weighted, part: Trained) -> tuple[Ref, Ref]:
    whole = part.channels == op.weight.shape[-1]
    trained = Ref(Region.STATE, f"{op.name} weight") if part.channels else NOTHING
    return trained, NOTHING if whole else _model("frozen", op)


def _bias(op: Weighted, part: Trained) -> Ref:
    return Ref(Region.STATE, f"{op.name} bias") if part.bias else _model("bias", op)


def _model(kind: str, op: Op) -> Ref:
    return Ref(Region.MODEL, f"{op.name} {kind}")


def _loss(p: Program, graph: Graph) -> Flowing:
    head, classes = graph.head, graph.classes
    acc = p.buffer(f"{head.y} sums", 4 * classes)
    k = p.slot()
    p.loss = len(p.steps)
    p.add(Code.LOSS, head.name, Ref(Region.ARENA, head.y), classes, acc, k)
    return _block(p, head.y, head.name, acc, k, classes)


def _block(p: Program, tensor: str, op: str, acc: Ref, k: int, size: int) -> Flowing:
    name = f"{tensor} gradient"
    while name in p.sizes:
        name += "'"
    result = Flowing(p.buffer(name, size), p.slot())
    p.add(Code.BLOCK, op, acc, k, result.ref, result.slot, size)
    return result


def _backward(
    p: Program, graph: Graph, scheme: Scheme, op: Op, waiting: dict[str, Flowing], needed: set[str], *, masked: bool
) -> None:
    g = waiting.pop(op.y)
    if masked:
        p.add(Code.MASK, op.name, g.ref, Ref(Region.ARENA, f"{op.name} mask"), graph.tensor(op.y).size)
    for name in inputs(op):
        if name in needed:
            waiting[name] = _input_gradient(p, graph, scheme.of(op.name), op, name, g, waiting.get(name))
    if isinstance(op, Weighted):
        _update(p, graph, scheme.of(op.name), op, g)


def _input_gradient(
    p: Program, graph: Graph, part: Trained, op: Op, name: str, g: Flowing, earlier: Flowing | None
) -> Flowing:
    size = graph.tensor(name).size
    if isinstance(op, Add) and earlier is None:
        copied = Flowing(p.buffer(f"{name} gradient from {op.name}", size), p.slot())
        p.add(Code.COPY, op.name, g.ref, g.slot, copied.ref, copied.slot, size)
        return copied
    acc = p.buffer(f"{name} sums from {op.name}", 4 * size)
    k = p.slot()
    _accumulate(p, graph, part, op, g, acc, k)
    if earlier is not None:
        p.add(Code.MERGE, op.name, earlier.ref, earlier.slot, acc, k, size)
    return _block(p, name, op.name, acc, k, size)


def _accumulate(p: Program, graph: Graph, part: Trained, op: Op, g: Flowing, acc: Ref, k: int) -> None:
    match op:
        case Add():
            p.add(Code.GRAD_ADD, op.name, g.ref, g.slot, acc, k, graph.tensor(op.y).size)
        case GlobalAveragePool():
            count, channels = positions(graph.tensor(op.x)), graph.tensor(op.x).shape[2]
            factor, e = pool_factor(count)
            p.add(Code.GRAD_POOL, op.name, g.ref, g.slot, acc, k, count, channels, factor, 15 - e)
        case _:
            factors = input_factors(op)
            p.add(
                GRAD[type(op)],
                op.name,
                g.ref,
                g.slot,
                acc,
                k,
                *_weights(op, part),
                _model("r", op),
                factors.shift,
                factors.exp,
                *geometry(graph, op, part),
            )


def _update(p: Program, graph: Graph, part: Trained, op: Weighted, g: Flowing) -> None:
    if part.channels:
        taps = op.weight[0].size // op.weight.shape[-1] if isinstance(op, Conv2d) else 1
        row = NOTHING if isinstance(op, Depthwise) else p.buffer(f"{op.name} row", 4 * taps * part.channels)
        p.add(
            UPDATE[type(op)],
            op.name,
            _index(graph, op),
            g.ref,
            g.slot,
            Ref(Region.ARENA, op.x),
            Ref(Region.STATE, f"{op.name} weight"),
            _model("weight rate", op),
            row,
            *geometry(graph, op, part),
        )
    if part.bias:
        count = 1 if isinstance(op, Dense) else positions(graph.tensor(op.y))
        p.add(
            Code.UPDATE_BIAS,
            op.name,
            g.ref,
            g.slot,
            count,
            op.bias.size,
            Ref(Region.STATE, f"{op.name} bias"),
            _model("bias rate", op),
        )


def _index(graph: Graph, op: Op) -> int:
    return next(i for i, other in enumerate(graph.ops) if other.name == op.name)
