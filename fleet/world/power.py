"""What a node draws in each state: the world's view of a board and of the radio it speaks through."""

from dataclasses import dataclass

from fleet.node.cost import compute_na
from fleet.node.profile import Profile, RadioPart


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Supply, and supply currents by state. A board without a radio has 0 for the radio's."""

    supply_mv: int
    brown_out_mv: int  # below this at the terminals of the store the node dies
    sleep_na: int
    wake_na: int  # while the oscillator starts
    run_na: int  # processor at work, but not on a network
    compute_na: int  # processor at work on a network: run_na times the board's factor
    transmit_na: int
    receive_na: int
    radio_idle_na: int
    flash_na: int
    wake_us: int
    sense_na: int = 0  # a sensor that never stops; 0: none is charged


def power(profile: Profile, part: RadioPart | None = None, *, tx_dbm: int | None = None, sense_na: int = 0) -> Power:
    """The power figures of a board that speaks through a radio.

    part: the first of the radios that the board uses unless said (`radio_of` gives others). tx_dbm: the radio's usual
    power unless said; ValueError above its highest. No scenario gives a sensor current yet, so sensing costs 0 unless
    said. A module that needs more volts than the board browns the node out where the module stops.
    """
    currents = profile.currents
    radio = part or next(iter(profile.parts), None)
    return Power(
        supply_mv=profile.supply_mv,
        brown_out_mv=max(profile.brown_out_mv, radio.least_mv if radio else 0),
        sleep_na=currents.sleep_na + (radio.sleep_na if radio else 0),
        wake_na=currents.wake_na,
        run_na=currents.run_na,
        compute_na=compute_na(profile),
        transmit_na=radio.transmit_na(tx_dbm) if radio else 0,
        receive_na=radio.receive_na if radio else 0,
        radio_idle_na=radio.idle_na if radio else 0,
        flash_na=currents.flash_na,
        wake_us=profile.wake_us,
        sense_na=sense_na,
    )
