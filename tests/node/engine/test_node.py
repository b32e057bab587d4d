"""What a node promises: what must not move does not move, and what cannot be is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base import rng
from fleet.base.errors import EngineError
from fleet.node.engine.binding import Course, Node, Status, _Course, _Real, class_bits, library
from fleet.node.model.fixed import real
from fleet.node.model.graph import Graph
from fleet.node.model.scheme import KINDS, build_scheme, with_values
from fleet.node.plan import plan_of
from tests.node.model.nets import Builder, graphs, imu_net, schemes, windows

ALL = range(7)
ORDER = np.arange(20)
LABELS = (np.arange(20) % 7).astype(np.uint8)


@pytest.fixture(scope="module")
def net() -> Graph:
    return imu_net()


def node_of(net: Graph, kind: str) -> Node:
    return Node(plan_of(net, build_scheme(net, kind)))


def course(own=ALL, rate: float = 0.06) -> Course:
    return Course(key=rng.key(5, rng.Stream.UPDATE, 0), rate=rate, own=own)


def test_columns_of_absent_classes_stay_bit_equal(net: Graph) -> None:
    node, own = node_of(net, "sparse"), (0, 2, 5, 6)
    labels = np.array(own, np.uint8)[ORDER % 4]
    before = node.values
    node.train(windows(net, 20), labels, ORDER, course(own))
    moved = node.values != before
    held = node.plan.layout.held(own)
    assert not moved[~held].any()
    assert moved[held].any()
    for part in node.plan.layout.slices:
        if part.op == "head":
            assert moved[part.values].reshape(part.shape)[list(own)].any(), part.kind


@pytest.mark.parametrize("kind", KINDS)
def test_the_frozen_part_never_changes(net: Graph, kind: str) -> None:
    """The model is constant memory; what a state does not hold comes out of the graph as it went in."""
    node = node_of(net, kind)
    model = node._model.copy()
    node.train(windows(net, 20), LABELS, ORDER, course(rate=1.0))
    assert (node._model == model).all()
    trained = with_values(net, node.plan.layout, node.values)
    for before, after in zip(net.weighted, trained.weighted, strict=True):
        part = node.plan.scheme.of(before.name)
        assert (before.weight[..., part.channels :] == after.weight[..., part.channels :]).all()
        assert part.bias or (before.bias == after.bias).all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_trained_tensor_does_move(net: Graph, kind: str) -> None:
    node = node_of(net, kind)
    before = node.values
    node.train(windows(net, 20), LABELS, ORDER, course())
    moved = node.values != before
    assert all(moved[part.values].any() for part in node.plan.layout.slices)


def test_a_step_with_nothing_left_to_say_changes_nothing_but_the_step_count(net: Graph) -> None:
    """With one class its probability is 1 whatever the logits, so every gradient is zero."""
    node, alone = node_of(net, "full"), course(own=(3,))
    before = node.values
    p = node.train(windows(net, 20), np.full(20, 3, np.uint8), ORDER, alone)
    assert (p == 1).all()
    assert (node.values == before).all()
    assert alone.step == 20


def test_a_rate_of_zero_changes_nothing(net: Graph) -> None:
    node = node_of(net, "full")
    before = node.values
    node.train(windows(net, 20), LABELS, ORDER, course(rate=0.0))
    assert (node.values == before).all()


@given(data=st.data())
def test_values_stay_in_their_ranges_under_any_rate(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    node = Node(plan_of(graph, data.draw(schemes(graph))))
    labels = (np.arange(8) % graph.classes).astype(np.uint8)
    steps = Course(key=9, rate=data.draw(st.sampled_from([1e3, 1e9])), own=range(graph.classes))
    node.train(windows(graph, 8), labels, np.arange(8), steps)
    layout = node.plan.layout
    assert np.abs(node.values[: layout.weights]).max() <= 127
    assert np.abs(node.values[layout.weights :].astype(np.int64)).max() <= 2**30


def test_training_in_two_halves_is_training_once(net: Graph) -> None:
    whole, halves = node_of(net, "sparse"), node_of(net, "sparse")
    x, one, two = windows(net, 20), course(), course()
    whole.train(x, LABELS, ORDER, one)
    halves.train(x, LABELS, ORDER[:7], two)
    halves.train(x, LABELS, ORDER[7:], two)
    assert (whole.values == halves.values).all()
    assert one.step == two.step == 20


def test_other_seeds_nodes_and_steps_round_otherwise(net: Graph) -> None:
    def trained(key: int, step: int) -> bytes:
        node = node_of(net, "sparse")
        node.train(windows(net, 20), LABELS, ORDER, Course(key=key, rate=0.06, own=ALL, step=step))
        return node.values.tobytes()

    base = rng.key(1, rng.Stream.UPDATE, 0)
    results = [
        trained(base, 0),
        trained(base, 20),
        trained(rng.key(1, rng.Stream.UPDATE, 1), 0),
        trained(rng.key(2, rng.Stream.UPDATE, 0), 0),
    ]
    assert len(set(results)) == 4
    assert trained(base, 0) == results[0]


def test_training_leaves_no_trace_outside_the_state(net: Graph) -> None:
    """A node given another's values infers and trains on like it, whatever it did before."""
    first, second = node_of(net, "sparse"), node_of(net, "sparse")
    x = windows(net, 20)
    first.train(x, LABELS, ORDER, course())
    second.values = first.values
    assert (first.logits(x) == second.logits(x)).all()
    later = course()
    later.step = 20
    for node in (first, second):
        node.train(x, LABELS, ORDER, Course(key=later.key, rate=later.rate, own=ALL, step=20))
    assert (first.values == second.values).all()


