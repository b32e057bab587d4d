"""Networks with operators that have no weights: the C engine against the reference, in every format of gradients."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.base import rng
from fleet.node.engine.binding import Course, Node
from fleet.node.model import fixed
from fleet.node.model import reference as ref
from fleet.node.model.graph import Form, Graph
from fleet.node.model.recipe import Gradients, Loss, Recipe
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.plan import plan_of
from tests.node.engine.roomy import assert_traces_agree, roomy_node
from tests.node.model.map_nets import KINDS, NETS, autoencoder, edged, map_graphs
from tests.node.model.nets import schemes, windows

KEY = rng.key(7, rng.Stream.UPDATE, 3)
FORMATS = ("dynamic", "static", "fp32")


def in_format(graph: Graph, scheme: Scheme, name: str) -> Scheme:
    """The scheme with gradients of that format; static shifts from two windows."""
    if name == "fp32":
        return replace(scheme, recipe=Recipe(gradients=Gradients.FP32))
    if name == "dynamic":
        return scheme
    labels = np.arange(2) % graph.classes
    return ref.calibrated(graph, replace(scheme, recipe=Recipe()), windows(graph, 2), labels, rate=0.05)


def assert_trains_alike(node: Node, graph: Graph, scheme: Scheme, count: int, rate: float) -> None:
    """Probabilities, trained values and logits of some steps."""
    reference = ref.ReferenceNode(graph, scheme)
    own = frozenset(range(graph.classes))
    x, labels = windows(graph, count, seed=5), (np.arange(count) % graph.classes).astype(np.uint8)
    p = node.train(x, labels, np.arange(count), Course(key=KEY, rate=rate, own=own))
    expected = reference.train(x, labels, list(range(count)), ref.Course(key=KEY, rate=fixed.real(rate), own=own))
    assert (p * 32768).tolist() == expected.tolist()
    assert (node.values == reference.values).all()
    assert (node.logits(x) == [reference.forward(one).logits for one in x]).all()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NETS)
def test_a_whole_network_trains_as_the_reference_does(name: str, form: str) -> None:
    graph = NETS[name]()
    scheme = in_format(graph, build_scheme(graph, "full"), form)
    node = Node(plan_of(graph, scheme))
    before = node.values
    assert_trains_alike(node, graph, scheme, 6, 0.05)
    assert (node.values != before).any()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_any_network_around_an_operator_trains_as_the_reference_does(kind: str, form: str) -> None:
    @settings(max_examples=15, deadline=None)
    @given(data=st.data())
    def agrees(data: st.DataObject) -> None:
        graph = data.draw(map_graphs(kinds=(kind, *KINDS)))
        scheme = in_format(graph, data.draw(schemes(graph)), form)
        assert_trains_alike(Node(plan_of(graph, scheme)), graph, scheme, 3, data.draw(st.sampled_from([0.02, 0.5])))

    agrees()


@pytest.mark.parametrize("form", FORMATS)
def test_an_autoencoder_comes_closer_to_its_targets_as_the_reference_does(form: str) -> None:
    graph = autoencoder()
    x, answers = windows(graph, 8), windows(graph, 8, seed=1)
    squared = replace(build_scheme(graph, "full", recipe=Recipe(loss=Loss.SQUARED_ERROR)), name=form)
    scheme = squared
    if form == "fp32":
        scheme = replace(squared, recipe=replace(squared.recipe, gradients=Gradients.FP32))
    if form == "static":
        scheme = ref.calibrated(graph, squared, x, answers, rate=1.0)
    node, reference = Node(plan_of(graph, scheme)), ref.ReferenceNode(graph, scheme)
    errors = node.fit(x, answers, np.arange(40) % 8, Course(key=KEY, rate=1.0))
    expected = reference.train(
        x, answers, [i % 8 for i in range(40)], ref.Course(key=KEY, rate=fixed.real(1.0), own=frozenset())
    )
    assert errors.tolist() == expected.tolist()
    assert (node.values == reference.values).all()
    assert errors[-8:].sum() < errors[:8].sum()


@pytest.mark.parametrize("gradients", Gradients)
@pytest.mark.parametrize("form", [Form.FLOAT32, Form.UINT8])
def test_a_network_trains_on_windows_that_are_no_int8(form: Form, gradients: Gradients) -> None:
    graph = edged(form)
    scheme = build_scheme(graph, "full", recipe=Recipe(gradients=gradients))
    whole = windows(graph, 6)
    x: NDArray[Any] = whole.astype(np.float32) / 60 if form is Form.FLOAT32 else whole.view(np.uint8)
    node, reference = Node(plan_of(graph, scheme)), ref.ReferenceNode(graph, scheme)
    labels, own = (np.arange(6) % 3).astype(np.uint8), frozenset(range(3))
    p = node.train(x, labels, np.arange(6), Course(key=KEY, rate=0.1, own=own))
    expected = reference.train(x, labels, list(range(6)), ref.Course(key=KEY, rate=fixed.real(0.1), own=own))
    assert (p * 32768).tolist() == expected.tolist()
    assert (node.values == reference.values).all()


@settings(max_examples=80, deadline=None)
@given(graph=map_graphs(), seed=st.integers(0, 99))
def test_everything_inside_a_step_equals_the_reference(graph: Graph, seed: int) -> None:
    scheme = build_scheme(graph, "full")
    node, reference = roomy_node(graph, scheme), ref.ReferenceNode(graph, scheme)
    own = range(graph.classes)
    x = windows(graph, 1, seed)
    trace = reference.forward(x[0])
    grads = reference.gradients(trace, 0, own)
    node.train(x, np.zeros(1, np.uint8), np.array([0]), Course(key=KEY, rate=0.1, own=own))
    assert_traces_agree(node, graph, trace, grads)
