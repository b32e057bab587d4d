"""Numbers as the report shows them: three significant digits, a unit, a narrow space between."""

from collections.abc import Callable

Words = Callable[[float], str]

THIN = "\u202f"  # narrow no-break space
MINUS = "\u2212"
_STEPS = {"nJ": 1, "µJ": 10**3, "mJ": 10**6, "J": 10**9, "kJ": 10**12}


def three(value: float) -> str:
    """The value with three significant digits, never in powers of ten: 0, 0.0312, 4.20, 42.0, 1,230."""
    if value == 0:
        return "0"
    exponent = int(f"{abs(value):.2e}".split("e")[1])
    rounded = float(f"{value:.2e}")
    return f"{rounded:,.{max(0, 2 - exponent)}f}".replace("-", MINUS)


def percent(share: float | None) -> str:
    """A share of one as per cent; a dash when there is none."""
    return "–" if share is None else f"{three(share * 100)}{THIN}%"


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{'+' if difference > 0 else ''}{three(difference * 100)}"


def energy(nj: float | None) -> str:
    """Nanojoules in the unit that leaves one to three digits before the point; a dash when there is none."""
    if nj is None:
        return "–"
    unit = [name for name, worth in _STEPS.items() if abs(nj) >= worth * 0.9995][-1:] or ["nJ"]
    return f"{three(nj / _STEPS[unit[0]])}{THIN}{unit[0]}"


def size(count: float | None) -> str:
    """Bytes in B, kB or MB, powers of ten; a dash when there is none."""
    if count is None:
        return "–"
    for unit, worth in (("MB", 10**6), ("kB", 10**3)):
        if count >= worth * 0.9995:
            return f"{three(count / worth)}{THIN}{unit}"
    return f"{three(count)}{THIN}B"


def duration(us: int) -> str:
    """Virtual time in its two largest units, cut, not rounded; below a minute in s, ms or µs."""
    for unit, worth in (("s", 10**6), ("ms", 10**3)):
        if worth <= us < 60 * 10**6:
            return f"{three(us / worth)}{THIN}{unit}"
    if us < 10**3:
        return f"{us}{THIN}µs"
    seconds = us // 10**6
    amounts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    first = next(index for index, (amount, _) in enumerate(amounts) if amount)
    return " ".join(f"{amount}{THIN}{unit}" for amount, unit in amounts[first : first + 2] if amount)


def lifetime(us: int) -> str:
    """A long time in years of 365 days, days or hours, three significant digits."""
    for unit, worth in (("years", 365 * 86_400 * 10**6), ("days", 86_400 * 10**6)):
        if us >= 2 * worth:
            return f"{three(us / worth)}{THIN}{unit}"
    return duration(us)


def count(number: int, one: str, many: str | None = None) -> str:
    """'1 node', '12 nodes'."""
    return f"{number:,}{THIN}{one if number == 1 else many or one + 's'}"
