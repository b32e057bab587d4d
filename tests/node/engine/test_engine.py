"""The C engine against the NumPy reference, byte for byte: maps, masks, gradients, exponents, probabilities, values."""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base import rng
from fleet.node.engine.binding import Course, Node
from fleet.node.model import fixed
from fleet.node.model import reference as ref
from fleet.node.model.scheme import KINDS, build_scheme
from fleet.node.plan import plan_of
from tests.node.engine.roomy import assert_traces_agree, roomy_node
from tests.node.model.nets import graphs, imu_net, schemes, windows

KEY = rng.key(7, rng.Stream.UPDATE, 3)


def courses(rate: float, own: Iterable[int]) -> tuple[Course, ref.Course]:
    """The same course for the engine and for the reference."""
    classes = frozenset(own)
    return Course(key=KEY, rate=rate, own=classes), ref.Course(key=KEY, rate=fixed.real(rate), own=classes)


@settings(max_examples=120)
@given(data=st.data())
def test_everything_inside_a_step_equals_the_reference(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    scheme = data.draw(schemes(graph))
    own = data.draw(st.sets(st.integers(0, graph.classes - 1), min_size=1))
    node, reference = roomy_node(graph, scheme), ref.ReferenceNode(graph, scheme)
    engine_course, course = courses(data.draw(st.sampled_from([0.01, 0.3, 8.0])), own)
    for x in windows(graph, 3, seed=data.draw(st.integers(0, 99))):
        label = data.draw(st.sampled_from(sorted(own)))
        trace = reference.forward(x)
        grads = reference.gradients(trace, label, own)
        p = node.train(x[None], np.array([label], np.uint8), np.array([0]), engine_course)
        assert p[0] * 32768 == reference.step(x, label, course)
        assert_traces_agree(node, graph, trace, grads)
        assert (node.values == reference.values).all()


@settings(max_examples=60)
@given(data=st.data())
def test_a_tight_plan_trains_as_the_reference_does(data: st.DataObject) -> None:
    """Here buffers share memory, so a lifetime that is too short would show."""
    graph = data.draw(graphs())
    scheme = data.draw(schemes(graph))
    own = data.draw(st.sets(st.integers(0, graph.classes - 1), min_size=1))
    node, reference = Node(plan_of(graph, scheme)), ref.ReferenceNode(graph, scheme)
    engine_course, course = courses(0.5, own)
    x = windows(graph, 6)
    labels = np.array([sorted(own)[i % len(own)] for i in range(6)], np.uint8)
    p = node.train(x, labels, np.arange(6), engine_course)
    expected = [reference.step(x[i], int(labels[i]), course) for i in range(6)]
    assert (p * 32768).tolist() == expected
    assert (node.values == reference.values).all()
    assert (node.logits(x) == [reference.forward(one).logits for one in x]).all()


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_quickstart_net_trains_as_the_reference_does(kind: str, skip: bool) -> None:
    graph = imu_net(skip=skip)
    scheme = build_scheme(graph, kind)
    node, reference = Node(plan_of(graph, scheme)), ref.ReferenceNode(graph, scheme)
    engine_course, course = courses(0.06, range(7))
    x = windows(graph, 5)
    before = node.values
    p = node.train(x, np.arange(5, dtype=np.uint8), np.arange(5), engine_course)
    assert (p * 32768).tolist() == [reference.step(x[i], i, course) for i in range(5)]
    assert (node.values == reference.values).all()
    assert (node.values != before).any()
