"""What is placed, and what a placement says. Steps are whole numbers from 0, sizes and offsets bytes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from fleet.base.errors import Fault, InputError

ALIGN = 4  # bytes; the engine reads 32-bit words at offsets that are multiples of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Bytes [delta, delta + size_bytes) from a block's base, taken from step first to step last, both inclusive."""

    first: int
    last: int
    size_bytes: int
    delta: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What keeps one base: a tensor, or a chain of tensors that lie over one another. Its parts may overlap."""

    name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A base for every block, a multiple of the alignment, so that no two blocks ever share a byte.

    peak_bytes: the arena, a multiple of the alignment. bound_bytes: the most that lives in one step, which no
    placement can be below. method: what found it. exhausted: a search that ended says that no smaller arena holds them.
    """

    offsets: Mapping[str, int]
    peak_bytes: int
    bound_bytes: int
    method: str
    exhausted: bool = False

    @property
    def proved(self) -> bool:
        """Whether no placement of these blocks has a smaller peak."""
        return self.exhausted or self.peak_bytes == self.bound_bytes


class Effort(Enum):
    """How long to look. All limits are counts of work, so the same blocks always get the same bases."""

    GLANCE = "glance"  # hundredths of a second: first fit, and whether the bound is easily met
    QUICK = "quick"  # about half a second for 200 blocks at the worst, mostly a tenth
    SEARCH = "search"  # seconds
    PROVE = "prove"  # until proved, or a minute or so


def check_blocks(blocks: Sequence[Block], align: int) -> None:
    """InputError for what cannot be placed: a name twice, no part, a life that ends before it begins."""
    faults = [] if align >= 1 else [Fault("placement", f"expected an alignment of at least 1, got {align}; give 4")]
    seen: set[str] = set()
    for block in blocks:
        if block.name in seen:
            faults.append(Fault(f"placement: {block.name}", "expected each name once, got it again; rename one"))
        seen.add(block.name)
        faults += [Fault(f"placement: {block.name}", text) for text in _odd(block.parts)]
    if faults:
        raise InputError(faults)


def _odd(parts: Sequence[Part]) -> Iterable[str]:
    if not parts:
        yield "expected a part, got none; leave the block out"
    for part in parts:
        if not 0 <= part.first <= part.last:
            yield f"expected a life from 0 on, got steps {part.first} to {part.last}; order them"
        if part.size_bytes < 0:
            yield f"expected a size from 0 on, got {part.size_bytes} B; give the bytes it takes"
