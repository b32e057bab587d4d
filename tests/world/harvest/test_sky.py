"""Clear sky and clouds: Haurwitz's published figures, the shape of a year, weather that a region shares."""

import numpy as np
import pytest

from fleet.world.harvest import Solar
from fleet.world.harvest.clouds import BLOCK, CHANGES_PERMILLE, PASSES_PERMILLE, passes_permille
from fleet.world.harvest.sun import HOURS, clear_year_w_m2, haurwitz_w_m2

HOUR_US = 3_600_000_000


def test_haurwitz_is_haurwitz() -> None:
    found = haurwitz_w_m2(np.array([0.0, 30.0, 60.0, 90.0, 120.0]))
    assert found.round(2).tolist() == [1035.09, 888.27, 487.89, 0.0, 0.0]


def test_a_year_has_long_days_in_june_and_none_is_brighter_than_the_zenith() -> None:
    year = clear_year_w_m2(51.0).reshape(365, 24)
    assert year.max() < 1035
    assert (int((year[171] > 0).sum()), int((year[354] > 0).sum())) == (16, 8)
    assert year[171].sum() > 4 * year[354].sum() > 0
    assert (year == year[:, ::-1]).all(), "the sun's own time: mornings mirror evenings"
    assert year[171, 12] == round(float(haurwitz_w_m2(np.array([_zenith(51.0, 172, 12.5)]))[0]))


def _zenith(latitude: float, day: int, hour: float) -> float:
    """cos z = sin(lat) sin(dec) + cos(lat) cos(dec) cos(15 deg (h - 12)), dec = 23.45 sin(360 (284 + n) / 365)."""
    lat, dec = np.radians(latitude), np.radians(23.45 * np.sin(np.radians(360 * (284 + day) / 365)))
    cosine = np.sin(lat) * np.sin(dec) + np.cos(lat) * np.cos(dec) * np.cos(np.radians(15 * (hour - 12)))
    return float(np.degrees(np.arccos(cosine)))


def test_a_tilted_panel_gains_in_winter_and_hardly_loses_in_summer() -> None:
    flat, tilted = (clear_year_w_m2(51.0, tilt).reshape(365, 24).sum(axis=1) for tilt in (0.0, 40.0))
    assert tilted[354] > 1.8 * flat[354]
    assert 0.85 < tilted[171] / flat[171] < 1.05
    south = clear_year_w_m2(-51.0, 40.0).reshape(365, 24).sum(axis=1)
    assert south[171] < south[354]


def test_a_panel_gives_light_times_area_times_efficiency() -> None:
    panel = Solar(area_mm2=1_000, latitude_deg=51.0, seed=0, day=172, clouds=False, efficiency_permille=150)
    noon_us = 12 * HOUR_US
    light = int(clear_year_w_m2(51.0)[171 * 24 + 12])
    assert panel.power_nw(noon_us) == light * 1_000 * 150  # W/m2 x mm2 = uW
    assert panel.power_nw(0) == 0
    assert panel.until_us(noon_us) == panel.until_us(noon_us + HOUR_US - 1) == 13 * HOUR_US
    assert panel.power_nw(noon_us + HOURS * HOUR_US) == panel.power_nw(noon_us)


def test_clouds_belong_to_seed_and_region_and_not_to_the_order_of_asking() -> None:
    def sky(seed: int, region: int) -> list[int]:
        return [passes_permille(seed, region, hour) for hour in range(BLOCK - 50, BLOCK + 50)]

    assert sky(0, 0) == sky(0, 0) != sky(0, 1)
    assert sky(0, 0) != sky(1, 0)
    assert set(sky(0, 0)) <= set(PASSES_PERMILLE)


def test_states_of_the_sky_come_as_often_as_the_chain_says() -> None:
    """The stationary shares of the chain, over 20,000 hours that hang together."""
    chain = np.array(CHANGES_PERMILLE) / 1000
    assert chain.sum(axis=1).tolist() == [1.0, 1.0, 1.0]
    expected = np.linalg.matrix_power(chain, 500)[0]
    hours = [passes_permille(5, 3, hour) for hour in range(20_000)]
    for share, passes in zip(expected, PASSES_PERMILLE, strict=True):
        assert hours.count(passes) / 20_000 == pytest.approx(share, abs=0.04)


def test_clouds_take_from_the_light() -> None:
    clear, cloudy = (Solar(area_mm2=1_000, latitude_deg=51.0, seed=0, clouds=clouds) for clouds in (False, True))
    both = [(clear.power_nw(hour * HOUR_US), cloudy.power_nw(hour * HOUR_US)) for hour in range(240)]
    assert all(some in (full, full // 2, full * 15 // 100) for full, some in both)
    assert sum(some for _, some in both) < sum(full for full, _ in both)
