"""The scan against every pair looked at one by one, against LoRaSim's own rules, and at the edges of an overlap."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.world.radio.lora.airtime import airtimes_us
from fleet.world.radio.lora.collisions import CROCE, GOURSAUD, MODELS, Frames, Model, delivered, overlaps

T = 56_576  # 20 bytes at SF 7
SYMBOL = 1_024


def frames(*rows: tuple[int, int, int, int]) -> Frames:
    """Start, spreading factor, channel and dBm of each; all of 20 bytes."""
    start, sf, channel, dbm = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return Frames(
        start_us=start, duration_us=airtimes_us(sf, 20), channel=channel, sf=sf, rssi_cdbm=(100 * dbm).astype(np.int64)
    )


def received(name: str, *rows: tuple[int, int, int, int]) -> list[bool]:
    return [bool(one) for one in delivered(frames(*rows), MODELS[name])]


def one_by_one(given_: Frames, model: Model) -> list[bool]:
    """The same rules over all pairs, in plain Python."""
    rows = list(
        zip(
            given_.start_us.tolist(), given_.duration_us.tolist(), given_.channel.tolist(), given_.sf.tolist(),
            given_.rssi_cdbm.tolist(), strict=True,
        )
    )  # fmt: skip
    return [not any(harms(other, mine, model) for other in rows if other is not mine) for mine in rows]


def harms(other: tuple[int, ...], mine: tuple[int, ...], model: Model) -> bool:
    start, duration, channel, sf, rssi = mine
    start_o, duration_o, channel_o, sf_o, rssi_o = other
    if channel != channel_o or start_o >= start + duration or start >= start_o + duration_o:
        return False
    if sf != sf_o and model.other_db is None:
        return False
    if start_o <= start and start_o + duration_o <= start + model.spared * (8 << sf):
        return False
    if sf == sf_o and start <= start_o and start + duration <= start_o + model.spared * (8 << sf):
        return False
    if sf == sf_o:
        return model.same_cdb is None or rssi - rssi_o < model.same_cdb
    assert model.other_db is not None
    return rssi - rssi_o < 100 * model.other_db[sf - 7][sf_o - 7]


ROWS = st.lists(
    st.tuples(st.integers(0, 4_000_000), st.integers(7, 12), st.integers(0, 2), st.integers(-120, -90)), max_size=40
)


@settings(max_examples=150)
@given(rows=ROWS, name=st.sampled_from(list(MODELS)))
def test_the_scan_finds_what_looking_at_every_pair_finds(rows: list[tuple[int, int, int, int]], name: str) -> None:
    given_ = frames(*rows)
    assert delivered(given_, MODELS[name]).tolist() == one_by_one(given_, MODELS[name])


def test_frames_far_apart_in_channel_number_and_time_are_sorted_the_slow_way_to_the_same_answer() -> None:
    """Index and place in time then take more than 63 bits together."""
    rows = [(10**9 * (i % 7) + 9_000 * (i // 7), 7 + i % 6, 0, -100 - i % 19) for i in range(900)]
    near = frames(*rows)
    far = replace(near, channel=near.channel + np.where(np.arange(900) % 2, 0, 10**8))
    assert int(far.channel.max()) * 6 * 6 * 10**9 > 2**53
    assert delivered(far, MODELS["capture"]).tolist() == one_by_one(far, MODELS["capture"])


def test_frames_that_only_touch_do_not_overlap() -> None:
    assert received("simple", (0, 7, 0, -100), (T, 7, 0, -100)) == [True, True]
    assert received("simple", (0, 7, 0, -100), (T - 1, 7, 0, -100)) == [False, False]


def test_three_preamble_symbols_of_the_later_frame_may_be_hit() -> None:
    """LoRaSim, timingCollision: lost when the critical section begins before the other frame ends."""
    spared = T - 3 * SYMBOL
    assert received("capture", (0, 7, 0, -100), (spared, 7, 0, -100)) == [True, True]
    assert received("capture", (0, 7, 0, -100), (spared - 1, 7, 0, -100)) == [False, False]


@pytest.mark.parametrize("above, expected", [(6, [True, False]), (5, [False, False]), (-6, [False, True])])
def test_six_decibels_are_enough_to_be_captured(above: int, expected: list[bool]) -> None:
    assert received("capture", (0, 7, 0, -100 + above), (T // 2, 7, 0, -100)) == expected


def test_a_strong_frame_does_not_survive_two_weaker_ones_if_one_is_near_enough() -> None:
    assert received("capture", (0, 7, 0, -90), (T // 3, 7, 0, -97), (T // 2, 7, 0, -95)) == [False, False, False]


def test_spreading_factors_and_channels_are_apart_without_a_matrix() -> None:
    for name in ("simple", "capture"):
        assert received(name, (0, 7, 0, -100), (0, 8, 0, -60), (0, 7, 1, -60)) == [True, True, True]


@pytest.mark.parametrize("name, table", [("goursaud", GOURSAUD), ("croce", CROCE)])
def test_a_matrix_says_how_far_below_another_spreading_factor_a_frame_may_be(name: str, table: tuple) -> None:
    for mine in range(7, 13):
        for theirs in set(range(7, 13)) - {mine}:
            limit = table[mine - 7][theirs - 7]
            assert limit < 0
            for dbm, survives in ((-100 + limit, True), (-101 + limit, False)):
                assert received(name, (0, mine, 0, dbm), (0, theirs, 0, -100))[0] is survives


def test_every_pair_is_given_once_with_the_earlier_frame_first() -> None:
    rows = frames((30_000, 7, 0, -100), (0, 7, 0, -100), (20_000, 7, 0, -100), (80_000, 7, 0, -100), (0, 8, 0, -100))
    found = [(int(a), int(b)) for one, two in overlaps(rows, by_sf=True) for a, b in zip(one, two, strict=True)]
    assert sorted(found) == [(0, 3), (1, 0), (1, 2), (2, 0)]


def test_no_frames_and_one_frame_collide_with_nothing() -> None:
    assert received("croce") == []
    assert received("croce", (5, 12, 3, -130)) == [True]


def test_more_channels_than_one_line_of_time_holds_are_refused() -> None:
    rows = frames((0, 7, 0, -100), (10**12, 7, 10**9, -100))
    with pytest.raises(ValueError, match=r"less than 2\^63 us"):
        delivered(rows, MODELS["simple"])
