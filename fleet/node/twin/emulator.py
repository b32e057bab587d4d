"""A firmware in an emulated core: reset, then calls of its functions by name, its instructions counted on request.

Unicorn executes the instruction set of the chosen core exactly and knows no time: instructions are counted, cycles
stay a model. Only the board's own memory is there, so that an access outside stops the run.
"""

from collections.abc import Callable
from dataclasses import dataclass

from capstone import CS_ARCH_ARM, CS_MODE_MCLASS, CS_MODE_THUMB, Cs
from unicorn import UC_ARCH_ARM, UC_HOOK_BLOCK, UC_MODE_THUMB, Uc, UcError
from unicorn.arm_const import (
    UC_ARM_REG_LR,
    UC_ARM_REG_PC,
    UC_ARM_REG_R0,
    UC_ARM_REG_R1,
    UC_ARM_REG_R2,
    UC_ARM_REG_R3,
    UC_ARM_REG_SP,
    UC_CPU_ARM_CORTEX_M0,
    UC_CPU_ARM_CORTEX_M4,
    UC_CPU_ARM_CORTEX_M7,
    UC_CPU_ARM_CORTEX_M33,
)

from fleet.base.errors import CheckFailed
from fleet.node.profile import Profile
from fleet.node.twin.image import Image

PAGE = 4096
SYSTEM = 0xE000E000  # system control space (ARMv7-M, B3.2): the start-up switches the FPU on there
PAINT = 0xA5
DESK = 0x60000000  # external memory (ARMv7-M, B3.1), which no board of ours has: what a caller hands in lies there
DESK_BYTES = 1 << 20
LONGEST_US = 60 * 10**6  # of this machine's time, for one call: a loop that waits for hardware must not hang a check
ARGUMENTS = (UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3)  # AAPCS, 6.4

# An M0+ has the instructions of an M0; there is no M55 in Unicorn.
MODELS = {
    "cortex-m0plus": UC_CPU_ARM_CORTEX_M0,
    "cortex-m4f": UC_CPU_ARM_CORTEX_M4,
    "cortex-m7f": UC_CPU_ARM_CORTEX_M7,
    "cortex-m33f": UC_CPU_ARM_CORTEX_M33,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a function starts and how far it goes, for a sentence about where the core was."""

    name: str
    offset: int

    def __str__(self) -> str:
        return f"{self.name}+{self.offset:#x}"


class Core:
    """A board's core and memory with a firmware in it, after reset and start-up."""

    def __init__(self, image: Image, profile: Profile) -> None:
        self.image = image
        self._core = profile.core
        self._uc = _machine(profile)
        for segment in image.segments:
            self.write(segment.load, segment.content)
        image.object("fe_stack")  # or it is said here what is missing
        self._halt = image.function("fe_halt").address
        self._boot()

    def _boot(self) -> None:
        """From the reset vector until main has returned."""
        stack, reset = (self.word(self.image.object("fe_vectors").address + 4 * i) for i in (0, 1))
        self._uc.reg_write(UC_ARM_REG_SP, stack)
        self._go(reset)

    def call(self, function: str, *arguments: int) -> int:
        """r0 as a signed number after the function has returned. arguments: at most four words."""
        for register, value in zip(ARGUMENTS, arguments, strict=False):
            self._uc.reg_write(register, value & 0xFFFFFFFF)
        self._uc.reg_write(UC_ARM_REG_LR, self._halt | 1)
        self._go(self.image.function(function).address)
        result = int(self._uc.reg_read(UC_ARM_REG_R0))
        return result - 2**32 if result >= 2**31 else result

    def counted(self, call: Callable[[], object]) -> int:
        """Instructions that run within `call`: for every executed block the instructions it holds."""
        counter = _Counter(self._uc)
        self._uc.ctl_flush_tb()  # a hook is compiled in when a block is translated
        hook = self._uc.hook_add(UC_HOOK_BLOCK, counter.on_block)
        call()
        self._uc.hook_del(hook)
        self._uc.ctl_flush_tb()
        return counter.total()

    def read(self, address: int, size_bytes: int) -> bytes:
        return bytes(self._uc.mem_read(address, size_bytes))

    def write(self, address: int, content: bytes) -> None:
        """Raises CheckFailed where the board has no memory."""
        try:
            self._uc.mem_write(address, content)
        except UcError as fault:
            text = f"expected memory for {len(content):,} B from {address:#010x} on, got none; see port/link.ld"
            raise CheckFailed(f"{self._core}: {text}") from fault

    def word(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")

    def object(self, name: str) -> bytes:
        """The bytes of a named object as they are now."""
        symbol = self.image.object(name)
        return self.read(symbol.address, symbol.size_bytes)

    def stack_used(self) -> int:
        """Bytes of the declared stack that were ever written, from its top."""
        painted = self.object("fe_stack")
        return len(painted.lstrip(bytes([PAINT])))

    def _go(self, start: int) -> None:
        try:
            self._uc.emu_start(start | 1, self._halt, timeout=LONGEST_US)
        except UcError as fault:
            at = self.place(int(self._uc.reg_read(UC_ARM_REG_PC)))
            raise CheckFailed(
                f"{self._core}: expected the firmware to run, got '{fault}' at {at}; see its map file"
            ) from fault
        stopped = int(self._uc.reg_read(UC_ARM_REG_PC)) & ~1
        if stopped != self._halt:
            limit = f"{LONGEST_US / 10**6:g} s"
            text = f"expected the firmware to come back, got none within {limit}, at {self.place(stopped)}"
            raise CheckFailed(f"{self._core}: {text}; look for a loop that waits for hardware")

    def place(self, address: int) -> str:
        """The function that holds an address, as people say it."""
        for symbol in self.image.functions.values():
            if symbol.address <= address < symbol.address + symbol.size_bytes:
                return str(Place(name=symbol.name, offset=address - symbol.address))
        return f"{address:#010x}, which is no code"


class _Counter:
    """Blocks executed, by address and size."""

    def __init__(self, uc: Uc) -> None:
        self._uc = uc
        self._runs: dict[tuple[int, int], int] = {}

    def on_block(self, _uc: Uc, address: int, size: int, _data: object) -> None:
        self._runs[address, size] = self._runs.get((address, size), 0) + 1

    def total(self) -> int:
        thumb = Cs(CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_MCLASS)
        return sum(
            runs * sum(1 for _ in thumb.disasm_lite(bytes(self._uc.mem_read(at, size)), at))
            for (at, size), runs in self._runs.items()
        )


def _machine(profile: Profile) -> Uc:
    """Memory of the board and its core; in SRAM lies paint, as something does after power-up.

    UC_MODE_MCLASS would silently make every core a Cortex-M33.
    """
    uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB)
    uc.ctl_set_cpu_model(MODELS[profile.core])
    ranges = [(bank.start, bank.size_bytes) for bank in profile.banks]
    ranges += [(profile.flash.start, profile.flash.size_bytes), (SYSTEM, PAGE), (DESK, DESK_BYTES)]
    for start, size in ranges:
        first = start // PAGE * PAGE
        uc.mem_map(first, -(-(start + size - first) // PAGE) * PAGE)
    for bank in profile.banks:
        uc.mem_write(bank.start, bytes([PAINT]) * bank.size_bytes)
    return uc
