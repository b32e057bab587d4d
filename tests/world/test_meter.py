"""Energy accounts: the unit, the conservation, the last microsecond."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.node.cost import energy_nj
from fleet.record.rows import CAUSES
from fleet.world.meter import Booking, Cause, Draw, Meter, Supplied, run_down
from fleet.world.stores.ideal import ideal

BOARD = Supplied(supply_mv=3_000, brown_out_mv=1_700)
DRAWS = st.lists(
    st.builds(
        Draw,
        cause=st.sampled_from(Cause),
        current_na=st.integers(0, 20_000_000),
        time_us=st.integers(0, 10_000_000_000),
    ),
    max_size=8,
)


def test_one_milliampere_at_three_volts_for_one_second_is_three_millijoules() -> None:
    assert energy_nj(3_000, 1_000_000, 1_000_000) == 3_000_000


def test_a_lora_frame_costs_the_published_energy() -> None:
    """SX1261, 56.576 ms at 25.5 mA and 3.3 V: 4.761 mJ."""
    assert round(energy_nj(3_300, 25_500_000, 56_576) / 1e6, 3) == 4.761


def test_energy_is_rounded_to_the_nearest_nanojoule() -> None:
    assert energy_nj(1, 1, 499_999_999) == 0
    assert energy_nj(1, 1, 500_000_000) == 1


def test_causes_are_those_of_the_record() -> None:
    assert tuple(cause.value for cause in Cause) == CAUSES


@given(draws=DRAWS, capacity_mah=st.sampled_from((0.001, 0.1, 225)), sense_na=st.sampled_from((0, 12_345)))
def test_what_is_booked_is_what_the_store_gave(draws: list[Draw], capacity_mah: float, sense_na: int) -> None:
    store = ideal(capacity_mah)
    drain = run_down(store, draws, Supplied(supply_mv=3_000, brown_out_mv=1_700, sense_na=sense_na))
    assert (
        sum(booking.energy_nj for booking in drain.bookings)
        == store.stored_nj - drain.store.stored_nj
        <= store.capacity_nj
    )
    assert min((booking.energy_nj for booking in drain.bookings), default=0) >= 0
    beside = sum(booking.time_us for booking in drain.bookings if booking.cause is not Cause.SENSE or not sense_na)
    if not any(draw.cause is Cause.SENSE for draw in draws):
        assert beside == drain.lived_us
    assert bool(drain.failure) == (drain.lived_us < sum(draw.time_us for draw in draws))


@given(current_na=st.integers(1, 20_000_000))
def test_a_store_holds_to_its_last_whole_microsecond(current_na: int) -> None:
    store = ideal(0.001)
    draw = Draw(cause=Cause.COMPUTE, current_na=current_na, time_us=10**14)
    drain = run_down(store, [draw], BOARD)
    assert drain.failure == "cell empty"
    assert energy_nj(3_000, current_na, drain.lived_us) <= store.capacity_nj
    assert energy_nj(3_000, current_na, drain.lived_us + 1) > store.capacity_nj


def test_a_current_the_store_cannot_bear_ends_it_at_once() -> None:
    draw = Draw(cause=Cause.COMPUTE, current_na=1_000, time_us=5)
    drain = run_down(ideal(1, voltage_mv=1_600), [draw], BOARD)
    assert (drain.lived_us, drain.store) == (0, ideal(1, voltage_mv=1_600))
    assert drain.failure == "brown-out: below 1700 mV under 1 uA"


def test_a_draw_of_no_time_asks_nothing_of_the_store() -> None:
    draw = Draw(cause=Cause.TRANSMIT, current_na=10**12, time_us=0)
    assert run_down(ideal(1, voltage_mv=1), [draw], Supplied(supply_mv=1, brown_out_mv=1)).failure == ""


def test_a_meter_adds_by_cause_and_shows_every_cause() -> None:
    meter = Meter()
    for _ in range(2):
        meter.book([Booking(cause=Cause.SLEEP, energy_nj=3, time_us=5)])
    totals = {total.cause: (total.energy_nj, total.time_us) for total in meter.totals()}
    assert totals == dict.fromkeys(Cause, (0, 0)) | {Cause.SLEEP: (6, 10)}


@pytest.mark.parametrize("time_us", [10**3, 10**9, 10**15])
def test_energy_is_exact_at_any_length_of_time(time_us: int) -> None:
    assert energy_nj(3_000, 1_000_000, time_us) == 3 * time_us
