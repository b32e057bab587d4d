"""What a board is: every field of a profile, declared once with its type, unit, range and meaning.

The check of a file, its messages and the table in devices/README.md all follow from these declarations.
"""

from dataclasses import dataclass
from typing import Annotated

from fleet.base.declared import Key, declared
from fleet.base.units import CURRENT_NA, FREQUENCY_HZ, SIZE_BYTES, TIME_US, VOLTAGE_MV
from fleet.node.profile.origin import Figure, Origin, Sourced

FLASH = "flash"
"""The name of the program flash where a bank is asked for."""

CORES = ("cortex-m0plus", "cortex-m4f", "cortex-m7f", "cortex-m33f", "cortex-m55f", "rv32imc")


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

    bank: Annotated[str, Key("a bank's name, or flash")]
    at: Annotated[str, Key("which end of the bank; several at one end stand side by side", one_of=("start", "end"))]
    size_bytes: Annotated[int, Key("size", unit=SIZE_BYTES, least="1 B", most="64 MiB")]
    reason: Annotated[str, Key("what it is for", name="for")]


@declared
class EraseUnits(Origin):
    """Neighbouring erase units of one size, in address order."""

    count: Annotated[int, Key("how many", least=1, most=65_536)]
    size_bytes: Annotated[int, Key("size of one", unit=SIZE_BYTES, least="64 B", most="1 MiB")]
    erase_us: Annotated[int, Key("time to erase one", unit=TIME_US, least="0 s", most="60 s")]


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
    endurance: Annotated[int, Figure("erase cycles of one unit", least=100, most=10**9)]

    @property
    def page_bytes(self) -> int:
        """Size of one erase unit at the end of the flash."""
        return self.erase_units[-1].size_bytes

    @property
    def erase_us(self) -> int:
        """Time to erase one unit at the end of the flash."""
        return self.erase_units[-1].erase_us


def _current(meaning: str) -> Figure:
    return Figure(meaning, unit=CURRENT_NA, least="1 nA", most="2 A")


@declared
class Currents:
    """What the whole chip draws from the supply in each state. The radio's are None on a board without one."""

    run_na: Annotated[int, _current("CPU busy at full clock, from flash; networks draw nn_power_factor times this")]
    sleep_na: Annotated[int, _current("deepest sleep that keeps all SRAM and wakes by itself")]
    wake_na: Annotated[int, _current("during wake_up")]
    flash_na: Annotated[int, _current("while the flash erases or programs, CPU waiting")]
    transmit_na: Annotated[int | None, _current("radio sends at 0 dBm, CPU asleep")] = None
    receive_na: Annotated[int | None, _current("radio receives, CPU asleep")] = None
    radio_idle_na: Annotated[int | None, _current("between two packets of one exchange")] = None


@declared
class Radio:
    """The radio on the chip."""

    kinds: Annotated[tuple[str, ...], Key("what it speaks, as scenarios call it", example="[ble]")]
    ramp_us: Annotated[int, Figure("from idle to sending or receiving", unit=TIME_US, least="1 us", most="10 ms")]
    event_cpu_us: Annotated[int, Figure("CPU time of one connection event", unit=TIME_US, least="0 s", most="100 ms")]
    clock_ppm: Annotated[int, Figure("error of the sleep clock, parts per million", least=0, most=500)]


@declared
class BoardFile:
    """What `devices/<board>/profile.yaml` holds."""

    schema: Annotated[int, Key("version of this format", least=1, most=1)]
    board: Annotated[str, Key("name of the board, as its folder")]
    core: Annotated[str, Key("processor core; f: with a floating-point unit", one_of=CORES)]
    clock_hz: Annotated[int, Figure("core clock", unit=FREQUENCY_HZ, least="1 MHz", most="2 GHz")]
    banks: Annotated[tuple[Bank, ...], Key("SRAM banks, the one for the arena first")]
    reserved: Annotated[tuple[Reserved, ...], Key("what is taken before an image starts; [] if nothing is")]
    flash: Annotated[Flash, Key("program flash")]
    supply_mv: Annotated[int, Figure("supply at which the currents hold", unit=VOLTAGE_MV, least="0.8 V", most="6 V")]
    brown_out_mv: Annotated[int, Figure("below this it stops", unit=VOLTAGE_MV, least="0.8 V", most="6 V")]
    currents: Annotated[Currents, Key("supply currents")]
    nn_power_factor: Annotated[float, Figure("power in int8 loops over power at currents.run", least=0.5, most=4)]
    wake_us: Annotated[int, Figure("sleep to full clock", unit=TIME_US, least="0 s", most="10 s", name="wake_up")]
    cycles_per_instruction: Annotated[float, Figure("mean over the engine's kernels", least=0.2, most=10)]
    radio: Annotated[Radio | None, Key("radio on the chip; left out where there is none")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(BoardFile):
    """One board. sources: the origin of every number. can_build: an image for it can be built (it has a port)."""

    sources: tuple[Sourced, ...]
    can_build: bool

    @property
    def unverified(self) -> tuple[str, ...]:
        """Fields, as `currents.wake` or `reserved[0]`, that nobody looked up."""
        return tuple(item.field for item in self.sources if item.unverified)

    @property
    def sram_banks(self) -> tuple[Bank, ...]:
        """What an image may use of each SRAM bank, in the order of the file."""
        return tuple(usable(self, bank.name) for bank in self.banks)

    def origin(self, field: str) -> Sourced:
        """Where the number in `field`, such as 'currents.run', comes from."""
        return next(item for item in self.sources if item.field == field)


def usable(profile: Profile, bank: str) -> Bank:
    """The part of a bank, or of 'flash', that reservations leave: one piece, since they lie at its ends."""
    whole = _whole(profile, bank)
    taken = {
        end: sum(item.size_bytes for item in profile.reserved if item.bank == bank and item.at == end)
        for end in ("start", "end")
    }
    return Bank(
        name=bank,
        start=whole.start + taken["start"],
        size_bytes=whole.size_bytes - taken["start"] - taken["end"],
        source=whole.source,
    )


def available(profile: Profile, bank: str) -> int:
    """Bytes of a bank, or of 'flash', after reservations."""
    return usable(profile, bank).size_bytes


def _whole(file: BoardFile, bank: str) -> Bank:
    if bank == FLASH:
        return Bank(name=FLASH, start=file.flash.start, size_bytes=file.flash.size_bytes, source="flash.size")
    for candidate in file.banks:
        if candidate.name == bank:
            return candidate
    names = ", ".join([*(candidate.name for candidate in file.banks), FLASH])
    raise ValueError(f"expected a bank of {file.board} ({names}), got '{bank}'; take one of them")
