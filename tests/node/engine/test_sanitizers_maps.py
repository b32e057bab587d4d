"""Operators without weights under the sanitizers, in every format of gradients."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.node.model.scheme import build_scheme
from tests.node.engine import test_sanitizers
from tests.node.engine.test_map_nets import FORMATS, in_format
from tests.node.engine.test_sanitizers import Sanitized, assert_trains_clean
from tests.node.model.map_nets import NETS, map_graphs
from tests.node.model.nets import schemes

sanitized = test_sanitizers.sanitized  # the fixture


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NETS)
def test_a_whole_network_trains_without_a_complaint(sanitized: Sanitized, name: str, form: str) -> None:
    graph = NETS[name]()
    assert_trains_clean(sanitized, graph, in_format(graph, build_scheme(graph, "full"), form), rate=0.06)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_network_trains_without_a_complaint(sanitized: Sanitized, data: st.DataObject) -> None:
    graph = data.draw(map_graphs())
    scheme = in_format(graph, data.draw(schemes(graph)), data.draw(st.sampled_from(FORMATS)))
    assert_trains_clean(sanitized, graph, scheme, data.draw(st.sampled_from([0.01, 8.0, 1e6])))
