"""Quantities: what people write, exactly; and refusals that say what to write instead."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base import units
from fleet.base.units import Measure

MEASURES = [value for value in vars(units).values() if isinstance(value, Measure)]


@pytest.mark.parametrize(
    "text,measure,stored",
    [
        ("64 MHz", units.FREQUENCY_HZ, 64_000_000),
        ("32.768 kHz", units.FREQUENCY_HZ, 32_768),
        ("256 KiB", units.SIZE_BYTES, 262_144),
        ("1 MiB", units.SIZE_BYTES, 1_048_576),
        ("1 MB", units.SIZE_BYTES, 1_000_000),
        ("85 ms", units.TIME_US, 85_000),
        ("41 us", units.TIME_US, 41),
        ("41 µs", units.TIME_US, 41),
        ("41 μs", units.TIME_US, 41),
        ("1 h", units.TIME_US, 3_600_000_000),
        ("30 min", units.TIME_US, 1_800_000_000),
        ("1.25ms", units.TIME_US, 1_250),
        ("1e-3 s", units.TIME_US, 1_000),
        ("338 ns", units.TIME_NS, 338),
        ("3.0 V", units.VOLTAGE_MV, 3_000),
        ("52 uA", units.CURRENT_NA, 52_000),
        ("3.16 uA", units.CURRENT_NA, 3_160),
        ("101.952 mA", units.CURRENT_NA, 101_952_000),
        ("0.3 nJ", units.ENERGY_PJ, 300),
        ("15 Ω", units.RESISTANCE_MOHM, 15_000),
        ("1 Mbit/s", units.RATE_BPS, 1_000_000),
        ("47 uF", units.CAPACITANCE_NF, 47_000),
    ],
)
def test_a_quantity_is_an_integer_in_its_stored_unit(text: str, measure: Measure, stored: int) -> None:
    assert units.whole(text, measure) == stored


def test_a_coin_cell_and_a_share_keep_their_decimals() -> None:
    assert units.exact("225 mAh", units.CHARGE_MAH) == 225
    assert units.exact("0.2356 Ah", units.CHARGE_MAH) == Fraction("235.6")
    assert units.share("2 %") == units.share(0.02) == 0.02
    assert units.share(1) == 1.0


@pytest.mark.parametrize(
    "value,expected", [("1/2", Fraction(1, 2)), ("25 %", Fraction(1, 4)), (0.1, Fraction(1, 10)), (1, 1)]
)
def test_a_fraction_is_exact_however_it_is_written(value: object, expected: Fraction) -> None:
    assert units.fraction(value) == expected


@pytest.mark.parametrize(
    "value,measure,refusal",
    [
        (3600, units.TIME_US, "expected a duration with its unit, got 3600; write it like '30 min'"),
        ("3600", units.TIME_US, "expected a duration, got '3600'; write it like '30 min'"),
        ("soon", units.TIME_US, "expected a duration, got 'soon'; write it like '30 min'"),
        ("30 mins", units.TIME_US, "got the unit 'mins'; did you mean 'min'?"),
        ("30 parsec", units.TIME_US, "expected a duration in ns, us, ms, s, min, h, d, got the unit 'parsec'"),
        ("256 KB", units.SIZE_BYTES, "got the unit 'KB'; did you mean 'kB'?"),
        ("64 mhz", units.FREQUENCY_HZ, "got the unit 'mhz'; did you mean 'MHz'?"),
        ("0.4 us", units.TIME_US, "expected a duration in whole us, got '0.4 us'; round it to 1 us"),
        ("2 percent", units.SHARE, "expected a share in %, got the unit 'percent'; write it like '2 %'"),
        (True, units.SHARE, "expected a share with its unit, got True"),
        (float("inf"), units.SHARE, "expected a finite number, got inf"),
        ("1" * 100 + " s", units.TIME_US, "expected a duration, got '1111"),
        (None, units.SIZE_BYTES, "expected a size with its unit, got None; write it like '256 KiB'"),
    ],
)
def test_what_is_no_quantity_is_refused_with_what_to_write(value: object, measure: Measure, refusal: str) -> None:
    with pytest.raises(ValueError) as refused:
        units.whole(value, measure)
    assert refusal in str(refused.value)


@pytest.mark.parametrize("value", ["1/0", "half", None, "1/2/3", "50 m", True])
def test_what_is_no_fraction_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"expected a fraction, got .*; write it like '1/2'"):
        units.fraction(value)


@given(number=st.integers(-(10**15), 10**15), measure=st.sampled_from([m for m in MEASURES if m.stored]))
def test_what_is_shown_reads_back_as_itself(number: int, measure: Measure) -> None:
    assert units.whole(units.show(number, measure), measure) == number


@given(share=st.decimals(0, 1, places=6))
def test_a_share_that_is_shown_reads_back_as_itself(share: object) -> None:
    value = float(str(share))
    assert units.share(units.show(value, units.SHARE)) == value


@given(value=st.fractions(0, 1, max_denominator=10**9))
def test_a_fraction_that_is_shown_reads_back_as_itself(value: Fraction) -> None:
    assert units.fraction(units.show_fraction(value)) == value


@given(number=st.integers(1, 10**6), measure=st.sampled_from(MEASURES), data=st.data())
def test_every_unit_is_worth_what_the_table_says(number: int, measure: Measure, data: st.DataObject) -> None:
    unit = data.draw(st.sampled_from(sorted(measure.units)))
    if unit:
        assert units.exact(f"{number} {unit}", measure) == number * measure.units[unit]


@pytest.mark.parametrize(
    "number,measure,text",
    [
        (3_600_000_000, units.TIME_US, "1 h"),
        (5_400_000_000, units.TIME_US, "90 min"),
        (0, units.TIME_US, "0 us"),
        (262_144, units.SIZE_BYTES, "256 KiB"),
        (0.125, units.SHARE, "12.5 %"),
        (225.0, units.CHARGE_MAH, "225 mAh"),
    ],
)
def test_a_quantity_is_shown_in_the_largest_unit_that_keeps_it_whole(
    number: float, measure: Measure, text: str
) -> None:
    assert units.show(number, measure) == text


def test_the_suffix_of_a_measure_is_its_stored_unit_in_names() -> None:
    assert {m.suffix for m in MEASURES if m.stored} >= {"us", "ns", "hz", "bytes", "mv", "na", "mah", "nj", "nw", "bps"}
