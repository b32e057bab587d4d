"""The problem of a plan: operators forward, steps backward, and the buffers between them.

The way forward has a node for each operator, which may run again until its weights change. Behind the loss every step
runs once, and all steps of one operator are one stage. Operators before the first that the way back needs anything
of are a single stage that runs once: to recompute from the window itself hardly ever pays, and the search is shorter.
What the way forward makes can be paged; gradients, which are added to in place, cannot.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from fleet.base.errors import InputError
from fleet.node.model.graph import Graph
from fleet.node.plan.arena import EXPONENTS, aligned, sizes_of
from fleet.node.plan.counts import work_of
from fleet.node.plan.paging.energy import compute_price, page_in_price, page_out_price
from fleet.node.plan.paging.problem import Node, Problem, Value
from fleet.node.plan.plan import Plan
from fleet.node.plan.steps import Code, Program, Region, Step
from fleet.node.plan.tactics import LAYERWISE
from fleet.node.profile import Profile

INPUT = "window"
UPDATES = (Code.UPDATE_CONV, Code.UPDATE_DEPTHWISE, Code.UPDATE_DENSE, Code.UPDATE_BIAS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Neighbouring steps, numbers first to end exclusive, that are one node. name: of the node."""

    name: str
    first: int
    end: int


def pieces_of(program: Program) -> tuple[Piece, ...]:
    """One piece for each operator of the way forward, one for each step behind it."""
    found: list[Piece] = []
    at = 0
    for op, steps in groupby(program.steps[: program.loss], key=lambda step: step.op):
        end = at + len(list(steps))
        found.append(Piece(name=op, first=at, end=end))
        at = end
    for i in range(program.loss, len(program.steps)):
        step = program.steps[i]
        found.append(Piece(name=f"{step.op} {step.code.name.lower()} {i}", first=i, end=i + 1))
    return tuple(found)


def problem_of(plan: Plan, profile: Profile) -> Problem:
    """What has to be computed in one training step of a plan, and its costs on a board.

    Raises InputError for a plan that does not train or whose tactics already depart from one operator after another.
    """
    if not plan.trains or plan.tactics != LAYERWISE:
        got = "one with tactics" if plan.trains else "one that only infers"
        raise InputError.one("plan", f"expected a plan that trains layer by layer, got {got}; plan it without tactics")
    program = plan.draft.program
    pieces = pieces_of(program)
    makes, reads = _flows(plan.graph, program, pieces)
    forward = {name for piece, made in zip(pieces, makes, strict=True) if piece.end <= program.loss for name in made}
    early = _prefix(program, pieces, reads, makes)
    work = work_of(plan)
    nodes = [Node(name=INPUT, reads=(), makes=_inputs(plan.graph, program), energy_j=0.0, again=False)]
    for i, piece in enumerate(pieces):
        price = compute_price(profile, [count for counts in work[piece.first : piece.end] for count in counts])
        nodes.append(
            Node(
                name=piece.name, reads=reads[i], makes=makes[i], energy_j=price.energy_j, time_s=price.time_s,
                again=early <= i and piece.end <= program.loss, until=_until(program, pieces, piece),
            )
        )  # fmt: skip
    forward |= set(nodes[0].makes)
    values = [_value(profile, name, size, pageable=name in forward) for name, size in sizes_of(program).items()]
    return Problem(nodes=tuple(nodes), values=tuple(values), stages=tuple(_stages(program, pieces, early)))


def _inputs(graph: Graph, program: Program) -> tuple[str, ...]:
    return tuple(program.maps[name].name for name in graph.inputs if program.maps[name].region is Region.ARENA)


def _value(profile: Profile, name: str, size_bytes: int, *, pageable: bool) -> Value:
    size = aligned(size_bytes)
    out, back = page_out_price(profile, size), page_in_price(profile, size)
    return Value(name=name, size_bytes=size, out_j=out.energy_j, in_j=back.energy_j, pageable=pageable)


Names = tuple[str, ...]


def _flows(graph: Graph, program: Program, pieces: Sequence[Piece]) -> tuple[list[Names], list[Names]]:
    """What each piece makes and reads. The loss reads all outputs: until there somebody may fetch them."""
    made = set(_inputs(graph, program))
    outputs = {program.maps[name].name for name in graph.outputs} & set(program.sizes)
    makes: list[Names] = []
    reads: list[Names] = []
    for piece in pieces:
        names = dict.fromkeys(name for step in program.steps[piece.first : piece.end] for name in step.buffers)
        if piece.first == program.loss:
            names |= dict.fromkeys(sorted(outputs))
        if program.exponents and piece.first >= program.loss:
            names[EXPONENTS] = None
        makes.append(tuple(name for name in names if name not in made))
        reads.append(tuple(name for name in names if name in made))
        made |= set(names)
    return makes, reads


def _prefix(program: Program, pieces: Sequence[Piece], reads: Sequence[Names], makes: Sequence[Names]) -> int:
    """The number of the first piece that makes what is read behind the loss."""
    behind = {name for piece, names in zip(pieces, reads, strict=True) if piece.first > program.loss for name in names}
    return next(i for i, names in enumerate(makes) if behind & set(names))


def _until(program: Program, pieces: Sequence[Piece], piece: Piece) -> str:
    """The first step that changes the weights of a forward operator."""
    if piece.end > program.loss:
        return ""
    steps = program.steps
    return next((p.name for p in pieces if p.name != piece.name and _changes(steps[p.first], piece.name)), "")


def _changes(step: Step, op: str) -> bool:
    return step.op == op and step.code in UPDATES


def _stages(program: Program, pieces: Sequence[Piece], early: int) -> Iterator[int]:
    """Nodes of each stage: window and beginning; operators; what is behind the loss, by operator; ends of a batch."""
    forward = sum(piece.end <= program.loss for piece in pieces)
    first = max(early, 1)
    yield 1 + first
    yield from (1 for _ in range(first, forward))
    behind = [piece for piece in pieces[forward:] if piece.first < program.apply]
    yield from (len(list(group)) for _, group in groupby(behind, key=lambda p: program.steps[p.first].op))
    if len(program.steps) > program.apply:
        yield len(program.steps) - program.apply
