"""An emulated core with the whole engine in it, which runs any plan and counts what each of its steps takes.

The image is a board's firmware for an arbitrary plan, compiled with nothing left out; plans, models and arenas are
written into memory that the board does not have, so that a large network can be counted on a small board's core.
"""

import struct
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from unicorn import UC_HOOK_CODE, Uc

from fleet.base import rng
from fleet.base.errors import CheckFailed
from fleet.node.export.project import export
from fleet.node.export.trial import Trial
from fleet.node.model.graph import Form
from fleet.node.model.recipe import Gradients
from fleet.node.plan.counts import GRADIENTS, UPDATES
from fleet.node.plan.plan import HEADER_WORDS, Plan
from fleet.node.plan.steps import Code, Ref, Step
from fleet.node.profile import Profile
from fleet.node.twin.build import build
from fleet.node.twin.emulator import Core
from fleet.node.twin.image import read_image
from fleet.node.twin.steps import marks

LAB: Final = 0x70000000  # external memory, behind the caller's desk: no board of ours has any there
LAB_BYTES: Final = 32 << 20
STACK_BYTES: Final = 4096
PARTS: Final = {
    **{f"fe_channel_{layer}_{form}": layer for layer in ("project", "middle", "expand") for form in ("s8", "f32")},
    "fe_channel_weights": "weights",
    "fe_channel_bias": "bias",
    "fe_project_biases": "project_bias",
}
"""What a group of channels calls, and the part of it that this is."""

FIRST_PART: Final = 1 << 24  # numbers of parts, above every word of a plan
EVERYTHING: Final = "#define FE_STREAMED 0\n"  # every step, rule and format of the engine; windows are resident


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCount:
    """Instructions of one step of a plan in one training step. step: its number in plan.steps.

    part: of a group of channels, by the names of PARTS; "" for what a step does itself.
    share: of the gradients that it read those that were not 0; None for a step that reads none.
    """

    step: int
    part: str = ""
    instructions: int
    share: Fraction | None = None


