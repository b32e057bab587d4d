"""Where every buffer of a pass lives: lifetimes in steps, offsets in bytes.

Placement is TFLite Micro's greedy by size: largest first, each at the lowest offset free for its whole life.
It is correct, not optimal; the peak of what lives at once is the lower bound that a Plan reports beside it.
"""

from dataclasses import dataclass

from fleet.node.plan.steps import Program

ALIGN = 4
EXPONENTS = "gradient exponents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """A tensor's place. first, last: steps between which it lives, both inclusive."""

    name: str
    size_bytes: int
    offset: int
    first: int
    last: int

    @property
    def end(self) -> int:
        return self.offset + self.size_bytes


def sizes_of(program: Program) -> dict[str, int]:
    """Bytes of each buffer, the exponents' among them."""
    return program.sizes | ({EXPONENTS: 4 * program.exponents} if program.exponents else {})


def lifetimes(program: Program) -> dict[str, tuple[int, int]]:
    """First and last step of each buffer. The exponents live from the loss to the end."""
    lives: dict[str, tuple[int, int]] = {}
    for index, step in enumerate(program.steps):
        for name in step.buffers:
            lives[name] = (lives.get(name, (index, index))[0], index)
    for name, (first, last) in program.lives.items():
        begun, ended = lives.get(name, (first, last))
        lives[name] = min(begun, first), max(ended, last)
    if program.exponents:
        lives[EXPONENTS] = (program.loss, len(program.steps) - 1)
    return lives


def place(sizes: dict[str, int], lives: dict[str, tuple[int, int]]) -> tuple[Buffer, ...]:
    """Every buffer with its offset, in order of first use."""
    placed: list[Buffer] = []
    for name in sorted(lives, key=lambda n: (-sizes[n], lives[n], n)):
        first, last = lives[name]
        offset = _lowest_free(placed, sizes[name], first, last)
        placed.append(Buffer(name=name, size_bytes=sizes[name], offset=offset, first=first, last=last))
    return tuple(sorted(placed, key=lambda b: (b.first, b.offset, b.name)))


def _lowest_free(placed: list[Buffer], size_bytes: int, first: int, last: int) -> int:
    offset = 0
    for other in sorted(placed, key=lambda b: b.offset):
        if other.first > last or other.last < first:
            continue
        if other.offset >= offset + size_bytes:
            break
        offset = max(offset, aligned(other.end))
    return offset


def aligned(size_bytes: int) -> int:
    """The next multiple of 4."""
    return -(-size_bytes // ALIGN) * ALIGN


def live_peak(buffers: tuple[Buffer, ...]) -> tuple[int, int]:
    """Most bytes that live at once, and the first step where they do: no placement can be smaller."""
    steps = range(max((b.last for b in buffers), default=0) + 1)
    loads = [sum(aligned(b.size_bytes) for b in buffers if b.first <= s <= b.last) for s in steps]
    peak = max(loads)
    return peak, loads.index(peak)
