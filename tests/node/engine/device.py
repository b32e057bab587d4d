"""A node with the runtime in this process: the exported C project, compiled for this machine over simulated_port.c.

    device = Device(build_device(project_folder, out), plan, profile)
    device.power_on(); device.start(); device.give(frame); device.turn(); device.sent

`cut` lets its flash lose power at an operation: the fixture of every sweep over power cuts.
"""

import ctypes as c
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.node.engine.build import WARNINGS, _target, compiler
from fleet.node.plan import Plan
from fleet.node.plan.slots import slots_of
from fleet.node.plan.state import state_values
from fleet.node.profile import FLASH, Profile, usable

FOREVER = 2**32 - 1
FOLDERS = ("engine", "node", "runtime", "data")
BOARD_ONLY = ("fe_main.c", "fe_mailbox.c")
VERIFY = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.c_uint32, c.c_void_p)
PORT = Path(__file__).parent / "simulated_port.c"


def device_sources(project: Path, plan: Plan, profile: Profile) -> tuple[str, ...]:
    """What a compiler is told: the board's flash, where headers lie, the project's sources and the test's board."""
    sources = [p for f in FOLDERS for p in sorted((project / f).glob("*.c")) if p.name not in BOARD_ONLY]
    first = slots_of(plan, profile).first
    sizes = {
        "SIM_FLASH_START": f"{first:#x}u",
        "SIM_FLASH_BYTES": f"{usable(profile, FLASH).end - first}u",
        "SIM_PAGE_BYTES": f"{profile.flash.page_bytes}u",
    }
    told = [*(f"-D{name}={value}" for name, value in sizes.items()), *(f"-I{project / f}" for f in FOLDERS)]
    return (*told, *map(str, sources), str(PORT))


