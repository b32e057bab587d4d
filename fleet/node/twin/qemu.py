"""A firmware in QEMU, for cores that Unicorn does not know: a Cortex-M55 with Helium.

The machine is QEMU's, so a board's banks and flash have to lie where it has memory. A debugger's stub runs the calls;
a plugin counts instructions, function by function.
"""

import mmap
import shutil
import socket
import subprocess
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from fleet.base.errors import CheckFailed, InputError
from fleet.base.places import package_data
from fleet.node.engine.build import shared_library
from fleet.node.profile import Profile
from fleet.node.twin.gdb import Remote
from fleet.node.twin.image import Image
from fleet.node.twin.qemu_steps import StepStops
from fleet.node.twin.running import PAINT, Profiled, Running

PROGRAM: Final = "qemu-system-arm"
SP, LR, PC, XPSR = 13, 14, 15, 25  # GDB's numbers of an Arm core's registers
THUMB: Final = 1 << 24  # of xPSR
EXCEPTION: Final = 0x1FF  # of xPSR: the exception that is being handled, 0 for none (Armv8-M, B3.3)
VECTORS: Final = 0xE000ED08  # VTOR (Armv8-M, D1.2.274)
PATIENCE_S = 1.0  # between two looks at how far a running core has come
TOTAL, ASLEEP, HEAD, BLOCKS = 0, 8, 16, 1 << 16  # counted.c: its words, and how many slots of blocks are behind them
SLOT: Final = np.dtype([("address", "<u8"), ("instructions", "<u8")])
LOOKS_ASLEEP: Final = 3  # at a core that executes nothing, one after the other: nothing here would wake it
LOOKS_STILL: Final = 60  # the same of one that does not say that it sleeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine of QEMU. memory: start and size of what can hold code and data."""

    name: str
    memory: tuple[tuple[int, int], ...]


MACHINES: Final = {
    # hw/arm/mps2-tz.c and armsse.c: ITCM, SSRAM1, DTCM, two internal SRAMs, DDR4
    "cortex-m55f": Machine(
        name="mps3-an547",
        memory=(
            (0x00000000, 512 << 10), (0x01000000, 2 << 20), (0x20000000, 512 << 10), (0x21000000, 4 << 20),
            (0x60000000, 2 << 30),
        ),
    ),
}  # fmt: skip


