"""Sides and axes: from a tensor of any rank to a map of three, and windows that slide over maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import prod
from typing import Final, TypeVar

from fleet.node.model.graph_fields import MOST_SIDE
from fleet.node.model.tflite.content import Entry

Dims = tuple[int, ...]
Shape = tuple[int, int, int]
T = TypeVar("T")

MOST_VALUES: Final = 2**24  # of one map: far beyond any microcontroller, and no number here can overflow


class RefusedError(ValueError):
    """Something that cannot be imported. The message reads 'expected …, got …; what to do'."""


def canonical(dims: Dims) -> Shape:
    """(H, W, C) of a tensor's sides: the last two are its own, the first is the product of all others."""
    height, width, channels = (1,) * (3 - len(dims)) + dims if len(dims) < 3 else (prod(dims[:-2]), *dims[-2:])
    return height, width, channels


def map_sides(dims: Dims, what: str) -> Shape:
    """(H, W, C) of a tensor that is a map of one sample."""
    if len(dims) != 4 or dims[0] != 1:
        raise RefusedError(f"expected {what} of shape [1, H, W, C], got {list(dims)}; convert with a batch of 1")
    return dims[1], dims[2], dims[3]


def is_single(dims: Dims) -> bool:
    """Whether the map's axes are the tensor's own last three, the rest being a batch of 1."""
    return len(dims) <= 3 or prod(dims[:-3]) == 1


def map_axis(axis: int, rank: int) -> int:
    """The axis of a map that an axis of a tensor is; negative for one of the batch."""
    return axis - rank + 3


def real_axis(axis: int, rank: int) -> int:
    """An axis counted from the front; refused if there is none such."""
    if not -rank <= axis < rank:
        raise RefusedError(f"expected an axis from {-rank} to {rank - 1}, got {axis}; convert the model again")
    return axis % rank


def folded(dims: Dims, marks: Sequence[T]) -> list[tuple[T, int]]:
    """(mark, side) of a tensor whose axes of one mark that stand side by side are taken as one; sides of 1 vanish."""
    kept = [(mark, side) for mark, side in zip(marks, dims, strict=True) if side != 1]
    return [(mark, prod(side for _, side in run)) for mark, run in groupby(kept, key=lambda pair: pair[0])]


def three_axes(axes: Sequence[tuple[T, int]], blank: T, what: str) -> tuple[tuple[T, T, T], Shape]:
    """Marks and sides of exactly three axes, filled up in front; refused if there are more."""
    if len(axes) > 3:
        raise RefusedError(f"expected {what} over at most three groups of axes, got {len(axes)}; use fewer dimensions")
    full = [(blank, 1)] * (3 - len(axes)) + list(axes)
    (mark0, side0), (mark1, side1), (mark2, side2) = full
    return (mark0, mark1, mark2), (side0, side1, side2)


def check_size(dims: Dims, entry: Entry) -> None:
    """Refuses sides that are none, or a map that no microcontroller could hold."""
    if any(not 1 <= side <= MOST_SIDE for side in dims) or prod(dims) > MOST_VALUES:
        text = f"expected sides from 1 to {MOST_SIDE} and at most {MOST_VALUES} values, got {list(dims)}"
        raise RefusedError(f"{text} for {shown(entry)}; make the input smaller")


def agrees(dims: Dims, entry: Entry) -> bool:
    """Whether sides are possible where the file leaves some open."""
    signature = entry.signature or entry.dims
    if not signature:
        return True
    return len(signature) == len(dims) and all(s in (d, -1) for s, d in zip(signature, dims, strict=True))


def short(entry: Entry) -> str:
    """A name without blanks: of the layers that the converter fused into one, the first."""
    first = entry.name.partition(";")[0].strip()[:80]
    if not first.isprintable() or " " in first:
        first = "".join(c if c.isprintable() and not c.isspace() else "_" for c in first)
    return first or f"tensor{entry.index}"


def shown(entry: Entry) -> str:
    """A tensor in a sentence."""
    return f"{entry.type} {list(entry.dims)} {short(entry)!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A kernel that slides over a map. Sides are (down, right)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    same: bool

    def __post_init__(self) -> None:
        for name, sides in (("kernel", self.kernel), ("stride", self.stride), ("dilation", self.dilation)):
            if not all(1 <= side <= MOST_SIDE for side in sides):
                raise RefusedError(f"expected a {name} of at least 1, got {list(sides)}; convert the model again")

    @property
    def reach(self) -> tuple[int, int]:
        """Sides of the kernel with the gaps that dilation makes."""
        return (
            (self.kernel[0] - 1) * self.dilation[0] + 1,
            (self.kernel[1] - 1) * self.dilation[1] + 1,
        )

    def over(self, x: Shape) -> tuple[int, int, tuple[int, int, int, int]]:
        """Height and width of the output, and the padding (top, left, bottom, right).

        Source: TFLite, padding.h, ComputeOutSize and ComputePaddingWithOffset.
        """
        high, top, bottom = self._along(0, x[0])
        wide, left, right = self._along(1, x[1])
        return high, wide, (top, left, bottom, right)

    def _along(self, axis: int, side: int) -> tuple[int, int, int]:
        stride, reach = self.stride[axis], self.reach[axis]
        if not self.same:
            if reach > side:
                raise RefusedError(f"expected a window within a side of {side}, got {reach}; convert the model again")
            return (side - reach) // stride + 1, 0, 0
        out = -(-side // stride)
        total = max((out - 1) * stride + reach - side, 0)
        return out, total // 2, total - total // 2
