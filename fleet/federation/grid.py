"""A Flower Grid whose network is the simulated world: strategies run unmodified, in virtual time."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.proto.node_pb2 import NodeInfo
from flwr.serverapp import Grid
from flwr.supercore.run import Run

from fleet.federation import flower
from fleet.federation.client_app import CONFIG, ROUND, STEPS, Gateway, client_app, steps_made
from fleet.federation.forms import frame_of
from fleet.world.job import Outcome
from fleet.world.world import World

FIRST_NODE_ID = 1  # Flower's 0 is the server
Select = Callable[[int], Sequence[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One round as it went. outcomes: one per node asked, ascending. down_bytes: payload of all pushes."""

    round: int
    opened_us: int
    closed_us: int
    down_bytes: int
    outcomes: tuple[Outcome, ...]


@dataclass(slots=True, kw_only=True)
class TrainJob:
    """A train message on its way through the world. The node's Context changes when it has finished, not before."""

    message: Message
    context: Context
    node: int
    round: int
    steps: int
    step_us: int
    push: bytes
    app: ClientApp
    gateway: Gateway
    pool: Executor
    finished: Callable[[int, int, bytes], None]
    reply: Message | None = None

    @property
    def down_bytes(self) -> int:
        """Length of the encoded push."""
        return len(self.push)

    def start(self) -> None:
        """Lets the node compute on a thread of the pool."""
        self.gateway.begin(self.pool, self.round, self.node, self.push, steps_made(self.context))

    def finish(self) -> bytes:
        """The node's update frame; commits its state."""
        after = flower.new_context(self.context.node_id, self.node, int(self.context.node_config["num-partitions"]))
        after.state = RecordDict(dict(self.context.state))
        self.reply = self.app(self.message, after)
        self.context.state = after.state
        frame = frame_of(self.reply.content)
        self.finished(self.round, self.node, frame)
        return frame

    def abandon(self, steps_done: int) -> None:  # noqa: ARG002 (the node is dead: nobody reads what it had)
        """Forgets the work: nothing of it was committed."""
        self.gateway.forget(self.node)


class VirtualGrid(Grid):
    """Node ids are 1 … n. Rounds open at multiples of every_us; a timeout is simulated seconds.

    observe: told of every exchange. finished: told (round, node, frame) when a node has computed its answer.
    select: the nodes that a round may ask, ascending; None: all, every time.
    """

    def __init__(
        self,
        world: World,
        gateway: Gateway,
        *,
        step_us: Callable[[int], int],
        every_us: int,
        pool: Executor,
        observe: Callable[[Exchange], None],
        finished: Callable[[int, int, bytes], None],
        select: Select | None = None,
    ) -> None:
        flower.enter()
        self.world = world
        self.gateway = gateway
        self.every_us = every_us
        self._app = client_app(gateway)
        self._step_us = step_us
        self._pool = pool
        self._observe = observe
        self._finished = finished
        count = len(gateway.clients)
        self._nodes = count
        self._contexts: dict[int, Context] = {}  # of the nodes that were asked for
        self._select = select
        self._round = 0
        self._chosen: tuple[int, Sequence[int]] = (0, ())
        self._pushed: dict[str, Message] = {}
        self._messages = 0
        self._run = flower.empty_run()

    def context(self, node: int) -> Context:
        """What Flower keeps of a node."""
        if node not in self._contexts:
            self._contexts[node] = flower.new_context(node + FIRST_NODE_ID, node, self._nodes)
        return self._contexts[node]

    def set_run(self, run: Run) -> None:
        """Part of Flower's interface."""
        self._run = run

    @property
    def run(self) -> Run:
        """Part of Flower's interface."""
        return self._run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """Part of Flower's interface, deprecated there."""
        return Message(content, dst_node_id, message_type, group_id=group_id, ttl=ttl)

    def get_node_ids(self) -> Iterable[int]:
        """The nodes that the next round may ask: all, since a server cannot know who is asleep or dead, or a selection.

        A selection is made once for each round, so a strategy that asks twice sees the same nodes.
        """
        following = self._round + 1
        if self._select is not None and self._chosen[0] != following:
            self._chosen = (following, self._select(following))
        nodes = range(self._nodes) if self._select is None else self._chosen[1]
        return [node + FIRST_NODE_ID for node in nodes]

    def get_nodes(self) -> Iterable[NodeInfo]:
        """The same as records."""
        return [NodeInfo(node_id=number) for number in self.get_node_ids()]

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Accepts messages; they go on the air when their replies are pulled."""
        pushed = list(messages)
        for message in pushed:
            self._messages += 1
            self._pushed[flower.name_message(message, self._messages)] = message
        return [str(m.metadata.message_id) for m in pushed]

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Moves the clock until the replies to these messages are in, or their nodes are lost."""
        return self._exchanged([self._pushed.pop(i) for i in message_ids if i in self._pushed], None)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Replies that arrive within timeout simulated seconds, in the order of the nodes."""
        return self._exchanged([self._pushed.pop(i) for i in self.push_messages(messages)], timeout)

    def _exchanged(self, messages: list[Message], timeout: float | None) -> list[Message]:
        if not messages:
            return []
        jobs = [self._job(message) for message in messages]
        number = self._round = jobs[0].round
        self.world.advance_to(max(self.world.now_us, number * self.every_us))
        opened_us = self.world.now_us
        limit_us = self.every_us if timeout is None else round(timeout * 1_000_000)
        outcomes = self.world.exchange(jobs, deadline_us=opened_us + limit_us)
        self._observe(
            Exchange(
                round=number,
                opened_us=opened_us,
                closed_us=self.world.now_us,
                down_bytes=sum(job.down_bytes for job in jobs),
                outcomes=tuple(outcomes),
            )
        )
        arrived = {o.node for o in outcomes if o.delivered}
        replies = [job.reply for job in sorted(jobs, key=lambda j: j.node) if job.node in arrived]
        return [self._named(reply) for reply in replies if reply is not None]

    def _named(self, reply: Message) -> Message:
        self._messages += 1
        flower.name_message(reply, self._messages)
        return reply

    def _job(self, message: Message) -> TrainJob:
        message.content = flower.copied(message.content)
        node = message.metadata.dst_node_id - FIRST_NODE_ID
        config = message.content.config_records[CONFIG]
        return TrainJob(
            message=message,
            context=self.context(node),
            node=node,
            round=int(str(config[ROUND])),
            steps=int(str(config[STEPS])),
            step_us=self._step_us(node),
            push=self.gateway.push(message, node),
            app=self._app,
            gateway=self.gateway,
            pool=self._pool,
            finished=self._finished,
        )
