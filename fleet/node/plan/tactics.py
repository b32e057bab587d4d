"""How a plan spends memory. Tactics never change a computed value, only where it lies and for how long."""

from dataclasses import dataclass

from fleet.base.errors import InputError
from fleet.node.model.graph import Graph, Op, inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Tactics:
    """What departs from one operator after the other, each on whole maps. The default departs in nothing.

    order: numbers of the graph's operators as the forward pass runs them; none for the graph's own order. The way back,
    the layout of trained values and the keys of draws follow the graph.
    segments: (first, end) places in that order, end exclusive, ascending and apart: these operators run together, row
    by row, and only what enters and leaves them exists as a whole map.
    over: (y, x), buffers by name: y takes the bytes of x while x is read for the last time. Of operators that run row
    by row y begins so far before x that it never covers what is still to be read (rolling.py); else both begin at one
    place: depthwise layers on whole maps, which then run channel by channel; sums; slices; gradients and their sums.
    by_channels: names of the pointwise layers that end an inverted bottleneck whose way back runs channel by channel.
    input_streamed: the input is read where its owner holds it, and takes no memory of the node.
    slices: of a map kept for a weight gradient only the channels that train are kept.
    """

    order: tuple[int, ...] = ()
    segments: tuple[tuple[int, int], ...] = ()
    over: tuple[tuple[str, str], ...] = ()
    by_channels: frozenset[str] = frozenset()
    input_streamed: bool = False
    slices: bool = False

    def ordered(self, graph: Graph) -> tuple[Op, ...]:
        """The operators as the forward pass runs them. Raises InputError for an order that is none of this graph."""
        if not self.order:
            return graph.ops
        if sorted(self.order) != list(range(len(graph.ops))):
            text = f"expected each of {len(graph.ops)} operators once, got {len(self.order)} numbers"
            raise InputError.one("tactics.order", f"{text}; take them from this graph")
        ops = tuple(graph.ops[i] for i in self.order)
        unmade = {op.y for op in ops}
        for op in ops:
            if late := unmade.intersection(inputs(op)):
                text = f"expected '{min(late)}' made before '{op.name}' reads it, got it later"
                raise InputError.one("tactics.order", f"{text}; take the order from this graph")
            unmade.remove(op.y)
        return ops


LAYERWISE = Tactics()
