"""Our nodes as a SuperLink sees them: messages in, replies out, and what it is told when a node cannot."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any

import pytest
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects, get_object_tree

from fleet.federation import flower
from fleet.federation.client_app import Answering, Gateway, train_config
from fleet.federation.forms import WholeNumbers, frame_of
from fleet.federation.links.fragments import LinkError
from fleet.federation.supernode import Bridge
from fleet.node.wire.frames import decode_update
from tests.run.quickstart import Party


class Silent:
    """A node at a link that nobody answers on."""

    def answer(self, frame: bytes, first_step: int) -> bytes:
        raise LinkError("node 1 at udp:here:1: expected it to take the push, got no acknowledgement; check its power")


class Connection:
    """A SuperNode's connection in memory: messages that wait, and the replies that came, object by object."""

    def __init__(self, node_id: int, messages: list[Message]) -> None:
        self.node_id = node_id
        self.waiting = messages
        self.objects: dict[str, bytes] = {}
        self.replies: list[Message] = []
        self.confirmed: list[str] = []
        self.running = True
        self.down = False

    def parts(self) -> tuple[Any, ...]:
        return (
            self.node_id, self.receive, self.send, self.get_run, None, self.pull_object, self.push_object, self.confirm,
        )  # fmt: skip

    def receive(self) -> tuple[Message, Any] | None:
        if self.down:
            raise OSError("connection reset")
        if not self.waiting:
            self.running = False
            return None
        message = self.waiting.pop(0)
        message.metadata.__dict__["_message_id"] = message.object_id
        self.objects.update({name: part.deflate() for name, part in get_all_nested_objects(message).items()})
        return message, get_object_tree(message)

    def send(self, reply: Message, tree: Any, seconds: float) -> tuple[set[str], str]:
        self.replies.append(reply)
        return set(get_all_nested_objects(reply)), "session"

    def get_run(self, run: int) -> None:
        if not self.running:
            raise RuntimeError("the run is over")

    def pull_object(self, run: int, name: str) -> bytes:
        return self.objects[name]

    def push_object(self, run: int, session: str, name: str, content: bytes) -> None:
        self.objects[name] = content

    def confirm(self, run: int, name: str) -> None:
        self.confirmed.append(name)


def message(party: Party, node_id: int, number: int = 1, kind: str = "train") -> Message:
    form = WholeNumbers(party.plan.layout)
    config = train_config(4, 0.06)
    config["server-round"] = number
    return Message(RecordDict({"arrays": form.arrays(party.initial), "config": config}), node_id, kind)


@contextmanager
def bridge(
    party: Party, connections: list[Connection], nodes: dict[int, Answering], said: list[str]
) -> Iterator[Bridge]:
    layout = party.plan.layout
    gateway = Gateway(
        clients=nodes, own=[c.shard.classes for c in party.clients], form=WholeNumbers(layout), layout=layout,
        answer=lambda _number, _node, compute: compute(),
    )  # fmt: skip
    waiting = iter(connections)

    class Fake:
        def check(self) -> None:
            """It is there."""

        @contextmanager
        def joined(self) -> Iterator[tuple[Any, ...]]:
            with suppress(Exception):  # as Flower's own does
                yield next(waiting).parts()

        def __str__(self) -> str:
            return "here:1"

    with ThreadPoolExecutor(2) as pool:
        yield Bridge(
            superlink=Fake(), gateway=gateway, numbers=tuple(nodes), pool=pool, told=said.append, partitions=12  # type: ignore[arg-type]
        )  # fmt: skip


@pytest.fixture(autouse=True)
def _server() -> None:
    """Messages are made as a ServerApp makes them."""
    flower.enter()


def test_a_round_of_each_node_is_answered_with_its_update(party: Party) -> None:
    connections = [Connection(100 + n, [message(party, 100 + n), message(party, 100 + n, 2)]) for n in range(2)]
    said: list[str] = []
    with bridge(party, connections, {n: party.clients[n] for n in range(2)}, said) as joined:
        joined.run(Event(), once=True)
    for node, connection in enumerate(connections):
        updates = [decode_update(party.plan.layout, frame_of(reply.content)) for reply in connection.replies]
        assert [(u.node, u.round, u.steps) for u in updates] == [(node, 1, 4), (node, 2, 4)]
        assert (updates[0].deltas != updates[1].deltas).any(), "the second round began at the first step again"
        assert len(connection.confirmed) == 2
        assert {reply.metadata.reply_to_message_id for reply in connection.replies} == set(connection.confirmed)
        assert all(reply.object_id in connection.objects for reply in connection.replies)
    assert said[0] == "2 nodes joined here:1"
    assert sorted(said[1:]) == sorted(f"round {r}: node {n} has answered" for r in (1, 2) for n in range(2))


def test_a_node_that_cannot_answer_is_an_error_of_that_node_alone(party: Party) -> None:
    connections = [Connection(n, [message(party, n)]) for n in (7, 8)]
    said: list[str] = []
    with bridge(party, connections, {0: party.clients[0], 1: Silent()}, said) as joined:
        joined.run(Event(), once=True)
    assert not connections[0].replies[0].has_error()
    assert str(connections[1].replies[0].error.reason).startswith("node 1 at udp:here:1: expected it to take the push")
    assert any(line.startswith("round 1: node 1 at udp:here:1: expected it to take the push") for line in said)


def test_what_is_no_training_is_refused(party: Party) -> None:
    connection = Connection(7, [Message(RecordDict({"config": ConfigRecord({})}), 7, "evaluate"), message(party, 7)])
    with bridge(party, [connection], {0: party.clients[0]}, []) as joined:
        joined.run(Event(), once=True)
    assert "expected a train message, got evaluate" in str(connection.replies[0].error.reason)
    assert not connection.replies[1].has_error()


def test_a_superlink_that_goes_away_is_said_so(party: Party) -> None:
    connection = Connection(7, [])
    connection.down = True
    gone = "here:1: expected the SuperLink to stay, got 'connection reset'; start it"
    with bridge(party, [connection], {0: party.clients[0]}, []) as joined, pytest.raises(LinkError, match=gone):
        joined.run(Event())


def test_a_bridge_that_is_told_to_stop_leaves(party: Party) -> None:
    stop = Event()
    stop.set()
    connection = Connection(7, [message(party, 7)])
    with bridge(party, [connection], {0: party.clients[0]}, []) as joined:
        joined.run(stop)
    assert connection.replies == []
