"""What happens to the nodes of a group besides their work: the keys of `fleet.life`."""

from typing import Annotated

from fleet.base.declared import Key, declared
from fleet.base.units import SHARE, TIME_US

MOST = "36500 d"


@declared
class LifeChoice:
    """Whether nodes are there, how their clocks run, what breaks. Times of faults are means between two on one node."""

    available: Annotated[
        float, Key("spells in which a node is in reach, each drawn for itself", unit=SHARE, least="1 %", most="100 %")
    ] = 1.0
    spell_us: Annotated[int, Key("length of such a spell", unit=TIME_US, least="1 min", most="365 d")] = 3_600_000_000
    joining_us: Annotated[int, Key("nodes join evenly over this time", unit=TIME_US, least="0 s", most=MOST)] = 0
    stay_us: Annotated[
        int, Key("mean time until a node leaves for good; 0: never", unit=TIME_US, least="0 s", most=MOST)
    ] = 0
    clock_ppm: Annotated[int, Key("largest error of a sleep clock, parts per million", least=0, most=500)] = 0
    new_data_us: Annotated[
        int,
        Key("time in which a sensor makes one training window; 0: all are there", unit=TIME_US, least="0 s", most=MOST),
    ] = 0
    power_cut_us: Annotated[int, Key("between power cuts; 0: none", unit=TIME_US, least="0 s", most=MOST)] = 0
    flash_flip_us: Annotated[
        int, Key("between bit flips in a frozen model; 0: none", unit=TIME_US, least="0 s", most=MOST)
    ] = 0
    stuck_radio_us: Annotated[
        int, Key("until a radio sends and hears nothing any more; 0: never", unit=TIME_US, least="0 s", most=MOST)
    ] = 0
    lying: Annotated[
        float, Key("nodes that send the opposite of what they learnt", unit=SHARE, least="0 %", most="90 %")
    ] = 0.0
    repair_us: Annotated[
        int,
        Key("between visits that mend models and radios of all nodes; 0: none", unit=TIME_US, least="0 s", most=MOST),
    ] = 0
