"""What all lines of a run share: the assembly, the memory, the tables, a pool of threads, who watches."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.base.lazy import Derived
from fleet.learning import scores
from fleet.learning.client import Client
from fleet.learning.scores import Score
from fleet.record import LINES, AccuracyRow, Row, RunFolder, ValueRow
from fleet.run.assemble import Assembly
from fleet.run.memory import Memory
from fleet.run.progress import Progress
from fleet.world.campaign import Campaign
from fleet.world.groups import groups_of
from fleet.world.node import NodeSpec
from fleet.world.records import Records
from fleet.world.specs import node_spec
from fleet.world.updates.planned import planned_update, rules_of
from fleet.world.updates.rollout import Rollout
from fleet.world.world import World

Values = NDArray[np.int32]


@dataclass(slots=True, kw_only=True)
class Stage:
    """One run in the making."""

    party: Assembly
    memory: Memory
    folder: RunFolder
    pool: Executor
    progress: Progress

    @property
    def every_us(self) -> int:
        """Time from one round's opening to the next: the longest that a group asks for."""
        return max(group.every_us for group in self.party.scenario.fleet)

    def line(self, name: str) -> "LineTables":
        """The tables of a line, and a world for it."""
        self.progress.line(name, self.party.scenario.server.rounds)
        records, scenario = Records(), self.party.scenario
        specs = Derived(len(self.party.nodes), self._node_spec)
        world = World(
            specs,
            seed=scenario.seed,
            line=name,
            records=records,
            groups=groups_of(scenario.fleet, self.party.profiles, specs, seed=scenario.seed),
            cohort=len(self.party.watched) < len(self.party.nodes),
            pool=self.pool,
            rollouts=(rollouts := self._rollouts(name, records)),
        )
        return LineTables(stage=self, name=name, world=world, records=records, rollouts=rollouts)

    def _rollouts(self, name: str, records: Records) -> list[Rollout]:
        """The scenario's updates, each a campaign of its own."""
        party, seed = self.party, self.party.scenario.seed
        return [
            Rollout(
                update=planned_update(number, choice, party.plan, party.profiles),
                campaign=Campaign(rules_of(choice, len(party.nodes)), party.nodes, rng.key(seed, number)),
                at_us=choice.at_us,
                within_us=choice.within_us,
                board=lambda node: party.groups[node].board,
                line=name,
                records=records,
            )
            for number, choice in enumerate(party.scenario.updates)
        ]

    def _node_spec(self, node: int) -> NodeSpec:
        scenario = self.party.scenario
        profile, group = self.party.profile(node), self.party.groups[node]
        state_bytes = self.party.plan.state_bytes
        return node_spec(node, profile, group, seed=scenario.seed, scenario=scenario.path, state_bytes=state_bytes)


@dataclass(slots=True, kw_only=True)
class LineTables:
    """Rows of one line; each flush is one part file per table, and makes what came before it safe."""

    stage: Stage
    name: str
    world: World
    records: Records
    rollouts: Sequence[Rollout] = ()
    _pending: dict[str, list[Row]] = field(default_factory=dict)
    _parts: int = 0

    def add(self, table: str, rows: Iterable[Row]) -> None:
        """Rows for the next flush."""
        self._pending.setdefault(table, []).extend(rows)

    def observe(self, phase: str, number: int, model: str, values: Sequence[Values]) -> float:
        """Scores every node's values now. Returns the mean accuracy on validation windows.

        values: one per node in order, or one that all share; then nodes with the same data have the same score, and
        only the first of them is asked, for all that are watched.
        """
        key = (self.name, phase, number)
        counted = self.stage.memory.scores(key, lambda: self._count(values))
        self.add("accuracy", (self._row(score, phase, number, model) for score in self._watched(counted)))
        mean = _mean_accuracy(counted, "val")
        self.stage.progress.update(
            virtual_us=self.world.now_us, round=number, alive=self.world.count_alive(), accuracy=mean
        )
        return mean

    def flush(self) -> None:
        """Writes what is pending; the journal is on disk before the tables are."""
        self.stage.memory.sync()
        self.add("traffic", self.records.traffic)
        self.add("events", self.records.events)
        self.add("waits", self.records.waits)
        self.add("updates", self.records.updates)
        self.records.updates.clear()
        self.records.traffic.clear()
        self.records.waits.clear()
        self.records.events.clear()
        part = 1_000_000 * (LINES.index(self.name) + 1) + self._parts
        for table, rows in self._pending.items():
            if rows:
                self.stage.folder.write_part(table, part, rows)
        self._pending.clear()
        self._parts += 1

    def close(self) -> None:
        """Ends the line: sleep for one interval after the last round, energy and battery, and the last flush."""
        intervals = self.stage.party.scenario.server.rounds + 1
        self.world.advance_to(max(self.world.now_us, intervals * self.stage.every_us))
        energy, battery = self.world.close(self.stage.party.watched)
        self.add("energy", energy)
        self.add("battery", battery)
        self.add("sums", self.world.sums())
        self.add("values", (_ending(rollout) for rollout in self.rollouts))
        if totals := self.world.totals():
            self.stage.folder.write_columns("totals", LINES.index(self.name), {"line": self.name, **totals})
        self.flush()

    def answered(self, phase: str, number: int, node: int, compute: Callable[[], bytes]) -> bytes:
        """A node's answer, remembered or computed. Called from the pool; written down by finished()."""
        known = self.stage.memory.answer((self.name, phase, number), node)
        return compute() if known is None else known

    def finished(self, phase: str, number: int, node: int, content: bytes) -> None:
        """A simulated node has completed its work."""
        self.stage.memory.add_answer((self.name, phase, number), node, content)

    def _watched(self, counted: Sequence[Score]) -> Iterator[Score]:
        """The scores of the watched nodes, each with those of the first node that has its data and values."""
        party = self.stage.party
        asked = {score.node for score in counted}
        for node in party.watched:
            first = node if node in asked else node % len(party.shards)
            yield from (replace(score, node=node) for score in counted if score.node == first)

    def _count(self, values: Sequence[Values]) -> list[Score]:
        party = self.stage.party
        asked = len(party.shards) if len(values) == 1 else len(values)
        jobs = [(party.clients[node], values[node % len(values)]) for node in range(min(asked, len(party.nodes)))]
        counted = self.stage.pool.map(lambda job: self._node_scores(*job), jobs)
        return [score for node in counted for score in node]

    def _node_scores(self, client: Client, values: Values) -> list[Score]:
        backend, new = client.backend, self.stage.party.draw.new_classes
        parts = (("val", client.shard.val.x), ("test", client.shard.test.x))
        return [s for part, x in parts for s in scores.count(client.shard, part, backend.logits(values, x), new)]

    def _row(self, score: Score, phase: str, number: int, model: str) -> AccuracyRow:
        return AccuracyRow(
            line=self.name,
            phase=phase,
            round=number,
            time_us=self.world.now_us,
            node=score.node,
            model=model,
            part=score.part,
            classes=score.classes,
            correct=score.correct,
            total=score.total,
        )


def _ending(rollout: Rollout) -> ValueRow:
    return ValueRow(key=f"update:{rollout.line}:{rollout.update.name}", value=rollout.ended, basis="modelled")


def _mean_accuracy(counted: Sequence[Score], part: str) -> float:
    nodes = {score.node for score in counted}
    return fmean(scores.accuracy([s for s in counted if s.node == n and s.part == part]) for n in nodes)
