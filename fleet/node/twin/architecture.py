"""What differs between instruction sets when a firmware runs in an emulated core. One file each fills this in."""

from collections.abc import Callable
from dataclasses import dataclass

from capstone import Cs
from unicorn import Uc

from fleet.node.twin.blocks import Registers
from fleet.node.twin.image import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """machine: an empty core. arguments, result, registers: Unicorn's numbers of what a call uses.

    code_bit: set in the address of code where the core is told of it by this bit. ranges: start and size of memory
    that belongs to the core itself. reset: from the image, the stack pointer and the first instruction.
    """

    machine: Callable[[], Uc]
    arguments: tuple[int, ...]
    result: int
    counter: int
    registers: Registers
    code_bit: int
    ranges: tuple[tuple[int, int], ...]
    reset: Callable[[Image], tuple[int, int]]
    disassembler: Callable[[], Cs]
