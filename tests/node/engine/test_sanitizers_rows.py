"""Groups of rows and streamed windows under the sanitizers, in the interpreter and in every executor."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.node.engine.binding import Node
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.model.schemes.published import published_scheme
from fleet.node.model.zoo import zoo_net
from fleet.node.plan import plan_of
from fleet.node.plan.choice import best_plan
from tests.node.engine import test_host_sanitizers, test_sanitizers
from tests.node.engine.runs import static
from tests.node.engine.segmented import longest, row_tactics
from tests.node.engine.test_host_sanitizers import Sanitized as SanitizedHost
from tests.node.engine.test_host_sanitizers import assert_clean
from tests.node.engine.test_rows import pooled_net
from tests.node.engine.test_sanitizers import Sanitized, assert_infers_clean, assert_trains_clean, head_of
from tests.node.model.map_nets import map_graphs
from tests.node.model.nets import WEIGHTED, graphs, recipes, residual_net, schemes
from tests.node.model.schemes.bottlenecks import random_graph

sanitized = test_sanitizers.sanitized  # the fixtures
sanitized_host = test_host_sanitizers.sanitized
OFTEN = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_whole_networks_train_by_rows_without_a_complaint(sanitized: Sanitized, sanitized_host: SanitizedHost) -> None:
    for graph in (residual_net(), pooled_net()):
        for kind in ("sparse", "full"):
            scheme = build_scheme(graph, kind)
            tactics = longest(graph, scheme, input_streamed=True, slices=True)
            assert_trains_clean(sanitized, graph, scheme, 0.06, tactics)
            assert_clean(sanitized_host, graph, scheme, 0.06, tactics)


@OFTEN
@given(data=st.data())
def test_any_network_trains_by_rows_without_a_complaint(
    sanitized: Sanitized, sanitized_host: SanitizedHost, data: st.DataObject
) -> None:
    graph = data.draw(st.one_of(graphs(kinds=WEIGHTED), map_graphs(kinds=("average", "max", "mul"))))
    scheme = data.draw(schemes(graph, data.draw(recipes())))
    tactics = data.draw(row_tactics(graph, scheme))
    assert_trains_clean(sanitized, graph, scheme, 0.05, tactics)
    assert_clean(sanitized_host, graph, scheme, 0.05, tactics)
    assert_infers_clean(sanitized, graph, data.draw(row_tactics(graph, Scheme(name="inference", trained=()))))


def test_no_altered_group_makes_the_check_read_beyond_its_memory(sanitized: Sanitized) -> None:
    graph = pooled_net()
    scheme = build_scheme(graph, "sparse")
    node = Node(plan_of(graph, scheme, longest(graph, scheme, input_streamed=True, slices=True)))
    intact, refused = sanitized.run("check", head_of(node, 0, 0, 0.0) + node.plan.content).split()
    assert int(intact) == 1
    assert int(refused) > len(node.plan.content) // 4


@pytest.mark.parametrize("gradients", Gradients)
def test_the_smallest_plan_of_a_network_of_bottlenecks_trains_without_a_complaint(
    sanitized: Sanitized, sanitized_host: SanitizedHost, gradients: Gradients
) -> None:
    """Groups of rows and of channels, layers in place, outputs over inputs."""
    graph = random_graph(zoo_net("mcunet-5fps", 5, (32, 32, 3)))
    scheme = published_scheme(graph, "49kb", recipe=Recipe(gradients=gradients))
    if gradients is Gradients.INT8:
        scheme = static(graph, scheme, 0.05)
    tactics = best_plan(graph, scheme).tactics
    assert tactics.segments
    assert tactics.over
    assert tactics.by_channels
    assert_trains_clean(sanitized, graph, scheme, 0.05, tactics)
    assert_clean(sanitized_host, graph, scheme, 0.05, tactics)
