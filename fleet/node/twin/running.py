"""What every emulated core offers, whoever emulates it: calls by name, memory, instructions."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fleet.node.twin.image import Image

PAINT = 0xA5  # what lies in SRAM at power-up
DESK = 0x60000000  # where no board of ours has memory: what a caller hands in lies there
DESK_BYTES = 1 << 20
MOST_INSTRUCTIONS = 5 * 10**10
"""Of one call, unless its instructions are modelled: a loop that waits for hardware must not hang a check. Chosen: a
step of a network of 10⁹ MACs at 20 instructions each is within it."""
OFTEN: Final = 20
"""Times what the cost model says of a step, that a call may take: its figures for a core were never off by 3."""
ALWAYS: Final = 10**9  # instructions that a call may take however little the model says


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """Instructions of a call. by_function: exclusive, without what a function calls.

    by_step: of every step of the plan, in its order, all it calls included; what a group's rows or channels take is
    the group's. The rest is the client's and the interpreter's. () for an image without a plan's words.
    """

    instructions: int
    by_function: dict[str, int]
    by_step: tuple[int, ...]


class Running(ABC):
    """A firmware that has started and waits to be called."""

    def __init__(self, image: Image, core: str) -> None:
        self.image = image
        self.core = core
        image.object("fe_stack")  # or it is said here what is missing
        self._halt = image.function("fe_halt").address
        self._most = MOST_INSTRUCTIONS

    def allow(self, modelled: int) -> None:
        """A call may take OFTEN times so many instructions from now on; one that takes more never comes back."""
        self._most = max(ALWAYS, OFTEN * modelled)

    @abstractmethod
    def call(self, function: str, *arguments: int) -> int:
        """What a function returned, as a signed number. arguments: at most four words."""

    @abstractmethod
    def on(self, function: str, answer: Callable[[], None]) -> None:
        """Whenever a function is called that does nothing itself, `answer` is: it may read and write memory."""

    @abstractmethod
    def profiled(self, call: Callable[[], object]) -> Profiled:
        """Instructions that run within `call`, and where."""

    @abstractmethod
    def read(self, address: int, size_bytes: int) -> bytes:
        """Memory as it is now."""

    @abstractmethod
    def write(self, address: int, content: bytes) -> None:
        """Sets memory; CheckFailed where the board has none."""

    def counted(self, call: Callable[[], object]) -> int:
        """Instructions that run within `call`."""
        return self.profiled(call).instructions

    def word(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")

    def object(self, name: str) -> bytes:
        """The bytes of a named object as they are now."""
        symbol = self.image.object(name)
        return self.read(symbol.address, symbol.size_bytes)

    def stack_used(self) -> int:
        """Bytes of the declared stack that were ever written, from its top."""
        return len(self.object("fe_stack").lstrip(bytes([PAINT])))

    def place(self, address: int) -> str:
        """The function that holds an address, as people say it."""
        found = self.image.function_at(address)
        return f"{found.name}+{address - found.address:#x}" if found else f"{address:#010x}, which is no code"