def build_device(project: Path, plan: Plan, profile: Profile, out: Path, *more: str) -> Path:
    """The project with the test's board, as a shared library."""
    command = [*compiler(), *_target(), "-O1", *WARNINGS, "-ffp-contract=off", "-fno-sanitize=all", "-shared", "-fPIC"]
    done = subprocess.run(
        [*command, *more, *device_sources(project, plan, profile), "-o", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


@dataclass
class Device:
    """One node. Windows and labels are its data. No seals without `share`, no models without `trust`."""

    library: Path
    plan: Plan
    profile: Profile
    node: int
    windows: NDArray[np.int8]
    labels: NDArray[np.uint8]
    verify: Callable[[bytes, bytes, bytes], bool] | None = None
    _kept: dict[str, Any] = field(default_factory=dict)
    _said: int | None = None
    _watcher: Callable[[], object] | None = None

    def __post_init__(self) -> None:
        self.lib = c.CDLL(str(self.library))
        self.lib.fe_node_turn.restype = c.c_uint32
        for name, content in (
            ("sim_windows", self.windows.tobytes()),
            ("sim_labels", self.labels.tobytes()),
            ("sim_key", None),
            ("sim_signer", None),
        ):
            self._point(name, content)
        self._callback = VERIFY(self._verify)
        c.c_void_p.in_dll(self.lib, "sim_verify").value = c.cast(self._callback, c.c_void_p).value
        self.word("sim_node", self.node)
        self.word("sim_count", len(self.labels))
        self.word("sim_faults", 0)
        self.word("sim_rounds_done", 0)
        self.erase()

    def _point(self, name: str, content: bytes | None) -> None:
        buffer = c.create_string_buffer(content, len(content)) if content is not None else None
        self._kept[name] = buffer
        c.c_void_p.in_dll(self.lib, name).value = c.addressof(buffer) if buffer else None

    def _verify(self, signer: int, message: int, count: int, signature: int) -> int:
        if self._said is not None:
            return self._said
        parts = (c.string_at(signer, 32), c.string_at(message, count), c.string_at(signature, 64))
        return int(self.verify is not None and self.verify(*parts))

    def trust(self, signer: bytes, verify: Callable[[bytes, bytes, bytes], bool]) -> None:
        """Whose models the node takes, and what becomes of (signer, message, signature)."""
        self._point("sim_signer", signer)
        self.verify = verify
        self._said = None

    def say(self, number: int) -> None:
        """What the board answers whenever it is asked to verify, up to the next `trust`."""
        self._said = number

    def share(self, key: bytes | None) -> None:
        """The key of its seals."""
        self._point("sim_key", key)

    def watch(self, watcher: Callable[[], object] | None) -> None:
        """Called after every turn."""
        self._watcher = watcher

    def word(self, name: str, value: int | None = None) -> int:
        """A variable of simulated_port.c."""
        found = c.c_uint32.in_dll(self.lib, name)
        if value is not None:
            found.value = value
        return int(found.value)

    def bytes_of(self, name: str, size_bytes: int) -> bytes:
        return bytes((c.c_uint8 * size_bytes).in_dll(self.lib, name))

    @property
    def flash(self) -> bytes:
        return self.bytes_of("sim_flash", usable(self.profile, FLASH).end - slots_of(self.plan, self.profile).first)

    @flash.setter
    def flash(self, content: bytes) -> None:
        c.memmove((c.c_uint8 * len(content)).in_dll(self.lib, "sim_flash"), content, len(content))
        self.lib.sim_flash_changed()

    def erase(self) -> None:
        """Flash as it comes from the factory."""
        self.flash = b"\xff" * len(self.flash)

    def power_on(self) -> None:
        """Clears RAM, as start-up code does."""
        self.lib.sim_power_on()

    def cut(self, operation: int, torn_bytes: int) -> None:
        """The power goes at this flash operation, 1 the next. torn_bytes happen of it: its last ones if negative."""
        self.word("sim_operations", 0)
        self.word("sim_cut", operation)
        self.word("sim_torn", abs(torn_bytes))
        self.word("sim_backwards", int(torn_bytes < 0))

    @property
    def is_dead(self) -> bool:
        return bool(self.word("sim_dead"))

    def start(self) -> int:
        return int(self.lib.fe_node_start())

    def turn(self) -> tuple[int, bytes | None]:
        """Milliseconds of nothing to do, and the frame that was sent."""
        before = self.word("sim_sent")
        wait = int(self.lib.fe_node_turn())
        sent = self.word("sim_sent") != before
        if self._watcher:
            self._watcher()
        return wait, self.bytes_of("sim_outbox", self.word("sim_outbox_bytes")) if sent else None

    def give(self, frame: bytes) -> None:
        """A frame that the next turn receives."""
        self._point("sim_inbox", frame)
        self.word("sim_inbox_bytes", len(frame))

    def answer(self, frame: bytes) -> bytes | None:
        """What the node sends in the turn that receives a frame."""
        self.give(frame)
        return self.turn()[1]

    def train(self) -> bytes:
        """Turns until the node has sent something."""
        for _ in range(70_000):
            _, frame = self.turn()
            if frame is not None:
                return frame
        raise AssertionError("expected a frame, got none in 70,000 turns")

    @property
    def state(self) -> bytes:
        return self.bytes_of("fe_state", self.plan.state_bytes)

    @property
    def values(self) -> NDArray[np.int32]:
        return state_values(self.plan.layout, self.state)

    @property
    def step(self) -> int:
        """Of the course: how many were made, over all rounds."""
        return int.from_bytes(self.bytes_of("fe_runtime", 20)[16:], "little")

    @property
    def number(self) -> int:
        """Of the model that runs: fe_runtime.number."""
        at = 48 + 8 * self.plan.tactics.input_streamed + 24  # behind window, plan, model and layout
        return int.from_bytes(self.bytes_of("fe_runtime", at + 2)[at:], "little")

    @property
    def condition(self) -> tuple[int, bytes]:
        """What power cuts must leave consistent."""
        return self.number, self.memory

    @property
    def memory(self) -> bytes:
        """All that outlives a turn but the session: state, pushed values, step, round, classes."""
        runtime = self.bytes_of("fe_runtime", 24) + self.bytes_of("fe_runtime", 48)[32:]
        return self.state + self.bytes_of("fe_pushed", self.plan.value_bytes) + runtime
