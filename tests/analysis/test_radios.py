"""The study of radios: what it prints against the worked figures of the notes."""

import pytest

from analysis.radios import Row, main, rows


@pytest.fixture(scope="module")
def found() -> dict[tuple[str, str], Row]:
    return {(row.radio, row.direction): row for row in rows(100_000)}


def test_a_hundred_kilobytes_cost_what_the_worked_examples_say(found: dict[tuple[str, str], Row]) -> None:
    """BLE 17.8 and 9.5 mJ for packets alone; 802.15.4 7.8 s; NB-IoT 30.8 s of receiving; the rest is set-up."""
    assert 17.0 < found["ble", "down"].millijoules < 19.5
    assert 9.0 < found["ble phy 2M", "down"].millijoules < 11.0
    assert 7.4 < found["ieee802154", "down"].seconds < 7.9
    assert 30.8 < found["nbiot", "down"].air_seconds < 30.9
    assert round(found["ble kept True", "up"].standby_ua, 0) == 83  # 86.3 uA less the floor of 3.16


def test_radios_rank_as_their_rates_do(found: dict[tuple[str, str], Row]) -> None:
    order = ["wifi association kept", "ble", "ieee802154", "nbiot", "lorawan sf 7", "lorawan sf 12"]
    times = [found[radio, "up"].air_seconds for radio in order]
    assert times == sorted(times)
    assert found["ble writes requests", "up"].seconds > 20 * found["ble", "up"].seconds


def test_it_prints_a_line_for_each_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["500"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "500 bytes without losses, modelled"
    assert len(lines) == 2 + len(list(rows(500)))
