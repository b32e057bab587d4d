"""Memory of a board: SRAM banks, what is reserved in them, and the program flash."""

from typing import Annotated

from fleet.base.declared import Key, declared
from fleet.base.units import SIZE_BYTES, TIME_US
from fleet.node.profile.origin import Figure, Origin

FLASH = "flash"
"""The name of the program flash where a bank is asked for."""

FIRST = "first"
"""In a module's file: the first SRAM bank of whatever board carries it."""


@declared
class Bank(Origin):
    """One SRAM bank, or the part of it that an image may use. start: its first address."""

    name: Annotated[str, Key("how plans and ledgers call it", name="bank")]
    start: Annotated[int, Key("first address", least=0, most=2**32 - 1)]
    size_bytes: Annotated[int, Key("size", unit=SIZE_BYTES, least="1 KiB", most="64 MiB")]

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.start + self.size_bytes


@declared
class Reserved(Origin):
    """Memory that belongs to somebody else: radio stack, bootloader, operating system."""

    bank: Annotated[str, Key("a bank's name, or flash; a module says first or flash")]
    at: Annotated[str, Key("which end of the bank; several at one end stand side by side", one_of=("start", "end"))]
    size_bytes: Annotated[int, Key("size", unit=SIZE_BYTES, least="1 B", most="64 MiB")]
    reason: Annotated[str, Key("what it is for", name="for")]


@declared
class EraseUnits(Origin):
    """Neighbouring erase units of one size, in address order. erase_us 0: written over without an erase (MRAM)."""

    count: Annotated[int, Key("how many", least=1, most=65_536)]
    size_bytes: Annotated[int, Key("size of one", unit=SIZE_BYTES, least="64 B", most="1 MiB")]
    erase_us: Annotated[
        int, Key("time to erase one; 0 s: written over without an erase", unit=TIME_US, least="0 s", most="60 s")
    ]


@declared
class Flash:
    """Program flash. page_bytes and erase_us: of the last erase units, where models are kept."""

    start: Annotated[int, Figure("first address", least=0, most=2**32 - 1)]
    size_bytes: Annotated[int, Figure("size", unit=SIZE_BYTES, least="16 KiB", most="64 MiB")]
    erase_units: Annotated[tuple[EraseUnits, ...], Key("erase units by address")]
    program_bytes: Annotated[
        int, Figure("least write", unit=SIZE_BYTES, least="1 B", most="4 KiB", name="program_unit")
    ]
    program_us: Annotated[int, Figure("time of one least write", unit=TIME_US, least="1 us", most="100 ms")]
    rewrites: Annotated[
        int,
        Figure(
            "writes of one least write between two erases; 1: its ECC allows no second; 0: no limit", least=0, most=64
        ),
    ]
    endurance: Annotated[int, Figure("erase cycles of one unit", least=100, most=10**9)]

    @property
    def page_bytes(self) -> int:
        """Size of one erase unit at the end of the flash."""
        return self.erase_units[-1].size_bytes

    @property
    def erase_us(self) -> int:
        """Time to erase one unit at the end of the flash."""
        return self.erase_units[-1].erase_us
