"""The lines of a run: nobody trains, everyone alone, plain FedAvg, and the scenario's own federation.

All lines are courses of the same fleet: same data, same starting model, same order of windows, fresh cells.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from fleet.base.lazy import repeated
from fleet.base.rng import Stream
from fleet.federation.client_app import Gateway
from fleet.federation.grid import Exchange, VirtualGrid
from fleet.federation.server_app import run_strategy, strategy_of
from fleet.learning.client import Client
from fleet.node.model.fixed import real
from fleet.node.wire.frames import decode_update, push_bytes
from fleet.record import EventRow, RoundRow
from fleet.run.prepare import softmax_classes
from fleet.run.selection import Books
from fleet.run.stage import LineTables, Stage, Values
from fleet.scenario import personal_rate, round_rate

Own = Sequence[tuple[int, ...]]


def pretrained(stage: Stage) -> Sequence[Values]:
    """Nobody trains: the model as it came, at time 0."""
    tables = stage.line("pretrained")
    tables.observe("start", 0, "shared", [stage.party.initial])
    tables.close()
    return [stage.party.initial]


def alone(stage: Stage) -> Sequence[Values]:
    """Every node trains by itself, as often as in the federation, on all classes; then its personal steps."""
    tables = stage.line("alone")
    training, rounds = stage.party.scenario.training, stage.party.scenario.server.rounds
    values: Sequence[Values] = [stage.party.initial for _ in stage.party.nodes]
    tables.observe("start", 0, "own", values)
    own = everything(stage)
    for number in range(1, rounds + 1):
        tables.world.advance_to(max(tables.world.now_us, number * stage.every_us))
        opened_us = tables.world.now_us
        rate = round_rate(stage.party.scenario, number)
        work = Local(steps=training.steps_per_round, rate=rate, own=own, stream=Stream.ORDER)
        first = (number - 1) * training.steps_per_round
        values = local(tables, "round", number, work, values, first, kept=values, radio=False)
        tables.add("rounds", [_round_row(tables, number, opened_us, len(values))])
        tables.observe("round", number, "own", values)
        tables.flush()
    if training.personal_steps:
        values = personal(tables, values, own, kept=values, radio=False)
    tables.close()
    return values


def federation(stage: Stage, name: str, strategy_name: str, own: Own, *, personal_pass: bool) -> Sequence[Values]:
    """A strategy over the fleet in virtual time; then, if wanted, a last push and every node's personal steps."""
    party = stage.party
    personal_pass = personal_pass and party.scenario.training.personal_steps > 0
    course = Course(stage=stage, tables=stage.line(name), keeps=personal_pass)
    tables = course.tables
    strategy, form = strategy_of(strategy_name, party.graph, party.plan.layout, party.asked, _refusals(tables))
    gateway = Gateway(
        clients=party.clients,
        own=own,
        form=form,
        layout=party.plan.layout,
        answer=lambda number, node, compute: tables.answered("round", number, node, compute),
        rate=lambda number, asked: round_rate(party.scenario, number, asked),
    )
    shared = run_strategy(
        strategy,
        form,
        course.grid(gateway),
        initial=party.initial,
        server=party.scenario.server,
        training=party.scenario.training,
        seed=party.scenario.seed,
        observe=course.observe,
    )
    values: Sequence[Values] = repeated([shared], len(party.nodes))
    if personal_pass:
        values = personal(tables, values, own, kept=course.held(), radio=True)
    tables.close()
    return values


@dataclass(slots=True, kw_only=True)
class Course:
    """One federation while it runs. keeps: whether the values that nodes hold are wanted at its end."""

    stage: Stage
    tables: LineTables
    keeps: bool
    _kept: dict[int, Values] = field(default_factory=dict, init=False)  # of nodes that a last push may not reach
    _pushes: dict[int, Values] = field(default_factory=dict, init=False)
    _books: Books = field(init=False)

    def __post_init__(self) -> None:
        self._books = Books(party=self.stage.party)

    def grid(self, gateway: Gateway) -> VirtualGrid:
        """The network of this line."""
        return VirtualGrid(
            self.tables.world,
            gateway,
            step_us=lambda node: self.stage.party.step_cost(node).time_us,
            select=self.select if self._books.choosing else None,
            every_us=self.stage.every_us,
            pool=self.stage.pool,
            observe=self.exchanged,
            finished=self.finished,
        )

    def select(self, number: int) -> Sequence[int]:
        """The nodes of a round, by what is known when it opens."""
        return self._books.select(number, max(self.tables.world.now_us, number * self.stage.every_us))

    def finished(self, number: int, node: int, frame: bytes) -> None:
        """A node has computed its answer."""
        self.tables.finished("round", number, node, frame)
        if self.keeps:
            update = decode_update(self.stage.party.plan.layout, frame)
            self._kept[node] = self._pushes[number] + update.deltas

    def exchanged(self, exchange: Exchange) -> None:
        """A round is over."""
        self._books.learn(exchange)
        self.tables.add("rounds", [_exchange_row(self.stage, self.tables.name, exchange)])

    def observe(self, number: int, values: Values) -> float:
        """Scores what the next round pushes."""
        self._pushes[number + 1] = values
        mean = self.tables.observe("round" if number else "start", number, "shared", [values])
        self.tables.flush()
        return mean

    def held(self) -> list[Values]:
        """What each node holds that no further push reaches."""
        initial = self.stage.party.initial
        return [self._kept.get(node, initial) for node in self.stage.party.nodes]


