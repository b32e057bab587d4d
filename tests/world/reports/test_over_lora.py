"""Reports over LoRaWAN: the objects, which meet frame by frame, against the cohort, which decides a window at once."""

import numpy as np
import pytest

from fleet.base.errors import InputError
from fleet.world.cohort import Group
from fleet.world.radio.lora.airtime import Modem, airtime_us
from fleet.world.radio.lora.collisions import MODELS, Model
from fleet.world.radio.lora.link import LoraLink
from fleet.world.records import Records
from fleet.world.reports.over_lora import LoraReports, Places
from fleet.world.store import ideal
from fleet.world.world import World
from tests.world.fakes import POWER, spec

MINUTE_US = 60_000_000
WINDOW_US = 5 * MINUTE_US


def reports(
    count: int, *, sf: int = 12, model: Model = MODELS["capture"], gateways: int = 1, seed: int = 4
) -> LoraReports:
    node = np.arange(count, dtype=np.int64)
    places = Places(gateway=node % gateways, sf=np.full(count, sf, dtype=np.int64), rssi_cdbm=-9_000 - 7 * (node % 400))
    return LoraReports(
        places, LoraLink(), POWER, model=model, seed=seed, first=0, every_us=WINDOW_US, payload_bytes=20 - 13
    )


def course(made: LoraReports, windows: int, *, cohort: bool) -> dict[str, np.ndarray]:
    count = len(made.kinds)
    world = World(
        [spec(n, store=ideal()) for n in range(count)],
        seed=0,
        line="federated",
        records=Records(),
        groups=[Group(board="a", first=0, count=count, reports=made)],
        cohort=cohort,
    )
    world.advance_to(windows * WINDOW_US)
    world.close()
    return world.totals()


def test_frames_that_never_meet_leave_identical_totals() -> None:
    made = reports(200, gateways=200)
    each, rows = course(made, 12, cohort=False), course(made, 12, cohort=True)
    for name, column in each.items():
        assert column.tolist() == rows[name].tolist(), name
    assert rows["heard"].tolist() == rows["reports"].tolist() == [12] * 200


@pytest.mark.parametrize("name", ["simple", "capture"])
def test_frames_that_meet_are_lost_as_often(name: str) -> None:
    """200 nodes, 48 windows, 9,600 frames. Only frames across the edge of a window can differ: under 1 % here."""
    made = reports(200, model=MODELS[name])
    each, rows = course(made, 48, cohort=False), course(made, 48, cohort=True)
    assert each["drawn_nj"].tolist() == rows["drawn_nj"].tolist()
    sent, lost = each["reports"].sum(), (each["reports"] - each["heard"]).sum()
    assert sent == 9600
    assert 0.2 * sent < lost < 0.7 * sent
    assert abs(int(each["heard"].sum()) - int(rows["heard"].sum())) < 0.01 * sent
    differs = np.abs(each["heard"] - rows["heard"])
    assert differs.sum() < 0.02 * sent


def test_a_report_takes_a_frame_and_two_windows_in_vain() -> None:
    block = reports(1).blocks[0]
    assert block.sent_us == airtime_us(Modem(sf=12), 20)
    assert block.quiet_us > 0
    assert block.time_us > 2_000_000 + block.sent_us


def test_no_node_sends_more_than_its_duty_cycle() -> None:
    made = reports(50)
    ends = made.starts_us(0) + 100 * made.airtime_us
    assert int(ends.max()) <= WINDOW_US


def test_windows_too_short_for_the_duty_cycle_are_refused() -> None:
    with pytest.raises(InputError, match="report less often"):
        LoraReports(
            reports(3).places,
            LoraLink(),
            POWER,
            model=MODELS["simple"],
            seed=0,
            first=0,
            every_us=MINUTE_US,
            payload_bytes=51,
        )


def test_what_the_gateway_cannot_hear_does_not_arrive() -> None:
    made = reports(10)
    deaf = Places(gateway=made.places.gateway, sf=made.places.sf, rssi_cdbm=np.full(10, -14_300, dtype=np.int64))
    quiet = LoraReports(
        deaf, LoraLink(), POWER, model=MODELS["simple"], seed=0, first=0, every_us=WINDOW_US, payload_bytes=7
    )
    assert not quiet.arrived(0, np.ones(10, dtype=np.bool_)).any()