class QemuCore(Running):
    """A core of QEMU with a firmware in it, after reset and start-up."""

    def __init__(self, image: Image, profile: Profile) -> None:
        super().__init__(image, profile.core)
        machine, program, plugin = _machine_of(profile), _program(), _plugin()
        folder = Path(tempfile.mkdtemp())
        counter = folder / "count"
        counter.write_bytes(bytes(HEAD + BLOCKS * SLOT.itemsize))
        with counter.open("r+b") as file:
            self._count = mmap.mmap(file.fileno(), 0)
        ours, theirs = socket.socketpair()
        command = [
            program, "-M", machine.name, "-S", "-display", "none", "-monitor", "none", "-serial", "none",
            "-chardev", f"socket,id=gdb,fd={theirs.fileno()}", "-gdb", "chardev:gdb",
            "-plugin", f"{plugin},count={counter}", *_loaders(folder, image, profile),
        ]  # fmt: skip
        messages = folder / "messages"  # a file: a pipe that nobody reads would stop a machine that says much
        with theirs, messages.open("wb") as said:
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
            )
        self._end = weakref.finalize(self, _ended, self._process, ours, folder)
        try:
            self._remote = Remote(ours)
        except CheckFailed as fault:
            self._process.kill()
            self._process.wait()
            text = messages.read_text(encoding="utf-8", errors="replace").strip() or "no message"
            raise CheckFailed(
                f"{program}: expected it to start {machine.name}, got {text}; install 7.2 or newer"
            ) from fault
        self._answers: dict[int, Callable[[], None]] = {}
        self._stops: StepStops | None = None
        self._boot()

    def _boot(self) -> None:
        vectors = self.image.object("fe_vectors").address
        self._remote.stop_at(self._halt)
        self._remote.write(VECTORS, vectors.to_bytes(4, "little"))
        self._remote.set_register(SP, self.word(vectors))
        self._go(self.word(vectors + 4) & ~1)

    def call(self, function: str, *arguments: int) -> int:
        for register, value in enumerate(arguments):
            self._remote.set_register(register, value)
        self._remote.set_register(LR, self._halt | 1)
        self._go(self.image.function(function).address)
        result = self._remote.register(0)
        return result - 2**32 if result >= 2**31 else result

    def on(self, function: str, answer: Callable[[], None]) -> None:
        at = self.image.function(function).address
        self._remote.stop_at(at)
        self._answers[at] = answer

    def profiled(self, call: Callable[[], object]) -> Profiled:
        before, blocks = self._instructions(), self._blocks()
        with StepStops(self.image, self._remote, self._instructions) as stops:
            self._stops = stops
            try:
                call()
            finally:
                self._stops = None
        counts: Counter[str] = Counter()
        for address, count in (self._blocks() - blocks).items():
            counts[self._function(address)] += count
        return Profiled(
            instructions=self._instructions() - before, by_function=dict(sorted(counts.items())), by_step=stops.by_step
        )

    def _blocks(self) -> Counter[int]:
        """Instructions so far, by the address where their block begins; 0 where there was no slot."""
        slots = np.frombuffer(self._count, SLOT, BLOCKS, HEAD)
        used = slots[slots["instructions"] > 0]
        return Counter(dict(zip((used["address"] - 1).tolist(), used["instructions"].tolist(), strict=True)))

    def _function(self, address: int) -> str:
        found = self.image.function_at(address)
        return found.name if found else f"{address:#010x}"

    def read(self, address: int, size_bytes: int) -> bytes:
        return self._remote.read(address, size_bytes)

    def write(self, address: int, content: bytes) -> None:
        self._remote.write(address, content)

    def _instructions(self) -> int:
        return self._word(TOTAL)

    def _word(self, at: int) -> int:
        return int.from_bytes(self._count[at : at + 8], "little")

    def _go(self, start: int) -> None:
        self._remote.set_register(XPSR, THUMB)
        self._remote.set_register(PC, start)
        until = self._instructions() + self._most
        while True:
            fault = self._awaited(until)
            at = self._remote.register(PC)
            if self._stops is not None and self._stops.passed(at):
                continue
            if at not in self._answers:
                break
            self._answers[at]()
            self._remote.set_register(PC, self._remote.register(LR) & ~1)  # a breakpoint would stop it there again
        state = self._remote.register(XPSR)
        if at != self._halt or state & EXCEPTION:
            fault = f"exception {state & EXCEPTION}" if state & EXCEPTION else fault
            text = f"expected the firmware to run, got {fault} at {self.place(at)}; see its map file"
            raise CheckFailed(f"{self.core}: {text}")

    def _awaited(self, until: int) -> str:
        """Runs on until the core has stopped, or stops it after so many instructions: why."""
        seen, still = -1, 0
        self._remote.go()
        while not self._remote.stopped(PATIENCE_S):
            count = self._instructions()
            still = still + 1 if count == seen else 0
            seen = count
            if still >= LOOKS_STILL or (still >= LOOKS_ASLEEP and self._word(ASLEEP)):
                self._remote.interrupt()
                return "a core that sleeps, with nothing to wake it,"
            if count > until:
                self._remote.interrupt()
                return f"no return within {self._most:,} instructions"
        return "a stop"


def _program() -> str:
    found = shutil.which(PROGRAM)
    if found is None:
        raise InputError.one("--backend", f"expected {PROGRAM} on the path, got none; install it (Debian: {PROGRAM})")
    return found


def _machine_of(profile: Profile) -> Machine:
    """The machine that stands in for a board; InputError when it has no memory where the board has its own."""
    if profile.core not in MACHINES:
        text = f"expected a board with a core of {', '.join(MACHINES)}, got {profile.core}; others run in unicorn"
        raise InputError.one("--backend", text)
    machine = MACHINES[profile.core]
    pieces = [(bank.name, bank.start, bank.size_bytes) for bank in profile.banks]
    for name, start, size in [*pieces, ("flash", profile.flash.start, profile.flash.size_bytes)]:
        if not any(first <= start and start + size <= first + length for first, length in machine.memory):
            text = f"expected memory of {machine.name} for {name} at {start:#010x}, got none; choose another board"
            raise InputError.one("--backend", text)
    return machine


def _plugin() -> Path:
    return shared_library("fleet-counted", (package_data("node", "twin", "counted.c"),))


def _loaders(folder: Path, image: Image, profile: Profile) -> list[str]:
    """Paint in SRAM, as something lies there after power-up, and the image's own bytes."""
    pieces = [(bank.start, bytes([PAINT]) * bank.size_bytes) for bank in profile.banks]
    options = []
    for number, (start, content) in enumerate([*pieces, *((s.load, s.content) for s in image.segments)]):
        path = folder / f"part{number}"
        path.write_bytes(content)
        options += ["-device", f"loader,file={path},addr={start:#x},force-raw=on"]
    return options


def _ended(process: "subprocess.Popen[bytes]", link: socket.socket, folder: Path) -> None:
    """No machine outlives its core."""
    link.close()
    process.kill()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)
