"""Groups of channels under the sanitizers, in the interpreter and in every executor."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.node.engine.binding import Node
from fleet.node.model.scheme import build_scheme
from fleet.node.plan import plan_of
from tests.node.engine import test_host_sanitizers, test_sanitizers
from tests.node.engine.test_channels import all_by_channels, bottleneck_nets, formats, narrow_net, tied
from tests.node.engine.test_host_sanitizers import Sanitized as SanitizedHost
from tests.node.engine.test_host_sanitizers import assert_clean
from tests.node.engine.test_sanitizers import Sanitized, assert_trains_clean, head_of
from tests.node.model.nets import recipes, schemes

sanitized = test_sanitizers.sanitized  # the fixtures
sanitized_host = test_host_sanitizers.sanitized
SEVERAL = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SEVERAL
@given(data=st.data())
def test_any_bottlenecks_train_by_channels_without_a_complaint(
    sanitized: Sanitized, sanitized_host: SanitizedHost, data: st.DataObject
) -> None:
    graph = data.draw(bottleneck_nets())
    rate = data.draw(st.sampled_from([0.05, 8.0]))
    for scheme in formats(graph, data.draw(schemes(graph, data.draw(recipes())))):
        assert_trains_clean(sanitized, graph, scheme, rate, tied(graph, scheme))
        assert_clean(sanitized_host, graph, scheme, rate, tied(graph, scheme))


def test_no_altered_group_makes_the_check_read_beyond_its_memory(sanitized: Sanitized) -> None:
    graph = narrow_net()
    for scheme in formats(graph, build_scheme(graph, "full")):
        node = Node(plan_of(graph, scheme, all_by_channels(graph, scheme)))
        intact, refused = sanitized.run("check", head_of(node, 0, 0, 0.0) + node.plan.content).split()
        assert int(intact) == 1
        assert int(refused) > len(node.plan.content) // 4
