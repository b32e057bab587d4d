"""From good beginnings to better schemes: mutation and crossover under planned memory, in draws fixed by a key."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fleet.base import rng
from fleet.run.progress import Progress
from fleet.run.search.memory import Memory
from fleet.run.search.space import NONE, Genes, Space

PARENTS: Final = 16
CHILDREN: Final = 32
PATIENCE: Final = 5  # generations in a row that change nothing end it
CROSSED: Final = 0.5  # of the children; the others are changed copies


@dataclass(slots=True)
class Draws:
    """Numbers of one key, in turn."""

    key: int
    made: int = 0

    def below(self, count: int) -> int:
        """From 0 to count - 1."""
        self.made += 1
        return rng.below(self.key, self.made - 1, count)

    def happens(self, share: float) -> bool:
        """True in this share of the draws."""
        self.made += 1
        return rng.uniform(self.key, self.made - 1) < share


def evolved(
    space: Space,
    memory: Memory,
    gain: Callable[[Genes], int],
    beginnings: Sequence[Genes],
    *,
    key: int,
    generations: int,
    progress: Progress,
) -> list[Genes]:
    """Schemes that fit, the largest gain first; of equals the less memory. beginnings: all of them fit.

    The best are kept from one generation to the next. A child is planned only where its gain would keep it and plans
    of its kind can be small enough. generations: at most; it ends before, when some in a row have changed nothing.
    """

    def rank(genes: Genes) -> tuple[int, int, str]:
        return -gain(genes), memory.planned_bytes(genes), genes.text

    progress.line("evolution", generations)
    kept = sorted(set(beginnings), key=rank)[:PARENTS]
    idle = 0
    for number in range(generations):
        draws = Draws(rng.absorb(key, number))
        children = {_child(space, kept, draws) for _ in range(CHILDREN)} - set(kept)
        bar = gain(kept[-1]) if len(kept) == PARENTS else None
        good = sorted((one for one in children if bar is None or gain(one) > bar), key=lambda one: one.text)
        better = sorted([*kept, *(one for one in good if memory.may_fit(one) and memory.fits(one))], key=rank)[:PARENTS]
        idle = idle + 1 if better == kept else 0
        kept = better
        if idle == PATIENCE:
            break
    return kept


def _child(space: Space, kept: Sequence[Genes], draws: Draws) -> Genes:
    one = kept[draws.below(len(kept))]
    if draws.happens(CROSSED):
        one = _crossed(one, kept[draws.below(len(kept))], draws)
    return _changed(space, one, draws)


def _crossed(one: Genes, other: Genes, draws: Draws) -> Genes:
    """Biases of one; of each of their layers the share of either."""
    made = one
    for layer in range(len(one.shares) - one.biases, len(one.shares)):
        if draws.happens(0.5):
            made = made.with_share(layer, other.shares[layer])
    return made


def _changed(space: Space, genes: Genes, draws: Draws) -> Genes:
    """One or more changes: another number of biases, or another share of a layer."""
    made = genes
    while True:
        if draws.happens(1 / (space.layers + 1)):
            made = made.with_biases(draws.below(space.layers + 1))
        elif space.layers:
            layer = draws.below(space.layers)
            ways = (NONE, *space.options[layer])
            made = made.with_share(layer, ways[draws.below(len(ways))])
        if not draws.happens(0.5):
            return made
