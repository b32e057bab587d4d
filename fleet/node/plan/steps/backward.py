"""The way back of a program: masks, input gradients, updates, operator by operator or a bottleneck at a time."""

from collections.abc import Collection
from dataclasses import dataclass, field

from fleet.base.errors import InputError
from fleet.node.model.graph import (
    Add,
    Conv2d,
    Dense,
    Depthwise,
    FullyConnected,
    GlobalAveragePool,
    Graph,
    Op,
    Reshape,
    Weighted,
    inputs,
)
from fleet.node.model.reference import tensors_with_gradient
from fleet.node.model.scheme import Scheme, Trained
from fleet.node.plan.bottlenecks import Bottleneck
from fleet.node.plan.steps import channels, maps, weighted
from fleet.node.plan.steps.program import NOTHING, Code, Flow, Flowing, Program, Ref, Region
from fleet.node.plan.tactics import LAYERWISE, Tactics


def backward(
    p: Program, graph: Graph, scheme: Scheme, tactics: Tactics, masked: Collection[str], loss: Flowing
) -> None:
    """All behind the loss but the end of a batch. masked: operators with a mask. loss: gradient of the output."""
    chosen = channels.chosen_blocks(graph, scheme, tactics.by_channels)
    way = _Way(p=p, graph=graph, scheme=scheme, tactics=tactics, masked=masked, blocks=chosen)
    way.waiting[graph.ops[-1].y] = loss
    firsts = {block.expand: block for block in chosen.values()}
    later = {name for block in chosen.values() for name in (block.project, block.depthwise)}
    for op in reversed(graph.ops):
        if op.name in firsts:
            way.bottleneck(firsts[op.name])
        elif op.y in way.waiting and op.name not in later:
            way.operator(op)


def block(p: Program, tensor: str, op: str, acc: Ref, k: int, size: int) -> Flowing:
    """The gradient of a map from its sums."""
    result = p.gradient(tensor, size)
    p.add(Code.BLOCK, op, acc, k, result.ref, result.slot, size)
    return result