def everything(stage: Stage) -> Own:
    """All classes for every node's softmax."""
    return repeated([tuple(range(stage.party.graph.classes))], len(stage.party.nodes))


def own_classes(stage: Stage) -> Own:
    """The classes that each node's softmax runs over in the scenario's own line."""
    party = stage.party
    by_shard = softmax_classes(party.scenario, party.shards, party.graph.classes)
    return repeated(by_shard, len(party.nodes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """Training that no frame describes: how many steps, at which rate of the engine, over which classes."""

    steps: int
    rate: float
    own: Own
    stream: Stream


def personal(
    tables: LineTables, values: Sequence[Values], own: Own, *, kept: Sequence[Values], radio: bool
) -> Sequence[Values]:
    """Every node's values after its personal steps. radio: the values to start from are pushed first.

    kept: what a node holds that the last push does not reach, or that does not come to the end of its steps.
    """
    training, rounds = tables.stage.party.scenario.training, tables.stage.party.scenario.server.rounds
    opened_us = (rounds + 1) * tables.stage.every_us
    tables.world.advance_to(max(tables.world.now_us, opened_us))
    rate = personal_rate(training)
    work = Local(steps=training.personal_steps, rate=rate, own=own, stream=Stream.PERSONAL_ORDER)
    after = local(
        tables, "personal", rounds + 1, work, values, rounds * training.steps_per_round, kept=kept, radio=radio
    )
    tables.observe("personal", rounds + 1, "own", after)
    tables.flush()
    return after


def local(
    tables: LineTables,
    phase: str,
    number: int,
    work: Local,
    values: Sequence[Values],
    first: int,
    *,
    kept: Sequence[Values],
    radio: bool,
) -> Sequence[Values]:
    """Values after local training from `values`; a node that does not come to its end has what it kept."""
    stage = tables.stage
    jobs = [
        LocalJob(
            client=client,
            values=values[client.shard.node],
            work=work,
            first_step=first,
            round=number,
            phase=phase,
            step_us=stage.party.step_cost(client.shard.node).time_us,
            down_bytes=push_bytes(stage.party.plan.layout) if radio else 0,
            tables=tables,
        )
        for client in stage.party.clients
    ]
    if radio:
        tables.world.deliver(jobs)
    else:
        tables.world.compute_only(jobs)
    return [kept[job.node] if job.after is None else job.after for job in jobs]


@dataclass(slots=True, kw_only=True)
class LocalJob:
    """Training on one node that nothing is sent for. after: its values, once it has finished."""

    client: Client
    values: Values
    work: Local
    first_step: int
    round: int
    phase: str
    step_us: int
    down_bytes: int
    tables: LineTables
    after: Values | None = None
    _future: "Future[bytes] | None" = field(default=None, init=False)

    @property
    def node(self) -> int:
        return self.client.shard.node

    @property
    def steps(self) -> int:
        return self.work.steps

    def start(self) -> None:
        """Computes on the pool."""
        pool = self.tables.stage.pool
        self._future = pool.submit(self.tables.answered, self.phase, self.round, self.node, self._compute)

    def finish(self) -> bytes:
        """The values, as bytes; now they are the node's."""
        assert self._future is not None
        content = self._future.result()
        self.after = np.frombuffer(content, dtype="<i4").astype(np.int32)
        self.tables.finished(self.phase, self.round, self.node, content)
        return content

    def abandon(self, steps_done: int) -> None:  # noqa: ARG002 (the node is dead: nobody reads what it had)
        """Forgets the work."""
        if self._future is not None:
            self._future.cancel()

    def _compute(self) -> bytes:
        after = self.client.train(
            self.values,
            steps=self.work.steps,
            rate=real(self.work.rate),
            own=self.work.own[self.node],
            first_step=self.first_step,
            stream=self.work.stream,
            round_number=self.round,
            first_window=0 if self.work.stream is Stream.PERSONAL_ORDER else None,
        )
        return after.astype("<i4").tobytes()


def _refusals(tables: LineTables) -> Callable[[int, int, str], None]:
    def refused(number: int, node: int, why: str) -> None:
        row = EventRow(line=tables.name, time_us=tables.world.now_us, node=node, round=number, kind="stale", detail=why)
        tables.add("events", [row])

    return refused


def _round_row(tables: LineTables, number: int, opened_us: int, asked: int) -> RoundRow:
    """A round without a server: nobody replies."""
    return RoundRow(
        line=tables.name,
        round=number,
        opened_us=opened_us,
        closed_us=tables.world.now_us,
        asked=asked,
        replied=0,
        uplink_bytes=0,
        downlink_bytes=0,
        clipped=0,
    )


def _exchange_row(stage: Stage, name: str, exchange: Exchange) -> RoundRow:
    frames = [outcome.frame for outcome in exchange.outcomes if outcome.delivered and outcome.frame is not None]
    return RoundRow(
        line=name,
        round=exchange.round,
        opened_us=exchange.opened_us,
        closed_us=exchange.closed_us,
        asked=len(exchange.outcomes),
        replied=len(frames),
        uplink_bytes=sum(len(frame) for frame in frames),
        downlink_bytes=exchange.down_bytes,
        clipped=sum(decode_update(stage.party.plan.layout, frame).clipped for frame in frames),
    )