class Bench(Core):
    """A board's core, its memory, and room for any plan."""

    def __init__(self, profile: Profile, plan: Plan) -> None:
        """plan: any that the board's firmware can hold."""
        with tempfile.TemporaryDirectory() as folder:
            project = export(plan, profile, out=Path(folder) / "bench", name="bench", stack_bytes=STACK_BYTES)
            (project / "data" / "fe_config.h").write_text(EVERYTHING)
            image = read_image(build(project, core=profile.core, stack_bytes=STACK_BYTES, uses=()))
        super().__init__(image, profile)
        self._uc.mem_map(LAB, LAB_BYTES)

    def load(self, plan: Plan, trial: Trial) -> None:
        """A plan, its model and a node in its first state."""
        end = LAB
        places: list[int] = []
        for content in (plan.content, plan.model, bytes(plan.state_bytes), bytes(plan.arena_bytes)):
            self.write(end, content)
            places.append(end)
            end += -(-len(content) // 8) * 8 + 8
        self._words, self._plan, self._trial = places[0], plan, trial
        self._node, self._course, self._own, self._answer = end, end + 32, end + 64, end + 4096
        own = bytearray((plan.layout.classes + 7) // 8 + 4)
        for c in trial.own:
            own[c >> 3] |= 1 << (c & 7)
        key = rng.key(trial.seed, rng.Stream.UPDATE, trial.node)
        self.write(self._own, bytes(own))
        self.write(self._node, struct.pack("<5I", *places, 0))
        self.write(self._course, struct.pack("<QiiII", key, trial.rate.mant, trial.rate.exp, 0, self._own))
        self.call("fe_reset", self._node)
        self._input = self.call("fe_input", self._node) & 0xFFFFFFFF
        self._state, self._arena = places[2:]

    def train(self, window: int) -> None:
        """One training step on a window of the trial."""
        trial = self._trial
        pixels = trial.windows[window]
        real = self._plan.graph.input.form is Form.FLOAT32
        self.write(self._input, (pixels.astype("<f4") / 64 if real else pixels).tobytes())
        if trial.answers is None:
            status = self.call("fe_train_step", self._node, self._course, int(trial.labels[window]), 0)
        else:
            self.write(self._answer, trial.answers[window].tobytes())
            status = self.call("fe_fit_step", self._node, self._course, self._answer, 0)
        if status != 0:
            raise CheckFailed(
                f"{self._plan.graph.name}: expected status 0 of a training step, got {status}; see fe_status"
            )

    @property
    def state(self) -> bytes:
        """The state as it is now."""
        return self.read(self._state, self._plan.state_bytes)

    def count(self, window: int) -> tuple[StepCount, ...]:
        """One training step, or one inference, counted step by step, parts of a group of channels apart.

        A plan may hold one such group: its parts are told by the functions that run.
        """
        numbers, shares = self._numbers(), dict[int, Fraction]()
        header = next((i for i, step in enumerate(self._plan.steps) if step.code is Code.CHANNELS), -1)
        with self._looking(numbers, shares):
            self._blocks.record(self._starts(), (self._words, self._words + len(self._plan.content)))
            try:
                self._run(window)
            finally:
                blocks = self._blocks.recorded()
        counts: Counter[tuple[int, str]] = Counter()
        names = list(PARTS.values())
        for block in blocks:
            part = block.step - FIRST_PART
            at = (header, names[part]) if part >= 0 else (numbers.get(block.step, -1), "")
            counts[at] += block.runs * self._instructions(block)
        return tuple(
            StepCount(step=step, part=part, instructions=n, share=shares.get(step))
            for (step, part), n in sorted(counts.items())
            if step >= 0
        )

    def _run(self, window: int) -> None:
        if self._plan.trains:
            self.train(window)
        else:
            self.call("fe_infer", self._node, self._answer)

    def _starts(self) -> Iterator[tuple[int, int]]:
        """Address of each function that begins a step or a part, and its number."""
        yield from marks(self.image, memoryview(self._plan.content).cast("i"))
        if any(step.code is Code.CHANNELS for step in self._plan.steps):
            known = self.image.functions
            yield from ((known[name].address, FIRST_PART + i) for i, name in enumerate(PARTS) if name in known)

    @contextmanager
    def _looking(self, numbers: dict[int, int], shares: dict[int, Fraction]) -> Iterator[None]:
        """Within it, notes how many of the gradients that a step reads are not 0, before the step runs."""
        second, start = self._kind.registers.second, self.image.function("fe_run_step").address

        def on_step(uc: Uc, _address: int, _size: int, _data: object) -> None:
            number = numbers[(uc.reg_read(second) - self._words) // 4]
            share = self._share(self._plan.steps[number])
            if share is not None:
                shares[number] = share

        self._uc.ctl_flush_tb()  # a hook is compiled in when a block is translated
        hook = self._uc.hook_add(UC_HOOK_CODE, on_step, begin=start, end=start)
        try:
            yield
        finally:
            self._uc.hook_del(hook)
            self._uc.ctl_flush_tb()

    def _share(self, step: Step) -> Fraction | None:
        at = 0 if step.code in GRADIENTS else 1 if step.code in UPDATES else None
        if at is None:
            return None
        ref, width = step.fields[at], 4 if self._plan.scheme.recipe.gradients is Gradients.FP32 else 1
        buffer = next(b for b in self._plan.buffers if isinstance(ref, Ref) and b.name == ref.name)
        held = np.frombuffer(self.read(self._arena + buffer.offset, buffer.size_bytes), dtype=f"<i{width}")
        return Fraction(int(np.count_nonzero(held)), held.size)

    def _numbers(self) -> dict[int, int]:
        """Number of each step by its first word."""
        words = struct.unpack(f"<{len(self._plan.content) // 4}i", self._plan.content)
        numbers, at = {0: 0}, HEADER_WORDS
        for i in range(len(self._plan.steps)):
            numbers[at] = i
            at += words[at + 1]
        return numbers
