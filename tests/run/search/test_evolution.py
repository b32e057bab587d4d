"""Evolution against everything there is, in a space small enough to be listed."""

from fractions import Fraction
from itertools import product

import pytest

from fleet.base import rng
from fleet.node.model.recipe import Recipe
from fleet.run.progress import Silent
from fleet.run.search import Genes, Space
from fleet.run.search.evolution import evolved
from fleet.run.search.knapsack import beginnings
from fleet.run.search.memory import Memory
from fleet.run.search.results import Results
from tests.run.search.tiny import tiny_net

SPACE = Space(tiny_net(), Recipe(), (Fraction(1),))  # a layer's weights train whole or not at all


def gain(genes: Genes) -> int:
    """Gains of layers without an order in them, as a trial would find; biases of early layers add less."""
    weights = sum(rng.below(1, layer, 100) for layer, share in enumerate(genes.shares) if share)
    return weights + 3 * genes.biases


def everything() -> list[Genes]:
    return [
        Genes(biases=count, shares=(*[Fraction(0)] * (SPACE.layers - count), *shares))
        for count in range(SPACE.layers + 1)
        for shares in product((Fraction(0), Fraction(1)), repeat=count)
    ]


def memory(budget: int) -> Memory:
    return Memory(space=SPACE, budget_bytes=budget, results=Results(None, {}))


def found(budget: int, generations: int = 40) -> list[Genes]:
    one = memory(budget)
    first = beginnings(SPACE, one, gain)
    return evolved(SPACE, one, gain, first, key=7, generations=generations, progress=Silent())


def budget_of(share: float) -> int:
    """Between what the head takes and what everything takes."""
    least, most = (memory(10**9).planned_bytes(genes) for genes in (SPACE.biases(0), SPACE.last(SPACE.layers)))
    return round(least + share * (most - least))


@pytest.mark.parametrize("share", [0.6, 0.85])
def test_nothing_that_fits_is_better_than_what_is_found(share: float) -> None:
    budget = budget_of(share)
    one = memory(budget)
    best = found(budget)[0]
    assert one.planned_bytes(best) <= budget
    better = sorted((g for g in everything() if gain(g) > gain(best)), key=gain, reverse=True)
    assert [genes.text for genes in better if one.fits(genes)] == []
    assert better, "the budget leaves something out"


def test_all_that_is_kept_fits_and_is_kept_in_order() -> None:
    budget = budget_of(0.5)
    kept = found(budget)
    assert all(memory(budget).fits(genes) for genes in kept)
    assert [gain(genes) for genes in kept] == sorted(map(gain, kept), reverse=True)
    assert len(set(kept)) == len(kept)


def test_a_search_is_a_function_of_its_key() -> None:
    assert found(budget_of(0.5)) == found(budget_of(0.5))


def test_the_exact_beginning_is_good_before_anything_evolves() -> None:
    """Within a tenth of the best there is: what evolution adds is what memory does not add up to."""
    budget = budget_of(0.6)
    one = memory(budget)
    best = next(gain(genes) for genes in sorted(everything(), key=gain, reverse=True) if one.fits(genes))
    assert gain(found(budget, generations=0)[0]) >= 0.9 * best


def test_evolution_alone_climbs_from_the_head_to_near_the_best() -> None:
    one = memory(budget_of(0.6))
    best = next(gain(genes) for genes in sorted(everything(), key=gain, reverse=True) if one.fits(genes))
    kept = evolved(SPACE, one, gain, [SPACE.biases(0)], key=7, generations=40, progress=Silent())
    assert gain(SPACE.biases(0)) == 0
    assert gain(kept[0]) >= 0.9 * best
