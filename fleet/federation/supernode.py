"""One process that is many Flower SuperNodes: messages of a SuperLink become pushes to our nodes, updates its replies.

Beside flower.py this is the only place that touches Flower's inside: a SuperNode of Flower's own would start a process
for each message of each node. tests/federation/test_flower.py pins the version that it was read in.
"""

import socket
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any, Final

from flwr.app import Context, Error, Message
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.inflatable.inflatable_utils import pull_and_inflate_object_from_tree, push_objects
from flwr.supercore.run import RunNotRunningException
from flwr.supernode.fleet_http_connection import http_request_response

from fleet.base.errors import FleetError
from fleet.federation import flower
from fleet.federation.client_app import CONFIG, ROUND, Gateway, client_app, steps_made
from fleet.federation.links.fragments import LinkError

PAUSE_S: Final = 0.5  # between two looks at a SuperLink that has nothing to say
REACH_S: Final = 5.0
RETRIES: Final = 4  # of a request, with growing pauses between
TRAIN: Final = "train"
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperLink:
    """Where a SuperLink is. certificates: PEM of who signed its own; None for one started with --insecure."""

    host: str
    port: int
    certificates: bytes | None = None

    def check(self) -> None:
        """LinkError when nothing listens there."""
        try:
            socket.create_connection((self.host, self.port), REACH_S).close()
        except OSError as fault:
            text = f"expected a SuperLink, got '{fault}'; start one there (flower-superlink), or correct --superlink"
            raise LinkError(f"{self}: {text}") from fault

    def joined(self) -> AbstractContextManager[tuple[Any, ...]]:
        """A SuperNode's connection, as Flower gives it."""
        secret = self.certificates is not None
        return http_request_response(str(self), not secret, self.certificates, max_retries=RETRIES)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(slots=True)
class _SuperNode:
    """One of our nodes as the SuperLink knows it. asked: what it is at work on."""

    number: int
    connection: tuple[Any, ...]
    contexts: dict[int, Context] = field(default_factory=dict)  # by run
    asked: Message | None = None

    def pulled(self) -> Message | None:
        """The next message, with its content."""
        _, receive, _, _, _, pull_object, _, confirm = self.connection
        try:
            if (got := receive()) is None:
                return None
            run = got[0].metadata.run_id
            message = pull_and_inflate_object_from_tree(
                got[1], partial(pull_object, run), partial(confirm, run), return_type=Message
            )
        except RunNotRunningException:
            return None
        message.metadata.__dict__["_message_id"] = got[1].object_id
        return message

    def is_running(self, run: int) -> bool:
        """Whether the SuperLink still runs a run."""
        try:
            self.connection[3](run)
        except (Exception, RunNotRunningException):  # noqa: BLE001 (whatever Flower raises: it answers for no such run)
            return False
        return True

    def context(self, run: int, partitions: int) -> Context:
        """What is kept of the node in a run."""
        if run not in self.contexts:
            self.contexts[run] = flower.new_context(self.connection[0], self.number, partitions)
        return self.contexts[run]

    def push(self, reply: Message) -> None:
        """Sends a reply, object by object."""
        _, _, send, _, _, _, push_object, _ = self.connection
        reply.metadata.__dict__["_message_id"] = reply.object_id
        with no_object_id_recompute():
            objects = get_all_nested_objects(reply)
            try:
                wanted, session = send(reply, get_object_tree(reply), 0.0)
            except RunNotRunningException:
                return
            push_objects(objects, partial(push_object, reply.metadata.run_id, session), object_ids_to_push=wanted)


@dataclass(slots=True, kw_only=True)
class Bridge:
    """Our nodes in a federation of a SuperLink. gateway: the nodes by number, and how to talk to them.

    pool: where nodes are talked to; Flower's arrays are read on the thread that calls run. told: of what happens.
    """

    superlink: SuperLink
    gateway: Gateway
    numbers: tuple[int, ...]
    pool: Executor
    told: Told
    partitions: int

    def run(self, stop: Event, *, once: bool = False) -> None:
        """Until it is told to stop; with `once` until a run that asked us is over. LinkError without a SuperLink.

        Nodes stay while a run lasts: to Flower, the answer of a node that has left is none.
        """
        self.superlink.check()
        fault: Exception | None = None
        with ExitStack() as stack:
            nodes = [_SuperNode(n, stack.enter_context(self.superlink.joined())) for n in self.numbers]
            self.told(f"{len(nodes)} nodes joined {self.superlink}")
            try:
                self._until(stop, nodes, once=once)
            except Exception as error:  # noqa: BLE001 (Flower's contexts would swallow it: it is raised behind them)
                fault = error
        if isinstance(fault, FleetError):
            raise fault
        if fault is not None:
            text = f"expected the SuperLink to stay, got '{fault}'; start it again, then this gateway"
            raise LinkError(f"{self.superlink}: {text}") from fault

    def _until(self, stop: Event, nodes: list[_SuperNode], *, once: bool) -> None:
        app = client_app(self.gateway)
        while not stop.is_set():
            moved = [self._look(node, app) for node in nodes]
            if any(moved):
                continue
            if once and _is_over(nodes):
                self.superlink.check()
                return
            stop.wait(PAUSE_S)

    def _look(self, node: _SuperNode, app: ClientApp) -> bool:
        """Takes one message of a node, or sends the answer it has. Whether there was anything."""
        if node.asked is None:
            if (message := node.pulled()) is not None:
                self._begin(node, message)
            return message is not None
        if not self.gateway.is_ready(node.number):
            return False
        self._answer(node, app, node.asked)
        node.asked = None
        return True

    def _begin(self, node: _SuperNode, message: Message) -> None:
        if message.metadata.message_type.partition(".")[0] != TRAIN:
            reason = f"expected a train message, got {message.metadata.message_type}: nodes of a gateway only train"
            node.push(_refusal(message, reason))
            return
        context = node.context(message.metadata.run_id, self.partitions)
        push, number = self.gateway.push(message, node.number), _round(message)
        self.gateway.begin(self.pool, number, node.number, push, steps_made(context))
        node.asked = message

    def _answer(self, node: _SuperNode, app: ClientApp, message: Message) -> None:
        """Sends what the node made of a message."""
        number = _round(message)
        try:
            reply = app(message, node.context(message.metadata.run_id, self.partitions))
            self.told(f"round {number}: node {node.number} has answered")
        except FleetError as fault:  # the node is at fault, not the federation: the strategy counts who answered
            self.told(f"round {number}: {fault}")
            reply = _refusal(message, str(fault))
        node.push(reply)


def _is_over(nodes: list[_SuperNode]) -> bool:
    """Whether nodes were asked, none is at work, and no run that asked them goes on."""
    if any(node.asked is not None for node in nodes):
        return False
    asked = [(node, run) for node in nodes for run in node.contexts]
    return bool(asked) and not any(node.is_running(run) for node, run in asked[-1:])


def _round(message: Message) -> int:
    return int(str(message.content.config_records[CONFIG][ROUND]))


def _refusal(message: Message, reason: str) -> Message:
    return Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, reason), reply_to=message)
