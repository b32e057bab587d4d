"""A Flower ClientApp over nodes that speak frames: the gateway's side of a round, with the node behind it.

Only the node's own computing may run on other threads. Flower's arrays are read on one thread: NumPy parses their
headers with `ast`, which CPython 3.11 does not do safely on two at once.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Protocol

from flwr.app import ConfigRecord, Context, Message, MetricRecord
from flwr.clientapp import ClientApp

from fleet.federation.forms import Form
from fleet.node.model.fixed import real
from fleet.node.model.scheme import Layout
from fleet.node.wire.frames import Push, encode_push

ARRAYS, CONFIG = "arrays", "config"
ROUND, STEPS, RATE = "server-round", "steps", "rate"
STATE = "node"  # in Flower's Context: steps this node has made
Answer = Callable[[int, int, Callable[[], bytes]], bytes]


class Answering(Protocol):
    """A node as far as rounds go: simulated, emulated, or a board at the other end of a link."""

    def answer(self, frame: bytes, first_step: int) -> bytes:
        """The update frame to a push frame. first_step: steps this node made before. Raises FleetError."""
        ...


class Nodes(Protocol):
    """Nodes by number."""

    def __getitem__(self, node: int, /) -> Answering: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Nodes and how to talk to them. own: classes of each node's softmax, by node.

    answer: given round, node and a way to compute it, the node's update frame; a resumed run has some already.
    rate: given round and the rate that the strategy asks for, the rate of the node's engine.
    """

    clients: Nodes
    own: Sequence[tuple[int, ...]]
    form: Form
    layout: Layout
    answer: Answer
    rate: Callable[[int, float], float] = lambda _, asked: asked
    _begun: "dict[int, Future[bytes]]" = field(default_factory=dict, init=False)

    def begin(self, pool: Executor, number: int, node: int, push: bytes, first_step: int) -> None:
        """Lets a node compute its answer ahead, on a pool; the app takes it from there."""
        self._begun[node] = pool.submit(self._answer, number, node, push, first_step)

    def forget(self, node: int) -> None:
        """What a node began is not asked for any more."""
        if (future := self._begun.pop(node, None)) is not None:
            future.cancel()

    def is_ready(self, node: int) -> bool:
        """Whether the answer that a node began is there, or has failed."""
        return node in self._begun and self._begun[node].done()

    def answered(self, number: int, node: int, push: bytes, first_step: int) -> bytes:
        """The update frame of a node: begun ahead, or computed now."""
        future = self._begun.pop(node, None)
        return self._answer(number, node, push, first_step) if future is None else future.result()

    def _answer(self, number: int, node: int, push: bytes, first_step: int) -> bytes:
        return self.answer(number, node, lambda: self.clients[node].answer(push, first_step))

    def push(self, message: Message, node: int) -> bytes:
        """The frame that a train message becomes."""
        config = message.content.config_records[CONFIG]
        number = _whole(config, ROUND)
        return encode_push(
            self.layout,
            Push(
                node=node,
                round=number,
                steps=_whole(config, STEPS),
                rate=real(self.rate(number, float(str(config[RATE])))),
                own=self.own[node],
                values=self.form.values(message.content.array_records[ARRAYS]),
            ),
        )


def client_app(gateway: Gateway) -> ClientApp:
    """The app: one train message in, the node's answer out; the Context carries the node's step count."""
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        node = int(context.node_config["partition-id"])
        config = message.content.config_records[CONFIG]
        first_step = steps_made(context)
        push = gateway.push(message, node)
        frame = gateway.answered(_whole(config, ROUND), node, push, first_step)
        context.state[STATE] = MetricRecord({STEPS: first_step + _whole(config, STEPS)})
        reply = gateway.form.reply(message.content.array_records[ARRAYS], frame)
        return Message(reply, reply_to=message)

    return app


def steps_made(context: Context) -> int:
    """Training steps of a node before now."""
    if STATE not in context.state:
        return 0
    return int(str(context.state.metric_records[STATE][STEPS]))


def train_config(steps: int, rate: float) -> ConfigRecord:
    """What every train message says besides its round."""
    return ConfigRecord({STEPS: steps, RATE: rate})


def _whole(config: ConfigRecord, key: str) -> int:
    return int(str(config[key]))
