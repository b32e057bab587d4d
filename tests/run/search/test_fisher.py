"""The selector by squared gradients: gradients as torch finds them, the order as the formula says."""

from fractions import Fraction

import numpy as np
import pytest

from fleet.node.model import reference as ref
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.schemes import all_layers
from fleet.run.progress import Silent
from fleet.run.search import Space
from fleet.run.search.fisher import Potential, potentials, ranked, selected
from fleet.run.search.memory import Memory
from fleet.run.search.results import Results
from tests.run.search.tiny import tiny_net, tiny_task

GRAPH = tiny_net()
SPACE = Space(GRAPH, Recipe())
TASK = tiny_task(GRAPH)


def seen() -> list[Potential]:
    return potentials(SPACE, TASK, Results(None, {}), seed=0, progress=Silent())


def test_potentials_are_half_the_mean_squares_of_torchs_gradients() -> None:
    pytest.importorskip("torch", reason="torch is an extra: pip install 'mcufleet[torch]'")
    from fleet.node.model.torch.graph_twin import Twin
    from fleet.run.search.fisher import WINDOWS

    scheme = all_layers(GRAPH, recipe=Recipe(gradients=Gradients.FP32))
    drawn = ref_order(WINDOWS)
    squares = {part.op: np.zeros(part.channels) for part in SPACE.view.layers}
    for index in drawn:
        trace = ref.forward(GRAPH, TASK.train.windows[index])
        _, grads = Twin(GRAPH).gradients(trace, int(TASK.train.labels[index]), range(GRAPH.classes), scheme)
        for part in SPACE.view.layers:
            squares[part.op] += (grads[part.op, "weight"].reshape(-1, part.channels) ** 2).sum(axis=0)
    for found, (op, total) in zip(seen(), squares.items(), strict=True):
        np.testing.assert_allclose(found.channels, total / (2 * len(drawn)), rtol=1e-3, atol=1e-12, err_msg=op)


def ref_order(count: int) -> list[int]:
    from fleet.base import rng

    return list(rng.permutation(rng.key(0, rng.Stream.ORDER, 0), len(TASK.train))[:count])


def test_layers_go_by_potential_over_parameters_and_multiplications() -> None:
    def one(layer: int, potential: float, parameters: int, macs: int) -> Potential:
        return Potential(layer=layer, channels=(potential,), parameters=parameters, macs=macs)

    # scores: 8 / (1 x 1) = 8, 3 / (1/2 x 1/2) = 12, 1 / (1/4 x 1/2) = 8
    found = [one(0, 8, 100, 1000), one(1, 3, 50, 500), one(2, 1, 25, 500)]
    assert [each.layer for each in ranked(found)] == [1, 0, 2]


def test_a_share_counts_the_channels_it_trains() -> None:
    found = Potential(layer=0, channels=(1.0, 2.0, 4.0, 8.0), parameters=4, macs=4)
    assert found.of(Fraction(1, 2)) == 3.0
    assert found.of(Fraction(1)) == 15.0


def test_what_is_selected_fits_and_nothing_more_does() -> None:
    whole, least = (
        Memory(space=SPACE, budget_bytes=10**9, results=Results(None, {})).planned_bytes(genes)
        for genes in (SPACE.last(SPACE.layers), SPACE.biases(0))
    )
    memory = Memory(space=SPACE, budget_bytes=(whole + least) // 2, results=Results(None, {}))
    genes = selected(SPACE, memory, seen())
    assert memory.fits(genes)
    assert genes != SPACE.biases(0)
    wider = [
        genes.with_share(n, share) for n, ways in enumerate(SPACE.options) for share in ways if share > genes.shares[n]
    ]
    assert [one.text for one in wider if memory.fits(one)] == []


def test_a_budget_for_all_selects_all() -> None:
    memory = Memory(space=SPACE, budget_bytes=10**9, results=Results(None, {}))
    assert selected(SPACE, memory, seen()) == SPACE.last(SPACE.layers)
