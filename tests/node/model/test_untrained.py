"""A zoo's network before it learnt: it plans as the published one does."""

from pathlib import Path

import pytest

from fleet.node.model.graph_check import check
from fleet.node.model.recipe import Gradients, Loss, Recipe
from fleet.node.model.schemes import named_scheme
from fleet.node.model.untrained import untrained_graph
from fleet.node.model.zoo import ZOO, zoo_net
from fleet.node.model.zoo.mcunet import PUBLISHED, load_mcunet
from fleet.node.model.zoo.registry import AUTOENCODERS
from fleet.node.plan import plan_of
from fleet.node.plan.counts import training_counts
from fleet.node.plan.tactics import Tactics


@pytest.mark.parametrize("name", [*ZOO, *AUTOENCODERS])
def test_every_net_of_the_zoo_can_be_planned_before_it_learnt(name: str) -> None:
    spec = zoo_net(name)
    graph = untrained_graph(spec)
    check(graph)
    assert [(op.name, op.weight.shape) for op in graph.weighted] == [(x.name, x.weight_shape) for x in spec.weighted]
    loss = Loss.CROSS_ENTROPY if graph.has_head else Loss.SQUARED_ERROR
    plan = plan_of(graph, named_scheme(graph, "full", recipe=Recipe(loss=loss)).scheme)
    assert plan.layout.size == spec.parameters


def test_steps_that_run_row_by_row_multiply_as_often_as_layer_by_layer() -> None:
    graph = untrained_graph(zoo_net("mcunet-5fps", 10, (48, 48, 3)))
    scheme = named_scheme(graph, "bias:6", recipe=Recipe(gradients=Gradients.FP32)).scheme
    tactics = Tactics(segments=((0, 3), (3, 5)), input_streamed=True)
    by_rows, by_layer = (training_counts(plan_of(graph, scheme, t)) for t in (tactics, Tactics()))
    assert sum(count.macs for count in by_rows) == sum(count.macs for count in by_layer) > 0


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_plan_lies_as_that_of_the_published_weights(name: str, shared_data: Path) -> None:
    published = load_mcunet(shared_data / "mcunet" / f"{name}.json", classes=10)
    graphs, recipe = (published, untrained_graph(zoo_net(name, 10))), Recipe(gradients=Gradients.FP32)
    ours, theirs = (plan_of(graph, named_scheme(graph, "sparse:49kb", recipe=recipe).scheme) for graph in graphs)
    assert ours.buffers == theirs.buffers
