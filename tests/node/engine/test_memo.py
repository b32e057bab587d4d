"""What is remembered of windows: the same bits as computing, forgotten with the windows, never more than allowed."""

import gc
import threading
from typing import Any

import numpy as np
import pytest

from fleet.base import rng
from fleet.base.errors import EngineError
from fleet.node.backend import EngineBackend, Work
from fleet.node.engine import memo
from fleet.node.engine.binding import Course, Node
from fleet.node.engine.host import Variant
from fleet.node.engine.memo import Memo, frozen_steps
from fleet.node.model.fixed import real
from fleet.node.model.graph import Graph, Int8
from fleet.node.model.scheme import KINDS, build_scheme, trained_values
from fleet.node.plan import Plan, inference_plan, plan_of
from tests.node.model.nets import imu_net, residual_net, windows

KEY = rng.key(5, rng.Stream.UPDATE, 1)
COUNT = 6


def plan_for(graph: Graph, kind: str) -> Plan:
    return plan_of(graph, build_scheme(graph, kind))


def trained(node: Node, x: Int8, steps: int = 20) -> bytes:
    """Losses and state after some steps."""
    classes = node.plan.graph.classes
    labels = (np.arange(len(x)) % classes).astype(np.uint8)
    course = Course(key=KEY, rate=0.05, own=range(classes))
    losses = node.train(x, labels, np.arange(steps) % len(x), course)
    return losses.tobytes() + node.state


@pytest.mark.parametrize("variant", [Variant.PLAIN, None])
@pytest.mark.parametrize("kind", KINDS)
def test_a_node_that_remembers_trains_and_answers_as_one_that_computes(kind: str, variant: Variant | None) -> None:
    for graph in (imu_net(skip=True), residual_net()):
        plan = plan_for(graph, kind)
        x = windows(graph, COUNT)
        remembering, computing = Node(plan, variant=variant, memo=Memo(plan)), Node(plan, variant=variant)
        assert trained(remembering, x) == trained(computing, x)
        assert (remembering.logits(x) == computing.logits(x)).all()


def test_frozen_steps_end_where_something_trains() -> None:
    graph = imu_net()
    assert frozen_steps(plan_for(graph, "full")) == 0
    assert frozen_steps(plan_for(graph, "head")) == len(graph.ops) - 1
    assert frozen_steps(inference_plan(graph)) == 0
    sparse = plan_for(graph, "sparse")
    trains = [sparse.scheme.of(op.name) for op in graph.ops]
    first = next(i for i, part in enumerate(trains) if part.channels or part.bias)
    assert frozen_steps(sparse) == first > 0


def test_a_second_pass_computes_nothing_of_the_frozen_beginning() -> None:
    """Garbage in the place of the input is not looked at once a window is known."""
    graph = imu_net()
    plan = plan_for(graph, "head")
    node, x = Node(plan, memo=Memo(plan)), windows(graph, COUNT)
    before = node.logits(x)
    x[:] = 0
    assert (node.logits(x) == before).all()
    assert (Node(plan).logits(x) != before).any()


def test_other_windows_are_not_taken_for_known_ones() -> None:
    graph = imu_net()
    plan = plan_for(graph, "head")
    node = Node(plan, memo=Memo(plan))
    for seed in range(4):
        x = windows(graph, COUNT, seed)
        assert (node.logits(x) == Node(plan).logits(x)).all()


def test_what_does_not_fit_is_computed() -> None:
    graph = imu_net()
    plan = plan_for(graph, "sparse")
    x = windows(graph, COUNT)
    whole = COUNT * Memo(plan).window_bytes
    for budget in (0, whole - 1, whole):
        memo = Memo(plan, budget)
        with memo.of(x) as recalled:
            assert (recalled is not None) == (budget >= whole)
        assert trained(Node(plan, memo=memo), x) == trained(Node(plan), x)


def test_room_comes_back_with_the_windows() -> None:
    graph = imu_net()
    plan = plan_for(graph, "sparse")
    memo = Memo(plan, COUNT * Memo(plan).window_bytes)
    x, other = windows(graph, COUNT), windows(graph, COUNT, 1)
    with memo.of(x) as first:
        assert first is not None
    with memo.of(other) as second:
        assert second is None
    del x
    gc.collect()
    with memo.of(other) as third:
        assert third is not None


def test_a_memo_of_another_plan_or_model_is_refused() -> None:
    plan = plan_for(imu_net(), "sparse")
    for other in (plan_for(imu_net(), "head"), plan_for(imu_net(seed=9), "sparse")):
        with pytest.raises(
            EngineError, match="memo: expected one of the node's plan and model, got one of others; make"
        ):
            Node(plan, memo=Memo(other))
    Node(plan, memo=Memo(plan_for(imu_net(), "sparse")))


def test_a_second_thread_computes_while_the_first_remembers() -> None:
    graph = imu_net()
    plan = plan_for(graph, "sparse")
    memo, x = Memo(plan), windows(graph, COUNT)
    with memo.of(x) as first, memo.of(x) as second:
        assert first is not None
        assert second is None


def test_a_backend_gives_the_same_values_from_any_thread() -> None:
    graph = imu_net()
    plan = plan_for(graph, "sparse")
    backend, x = EngineBackend(plan), windows(graph, COUNT)
    labels = (np.arange(COUNT) % graph.classes).astype(np.uint8)
    initial = trained_values(graph, plan.layout)
    found: list[bytes] = []

    def work() -> None:
        for first in (0, 20):
            job = Work(
                values=initial,
                windows=x,
                labels=labels,
                order=np.arange(20) % COUNT,
                rate=real(0.05),
                own=range(graph.classes),
                key=KEY,
                first_step=first,
            )
            found.append(backend.train(job).tobytes())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 2


def test_an_array_that_is_collected_while_another_is_taken_up_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same thread, which holds the lock: any object made there may set off a collection."""
    graph = imu_net()
    remembering = Memo(plan_for(graph, "head"))

    def collecting(*args: Any) -> memo._Entry:
        gc.collect()
        return entry(*args)

    entry = memo._Entry
    in_a_cycle: list[Any] = [windows(graph, COUNT)]
    in_a_cycle.append(in_a_cycle)
    with remembering.of(in_a_cycle[0]):
        assert len(remembering._entries) == 1
    monkeypatch.setattr(memo, "_Entry", collecting)
    gc.disable()
    try:
        del in_a_cycle
        x = windows(graph, COUNT)
        taker = threading.Thread(target=lambda: remembering.of(x).__enter__(), daemon=True)
        taker.start()
        taker.join(timeout=20)
    finally:
        gc.enable()
    assert not taker.is_alive()
    assert list(remembering._entries) == [id(x)]
