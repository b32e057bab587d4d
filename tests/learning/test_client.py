"""A node's answer to a push: what is in it, what is left out, and that the node keeps nothing itself."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from fleet.base import rng
from fleet.node.model.fixed import real
from fleet.node.wire.frames import FrameError, Push, base_of, decode_update, encode_push
from tests.run.quickstart import Party


def push_to(party: Party, node: int, steps: int = 12) -> Push:
    client = party.clients[node]
    return Push(node=node, round=3, steps=steps, rate=real(0.06), own=client.shard.classes, values=party.initial)


def node_without_new(party: Party) -> int:
    return next(c.shard.node for c in party.clients if not c.shard.did_new)


def test_the_answer_is_the_difference_that_training_made(party: Party) -> None:
    client, layout = party.clients[0], party.plan.layout
    push = push_to(party, 0)
    update = decode_update(layout, client.answer(encode_push(layout, push), 24))
    after = client.train(party.initial, steps=12, rate=push.rate, own=push.own, first_step=24, stream=rng.Stream.ORDER)
    assert (update.deltas == after - party.initial).all()
    assert update.deltas.any()
    assert (update.node, update.round, update.steps, update.windows) == (0, 3, 12, client.shard.train.size)
    assert update.base == base_of(layout, party.initial)


def test_columns_of_classes_a_node_lacks_are_not_sent_and_not_trained(party: Party) -> None:
    node, layout = node_without_new(party), party.plan.layout
    frame = party.clients[node].answer(encode_push(layout, push_to(party, node)), 0)
    held = layout.held(party.clients[node].shard.classes)
    assert (~held).sum() == 2 * 97
    assert not decode_update(layout, frame).deltas[~held].any()
    weights, biases = 3232 - 2 * 96, 295 - 2
    assert len(frame) == 20 + 4 + 1 + weights + 4 * biases + 4


def test_the_same_push_at_the_same_step_gives_the_same_bytes(party: Party) -> None:
    client, frame = party.clients[1], encode_push(party.plan.layout, push_to(party, 1))
    assert client.answer(frame, 0) == client.answer(frame, 0)
    assert client.answer(frame, 0) != client.answer(frame, 12)


def test_a_damaged_push_is_refused(party: Party) -> None:
    frame = bytearray(encode_push(party.plan.layout, push_to(party, 0)))
    frame[40] ^= 1
    with pytest.raises(FrameError, match="damaged"):
        party.clients[0].answer(bytes(frame), 0)


def test_the_seed_changes_order_and_rounding_but_not_the_data(party: Party) -> None:
    other = replace(party.clients[0], seed=party.clients[0].seed + 1)
    work = {"steps": 12, "rate": real(0.06), "own": range(7), "first_step": 0, "stream": rng.Stream.ORDER}
    ours, theirs = (c.train(party.initial, **work) for c in (party.clients[0], other))  # type: ignore[arg-type]
    assert (ours != theirs).any()
    assert (np.abs(ours[:3232]) <= 127).all()


def test_a_sensor_makes_its_windows_over_time(party: Party) -> None:
    client, layout = replace(party.clients[0], windows_a_round=Fraction(5, 2)), party.plan.layout
    assert [client.windows(number) for number in (0, 1, 2, 10_000)] == [1, 2, 5, client.shard.train.size]
    push = replace(push_to(party, 0), round=2)
    update = decode_update(layout, client.answer(encode_push(layout, push), 0))
    assert update.windows == 5
    few = replace(
        client.shard, train=replace(client.shard.train, x=client.shard.train.x[:5], y=client.shard.train.y[:5])
    )
    assert client.answer(encode_push(layout, push), 0) == replace(party.clients[0], shard=few).answer(
        encode_push(layout, push), 0
    )


def test_a_liar_sends_the_opposite(party: Party) -> None:
    client, layout = party.clients[0], party.plan.layout
    frame = encode_push(layout, push_to(party, 0))
    true, lie = (decode_update(layout, c.answer(frame, 0)) for c in (client, replace(client, lies=True)))
    assert (lie.deltas == -true.deltas).all()
    assert replace(lie, deltas=true.deltas).base == true.base
