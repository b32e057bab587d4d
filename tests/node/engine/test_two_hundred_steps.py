"""The shipped quickstart model on real windows: the engine is the reference over 200 updates, value for value."""

from typing import Any

import pytest

from fleet.base import rng
from fleet.learning.client import Client
from fleet.learning.orders import sample_order
from fleet.node.engine.binding import Course, Node
from fleet.node.model import fixed
from fleet.node.model import reference as ref
from fleet.run.assemble import Assembly
from tests.node.engine.roomy import assert_traces_agree, roomy_node

UPDATES = 200


def client_of(party: Assembly, *, did_new: bool) -> Client:
    """The first node whose people did the new exercises, or the first whose people did not."""
    return next(c for c in party.clients if c.shard.did_new is did_new)


class Pair:
    """An engine and a reference on one node's windows, in the order in which that node would take them."""

    def __init__(self, party: Assembly, client: Client, *, inside: bool) -> None:
        """inside: maps, masks and gradients are compared as well, in an engine whose buffers share no memory."""
        scenario, shard = party.scenario, client.shard
        key = rng.key(scenario.seed, rng.Stream.UPDATE, shard.node)
        rate = fixed.real(scenario.training.rate)
        self.own = frozenset(shard.classes)
        self.windows, self.labels = shard.train.x, shard.train.y
        self.order = sample_order(scenario.seed, rng.Stream.ORDER, shard.node, shard.train.size, 0, 2 * UPDATES)
        self.inside = inside
        self.engine = roomy_node(party.graph, party.plan.scheme) if inside else Node(party.plan)
        self.course = Course(key=key, rate=rate, own=self.own)
        self.reference = ref.ReferenceNode(party.graph, party.plan.scheme)
        self.reference_course = ref.Course(key=key, rate=rate, own=self.own)

    def step(self, number: int) -> bool:
        """Both take one step and are compared. Whether any value moved."""
        i, before = self.order[number], self.engine.values
        x = self.windows[i]
        trace, label = self.reference.forward(x), int(self.labels[i])
        grads = self.reference.gradients(trace, label, self.own) if self.inside else None
        assert (self.engine.logits(x[None])[0] == trace.logits).all(), number
        p = self.engine.train(self.windows, self.labels, self.order[number : number + 1], self.course)
        assert p[0] * 32768 == self.reference.step(x, label, self.reference_course), number
        if self.inside:
            assert_traces_agree(self.engine, self.reference.graph, trace, grads)
        assert (self.engine.values == self.reference.values).all(), number
        return bool((self.engine.values != before).any())

    def run(self) -> None:
        """Steps until UPDATES of them have moved something."""
        updates = 0
        for number in range(len(self.order)):
            updates += self.step(number)
            if updates == UPDATES:
                return
        pytest.fail(f"expected {UPDATES} updates in {len(self.order)} steps, got {updates}")


def test_logits_gradients_and_all_3527_values_equal_the_reference_in_each_of_200_updates(party: Any) -> None:
    pair = Pair(party, client_of(party, did_new=True), inside=True)
    start = pair.engine.values
    assert start.size == 3527
    assert len(pair.own) == party.graph.classes
    pair.run()
    moved = pair.engine.values != start
    for part in party.plan.layout.slices:
        assert moved[part.values].any(), part


def test_what_a_node_without_two_classes_does_not_train_stays_bit_equal_over_200_updates(party: Any) -> None:
    pair = Pair(party, client_of(party, did_new=False), inside=False)
    absent = sorted(set(range(party.graph.classes)) - pair.own)
    assert len(absent) == 2
    start, model = pair.engine.values, pair.engine._model.copy()
    pair.run()
    held = party.plan.layout.held(pair.own)
    assert (~held).sum() == 2 * (party.graph.head.weight.shape[-1] + 1)
    assert (pair.engine.values[~held] == start[~held]).all()
    assert (pair.engine._model == model).all()
    for before, after in zip(party.graph.weighted, pair.reference.graph.weighted, strict=True):
        part = party.plan.scheme.of(before.name)
        assert (before.weight[..., part.channels :] == after.weight[..., part.channels :]).all(), before.name
        assert part.bias or (before.bias == after.bias).all(), before.name
