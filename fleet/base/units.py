"""Quantities as people write them ('64 MHz', '30 min', '2 %', '1/2') to exact numbers in one stored unit, and back.

Arithmetic is exact (fractions of decimal text); a value finer than the stored unit is refused, never rounded.
Binary sizes are KiB, MiB, GiB (IEC 80000-13); kB and MB mean powers of ten. 'h' and 'd' are 3,600 s and 86,400 s.
Every function raises ValueError with the house text: 'expected …, got …; what to do'.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction

_QUANTITY = re.compile(r"([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?)\s*([^\s\d].*)")
_FRACTION = re.compile(r"(\d{1,18})\s*/\s*(\d{1,18})")
_LONGEST = 64  # characters; no sensible quantity is longer, and it bounds the arithmetic below


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measure:
    """One kind of quantity: what it is called, the unit it is stored in, and each unit's worth in stored units.

    suffix: ends the names of attributes that hold it ('us' in `every_us`).
    """

    noun: str
    stored: str
    suffix: str
    units: Mapping[str, Fraction]
    example: str


def _decimal(stored_exponent: int, **exponents: int) -> dict[str, Fraction]:
    """Units as powers of ten of the SI unit, seen from a stored unit of 10**stored_exponent."""
    return {name: Fraction(10) ** (power - stored_exponent) for name, power in exponents.items()}


def _durations(stored_exponent: int) -> dict[str, Fraction]:
    second = Fraction(10) ** -stored_exponent
    long = {"min": 60 * second, "h": 3600 * second, "d": 86400 * second}
    return _decimal(stored_exponent, ns=-9, us=-6, ms=-3, s=0) | long


_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

TIME_US = Measure(noun="a duration", stored="us", suffix="us", units=_durations(-6), example="30 min")
TIME_NS = Measure(noun="a duration", stored="ns", suffix="ns", units=_durations(-9), example="41 us")
FREQUENCY_HZ = Measure(
    noun="a frequency", stored="Hz", suffix="hz", units=_decimal(0, Hz=0, kHz=3, MHz=6, GHz=9), example="64 MHz"
)
SIZE_BYTES = Measure(
    noun="a size",
    stored="B",
    suffix="bytes",
    units={name: Fraction(n) for name, n in _BYTES.items()},
    example="256 KiB",
)
VOLTAGE_MV = Measure(noun="a voltage", stored="mV", suffix="mv", units=_decimal(-3, uV=-6, mV=-3, V=0), example="3.0 V")
CURRENT_NA = Measure(
    noun="a current", stored="nA", suffix="na", units=_decimal(-9, nA=-9, uA=-6, mA=-3, A=0), example="52 uA"
)
CHARGE_MAH = Measure(
    noun="a charge", stored="mAh", suffix="mah", units=_decimal(-3, uAh=-6, mAh=-3, Ah=0), example="225 mAh"
)
ENERGY_NJ = Measure(
    noun="an energy", stored="nJ", suffix="nj", units=_decimal(-9, nJ=-9, uJ=-6, mJ=-3, J=0, kJ=3), example="2 J"
)
ENERGY_PJ = Measure(
    noun="an energy", stored="pJ", suffix="pj", units=_decimal(-12, pJ=-12, nJ=-9, uJ=-6, mJ=-3), example="120 pJ"
)
POWER_NW = Measure(
    noun="a power", stored="nW", suffix="nw", units=_decimal(-9, nW=-9, uW=-6, mW=-3, W=0), example="5 mW"
)
RATE_BPS = Measure(
    noun="a bit rate",
    stored="bit/s",
    suffix="bps",
    units={"bit/s": Fraction(1), "kbit/s": Fraction(10**3), "Mbit/s": Fraction(10**6)},
    example="1 Mbit/s",
)
RESISTANCE_MOHM = Measure(
    noun="a resistance",
    stored="mohm",
    suffix="mohm",
    units=_decimal(-3, mohm=-3, ohm=0, kohm=3, Mohm=6),
    example="15 ohm",
)
CAPACITANCE_NF = Measure(
    noun="a capacitance", stored="nF", suffix="nf", units=_decimal(-9, nF=-9, uF=-6, mF=-3, F=0), example="47 uF"
)
LENGTH_MM = Measure(noun="a length", stored="mm", suffix="mm", units=_decimal(-3, mm=-3, m=0, km=3), example="40 m")
LEVEL_DB = Measure(noun="a level", stored="dB", suffix="db", units={"dB": Fraction(1)}, example="40.2 dB")
AREA_MM2 = Measure(
    noun="an area",
    stored="mm2",
    suffix="mm2",
    units={"mm2": Fraction(1), "cm2": Fraction(100), "m2": Fraction(10**6)},
    example="20 cm2",
)
SHARE = Measure(noun="a share", stored="", suffix="", units={"%": Fraction(1, 100), "": Fraction(1)}, example="2 %")


def exact(value: object, measure: Measure) -> Fraction:
    """The quantity in stored units, exactly. A bare number is refused, except for a share (0.02 is 2 %)."""
    if measure is SHARE and isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    if not isinstance(value, str):
        raise ValueError(f"expected {measure.noun} with its unit, got {value!r}; write it like '{measure.example}'")
    match = _QUANTITY.fullmatch(value.strip()) if len(value) <= _LONGEST else None
    if match is None:
        raise ValueError(f"expected {measure.noun}, got {value!r}; write it like '{measure.example}'")
    return Fraction(match[1]) * _worth(match[2], measure)


def _number(value: int | float) -> Fraction:
    try:
        return Fraction(repr(value))
    except ValueError:
        raise ValueError(f"expected a finite number, got {value!r}; write digits") from None


def _worth(unit: str, measure: Measure) -> Fraction:
    plain = unit.replace("\u00b5", "u").replace("\u03bc", "u").replace("\u2126", "ohm").replace("\u03a9", "ohm")
    if plain in measure.units:
        return measure.units[plain]
    known = [name for name in measure.units if name]
    lower = {name.lower(): name for name in known}
    near = get_close_matches(plain.lower(), lower, n=1, cutoff=0.5)
    advice = f"did you mean '{lower[near[0]]}'?" if near else f"write it like '{measure.example}'"
    raise ValueError(f"expected {measure.noun} in {', '.join(known)}, got the unit {unit!r}; {advice}")


def whole(value: object, measure: Measure) -> int:
    """The quantity as an integer in stored units."""
    number = exact(value, measure)
    if number.denominator != 1:
        step = f"1 {measure.stored}"
        raise ValueError(f"expected {measure.noun} in whole {measure.stored}, got {value!r}; round it to {step}")
    return int(number)


def share(value: object) -> float:
    """'2 %' or 0.02 as 0.02. Not limited to one: callers state their range."""
    return float(exact(value, SHARE))


def fraction(value: object) -> Fraction:
    """'1/2', '50 %', 0.5 or 1 as an exact fraction."""
    match = _FRACTION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is not None and int(match[2]) != 0:
        return Fraction(int(match[1]), int(match[2]))
    try:
        return exact(value, SHARE)
    except ValueError:
        raise ValueError(f"expected a fraction, got {value!r}; write it like '1/2'") from None


def show(number: int | float | Fraction, measure: Measure) -> str:
    """The shortest text in the largest unit that keeps the value whole; `exact` of it gives the value back."""
    value = number if isinstance(number, Fraction) else _number(number)
    if measure is SHARE:
        return f"{_decimal_text(value * 100)} %"
    fitting = [(worth, name) for name, worth in measure.units.items() if (value / worth).denominator == 1]
    worth, name = max(fitting) if fitting and value else (Fraction(1), measure.stored)
    return f"{_decimal_text(value / worth)} {name}"


def _decimal_text(value: Fraction) -> str:
    """Digits of a decimal fraction, exactly, without an exponent."""
    if value.denominator == 1:
        return str(value.numerator)
    shift = 0
    while (value * 10**shift).denominator != 1:
        shift += 1
        if shift > 400:  # a binary float has at most 1,074 decimals, but its shortest repr stays far below this
            raise ValueError(f"expected a decimal fraction, got {value}; give it as text")
    digits = f"{abs((value * 10**shift).numerator):0{shift + 1}d}"
    return f"{'-' * (value < 0)}{digits[:-shift]}.{digits[-shift:]}"


def show_fraction(value: Fraction) -> str:
    """'1/2'. Whole numbers are written '1/1', so that the text stays a fraction in any reader."""
    return f"{value.numerator}/{value.denominator}"
