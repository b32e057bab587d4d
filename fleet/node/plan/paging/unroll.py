"""A schedule as a plan that the engine runs as it is: operators once more, and copies to and from a page file.

Every time a value gets memory it is a buffer of its own. The page file is a part of the arena behind the memory of the
node; on a board its copies are writes to and reads from the flash.
"""

from dataclasses import dataclass, field, replace

from fleet.node.plan.draft import Draft
from fleet.node.plan.paging.passes import INPUT, Piece, pieces_of
from fleet.node.plan.paging.schedule import Act, Moment, Schedule
from fleet.node.plan.placement import Effort, Placement, place_blocks
from fleet.node.plan.plan import Plan, finished
from fleet.node.plan.steps import NOTHING, Code, Program, Ref, Region, Step
from fleet.node.plan.steps.program import Field

MASK = " mask"  # ends the name of a buffer that an operator writes only if it is told where


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrolled:
    """plan: runs the schedule. memory_bytes: of the node, placed. file_bytes: of the page file behind it."""

    plan: Plan
    memory_bytes: int
    file_bytes: int


def unrolled(plan: Plan, schedule: Schedule, effort: Effort) -> Unrolled:
    """The plan of a schedule of `problem_of(plan, ...)`."""
    work = _Work(source=plan.draft.program)
    for moment in schedule.moments:
        work.add(moment)
    program = work.finished()
    draft = Draft(graph=plan.graph, scheme=plan.scheme, layout=plan.layout, tactics=plan.tactics, program=program)
    paged = set(work.pages.values())
    placement = place_blocks([block for block in draft.blocks if block.name not in paged], effort=effort)
    offsets, end = dict(placement.offsets), placement.peak_bytes
    for name in work.pages.values():
        offsets[name] = end
        end += -(-program.sizes[name] // 4) * 4
    whole = Placement(offsets=offsets, peak_bytes=end, bound_bytes=placement.bound_bytes, method=placement.method)
    memory = placement.peak_bytes
    return Unrolled(plan=finished(draft, whole), memory_bytes=memory, file_bytes=end - memory)


@dataclass
class _Work:
    """Steps in the making. now: the buffer that holds each value. pages: where each value lies in the page file."""

    source: Program
    now: dict[str, str] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    makers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pieces: dict[str, Piece] = {piece.name: piece for piece in pieces_of(self.source)}
        self.to = Program(recipe=self.source.recipe, exponents=self.source.exponents, maps=dict(self.source.maps))
        self.to.apply = -1

    def add(self, moment: Moment) -> None:
        """The steps of one moment."""
        for name in moment.takes:
            if name in self.source.sizes:
                self.now[name] = self.to.fresh(name, self.source.sizes[name]).name
        match moment.act:
            case Act.RUN:
                self._run(moment.name)
            case Act.PAGE_OUT:
                self.pages[moment.name] = self.to.fresh(f"{moment.name} page", self.source.sizes[moment.name]).name
                self._copy(moment.name, self.now[moment.name], self.pages[moment.name])
            case Act.PAGE_IN:
                self._copy(moment.name, self.pages[moment.name], self.now[moment.name])
        for name in moment.drops:
            self.now.pop(name, None)

    def _run(self, node: str) -> None:
        if node == INPUT:
            self.to.lives |= dict.fromkeys(self.now.values(), (0, 0))
            return
        piece = self.pieces[node]
        if piece.first == self.source.loss:
            self._loss()
        if piece.first >= self.source.apply and self.to.apply < 0:
            self.to.apply = len(self.to.steps)
        for step in self.source.steps[piece.first : piece.end]:
            self.to.steps.append(replace(step, fields=tuple(self._moved(f) for f in step.fields)))
            for name in step.buffers:
                self.makers.setdefault(name, step.op)

    def _loss(self) -> None:
        """Here the way forward ends: outputs lie where somebody may fetch them until now."""
        self.to.loss = len(self.to.steps)
        held = {name for name, (_, last) in self.source.lives.items() if last >= self.source.loss - 1}
        for name in held & set(self.now):
            self.to.lives[self.now[name]] = (self.to.loss - 1, self.to.loss - 1)
        for tensor, ref in self.source.maps.items():
            if ref.name in held:
                self.to.maps[tensor] = Ref(ref.region, self.now[ref.name])

    def _moved(self, part: Field) -> Field:
        if isinstance(part, Ref) and part.region is Region.ARENA:
            return Ref(Region.ARENA, self.now[part.name])
        return part

    def _copy(self, value: str, source: str, target: str) -> None:
        """Bytes as they are, whatever they mean: fe_move of one row."""
        size = self.source.sizes[value]
        row = (size, size, 1)
        where = (Ref(Region.ARENA, source), Ref(Region.ARENA, target))
        op = self.makers.get(value, self.source.steps[0].op)
        self.to.add(Code.MOVE, op, *where, 1, 1, size, 0, *row, 0, *row, 0, 0, size)

    def finished(self) -> Program:
        """The program, without masks that nobody reads."""
        self.to.apply = len(self.to.steps) if self.to.apply < 0 else self.to.apply
        touched: dict[str, int] = {}
        for step in self.to.steps:
            for name in step.buffers:
                touched[name] = touched.get(name, 0) + 1
        spare = {now for now, count in touched.items() if count == 1 and now.rstrip("'").endswith(MASK)}
        self.to.steps = [_without(step, spare) for step in self.to.steps]
        for name in spare:
            del self.to.sizes[name]
        return self.to


def _without(step: Step, spare: set[str]) -> Step:
    return replace(step, fields=tuple(NOTHING if isinstance(f, Ref) and f.name in spare else f for f in step.fields))
