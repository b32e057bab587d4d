"""The schemes a search chooses from: biases of the last layers, and of each of these a share of its inputs' weights.

Every one of them has a word (`bias:4`, `last_k:2`, `sparse:4,6=1/2`) that a command line understands.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import floor
from typing import Final

from fleet.node.model.graph import Graph
from fleet.node.model.recipe import Recipe
from fleet.node.model.scheme import Scheme
from fleet.node.model.schemes import sparse_layers
from fleet.node.model.schemes.outline import Outline, outline

SHARES: Final = (Fraction(1, 8), Fraction(1, 4), Fraction(1, 2), Fraction(1))
"""Of the input channels. Source: Lin et al., "On-device training under 256 KB memory", 2022."""

NONE: Final = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Genes:
    """A scheme. biases: of how many layers, counted from the last. shares: of every layer below the head, from the
    first; 0 where no weight trains, and in layers whose bias does not train."""

    biases: int
    shares: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        if any(self.shares[: len(self.shares) - self.biases]):
            raise ValueError(f"genes: expected weights among the last {self.biases} layers, got {self.shares}")

    @property
    def text(self) -> str:
        """In one word, as fleet.node.model.schemes.named_scheme reads it."""
        chosen = {number: share for number, share in enumerate(self.shares) if share}
        if not self.biases:
            return "head"
        if not chosen:
            return f"bias:{self.biases}"
        if len(chosen) == self.biases and set(chosen.values()) == {Fraction(1)}:
            return f"last_k:{self.biases}"
        return ",".join([f"sparse:{self.biases}", *(f"{number}={share}" for number, share in chosen.items())])

    def with_share(self, layer: int, share: Fraction) -> "Genes":
        """The same but for one layer; biases reach down to it if need be."""
        shares = (*self.shares[:layer], share, *self.shares[layer + 1 :])
        return Genes(biases=max(self.biases, len(shares) - layer) if share else self.biases, shares=shares)

    def with_biases(self, biases: int) -> "Genes":
        """The same with other biases; layers beyond them train no weights."""
        frozen = len(self.shares) - biases
        return Genes(biases=biases, shares=(*[NONE] * frozen, *self.shares[frozen:]))


@dataclass(frozen=True)
class Space:
    """All schemes of one network. recipe: of their training. shares: tried of every layer."""

    graph: Graph
    recipe: Recipe
    shares: Sequence[Fraction] = SHARES

    @cached_property
    def view(self) -> Outline:
        return outline(self.graph)

    @property
    def layers(self) -> int:
        """Layers with weights below the head."""
        return len(self.view.layers)

    @cached_property
    def options(self) -> tuple[tuple[Fraction, ...], ...]:
        """Shares of each layer that differ in the channels they train, ascending; none of no channel."""
        return tuple(tuple(self._distinct(part.channels)) for part in self.view.layers)

    def _distinct(self, channels: int) -> Iterator[Fraction]:
        before = 0
        for share in sorted(self.shares):
            if floor(channels * share) > before:
                before = floor(channels * share)
                yield share

    def biases(self, count: int) -> Genes:
        """Biases of the last layers and no weight; of none, the head alone."""
        return Genes(biases=count, shares=(NONE,) * self.layers)

    def last(self, count: int) -> Genes:
        """The last layers whole."""
        frozen = self.layers - count
        return Genes(biases=count, shares=(NONE,) * frozen + (Fraction(1),) * count)

    def scheme(self, genes: Genes) -> Scheme:
        """What trains, as the planner and the engine take it."""
        ratios = {number: share for number, share in enumerate(genes.shares) if share}
        return sparse_layers(self.graph, biases=genes.biases, ratios=ratios, recipe=self.recipe, name=genes.text)
