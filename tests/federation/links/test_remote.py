"""A gateway's node at one end of a link and a served node at the other: pushes go out, updates come back."""

from threading import Event

import pytest

from fleet.federation.client_app import Answering
from fleet.federation.links.fragments import LinkError
from fleet.federation.links.link import Link
from fleet.federation.links.remote import TRIES, RemoteNode
from fleet.federation.links.sealed import Session
from fleet.node.model.fixed import real
from fleet.node.wire.frames import Push, encode_push
from fleet.node.wire.seal import BY_NODE, BY_SERVER
from tests.federation.links.fakes import End, Fate, PythonNode, ends, whole
from tests.run.quickstart import Party

KEY, OTHER = bytes(32), bytes([1]) * 32
NODE = 3


class Counting:
    """A node that counts how often it trains."""

    def __init__(self, node: Answering) -> None:
        self.node = node
        self.trained: list[int] = []

    def answer(self, frame: bytes, first_step: int) -> bytes:
        self.trained.append(first_step)
        return self.node.answer(frame, first_step)


class Pair:
    """Both ends, without threads: the node takes its turn whenever the gateway waits."""

    def __init__(self, party: Party, *, there: Fate = whole, back: Fate = whole, key: bytes = KEY) -> None:
        a, b = ends(there, back)
        self.said: list[str] = []
        self.leaving = Event()
        self.counting = Counting(party.clients[NODE])
        layout = party.plan.layout
        theirs = Session(Link(b), key, iter(range(1, 10_000, 2)), ours=BY_NODE, place="node 3", told=self.said.append)
        ours = Session(
            Link(a), KEY, iter(range(2, 10_000, 2)), ours=BY_SERVER, place="node 3 at udp:here:1", told=self.said.append
        )
        self.served = PythonNode(NODE, self.counting, layout, theirs, self.said)
        self.remote = RemoteNode(
            session=ours, layout=layout, place=f"node {NODE} at udp:here:1", waits=3, told=self.said.append,
            leaving=self.leaving,
        )  # fmt: skip
        self.take = self.served.take  # what the node does with a frame
        self.busy = False
        a.other = lambda: self.turn(b)
        b.other = lambda: ours._link._next() if a.inbox else None

    def turn(self, end: End) -> None:
        """The node reads what came, unless it is at it."""
        if self.busy or not end.inbox:
            return
        self.busy = True
        while end.inbox:
            if (frame := self.served.session.receive()) is not None:
                self.take(frame)
        self.busy = False


def push(party: Party, number: int, node: int = NODE) -> bytes:
    own = party.clients[NODE].shard.classes
    asked = Push(node=node, round=number, steps=4, rate=real(0.06), own=own, values=party.initial)
    return encode_push(party.plan.layout, asked)


def test_rounds_over_a_link_are_those_of_the_node_itself(party: Party) -> None:
    pair = Pair(party)
    for number in (1, 2):
        frame = push(party, number)
        assert pair.remote.answer(frame, 0) == party.clients[NODE].answer(frame, 4 * (number - 1))
    assert pair.counting.trained == [0, 4]
    assert pair.served.acknowledged == [1, 2]
    assert pair.said == []


def test_an_update_that_is_lost_is_asked_for_again_and_not_trained_again(party: Party) -> None:
    lost: list[int] = []

    def first_lost(datagram: bytes) -> list[bytes]:
        lost.append(len(datagram))
        return [] if len(datagram) > 100 and len([n for n in lost if n > 100]) <= 40 else [datagram]

    pair = Pair(party, back=first_lost)
    frame = push(party, 1)
    assert pair.remote.answer(frame, 0) == party.clients[NODE].answer(frame, 0)
    assert pair.counting.trained == [0]
    assert "round 1, no update after push 1 of 3" in pair.said[0]


def test_a_node_that_is_off_is_said_so(party: Party) -> None:
    pair = Pair(party, there=lambda _: [])
    with pytest.raises(LinkError, match=r"node 3 at udp:here:1: expected it to take the push, got no acknowledgement"):
        pair.remote.answer(push(party, 1), 0)


def test_a_node_with_another_key_is_said_so(party: Party) -> None:
    pair = Pair(party, key=OTHER)
    with pytest.raises(LinkError, match=rf"got none after {TRIES} pushes that it took; check that its key is this"):
        pair.remote.answer(push(party, 1), 0)
    assert pair.counting.trained == []
    assert (
        sum("expected the seal of this node's key" in said for said in pair.said) == 1 + TRIES
    )  # a set, then the pushes


def test_a_push_for_another_node_is_not_taken(party: Party) -> None:
    pair = Pair(party)
    with pytest.raises(LinkError, match="got none after"):
        pair.remote.answer(push(party, 1, node=5), 0)
    assert pair.counting.trained == []


def test_an_update_of_an_earlier_round_is_dropped(party: Party) -> None:
    pair = Pair(party)
    pair.remote.answer(push(party, 1), 0)
    old = pair.served.update
    pair.remote._last = None  # as another gateway, which did not see it

    def first_the_old_one(frame: bytes) -> None:
        pair.served.session.send(old)
        pair.served.take(frame)

    pair.take = first_the_old_one
    assert pair.remote.answer(push(party, 2), 0)
    assert any("expected an update of round 2, got one of 1; dropped" in said for said in pair.said)


def test_an_update_that_comes_again_is_acknowledged_again(party: Party) -> None:
    pair = Pair(party)
    pair.remote.answer(push(party, 1), 0)
    old = pair.served.update

    def first_the_old_one(frame: bytes) -> None:
        if len(frame) > 100:
            pair.served.session.send(old)
        pair.served.take(frame)

    pair.take = first_the_old_one
    assert pair.remote.answer(push(party, 2), 0)
    assert pair.served.acknowledged == [1, 1, 2]
    assert pair.said == []


def test_what_is_no_update_is_told_and_waited_past(party: Party) -> None:
    pair = Pair(party)

    def first_something_else(frame: bytes) -> None:
        pair.served.session.send(b"no update")
        pair.served.take(frame)

    pair.take = first_something_else
    frame = push(party, 1)
    assert pair.remote.answer(frame, 0) == party.clients[NODE].answer(frame, 0)
    assert any("expected a whole frame with its CRC-32" in said for said in pair.said)


def test_a_node_that_does_not_take_the_acknowledgement_has_answered_all_the_same(party: Party) -> None:
    pair = Pair(party)
    send = pair.remote.session.send
    sent: list[bytes] = []

    def push_only(frame: bytes) -> bool:
        sent.append(frame)
        return send(frame) if len(sent) == 1 else False

    pair.remote.session.send = push_only  # type: ignore[method-assign]
    frame = push(party, 2)
    assert pair.remote.answer(frame, 0) == party.clients[NODE].answer(frame, 0)
    assert pair.said == ["node 3 at udp:here:1: it did not take that its update is here; it will send it again"]


def test_a_gateway_that_leaves_does_not_wait(party: Party) -> None:
    pair = Pair(party)
    pair.leaving.set()
    with pytest.raises(LinkError, match="expected an update of round 1, got an end; join again"):
        pair.remote.answer(push(party, 1), 0)
