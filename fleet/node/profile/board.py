"""What a board is: every field of a profile, declared once with its type, unit, range and meaning.

The check of a file, its messages and the table in devices/README.md all follow from these declarations.
"""

from dataclasses import dataclass, replace
from typing import Annotated

from fleet.base.declared import Key, declared
from fleet.base.units import CURRENT_NA, FREQUENCY_HZ, SIZE_BYTES, TIME_US, VOLTAGE_MV
from fleet.node.profile.memory import FLASH, Bank, Flash, Reserved
from fleet.node.profile.origin import Figure, Origin, Sourced
from fleet.node.profile.radio import Radio, RadioPart, current

CORES = ("cortex-m0plus", "cortex-m4f", "cortex-m7f", "cortex-m33f", "cortex-m55f", "rv32imc", "xtensa-lx7f")


@declared
class Currents:
    """What the whole chip draws from the supply in each state, its radio off."""

    run_na: Annotated[int, current("CPU busy at full clock, from flash; networks draw nn_power_factor times this")]
    sleep_na: Annotated[int, current("deepest sleep that keeps all SRAM and wakes by itself")]
    wake_na: Annotated[int, current("during wake_up")]
    flash_na: Annotated[int, current("while the flash erases or programs, CPU waiting")]


@declared
class SleepState(Origin):
    """A sleep beside `currents.sleep`: shallower and faster, or deeper and forgetful. wake_us: to full clock."""

    name: Annotated[str, Key("the maker's name", name="state")]
    current_na: Annotated[int, Key("current", unit=CURRENT_NA, least="1 nA", most="2 A")]
    kept_bytes: Annotated[int, Key("SRAM that it keeps", unit=SIZE_BYTES, least="0 B", most="64 MiB")]
    wake_us: Annotated[int, Key("until it runs again", name="wake_up", unit=TIME_US, least="0 s", most="10 s")]


@declared
class BoardFile:
    """What `devices/<board>/profile.yaml` holds."""

    schema: Annotated[int, Key("version of this format", least=1, most=1)]
    board: Annotated[str, Key("name of the board, as its folder")]
    core: Annotated[str, Key("processor core; f: with a floating-point unit", one_of=CORES)]
    clock_hz: Annotated[int, Figure("core clock", unit=FREQUENCY_HZ, least="1 MHz", most="2 GHz")]
    banks: Annotated[tuple[Bank, ...], Key("SRAM banks, the one for the arena first")]
    reserved: Annotated[
        tuple[Reserved, ...], Key("what is taken before an image starts, whatever its radio; [] if nothing is")
    ]
    flash: Annotated[Flash, Key("program flash")]
    supply_mv: Annotated[int, Figure("supply at which the currents hold", unit=VOLTAGE_MV, least="0.8 V", most="6 V")]
    brown_out_mv: Annotated[int, Figure("below this it stops", unit=VOLTAGE_MV, least="0.8 V", most="6 V")]
    supply_max_mv: Annotated[int, Figure("highest supply", unit=VOLTAGE_MV, least="0.8 V", most="6 V")]
    currents: Annotated[Currents, Key("supply currents")]
    nn_power_factor: Annotated[float, Figure("power in int8 loops over power at currents.run", least=0.5, most=4)]
    wake_us: Annotated[int, Figure("sleep to full clock", unit=TIME_US, least="0 s", most="10 s", name="wake_up")]
    cycles_per_instruction: Annotated[float, Figure("mean over the engine's kernels", least=0.2, most=10)]
    sleep_states: Annotated[tuple[SleepState, ...], Key("other sleeps than currents.sleep")] = ()
    radios: Annotated[
        tuple[Radio, ...], Key("radios on the chip, the usual one first; left out where there is none")
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(BoardFile):
    """One board, and the radios that it uses: those whose stacks take memory; the first of its own unless `using` says.

    sources: the origin of every number. can_build: an image for it can be built (it has a port).
    """

    sources: tuple[Sourced, ...]
    can_build: bool
    parts: tuple[RadioPart, ...] = ()

    @property
    def unverified(self) -> tuple[str, ...]:
        """Fields, as `currents.wake` or `reserved[0]`, that nobody looked up."""
        return tuple(item.field for item in self.sources if item.unverified)

    @property
    def reservations(self) -> tuple[Reserved, ...]:
        """What the radios in use and the board itself keep from an image."""
        return (*(item for part in self.parts for item in part.reserved), *self.reserved)

    @property
    def sram_banks(self) -> tuple[Bank, ...]:
        """What an image may use of each SRAM bank, in the order of the file."""
        return tuple(usable(self, bank.name) for bank in self.banks)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What the radios on the chip speak."""
        return tuple(radio.kind for radio in self.radios)

    def origin(self, field: str) -> Sourced:
        """Where the number in `field`, such as 'currents.run', comes from."""
        return next(item for item in self.sources if item.field == field)

    def using(self, *parts: RadioPart) -> "Profile":
        """The board with the stacks of these radios in its memory, each once, and no other."""
        return replace(self, parts=tuple(dict.fromkeys(parts)))


def usable(profile: Profile, bank: str) -> Bank:
    """The part of a bank, or of 'flash', that reservations leave: one piece, since they lie at its ends."""
    whole = _whole(profile, bank)
    taken = {
        end: sum(item.size_bytes for item in profile.reservations if item.bank == bank and item.at == end)
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
