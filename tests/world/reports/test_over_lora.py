"""Reports over LoRaWAN: the objects, which meet frame by frame, against the cohort, which decides a window at once."""

import numpy as np
import pytest

from fleet.base.errors import InputError
from fleet.scenario.schema import Report
from fleet.world.cohort import Group
from fleet.world.radio.lora.airtime import Modem, airtime_us
from fleet.world.radio.lora.link import LoraLink
from fleet.world.radio.lora.site import Places
from fleet.world.records import Records
from fleet.world.reports.over_lora import LoraReports
from fleet.world.stores.ideal import ideal
from fleet.world.world import World
from tests.world.fakes import POWER, spec

MINUTE_US = 60_000_000
WINDOW_US = 5 * MINUTE_US


def heard_at(count: int, *, sf: int, gateways: int, level_cdbm: int = -9_000, step_cdbm: int = 7) -> Places:
    node = np.arange(count, dtype=np.int64)
    return Places(
        gateway=node % gateways,
        sf=np.full(count, sf, dtype=np.int64),
        power_dbm=np.full(count, 14, dtype=np.int64),
        rssi_cdbm=level_cdbm - step_cdbm * (node % 400),
    )


def made(places: Places, collisions: str = "capture", every_us: int = WINDOW_US, payload_bytes: int = 7) -> LoraReports:
    report = Report(every_us=every_us, payload_bytes=payload_bytes)
    return LoraReports(places, LoraLink(collisions=collisions), {14: POWER}, report, seed=4, first=0)


def reports(count: int, *, collisions: str = "capture", gateways: int = 1) -> LoraReports:
    return made(heard_at(count, sf=12, gateways=gateways), collisions)


def course(these: LoraReports, windows: int, *, cohort: bool) -> dict[str, np.ndarray]:
    count = len(these.kinds)
    world = World(
        [spec(n, store=ideal()) for n in range(count)],
        seed=0,
        line="federated",
        records=Records(),
        groups=[Group(board="a", first=0, count=count, reports=these)],
        cohort=cohort,
    )
    world.advance_to(windows * WINDOW_US)
    world.close()
    return world.totals()


def test_frames_that_never_meet_leave_identical_totals() -> None:
    alone = reports(200, gateways=200)
    each, rows = course(alone, 12, cohort=False), course(alone, 12, cohort=True)
    for name, column in each.items():
        assert column.tolist() == rows[name].tolist(), name
    assert rows["heard"].tolist() == rows["reports"].tolist() == [12] * 200


@pytest.mark.parametrize("name", ["simple", "capture"])
def test_frames_that_meet_are_lost_as_often(name: str) -> None:
    """200 nodes, 48 windows, 9,600 frames. Only frames across the edge of a window can differ: under 1 % here."""
    dense = reports(200, collisions=name)
    each, rows = course(dense, 48, cohort=False), course(dense, 48, cohort=True)
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
    some = reports(50)
    ends = some.starts_us(0) + 100 * some.airtime_us
    assert int(ends.max()) <= WINDOW_US


def test_windows_too_short_for_the_duty_cycle_are_refused() -> None:
    with pytest.raises(InputError, match="report less often"):
        made(heard_at(3, sf=12, gateways=1), every_us=MINUTE_US, payload_bytes=51)


def test_what_the_gateway_cannot_hear_does_not_arrive() -> None:
    deaf = made(heard_at(10, sf=12, gateways=1, level_cdbm=-14_300, step_cdbm=0))
    assert not deaf.arrived(0, np.ones(10, dtype=np.bool_)).any()
