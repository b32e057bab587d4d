"""How a plan spends memory. Tactics never change a computed value, only where it lies and for how long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tactics:
    """What departs from one operator after the other, each on whole maps. The default departs in nothing.

    segments: (first, end) numbers of operators of the graph, end exclusive, ascending and apart: these run together,
    row by row, and only what enters and leaves them exists as a whole map.
    over: (y, x), buffers by name: y takes the bytes of x while x is read for the last time. Of operators that run row
    by row y begins so far before x that it never covers what is still to be read (rolling.py); else both begin at one
    place: depthwise layers on whole maps, which then run channel by channel; sums; slices; gradients and their sums.
    by_channels: names of the pointwise layers that end an inverted bottleneck whose way back runs channel by channel.
    input_streamed: the input is read where its owner holds it, and takes no memory of the node.
    slices: of a map kept for a weight gradient only the channels that train are kept.
    """

    segments: tuple[tuple[int, int], ...] = ()
    over: tuple[tuple[str, str], ...] = ()
    by_channels: frozenset[str] = frozenset()
    input_streamed: bool = False
    slices: bool = False


LAYERWISE = Tactics()
