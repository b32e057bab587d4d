"""What published frames take from a store, and that a world keeps the duty cycle from round to round."""

import pytest

from fleet.node.cost import energy_nj
from fleet.node.profile.modules import load_module
from fleet.world.radio.lora.airtime import Modem, airtime_us
from fleet.world.radio.lora.link import LoraLink
from fleet.world.stores.ideal import ideal
from tests.world.fakes import HOUR_US, Work, spec, world


def sent_mj(module: str, dbm: int, sf: int) -> float:
    (part,) = load_module(module).radios
    steps = {step.dbm: step.current_na for step in part.transmit}
    return energy_nj(3_300, steps[dbm], airtime_us(Modem(sf=sf), 20)) / 1e6


@pytest.mark.parametrize(
    "module, dbm, sf, published", [("sx1261", 14, 7, 4.761), ("sx1262", 22, 7, 22.01), ("sx1261", 14, 12, 110.99)]
)
def test_a_frame_of_20_bytes_takes_what_is_published(module: str, dbm: int, sf: int, published: float) -> None:
    """Millijoules of the transmitter alone, to the digits given."""
    assert sent_mj(module, dbm, sf) == pytest.approx(published, abs=0.006)


def test_a_packet_of_lorasims_first_experiment_takes_0_226_joules() -> None:
    """44 mA at 3 V for 1,712.128 ms (loraDir.py, TX table)."""
    assert round(energy_nj(3_000, 44_000_000, airtime_us(Modem(sf=12, cr=4), 20)) / 1e9, 3) == 0.226


@pytest.mark.parametrize("device_class", ["A", "B", "C"])
@pytest.mark.parametrize("confirmed", [True, False])
def test_a_world_of_rounds_keeps_every_nodes_duty_cycle(device_class: str, *, confirmed: bool) -> None:
    """Rounds that open faster than the duty cycle lets a node answer: it is silent for as long as it must be."""
    link = LoraLink(sf=9, device_class=device_class, confirmed=confirmed, rx2_rate=3, collision=0.2, periodicity=0)
    fleet, _ = world(spec(store=ideal(), link=link))
    for number in range(1, 7):
        fleet.exchange(
            [Work(node=0, round=number, down_bytes=200, reply_bytes=300)], deadline_us=fleet.now_us + HOUR_US
        )
    frame_us = airtime_us(Modem(sf=9), 115 + 13)
    energy, _ = fleet.close()
    transmit_us = next(row.time_us for row in energy if row.cause == "transmit")
    assert transmit_us > 12 * frame_us
    assert 100 * (transmit_us - frame_us) <= fleet.now_us
