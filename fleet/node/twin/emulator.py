"""A firmware in an emulated core: reset, then calls of its functions by name, its instructions counted on request.

Unicorn executes the instruction set of the chosen core exactly and knows no time: instructions are counted, cycles
stay a model. Only the board's own memory is there, so that an access outside stops the run.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from unicorn import UC_HOOK_CODE, Uc, UcError

from fleet.base.errors import CheckFailed
from fleet.node.profile import Profile
from fleet.node.twin.architecture import Architecture
from fleet.node.twin.blocks import Block, Blocks
from fleet.node.twin.cortex_m import CORTEX_M
from fleet.node.twin.image import Image
from fleet.node.twin.riscv import RISCV
from fleet.node.twin.running import DESK, DESK_BYTES, PAINT, Profiled, Running
from fleet.node.twin.steps import marks, plan_words, step_starts

PAGE = 4096

BYTES: Final = 4
"""Of code, that an instruction counts as where one call's are limited: none is longer, so a call may take more."""

ARCHITECTURES: Final = {**CORTEX_M, **RISCV}


class Core(Running):
    """A board's core and memory with a firmware in it, after reset and start-up."""

    def __init__(self, image: Image, profile: Profile) -> None:
        super().__init__(image, profile.core)
        self._kind = ARCHITECTURES[profile.core]
        self._uc = _machine(profile, self._kind)
        self._blocks = Blocks(self._uc, self._kind.registers)
        self._sizes: dict[tuple[int, int], int] = {}  # instructions of a block, by address and size
        for segment in image.segments:
            self.write(segment.load, segment.content)
        self._boot()

    def _boot(self) -> None:
        """From reset until main has returned."""
        stack, reset = self._kind.reset(self.image)
        self._uc.reg_write(self._kind.registers.stack, stack)
        self._go(reset)

    def call(self, function: str, *arguments: int) -> int:
        """What a function returned, as a signed number. arguments: at most four words."""
        for register, value in zip(self._kind.arguments, arguments, strict=False):
            self._uc.reg_write(register, value & 0xFFFFFFFF)
        self._uc.reg_write(self._kind.registers.link, self._halt | self._kind.code_bit)
        self._go(self.image.function(function).address)
        result = int(self._uc.reg_read(self._kind.result))
        return result - 2**32 if result >= 2**31 else result

    def on(self, function: str, answer: Callable[[], None]) -> None:
        at = self.image.function(function).address
        self._uc.hook_add(UC_HOOK_CODE, lambda *_: answer(), begin=at, end=at)
        self._uc.ctl_flush_tb()  # what was translated before knows of no hook

    def profiled(self, call: Callable[[], object]) -> Profiled:
        """Instructions that run within `call`, and in which functions and steps of the plan."""
        place, words = plan_words(self.image)
        starts = tuple(step_starts(words))
        self._blocks.record(marks(self.image, words), place)
        try:
            call()
        finally:
            blocks = self._blocks.recorded()
        functions: Counter[str] = Counter()
        steps: Counter[int] = Counter()
        for block in blocks:
            instructions = block.runs * self._instructions(block)
            functions[self._function_at(block.address)] += instructions
            steps[block.step] += instructions
        return Profiled(
            instructions=functions.total(),
            by_function=dict(sorted(functions.items())),
            by_step=tuple(steps[start] for start in starts),
        )

    def _instructions(self, block: Block) -> int:
        """Instructions that a block holds: disassembled once."""
        key = block.address, block.size_bytes
        if key not in self._sizes:
            code = self.read(*key)
            self._sizes[key] = sum(1 for _ in self._kind.disassembler().disasm_lite(code, block.address))
        return self._sizes[key]

    def _function_at(self, address: int) -> str:
        found = self.image.function_at(address)
        return found.name if found else f"{address:#010x}"

    def read(self, address: int, size_bytes: int) -> bytes:
        return bytes(self._uc.mem_read(address, size_bytes))

    def write(self, address: int, content: bytes) -> None:
        """Raises CheckFailed where the board has no memory."""
        try:
            self._uc.mem_write(address, content)
        except UcError as fault:
            text = f"expected memory for {len(content):,} B from {address:#010x} on, got none; see port/link.ld"
            raise CheckFailed(f"{self.core}: {text}") from fault

    def _go(self, start: int) -> None:
        self._blocks.give(BYTES * self._most)
        try:
            self._uc.emu_start(start | self._kind.code_bit, self._halt)
        except UcError as fault:
            at = self.place(self._counter)
            raise CheckFailed(
                f"{self.core}: expected the firmware to run, got '{fault}' at {at}; see its map file"
            ) from fault
        if self._blocks.exhausted:
            limit = f"{self._most:,} instructions"
            text = f"expected the firmware to come back, got none within {limit}, at {self.place(self._blocks.last)}"
            raise CheckFailed(f"{self.core}: {text}; look for a loop that waits for hardware")
        if self._counter != self._halt:
            text = (
                f"expected the firmware to come back, got a core that sleeps or stopped at {self.place(self._counter)}"
            )
            raise CheckFailed(f"{self.core}: {text}; nothing wakes it here, look for a WFI")

    @property
    def _counter(self) -> int:
        return int(self._uc.reg_read(self._kind.counter)) & ~self._kind.code_bit


def _machine(profile: Profile, kind: Architecture) -> Uc:
    """Memory of the board and its core; in SRAM lies paint, as something does after power-up."""
    uc = kind.machine()
    ranges = [(bank.start, bank.size_bytes) for bank in profile.banks]
    ranges += [(profile.flash.start, profile.flash.size_bytes), *kind.ranges, (DESK, DESK_BYTES)]
    for start, size in ranges:
        first = start // PAGE * PAGE
        uc.mem_map(first, -(-(start + size - first) // PAGE) * PAGE)
    for bank in profile.banks:
        uc.mem_write(bank.start, bytes([PAINT]) * bank.size_bytes)
    return uc
