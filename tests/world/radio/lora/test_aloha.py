"""Closed forms against the scan: means, and the distribution of how often each node is received."""

from math import comb

import numpy as np
import pytest

from fleet.base import rng
from fleet.world.radio.lora.airtime import airtimes_us
from fleet.world.radio.lora.aloha import drawn, pure_aloha, survival, untouched
from fleet.world.radio.lora.collisions import MODELS, Frames, delivered
from tests.world.radio.lora.uplinks import uplinks

HOUR = 3_600_000_000
NODES = 400
HOURS = 400
WINDOW = 60_000_000
KEY = rng.key(7, rng.Stream.RADIO)


def hour(hour_number: int, *, gateways: int = 2, window_us: int = WINDOW, mixed: bool = True) -> Frames:
    """One window of 400 nodes at two gateways, by turns of SF 7 to 9, at powers that differ by up to 30 dB."""
    nodes = np.arange(NODES, dtype=np.int64)
    sf = 7 + (nodes // 2) % 3 if mixed else np.full(NODES, 9)
    return uplinks(
        rng.absorb(KEY, hour_number),
        nodes,
        gateway=nodes % gateways,
        sf=sf,
        duration_us=airtimes_us(sf, 51),
        rssi_cdbm=-12_000 + rng.draws32(KEY, 0, NODES).astype(np.int64) % 3_000,
        window_us=window_us,
        cycle=2,
    )


def counts(name: str) -> np.ndarray:
    """How often each node was received by the scan over all windows."""
    return np.sum([delivered(hour(number), MODELS[name]) for number in range(HOURS)], axis=0)


def chances(name: str) -> np.ndarray:
    one = hour(0)
    nodes = np.arange(NODES, dtype=np.int64)
    at_gateway = Frames(
        start_us=one.start_us, duration_us=one.duration_us, channel=nodes % 2, sf=one.sf, rssi_cdbm=one.rssi_cdbm
    )
    return survival(at_gateway, MODELS[name], every_us=WINDOW - 2 * 200_000, channels=3)


def chi_square(observed: np.ndarray, chance: np.ndarray) -> float:
    """Sum over nodes of squared distances from the binomial's mean in units of its variance: mean `nodes`."""
    never = chance == 1  # nobody whom the gateway hears can harm it
    assert (observed[never] == HOURS).all()
    mean, variance = HOURS * chance, np.where(never, 1, HOURS * chance * (1 - chance))
    return float(((observed - mean) ** 2 / variance)[~never].sum() + never.sum())


@pytest.mark.parametrize("name", list(MODELS))
def test_each_node_is_received_as_often_by_the_scan_as_by_draws_of_its_chance(name: str) -> None:
    """Chi-square over 400 nodes and 400 windows, two-sided at the 1 % level (normal limit: 400 +- 2.58 sqrt(800))."""
    chance = chances(name)
    sampled = np.sum([drawn(rng.absorb(KEY, 10_000 + number), chance) for number in range(HOURS)], axis=0)
    limit = 2.58 * np.sqrt(2 * NODES)
    assert abs(chi_square(counts(name), chance) - NODES) < limit
    assert abs(chi_square(sampled, chance) - NODES) < limit


def test_a_chance_that_is_off_by_two_points_is_noticed() -> None:
    """The test above can fail."""
    assert chi_square(counts("simple"), chances("simple") - 0.02) > NODES + 2.58 * np.sqrt(2 * NODES)


def test_both_ways_give_counts_of_the_same_distribution() -> None:
    """Kolmogorov-Smirnov over 400 nodes each at the 1 % level: 1.628 sqrt(2 / n)."""
    chance = chances("capture")
    scan = np.sort(counts("capture"))
    sampled = np.sort(np.sum([drawn(rng.absorb(KEY, 20_000 + n), chance) for n in range(HOURS)], axis=0))
    steps = np.arange(scan.min(), HOURS + 1)
    apart = np.abs(np.searchsorted(scan, steps, "right") - np.searchsorted(sampled, steps, "right")).max() / NODES
    assert apart < 1.628 * np.sqrt(2 / NODES)


def test_the_total_scatters_more_in_the_scan_than_independent_draws_say() -> None:
    """Frames are lost in pairs. What the closed form cannot say, and why runs take the scan."""
    chance = chances("simple")
    scan = [int(delivered(hour(number), MODELS["simple"]).sum()) for number in range(HOURS)]
    sampled = [int(drawn(rng.absorb(KEY, 30_000 + number), chance).sum()) for number in range(HOURS)]
    assert abs(np.mean(scan) - np.mean(sampled)) < 2.58 * np.sqrt((np.var(scan) + np.var(sampled)) / HOURS)
    assert 1.5 < np.var(scan) / np.var(sampled) < 2.5


def test_the_exact_form_counts_the_ends_of_the_window() -> None:
    """Two frames of a third of the window, by the area of the square of starts where they miss each other."""
    assert untouched(1, 1, 3) == pytest.approx((1 - 1 / 3) ** 2)
    assert untouched(1, 1, 3, channels=2) == pytest.approx(1 - (1 - (2 / 3) ** 2) / 2)
    assert untouched(0, 5, 100) == pytest.approx(1)


def test_the_exact_form_equals_the_sum_over_how_many_are_on_the_channel() -> None:
    m, t, window = 9, 40, 1_000
    whole = sum(comb(m, k) * (1 / 3) ** k * (2 / 3) ** (m - k) * untouched(k, t, window) for k in range(m + 1))
    assert untouched(m, t, window, channels=3) == pytest.approx(whole)


def test_what_survival_leaves_out_is_less_than_one_airtime_in_a_window() -> None:
    one = hour(0, gateways=1, mixed=False)
    count, duration = NODES, int(one.duration_us[0])
    lonely = Frames(
        start_us=one.start_us, duration_us=one.duration_us, channel=one.channel * 0, sf=one.sf, rssi_cdbm=one.rssi_cdbm
    )
    mine = survival(lonely, MODELS["simple"], every_us=HOUR, channels=3)
    assert np.ptp(mine) < 1e-12
    assert abs(mine[0] - untouched(count - 1, duration, HOUR, channels=3)) < duration / HOUR


def test_pure_aloha_is_lorasims_column() -> None:
    shares = [pure_aloha(n, 1_712_128, 10**9) for n in (100, 500, 1000)]
    assert [round(share, 3) for share in shares] == [0.710, 0.181, 0.033]
    assert round(pure_aloha(120, 1_318_912, 10**9, channels=3), 3) == 0.900