@dataclass(kw_only=True)
class _Way:
    """The way back while it is made.

    blocks: bottlenecks that run channel by channel, by their last layers. waiting: gradients of maps. kept: maps whose
    gradient somebody else reads later; constant: whose gradient is that of one place.
    """

    p: Program
    graph: Graph
    scheme: Scheme
    tactics: Tactics
    masked: Collection[str]
    blocks: dict[str, Bottleneck]
    waiting: dict[str, Flowing] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    constant: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.needed = tensors_with_gradient(self.graph, self.scheme)

    def operator(self, op: Op) -> None:
        """One operator on whole maps."""
        g = self.waiting.pop(op.y)
        if op.name in self.masked:
            mask = Ref(Region.ARENA, f"{op.name} mask")
            self.p.add(Code.MASK, op.name, g.ref, mask, self.graph.tensor(op.y).size)
        takers = self._takers(op)
        for index, name in enumerate(inputs(op)):
            if name in self.needed and name not in takers:
                self.waiting[name] = self._input_gradient(op, index, g)
        self.waiting |= dict.fromkeys(takers, g)
        if isinstance(op, Weighted):
            weighted.update(self.p, self.graph, self.scheme.of(op.name), op, g)

    def bottleneck(self, block: Bottleneck) -> None:
        """Three layers, channel by channel of what lies between them."""
        y, x = self.graph.op(block.project).y, inputs(self.graph.op(block.expand))[0]
        if y not in self.waiting:
            return
        g = channels.Arriving(g=self.waiting.pop(y), kept=y in self.kept, constant=y in self.constant)
        made = channels.add_group(
            self.p, self.graph, self.scheme, block, g, self.waiting.get(x), needed=self.needed, masked=self.masked
        )
        if made is not None:
            self.waiting[x] = made

    # --- sums ------------------------------------------------------------------------------------------------------

    def _takers(self, op: Op) -> tuple[str, ...]:
        """Inputs of a sum that take its gradient itself, without a copy: the last one that nothing waits for.

        Both do where one of them ends a bottleneck that comes next and reads the gradient through its mask.
        """
        if self.tactics == LAYERWISE or not isinstance(op, Add):
            return ()
        size = self.graph.tensor(op.y).size
        free = [
            name
            for name in inputs(op)
            if name in self.needed and name not in self.waiting and self.graph.tensor(name).size == size
        ]
        if op.x == op.x2:
            return ()
        ended = self._ended_before(op)
        if len(free) == 2 and ended in free:
            self.kept.add(ended)
            return tuple(free)
        return tuple(free[-1:])

    def _ended_before(self, op: Op) -> str:
        """The output of the bottleneck whose operators are the last ones before this; "" if there is none."""
        at = weighted.layer_index(self.graph, op)
        names = [before.name for before in self.graph.ops[max(0, at - 3) : at]]
        block = self.blocks.get(names[-1]) if names else None
        if block is None or names != [block.expand, block.depthwise, block.project]:
            return ""
        return self.graph.op(block.project).y

    # --- input gradients -------------------------------------------------------------------------------------------

    def _input_gradient(self, op: Op, index: int, g: Flowing) -> Flowing:
        name = inputs(op)[index]
        earlier = self.waiting.get(name)
        if earlier is None and (passed := self._passed(op, index, g)) is not None:
            return passed
        flow = self._flow(op, name, g, earlier)
        _accumulate(self.p, self.graph, self.scheme.of(op.name), op, index, flow)
        if flow.e.ref is not NOTHING:
            return flow.e
        size = self.graph.tensor(name).size
        if earlier is not None:
            self.p.add(Code.MERGE, op.name, earlier.ref, earlier.slot, flow.acc, flow.k, size)
        return block(self.p, name, op.name, flow.acc, flow.k, size)

    def _passed(self, op: Op, index: int, g: Flowing) -> Flowing | None:
        """A gradient that needs no sum: of another shape the same bytes, else a copy; or that of one place."""
        if isinstance(op, Reshape):
            return g
        if isinstance(op, GlobalAveragePool) and self._may_be_constant(op.x):
            self.constant.add(op.x)
            flow = self._flow_of(op, op.x, g, None, 1, self.graph.tensor(op.x).shape[2])
            weighted.gradient_pool_once(self.p, self.graph, op, flow)
            return flow.e
        if self.p.is_float:
            return None
        if isinstance(op, Add):
            return weighted.copied(self.p, self.graph, op, index, g)
        return maps.pass_on(self.p, self.graph, op, index, g)

    def _may_be_constant(self, name: str) -> bool:
        """Whether one operator alone reads a map that ends a bottleneck."""
        readers = sum(name in inputs(op) for op in self.graph.ops)
        return readers == 1 and any(self.graph.op(project).y == name for project in self.blocks)

    def _flow(self, op: Op, name: str, g: Flowing, earlier: Flowing | None) -> Flow:
        return self._flow_of(op, name, g, earlier, *weighted.input_shape(self.graph, op, name))

    def _flow_of(self, op: Op, name: str, g: Flowing, earlier: Flowing | None, places: int, depth: int) -> Flow:
        p, size, waits = self.p, places * depth, earlier or Flowing(NOTHING, 0)
        if p.is_float:
            e = earlier or p.gradient(name, size)
            return Flow(g=g, waiting=waits, e=e, places=places, channels=depth)
        if not p.is_static:
            acc = p.fresh(f"{name} sums from {op.name}", 4 * size)
            return Flow(g=g, acc=acc, k=p.slot(), places=places, channels=depth)
        acc, k = p.fresh(f"{name} sums from {op.name}", 4 * depth), p.slot()
        e, shift = p.gradient(name, size), p.shift(name)
        return Flow(g=g, acc=acc, k=k, waiting=waits, e=e, shift=shift, places=places, channels=depth)


def _accumulate(p: Program, graph: Graph, part: Trained, op: Op, index: int, flow: Flow) -> None:
    name = inputs(op)[index]
    match op:
        case Add() | Reshape():
            weighted.gradient_add(p, graph, op, name, flow)
        case GlobalAveragePool():
            weighted.gradient_pool(p, graph, op, flow)
        case Conv2d() | Depthwise() | FullyConnected() | Dense():
            weighted.gradient_weighted(p, graph, part, op, flow)
        case _:
            if not maps.gradient_step(p, graph, op, index, flow):
                text = f"expected an operator that gradients pass, got {type(op).__name__}"
                raise InputError.one(op.name, f"{text}; freeze what lies before it")
