"""One round on the emulated core beside the same round in the simulator's engine, value by value."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.node.engine.binding import Course, Node
from fleet.node.export.trial import Trial
from fleet.node.model.scheme import Layout
from fleet.node.plan.plan import Plan
from fleet.node.plan.state import state_values
from fleet.node.twin.report import Check, Difference
from fleet.node.twin.running import DESK, DESK_BYTES, Profiled, Running
from fleet.node.wire.frames import Push, Update, base_of, deltas_of, encode_push, encode_update

COUNTED_STEPS = 3  # counting slows the core down; a step's count hardly depends on its window
SHOWN_WINDOWS = 8
LOG = DESK + DESK_BYTES // 2  # where a streamed window lies; answers begin the desk
ROUND = 1
_REMEDY = "export again, or undo the change in the project"

Values = NDArray[np.int32]


@dataclass(slots=True, kw_only=True)
class Counts:
    """Instructions of one inference and of some training steps."""

    infer: Profiled | None = None
    steps: list[Profiled] = field(default_factory=list)

    @property
    def longest(self) -> Profiled | None:
        """The training step that took most."""
        return max(self.steps, key=lambda step: step.instructions, default=None)


class Twin:
    """Two executions of one trial. Every method makes both sides do the same and says what differed."""

    def __init__(self, core: Running, plan: Plan, trial: Trial) -> None:
        self.counts = Counts()
        self._core = core
        self._plan = plan
        self._trial = trial
        self._host = Node(plan)
        self._pushed = pushed_values(plan, trial) if plan.trains else np.zeros(0, np.int32)
        key = rng.key(trial.seed, rng.Stream.UPDATE, trial.node)
        self._course = Course(key=key, rate=trial.rate, own=trial.own)
        self._status = core.call("fe_client_start", trial.node)
        self._input = core.call("fe_client_input")

    def checks(self) -> Iterator[Check]:
        """All comparisons, in the order of a round; of a node that only infers, every window of the trial."""
        trial, layout = self._trial, self._plan.layout
        if not self._plan.trains:
            count = len(trial.windows)
            yield self._check("start", "status 0", self._started())
            yield self._check("inference", f"outputs of {count} windows", self._outputs("the model", count))
            return
        yield self._check("start", f"{layout.size:,} first values", self._started())
        yield self._check("inference", f"outputs of {SHOWN_WINDOWS} windows", self._outputs("first values"))
        yield self._check("push", f"{layout.size:,} pushed values", self._push())
        yield self._check(
            "training", f"{layout.size:,} trained values after each of {trial.steps} steps", self._train()
        )
        yield self._check("update", "every byte of the frame", self._update())
        yield self._check("inference after", f"outputs of {SHOWN_WINDOWS} windows", self._outputs("trained values"))

    def _check(self, name: str, against: str, fault: Difference | None) -> Check:
        return Check(name=name, against=against, faults=(fault.within(name, _REMEDY),) if fault else ())

    def _started(self) -> Difference | None:
        if self._status != 0:
            return _status("fe_client_start", self._status)
        return self._values_differ() if self._plan.trains else None

    def _values_differ(self) -> Difference | None:
        return difference(self._plan.layout, self._host.values, self._values())

    def _values(self) -> Values:
        return state_values(self._plan.layout, self._core.object("fe_state"))

    def _outputs(self, whose: str, count: int = SHOWN_WINDOWS) -> Difference | None:
        windows = self._trial.windows[:count]
        for number, (window, expected) in enumerate(zip(windows, self._said(windows), strict=True)):
            got = self._infer(window, expected)
            if not np.array_equal(got, expected):
                at = int(np.flatnonzero(got != expected)[0])
                place = f"{self._noun} {at}, window {number}, {whose}"
                return Difference(place=place, expected=f"{expected.flat[at]}", got=f"{got.flat[at]}")
        return None

    @property
    def _noun(self) -> str:
        classes = self._trial.answers is None and self._plan.graph.has_head
        return "logit of class" if classes else "value"

    def _said(self, windows: NDArray[Any]) -> NDArray[Any]:
        """What the simulator's network says of windows."""
        return self._host.outputs(windows)[self._plan.graph.outputs[0]]

    def _infer(self, window: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
        """What the core says of a window, in the form of the other side's."""
        self._give(window)
        if self.counts.infer is None:
            self.counts.infer = self._core.profiled(lambda: self._core.call("fe_client_infer"))
            self._give(window)
        at = self._core.call("fe_client_infer")
        return np.frombuffer(self._core.read(at, like.nbytes), dtype=like.dtype).reshape(like.shape)

    def _give(self, window: NDArray[Any]) -> None:
        """Puts a window where the next step reads it: in its place, or on the desk, whose address is handed over."""
        if not self._plan.tactics.input_streamed:
            self._core.write(self._input, window.tobytes())
            return
        self._core.write(LOG, window.tobytes())
        self._core.call("fe_client_window", LOG)

    def _push(self) -> Difference | None:
        trial, layout = self._trial, self._plan.layout
        push = Push(
            node=trial.node, round=ROUND, steps=trial.steps, rate=trial.rate, own=trial.own, values=self._pushed
        )
        frame = encode_push(layout, push)
        at = self._core.image.object("fe_frame").address
        self._core.write(at, frame)
        self._host.values = self._pushed
        status = self._core.call("fe_client_push", at, len(frame))
        return self._values_differ() if status == 0 else _status("fe_client_push", status)

    def _train(self) -> Difference | None:
        trial = self._trial
        for number, window in enumerate(trial.order, 1):
            learn(self._host, trial, np.array([window]), self._course, close=False)
            status = self._step(int(window), counted=number <= COUNTED_STEPS)
            if status != 0:
                return _status("fe_client_train", status).within(f"step {number}", "")
            if found := self._values_differ():
                return found.within(f"step {number}", "")
        return None

    def _step(self, window: int, *, counted: bool) -> int:
        self._give(self._trial.windows[window])
        status = 0

        def train() -> None:
            nonlocal status
            status = self._learn(window)

        if counted:
            self.counts.steps.append(self._core.profiled(train))
        else:
            train()
        return status

    def _learn(self, window: int) -> int:
        """fe_status of a step of the core on the window in place."""
        answers = self._trial.answers
        if answers is None:
            return self._core.call("fe_client_train", int(self._trial.labels[window]))
        self._core.write(DESK, answers[window].tobytes())
        return self._core.call("fe_client_fit", DESK)

    def _update(self) -> Difference | None:
        trial, layout = self._trial, self._plan.layout
        self._host.close_batch(self._course)
        length = self._core.call("fe_client_update", len(trial.labels))
        if self._host.state != self._core.object("fe_state"):
            return self._values_differ() or _first_byte(
                "fe_state, byte", self._host.state, self._core.object("fe_state")
            )
        deltas, clipped = deltas_of(layout, self._host.values, self._pushed)
        base = base_of(layout, self._pushed)
        expected = encode_update(layout, Update(
            node=trial.node, round=ROUND, steps=trial.steps, windows=len(trial.labels), base=base, own=trial.own,
            clipped=clipped, deltas=deltas,
        ))  # fmt: skip
        return _first_byte("byte", expected, self._core.object("fe_frame")[:length])


def _status(function: str, got: int) -> Difference:
    return Difference(place="", expected=f"status 0 of {function}", got=f"{got}")


def _first_byte(place: str, expected: bytes, got: bytes) -> Difference | None:
    """None where all bytes are equal."""
    if got == expected:
        return None
    if len(got) != len(expected):
        return Difference(place="", expected=f"{len(expected):,} bytes", got=f"{len(got):,}")
    at = next(i for i, (a, b) in enumerate(zip(got, expected, strict=True)) if a != b)
    return Difference(place=f"{place} {at}", expected=f"{expected[at]}", got=f"{got[at]}")


def pushed_values(plan: Plan, trial: Trial) -> Values:
    """int32 [size]: values that a server could push, other than the first: those of another node's round."""
    other = Node(plan)
    course = Course(key=rng.key(trial.seed, rng.Stream.UPDATE, trial.node + 1), rate=trial.rate, own=trial.own)
    learn(other, trial, trial.order[::-1], course, close=True)
    return other.values


def learn(node: Node, trial: Trial, order: NDArray[np.int64], course: Course, *, close: bool) -> None:
    """Steps of the simulator's engine on windows of the trial, towards its labels or its answers."""
    if trial.answers is None:
        node.train(trial.windows, trial.labels, order, course, close=close)
    else:
        node.fit(trial.windows, trial.answers, order, course, close=close)


def difference(layout: Layout, expected: Values, got: Values) -> Difference | None:
    """The first value that differs, by its tensor and index; None if none does."""
    differ = np.flatnonzero(expected != got)
    if not differ.size:
        return None
    at = int(differ[0])
    note = f"{differ.size:,} values differ" if differ.size > 1 else ""
    return Difference(place=value_name(layout, at), expected=f"{expected[at]}", got=f"{got[at]}", note=note)


def first_difference(layout: Layout, expected: Values, got: Values) -> str | None:
    """The same in words."""
    found = difference(layout, expected, got)
    return found.said if found else None


def value_name(layout: Layout, at: int) -> str:
    """What people call a trained value: `head weight [2, 31]`."""
    part = next(s for s in layout.slices if s.first <= at < s.first + s.size)
    index = [int(i) for i in np.unravel_index(at - part.first, part.shape)]
    return f"{part.op} {part.kind} {index}"