def test_two_classes_more_than_a_byte_of_mask_still_count() -> None:
    assert class_bits({0, 7, 8, 9}, 10).tolist() == [0b10000001, 0b11]


# --- refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [1, 7, 255])
def test_a_label_outside_the_nodes_classes_is_refused(net: Graph, label: int) -> None:
    node = node_of(net, "sparse")
    before = node.values
    with pytest.raises(EngineError, match="expected a label of the node's classes, got BAD_LABEL"):
        node.train(windows(net, 1), np.array([label], np.uint8), ORDER[:1], course(own=(0, 2)))
    assert (node.values == before).all()


@pytest.mark.parametrize("classes", [(-1,), (7,), (200,)])
def test_classes_that_the_net_does_not_have_are_refused(net: Graph, classes: tuple[int, ...]) -> None:
    with pytest.raises(EngineError, match="classes: expected 0 to 6"):
        node_of(net, "head").train(windows(net, 1), LABELS[:1], ORDER[:1], course(own=classes))


def test_windows_of_another_shape_or_type_are_refused(net: Graph) -> None:
    node = node_of(net, "head")
    wrongs: list[Any] = [np.zeros((2, 50, 6), np.int8), np.zeros((2, 50, 1, 6)), np.zeros((50, 1, 6), np.int8)]
    for wrong in wrongs:
        with pytest.raises(EngineError, match="windows: expected int8"):
            node.logits(wrong)
        with pytest.raises(EngineError, match="windows: expected int8"):
            node.train(wrong, LABELS[:2], ORDER[:2], course())


@pytest.mark.parametrize("order", [[20], [-1], [0, 21]])
def test_an_order_that_names_windows_there_are_not_is_refused(net: Graph, order: list[int]) -> None:
    with pytest.raises(EngineError, match="order: expected windows 0 to 19"):
        node_of(net, "head").train(windows(net, 20), LABELS, np.array(order), course())


def test_fewer_labels_than_windows_are_refused(net: Graph) -> None:
    with pytest.raises(EngineError, match="labels: expected 20"):
        node_of(net, "head").train(windows(net, 20), LABELS[:5], ORDER[:3], course())


def test_values_of_another_layout_are_refused(net: Graph) -> None:
    node = node_of(net, "sparse")
    with pytest.raises(EngineError, match="values: expected 3527"):
        node.values = np.zeros(3528, dtype=np.int32)


@pytest.mark.parametrize("labels", [LABELS.astype(int) + 256, LABELS.astype(int) - 256, LABELS + 0.5])
def test_labels_that_are_no_bytes_are_refused(net: Graph, labels: Any) -> None:
    node = node_of(net, "head")
    before = node.values
    with pytest.raises(EngineError, match="labels: expected whole numbers from 0 to 255"):
        node.train(windows(net, 20), labels, ORDER, course())
    assert (node.values == before).all()


@pytest.mark.parametrize("order", [ORDER + 2**32, ORDER + 0.5])
def test_an_order_that_is_no_number_of_windows_is_refused(net: Graph, order: Any) -> None:
    with pytest.raises(EngineError, match="order: expected whole numbers"):
        node_of(net, "head").train(windows(net, 20), LABELS, order, course())


def test_a_window_beyond_two_gibibytes_is_read_where_it_lies(net: Graph) -> None:
    """fe_train itself; the array before that window is never touched, so nothing of it need be there."""
    x, label = windows(net, 20)[7:8], np.array([3], np.uint8)
    near, far = node_of(net, "head"), node_of(net, "head")
    near.train(x, label, np.zeros(1, np.int64), course())
    number = 2**31 // x.nbytes + 3
    own, order = class_bits(ALL, net.classes), np.array([number], np.int32)
    rate = real(0.06)
    c_course = _Course(course().key, _Real(rate.mant, rate.exp), 0, own.ctypes.data)
    status = library().fe_train(
        far._node,
        c_course,
        x.ctypes.data - number * x.nbytes,
        label.ctypes.data - number,
        order.ctypes.data,
        1,
        None,
    )
    assert Status(status) is Status.OK
    assert far.state == near.state


def test_more_classes_than_a_label_tells_apart_are_refused_for_training_alone() -> None:
    build = Builder(2)
    graph = build.head(build.input((1, 1, 8)), 300)
    node = Node(plan_of(graph, build_scheme(graph, "head")))
    x = windows(graph, 2)
    with pytest.raises(
        EngineError, match=r"classes: expected at most 256 to train on, .* got 300; give the net a head"
    ):
        node.train(x, np.zeros(2, np.uint8), np.arange(2), Course(key=0, rate=0.01, own=range(300)))
    assert node.logits(x).shape == (2, 300)
