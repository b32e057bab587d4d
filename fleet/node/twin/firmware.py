"""A node's firmware, driven as an application drives it: fe_client_* of an emulated core, frames in, frames out."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import CheckFailed, InputError
from fleet.node.engine.binding import Status
from fleet.node.export import export, random_trial
from fleet.node.export.record import read_project
from fleet.node.export.target import uses_of
from fleet.node.model.fixed import Real
from fleet.node.model.graph import Int8
from fleet.node.plan.ledger import stack_of
from fleet.node.plan.plan import Plan
from fleet.node.plan.state import state_values
from fleet.node.profile import Profile, load_profile
from fleet.node.twin.build import build
from fleet.node.twin.image import Image, read_image
from fleet.node.twin.running import DESK, DESK_BYTES
from fleet.node.twin.start import started
from fleet.node.wire.frames import Push, encode_push, push_bytes

LOG = DESK + DESK_BYTES // 2  # where a streamed window lies
STILL = Real(0, 0)  # a rate at which nothing moves
STEP_OFFSET = 16  # of course.step in fe_runtime: behind key (8) and rate (8), fe.h


def firmware_image(plan: Plan, profile: Profile, *, seed: int, windows: int = 0, runtime: bool = False) -> Image:
    """The linked image of a node of a fleet: exported, compiled, found in the cache the next time.

    seed: of the fleet. windows: that the log in flash is to hold. runtime: with what takes part in rounds by itself.
    Raises as `export` and `build`.
    """
    trial = random_trial(plan, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "node"
        export(plan, profile, out=project, name="node", trial=trial, windows=windows, runtime=runtime)
        return read_image(build(project, core=profile.core, stack_bytes=stack_of(profile.core), uses=uses_of(plan)))


def project_image(folder: Path, plan: Plan, *, seed: int) -> tuple[Image, Profile]:
    """The linked image of a project, with whatever its owner changed in it, and its board.

    InputError unless it is an export of this plan and seed with the runtime; CheckFailed when it does not compile.
    """
    project = read_project(folder)
    wanted = (plan.digest, seed, True)
    if (project.plan_digest, project.trial.seed, project.runtime) != wanted:
        runtime = "" if project.runtime else " without the runtime"
        got = f"one of plan {project.plan_digest[:12]} and seed {project.trial.seed}{runtime}"
        text = f"expected an export of plan {plan.digest[:12]} and seed {seed}, got {got}; export it again, --runtime"
        raise InputError.one(str(folder), text)
    path = build(folder, core=project.core, stack_bytes=project.stack_bytes, uses=uses_of(plan))
    return read_image(path), load_profile(project.board)


class Firmware:
    """One node that has just started. Calls raise CheckFailed for a status that is not FE_OK; one thread at a time."""

    def __init__(self, image: Image, profile: Profile, plan: Plan, node: int) -> None:
        self.plan = plan
        self.node = node
        self._core = started(image, profile)
        self._frame = image.object("fe_frame").address
        self._runtime = image.object("fe_runtime").address
        self._call("fe_client_start", node)
        self._input = self._core.call("fe_client_input")

    @property
    def steps_made(self) -> int:
        """Training steps since the beginning of time: it decides every rounding."""
        return self._core.word(self._runtime + STEP_OFFSET)

    @steps_made.setter
    def steps_made(self, steps: int) -> None:
        """As a node that finds its count again after a reset; the same count changes nothing."""
        self._core.write(self._runtime + STEP_OFFSET, steps.to_bytes(4, "little"))

    @property
    def values(self) -> NDArray[np.int32]:
        """int32 [size]: the trained values as they lie in fe_state."""
        return state_values(self.plan.layout, self._core.object("fe_state"))

    def push(self, frame: bytes) -> None:
        """Opens a round with a push frame."""
        most = push_bytes(self.plan.layout)
        if len(frame) > most:
            text = f"expected a frame of at most {most:,} B, which fe_frame holds, got {len(frame):,}; check the plan"
            raise CheckFailed(f"{self}: {text}")
        self._core.write(self._frame, frame)
        self._call("fe_client_push", self._frame, len(frame))

    def set(self, values: NDArray[np.int32]) -> None:
        """Sets the trained values, by a push that asks for nothing."""
        own = tuple(range(self.plan.layout.classes))
        push = Push(node=self.node, round=0, steps=0, rate=STILL, own=own, values=values)
        self.push(encode_push(self.plan.layout, push))

    def train(self, windows: Int8, labels: NDArray[np.uint8], order: NDArray[np.int64]) -> None:
        """One step on windows[i] for each i in order. windows: int8 [n, H, W, C]."""
        for i in order.tolist():
            self._give(windows[i])
            self._call("fe_client_train", int(labels[i]))

    def update(self, windows: int) -> bytes:
        """The answer to the last push; a batch that is not full is applied first. windows: the node trains on."""
        length = self._core.call("fe_client_update", windows)
        if length <= 0:
            raise CheckFailed(f"{self}: expected an update frame, got none; push first")
        return self._core.read(self._frame, length)

    def logits(self, windows: Int8) -> NDArray[np.int16]:
        """int16 [n, classes], Q8, of the values as they are. windows: int8 [n, H, W, C]."""
        at = self._core.image.object("fe_arena").address + self._head_offset()
        said = np.empty((len(windows), self.plan.graph.classes), dtype=np.int16)
        for row, window in zip(said, windows, strict=True):
            self._give(window)
            self._core.call("fe_client_infer")
            row[:] = np.frombuffer(self._core.read(at, row.nbytes), dtype="<i2")
        return said

    def _head_offset(self) -> int:
        """Where the plan puts the head's map in the arena."""
        name = self.plan.maps[self.plan.graph.head.y].name
        return next(b.offset for b in self.plan.buffers if b.name == name)

    def _give(self, window: Int8) -> None:
        """Puts a window where the next step reads it."""
        if not self.plan.tactics.input_streamed:
            self._core.write(self._input, window.tobytes())
            return
        self._core.write(LOG, window.tobytes())
        self._core.call("fe_client_window", LOG)

    def _call(self, function: str, *arguments: int) -> None:
        status = self._core.call(function, *arguments)
        if status != Status.OK:
            name = Status(status).name if status in list(Status) else str(status)
            raise CheckFailed(f"{self}: expected OK of {function}, got {name}; `fleet verify` an export of this plan")

    def __str__(self) -> str:
        return f"emulated node {self.node}"
