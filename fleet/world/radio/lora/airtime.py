"""LoRa frames: how long they take on the air, in whole microseconds.

Source: Semtech AN1200.13, "SX1272/3/6/7/8 LoRa Modem Design Guide", section 4; SX1276 data sheet, 4.1.1.6 and 4.1.1.7.
Every bandwidth here makes a quarter of a symbol a whole number of microseconds, so nothing is rounded. The SX126x
driver of LoRaMac-node rounds up to whole milliseconds and is kept as it is, to compare with.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import Fault, InputError

CHIP_US: Final = {125_000: 8, 250_000: 4, 500_000: 2}  # bandwidth in Hz: microseconds of one chip, 10^6 / bandwidth
SPREADING: Final = (5, 12)  # SX126x; an SX127x begins at 6
DRIFT_US: Final = 16_000  # symbols of so long drift: the modem then sends two bits fewer in each. AN1200.13, section 4
PAYLOAD: Final = 255  # bytes, the most a frame carries
LEAST_PREAMBLE: Final = 12  # symbols at SF 5 and 6 on an SX126x; LoRaMac-node, src/radio/sx126x/radio.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Modem:
    """One LoRa setting. Bandwidth in hertz, spreading factor 5 to 12, coding rate 4/(4+cr).

    low_data_rate: two bits fewer in a symbol; None: when the symbol is 16 ms or longer, as LoRaWAN does it.
    """

    sf: int
    bandwidth_hz: int = 125_000
    cr: int = 1
    preamble: int = 8
    explicit_header: bool = True
    crc: bool = True
    low_data_rate: bool | None = None

    def __post_init__(self) -> None:
        if faults := _faults(self):
            raise InputError(faults)

    @property
    def symbol_us(self) -> int:
        """Time of one symbol in microseconds."""
        return int(CHIP_US[self.bandwidth_hz]) << self.sf

    @property
    def slow(self) -> bool:
        """Whether symbols carry two bits fewer, because they are long enough to drift."""
        return self.symbol_us >= DRIFT_US if self.low_data_rate is None else self.low_data_rate


def airtime_us(modem: Modem, payload_bytes: int) -> int:
    """Time on air of one frame in microseconds; preamble included, retries and duty cycle not.

    payload_bytes: of the physical layer, 0 to 255: LoRaWAN's 13 bytes of headers are part of it.
    """
    _check(payload_bytes, payload_bytes)
    quarters = 4 * modem.preamble + 17 + 4 * (8 + _more_symbols(modem, payload_bytes))
    return quarters * modem.symbol_us // 4


def _more_symbols(modem: Modem, payload_bytes: int) -> int:
    """Symbols of a payload after the eight that every frame has."""
    bits = 8 * payload_bytes - 4 * modem.sf + 28 + 16 * modem.crc - 20 * (not modem.explicit_header)
    block = 4 * (modem.sf - 2 * modem.slow)
    return max(-(-bits // block), 0) * (modem.cr + 4)


def airtimes_us(
    sf: NDArray[Any], payload_bytes: NDArray[Any] | int, *, bandwidth_hz: int = 125_000, cr: int = 1, preamble: int = 8
) -> NDArray[np.int64]:
    """Time on air of many frames in microseconds: LoRaWAN's setting (header, CRC), equal to airtime_us.

    sf: spreading factors, 7 to 12, of any shape; payload_bytes: as many, or one for all.
    """
    factors, payload = np.asarray(sf, dtype=np.int64), np.asarray(payload_bytes, dtype=np.int64)
    if factors.size == 0:
        return np.zeros(np.broadcast_shapes(factors.shape, payload.shape), dtype=np.int64)
    for least_sf in (int(factors.min()), int(factors.max())):
        Modem(sf=least_sf, bandwidth_hz=bandwidth_hz, cr=cr, preamble=preamble)
    _check(int(payload.min()), int(payload.max()))
    symbol_us = np.int64(CHIP_US[bandwidth_hz]) << factors
    block = 4 * (factors - 2 * (symbol_us >= DRIFT_US))
    more = np.maximum(-(-(8 * payload - 4 * factors + 44) // block), 0) * (cr + 4)
    result: NDArray[np.int64] = (4 * preamble + 17 + 4 * (8 + more)) * symbol_us // 4
    return result


def driver_ms(modem: Modem, payload_bytes: int) -> int:
    """Time on air as the SX126x driver counts it, in whole milliseconds, rounded up.

    Source: LoRaMac-node, src/radio/sx126x/radio.c, RadioGetLoRaTimeOnAirNumerator. SF 5 and 6 have two symbols more
    and a longer preamble; from SF 7 on it is the formula of airtime_us.
    """
    _check(payload_bytes, payload_bytes)
    low = modem.sf <= 6
    bits = 8 * payload_bytes + 16 * modem.crc - 4 * modem.sf + 20 * modem.explicit_header + (0 if low else 8)
    block = 4 * (modem.sf - (0 if low else 2 * modem.slow))
    preamble = max(modem.preamble, LEAST_PREAMBLE) if low else modem.preamble
    symbols = -(-max(bits, 0) // block) * (modem.cr + 4) + preamble + (14 if low else 12)
    return -(-1000 * (4 * symbols + 1) * (1 << (modem.sf - 2)) // modem.bandwidth_hz)


def _check(least: int, most: int) -> None:
    if least < 0 or most > PAYLOAD:
        got = least if least < 0 else most
        raise ValueError(f"payload_bytes: expected 0 to {PAYLOAD}, got {got}; fragment larger messages")


def _faults(modem: Modem) -> list[Fault]:
    low, high = SPREADING
    checks = [
        (low <= modem.sf <= high, "sf", f"expected {low} to {high}, got {modem.sf}"),
        (
            modem.bandwidth_hz in CHIP_US,
            "bandwidth",
            f"expected one of {', '.join(map(str, CHIP_US))} Hz, got {modem.bandwidth_hz}",
        ),
        (1 <= modem.cr <= 4, "cr", f"expected 1 to 4 for 4/5 to 4/8, got {modem.cr}"),
        (6 <= modem.preamble <= 65_535, "preamble", f"expected 6 to 65,535 symbols, got {modem.preamble}"),
    ]
    return [Fault(f"lora.{where}", f"{text}; choose one the modem has") for good, where, text in checks if not good]
