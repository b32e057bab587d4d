"""What a node draws in each state: the world's view of a board."""

from dataclasses import dataclass

from fleet.node.cost import compute_na
from fleet.node.profile import Profile


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


def power(profile: Profile, *, sense_na: int = 0) -> Power:
    """The power figures of a board. No scenario gives a sensor current yet, so sensing costs 0 unless said."""
    currents = profile.currents
    return Power(
        supply_mv=profile.supply_mv,
        brown_out_mv=profile.brown_out_mv,
        sleep_na=currents.sleep_na,
        wake_na=currents.wake_na,
        run_na=currents.run_na,
        compute_na=compute_na(profile),
        transmit_na=currents.transmit_na or 0,
        receive_na=currents.receive_na or 0,
        radio_idle_na=currents.radio_idle_na or 0,
        flash_na=currents.flash_na,
        wake_us=profile.wake_us,
        sense_na=sense_na,
    )
