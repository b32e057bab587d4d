"""All that happens to the nodes of one group besides their work."""

from dataclasses import dataclass

from fleet.scenario.life import LifeChoice
from fleet.world.life.clock import Clock
from fleet.world.life.faults import Faults
from fleet.world.life.presence import Presence


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """presence, clock and faults of a group's nodes, under one seed."""

    presence: Presence
    clock: Clock
    faults: Faults


def life_of(choice: LifeChoice) -> Life:
    """What a scenario says of a group."""
    return Life(
        presence=Presence(
            share=choice.available, spell_us=choice.spell_us, joining_us=choice.joining_us, stay_us=choice.stay_us
        ),
        clock=Clock(ppm=choice.clock_ppm),
        faults=Faults(
            power_cut_us=choice.power_cut_us,
            flash_flip_us=choice.flash_flip_us,
            stuck_radio_us=choice.stuck_radio_us,
            lying=choice.lying,
            repair_us=choice.repair_us,
        ),
    )
