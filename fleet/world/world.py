"""Many nodes in simulated time: whole microseconds on one event loop, whole nanojoules in every account.

Same arguments, same jobs, same records: the loop is single-threaded, nodes start in the order of their numbers, and
chance is drawn by purpose, not by order. Nodes that sleep are no events: their sleep is booked when they are looked at.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import simpy

from fleet.record.rows import BatteryRow, EnergyRow, SumRow
from fleet.world.cohort import Cohort, Group
from fleet.world.gateway import Gateway, GatewaySpec
from fleet.world.job import Job, Outcome, Reason
from fleet.world.node import Life, Node, NodeSpec
from fleet.world.population import Everyone, Ints, Population
from fleet.world.records import Records
from fleet.world.updates.rollout import Rollout


class World:
    """One fleet over one line of a run, from time 0 with full stores.

    nodes: in any order; with groups, node n at place n. groups: where nodes report by themselves, or in a cohort.
    cohort: whether sleepers are rows, as in a large fleet, or objects. The records are the same.
    rollouts: updates that are brought to the nodes while time passes. pool: threads for the rows of a cohort.
    """

    def __init__(
        self,
        nodes: Sequence[NodeSpec],
        *,
        seed: int,
        line: str,
        records: Records,
        groups: Sequence[Group] = (),
        cohort: bool = False,
        rollouts: Sequence[Rollout] = (),
        pool: Executor | None = None,
    ) -> None:
        self._env = simpy.Environment()
        self._line = line
        self._records = records

        gateways: dict[GatewaySpec, Gateway] = {}

        def made(spec: NodeSpec) -> Node:
            if spec.gateway is not None and spec.gateway not in gateways:
                gateways[spec.gateway] = Gateway(spec.gateway, self._env)
            shared = None if spec.gateway is None else gateways[spec.gateway]
            return Node(spec, self._env, line=line, seed=seed, records=records, gateway=shared)

        self._reporting = any(group.reports is not None for group in groups)
        self._nodes: Population = (
            Cohort(groups, nodes, self._env, made, pool)
            if cohort
            else Everyone([made(spec) for spec in nodes], [task for group in groups for task in group.tasks()])
        )

        self._rollouts = rollouts
        for rollout in rollouts:
            self._env.process(rollout.run(self._env, self._nodes))

    @property
    def now_us(self) -> int:
        """Simulated time since the start of the line, in microseconds."""
        return int(self._env.now)

    def alive(self) -> tuple[int, ...]:
        """The nodes that live now, ascending."""
        self._nodes.settle()
        return tuple(int(number) for number in self._nodes.alive())

    def count_alive(self) -> int:
        """How many nodes live now."""
        self._nodes.settle()
        return len(self._nodes.alive())

    def advance_to(self, time_us: int) -> None:
        """Lets time pass; nodes sleep, or finish what they are still at."""
        if time_us < self.now_us:
            raise ValueError(f"time_us: expected {self.now_us} or later, got {time_us}; time does not run back")
        self._run_to(time_us)
        self._nodes.settle()

    def exchange(self, jobs: Sequence[Job], *, deadline_us: int) -> list[Outcome]:
        """Outcomes of one job each for some nodes, by node; ends with the last reply, or at the deadline.

        A reply at the deadline itself is in time. A node that is late goes on, and takes its next job when it is done,
        if that round is still open; its reply is dropped. A dead node or a lost link is waited for until the deadline:
        the server cannot know.
        """
        if deadline_us < self.now_us:
            raise ValueError(f"deadline_us: expected {self.now_us} or later, got {deadline_us}; set it after now_us")
        tasks = self._start(jobs, Node.exchange, deadline_us)
        done = self._env.all_of(tasks.values())
        while not done.triggered and self._env.peek() <= deadline_us:
            self._env.step()
        _raise_failure(done)
        if not all(_arrived(task) for task in tasks.values()):
            self._run_to(deadline_us)
        return [self._outcome(job, tasks[job.node]) for job in sorted(jobs, key=lambda job: job.node)]

    def compute_only(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Outcomes of jobs without radio or deadline, by node; ends when the last node is done."""
        return self._to_the_end(jobs, Node.compute_only)

    def deliver(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Outcomes of pushes that nobody answers, by node, without deadline; ends when the last node is done."""
        return self._to_the_end(jobs, Node.deliver)

    def close(self, watched: Sequence[int] | None = None) -> tuple[list[EnergyRow], list[BatteryRow]]:
        """Ends the line once every node is asleep; energy and battery rows of all nodes, or of the watched ones.

        They also go to the records. What is not in them is in `totals` and `sums`.
        """
        for rollout in self._rollouts:
            rollout.stopped = True
        if self._reporting:
            self._nodes.settle()  # to here: what is still under way ends, and nothing new begins
        for task in self._nodes.stop():
            self._env.run(until=task)
        if self._reporting:
            self._nodes.gather()
        else:
            self._nodes.settle()
        for rollout in self._rollouts:
            rollout.close(self.now_us)
        self._nodes.check_balance()
        energy, battery = self._nodes.rows(watched)
        self._records.energy.extend(energy)
        self._records.battery.extend(battery)
        return energy, battery

    def totals(self) -> dict[str, Ints]:
        """After close: columns of the table `totals` but its line, of a fleet that has groups."""
        return self._nodes.totals()

    def sums(self) -> list[SumRow]:
        """After close: rows of the table `sums`, of a fleet that has groups."""
        return self._nodes.sums(self._line)

    def _to_the_end(self, jobs: Sequence[Job], live: Callable[[Node, Job], Life]) -> list[Outcome]:
        tasks = self._start(jobs, live, None)
        self._env.run(until=self._env.all_of(tasks.values()))
        return [_result(tasks[job.node]) for job in sorted(jobs, key=lambda job: job.node)]

    def _start(
        self, jobs: Sequence[Job], live: Callable[[Node, Job], Life], deadline_us: int | None
    ) -> dict[int, simpy.Process]:
        ordered = sorted(jobs, key=lambda job: job.node)
        numbers = [job.node for job in ordered]
        if len(set(numbers)) != len(numbers) or not all(number in self._nodes for number in numbers):
            raise ValueError(f"jobs: expected at most one for each of this world's nodes, got {numbers}")
        return {job.node: self._nodes.node(job.node).assign(job, live, deadline_us) for job in ordered}

    def _outcome(self, job: Job, task: simpy.Process) -> Outcome:
        if not task.is_alive:
            return _result(task)
        self._nodes.node(job.node).event("late", "no reply by the deadline", in_round=job.round)
        return Outcome(node=job.node, round=job.round, reason=Reason.LATE)

    def _run_to(self, time_us: int) -> None:
        """Handles every event up to and at a time, and sets the clock to it."""
        while self._env.peek() <= time_us:
            self._env.step()
        if time_us > self.now_us:
            self._env.run(until=time_us)


def _raise_failure(event: simpy.Event) -> None:
    """Raises what a job raised: a fault of the program, not of a node."""
    if event.triggered and not event.ok:
        assert isinstance(event.value, BaseException)
        raise event.value


def _arrived(task: simpy.Process) -> bool:
    return not task.is_alive and _result(task).delivered


def _result(task: simpy.Process) -> Outcome:
    assert isinstance(task.value, Outcome)
    return task.value
