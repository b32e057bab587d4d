"""What has to be computed, and what holding, recomputing and paging it costs: POET's problem, a little wider.

A node runs once in its own stage; what `again` allows may run once more in any later stage, before that stage's own
nodes. Between two stages only what is kept lies in memory. POET (Patil et al., ICML 2022; github ShishirPatil/poet)
has one node per stage and one value per node; here a stage may hold several nodes, so that bytes are counted step by
step while decisions are taken operator by operator, and a node may make several values (a map and its mask).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from fleet.base.errors import Fault, InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a node makes. out_j, in_j: energy of writing it to the secondary memory and of reading it back.

    pageable: whether that may happen at all.
    """

    name: str
    size_bytes: int
    out_j: float = 0.0
    in_j: float = 0.0
    pageable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A computation, with its energy in joules and its time in seconds.

    reads: values made by nodes before it. again: whether it may run a second time. until: the node in whose stage it
    may do so for the last time, because that one changes what it computes with.
    """

    name: str
    reads: tuple[str, ...]
    makes: tuple[str, ...]
    energy_j: float
    time_s: float = 0.0
    again: bool = True
    until: str = ""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Nodes in the order in which they run. stages: how many of them each stage has; empty: one each.

    fixed_bytes: memory that is taken all the time. Raises InputError for what is not a problem.
    """

    nodes: tuple[Node, ...]
    values: tuple[Value, ...]
    stages: tuple[int, ...] = ()
    fixed_bytes: int = 0

    def __post_init__(self) -> None:
        faults = _faults(self)
        if faults:
            raise InputError(faults)

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """Of each stage, the number of the first node behind it."""
        ends: list[int] = []
        for count in self.stages or (1,) * len(self.nodes):
            ends.append(count + (ends[-1] if ends else 0))
        return tuple(ends)

    @cached_property
    def stage_of(self) -> tuple[int, ...]:
        """The stage of each node."""
        starts = (0, *self.ends)
        return tuple(s for s in range(len(self.ends)) for _ in range(starts[s], starts[s + 1]))

    @cached_property
    def value(self) -> dict[str, Value]:
        return {value.name: value for value in self.values}

    @cached_property
    def node(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def maker(self) -> dict[str, int]:
        """The number of the node that makes each value."""
        return {name: i for i, node in enumerate(self.nodes) for name in node.makes}

    @cached_property
    def readers(self) -> dict[str, tuple[int, ...]]:
        """Numbers of the nodes that read each value, ascending."""
        found: dict[str, list[int]] = {value.name: [] for value in self.values}
        for i, node in enumerate(self.nodes):
            for name in dict.fromkeys(node.reads):
                found[name].append(i)
        return {name: tuple(numbers) for name, numbers in found.items()}

    @cached_property
    def last_stage(self) -> tuple[int, ...]:
        """The last stage in which each node may run: its own, or that of `until`, or that of its last reader."""
        numbers = {node.name: i for i, node in enumerate(self.nodes)}
        found = list(self.stage_of)
        for i in reversed(range(len(self.nodes))):
            node = self.nodes[i]
            if node.again:
                useful = max((found[j] for name in node.makes for j in self.readers[name]), default=found[i])
                limit = self.stage_of[numbers[node.until]] if node.until else useful
                found[i] = max(found[i], min(useful, limit))
        return tuple(found)

    def own(self, stage: int) -> tuple[int, ...]:
        """Numbers of a stage's own nodes, ascending."""
        return tuple(range(self.ends[stage - 1] if stage else 0, self.ends[stage]))

    def runs_in(self, stage: int) -> tuple[int, ...]:
        """Numbers of the nodes that may run in a stage, ascending: recomputations, then its own."""
        own = self.own(stage)
        return (*(i for i in range(own[0]) if self.nodes[i].again and self.last_stage[i] >= stage), *own)

    @cached_property
    def floor_bytes(self) -> int:
        """No schedule holds less at its fullest: what one node reads and makes, beside the fixed bytes."""
        size = {value.name: value.size_bytes for value in self.values}
        return self.fixed_bytes + max(sum(size[n] for n in {*node.reads, *node.makes}) for node in self.nodes)

    @cached_property
    def energy_j(self) -> float:
        """Every node once, nothing paged."""
        return sum(node.energy_j for node in self.nodes)

    @cached_property
    def time_s(self) -> float:
        """Every node once."""
        return sum(node.time_s for node in self.nodes)


def _faults(problem: Problem) -> list[Fault]:
    made, faults = dict[str, str](), list[Fault]()
    known = {value.name for value in problem.values}
    for node in problem.nodes:
        where = f"problem: {node.name}"
        faults += [
            Fault(where, f"expected values made before it, got '{name}'; order the nodes")
            for name in node.reads
            if name not in made
        ]
        for name in node.makes:
            if name in made or name not in known:
                got = f"'{name}', which {made[name]} makes" if name in made else f"the unknown '{name}'"
                faults.append(Fault(where, f"expected new values that are listed, got {got}; name it anew"))
            made[name] = node.name
        if min(node.energy_j, node.time_s) < 0:
            faults.append(Fault(where, "expected energy and time from 0 on, got less; check the costs"))
    return faults + _odd_sizes(problem) + _odd_order(problem, made)


def _odd_sizes(problem: Problem) -> list[Fault]:
    return [
        Fault(f"problem: {v.name}", "expected bytes and energies from 0 on, got less; check the costs")
        for v in problem.values
        if min(v.size_bytes, v.out_j, v.in_j) < 0
    ]


def _odd_order(problem: Problem, made: dict[str, str]) -> list[Fault]:
    names = [node.name for node in problem.nodes]
    faults: list[Fault] = []
    if len(set(names)) < len(names) or not names:
        faults.append(Fault("problem", f"expected nodes with names of their own, got {len(names)}; rename them"))
    faults += [
        Fault(f"problem: {v.name}", "expected a node that makes it, got none; leave it out")
        for v in problem.values
        if v.name not in made
    ]
    faults += [
        Fault(f"problem: {node.name}", f"expected a node's name in until, got '{node.until}'; correct it")
        for node in problem.nodes
        if node.until and node.until not in names
    ]
    if problem.stages and (sum(problem.stages) != len(names) or min(problem.stages) < 1):
        text = f"expected stages of {len(names)} nodes in all, got {sum(problem.stages)}; count them again"
        faults.append(Fault("problem", text))
    return faults


def chain(
    sizes_bytes: Sequence[int], energies_j: Sequence[float], *, page_out_j: float, page_in_j: float, back: float = 2.0
) -> Problem:
    """A chain of n operators and its way back of n nodes: the textbook case of Chen 2016 and of POET.

    Forward node i makes sizes_bytes[i] from what node i - 1 made. The backward node of i reads the gradient behind it
    and the outputs of i and of i - 1, makes a gradient as large as the output of i - 1 (the first: as its own) and
    takes back * energies_j[i]. page_out_j, page_in_j: per byte.
    """
    n = len(sizes_bytes)
    values = [Value(name=f"x{i}", size_bytes=size, out_j=page_out_j * size, in_j=page_in_j * size)
              for i, size in enumerate(sizes_bytes)]  # fmt: skip
    nodes = [
        Node(name=f"f{i}", reads=(f"x{i - 1}",) if i else (), makes=(f"x{i}",), energy_j=e, time_s=e)
        for i, e in enumerate(energies_j)
    ]
    for i in reversed(range(n)):
        size = sizes_bytes[max(i - 1, 0)]
        values.append(Value(name=f"g{i}", size_bytes=size, out_j=page_out_j * size, in_j=page_in_j * size))
        reads = (*((f"g{i + 1}",) if i < n - 1 else ()), f"x{i}", *((f"x{i - 1}",) if i else ()))
        energy = back * energies_j[i]
        nodes.append(Node(name=f"b{i}", reads=reads, makes=(f"g{i}",), energy_j=energy, time_s=energy))
    return Problem(nodes=tuple(nodes), values=tuple(values))
