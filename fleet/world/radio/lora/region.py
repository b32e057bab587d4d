"""EU868: data rates, payloads, bands with their duty cycles, receive windows, class B and joining.

Source unless another is named: LoRaMac-node, src/mac: region/RegionEU868.h and .c, region/RegionCommon.h,
LoRaMacClassBConfig.h.
Data rate 7 (FSK) is left out: no model here has it.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fleet.world.radio.lora.airtime import Modem, airtime_us

RATES: Final = ((12, 125_000), (11, 125_000), (10, 125_000), (9, 125_000), (8, 125_000), (7, 125_000), (7, 250_000))
"""Spreading factor and bandwidth in Hz of data rates 0 to 6."""
PAYLOADS: Final = (51, 51, 51, 115, 242, 242, 242)
"""Most bytes of an application's payload at data rates 0 to 6."""
REPEATER: Final = 222  # where a repeater may stand in between: 20 bytes less (RP002; recalled, unverified)
HEADERS: Final = 13  # MHDR 1, FHDR 7, FPort 1, MIC 4
EMPTY: Final = 12  # of a frame without payload: no FPort. So long is an acknowledgement or a poll
FRAGMENT_HEADER: Final = 3  # TS004 DataFragment: command 1, session and number 2

CHANNELS: Final = 3  # 868.1, 868.3, 868.5 MHz, which every network has; all of them in one band
UPLINK_KHZ: Final = 868_100
DOWNLINK_KHZ: Final = 869_525  # second receive window, ping slots, beacons, multicast

RX_DELAYS_US: Final = (1_000_000, 2_000_000)
JOIN_DELAYS_US: Final = (5_000_000, 6_000_000)
RX2_RATE: Final = 0
ACK_TIMEOUT_US: Final = (1_000_000, 3_000_000)  # 2 s +- 1 s
WINDOW_SYMBOLS: Final = 6  # MinRxSymbols; src/mac/LoRaMac.c
WINDOW_ERROR_US: Final = 10_000  # SystemMaxRxError; src/mac/LoRaMac.c
JOIN_REQUEST: Final = 23  # MHDR 1, JoinEUI 8, DevEUI 8, DevNonce 2, MIC 4; LoRaWAN 1.0.3, 6.2.4
JOIN_ACCEPT: Final = 33  # MHDR 1, 12, list of channels 16, MIC 4; 6.2.5

BEACON_US: Final = 128_000_000
BEACON_RESERVED_US: Final = 2_120_000
BEACON_GUARD_US: Final = 3_000_000
SLOT_US: Final = 30_000
SLOTS: Final = 4_096
PING_RATE: Final = 3
PERIODICITIES: Final = range(8)
BEACON: Final = Modem(sf=9, preamble=10, explicit_header=False, crc=False)
BEACON_BYTES: Final = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A band and how much of the time a transmitter may use in it, in 1/1000."""

    low_khz: int
    high_khz: int
    permille: int

    def off_us(self, airtime: int) -> int:
        """How long a transmitter is silent after a frame: T (1 / d - 1), in microseconds, rounded up."""
        return -(-airtime * (1000 - self.permille) // self.permille)

    def cycle_us(self, airtime: int) -> int:
        """From the start of a frame to the earliest start of the next, in microseconds."""
        return airtime + self.off_us(airtime)


BANDS: Final = (
    Band(low_khz=863_000, high_khz=865_000, permille=1),
    Band(low_khz=865_000, high_khz=868_000, permille=10),
    Band(low_khz=868_000, high_khz=868_600, permille=10),
    Band(low_khz=868_700, high_khz=869_200, permille=1),
    Band(low_khz=869_400, high_khz=869_650, permille=100),
    Band(low_khz=869_700, high_khz=870_000, permille=10),
)


def band_of(khz: int) -> Band:
    """The band of a frequency. At 865 and 868 MHz, where two touch, the one that VerifyRfFreq takes."""
    inside = [band for band in BANDS if band.low_khz <= khz <= band.high_khz]
    if not inside:
        raise ValueError(f"khz: expected a frequency of EU868, got {khz}; take one of 863,000 to 870,000 within a band")
    return max(inside, key=lambda band: (band.permille, -band.low_khz))


UPLINK_BAND: Final = band_of(UPLINK_KHZ)
DOWNLINK_BAND: Final = band_of(DOWNLINK_KHZ)


def rate_of(sf: int) -> int:
    """Data rate of a spreading factor, 7 to 12, at 125 kHz."""
    return 12 - sf


@lru_cache
def modem_of(rate: int) -> Modem:
    """The setting of a data rate, 0 to 6."""
    sf, bandwidth_hz = RATES[rate]
    return Modem(sf=sf, bandwidth_hz=bandwidth_hz)


def payload_limit(rate: int, *, repeater: bool = True) -> int:
    """Most bytes of an application's payload in one frame."""
    return min(PAYLOADS[rate], REPEATER) if repeater else PAYLOADS[rate]


@lru_cache(maxsize=4096)
def frame_us(rate: int, payload_bytes: int) -> int:
    """Airtime of a frame with this payload of an application, headers added, in microseconds."""
    return airtime_us(modem_of(rate), payload_bytes + HEADERS)


def pieces(payload_bytes: int, rate: int) -> list[int]:
    """Payloads of the frames that carry a message: one as it is, or fragments with TS004's header of three bytes.

    TS004 is for the way down; upwards the same three bytes are taken (modelled).
    """
    limit = payload_limit(rate)
    if payload_bytes <= limit:
        return [payload_bytes]
    full, rest = divmod(payload_bytes, limit - FRAGMENT_HEADER)
    return [limit] * full + ([rest + FRAGMENT_HEADER] if rest else [])


def window_us(rate: int) -> int:
    """How long a receiver looks for a preamble when none comes: RegionCommonComputeRxWindowParameters."""
    symbol_us = modem_of(rate).symbol_us
    wanted = -(-((2 * WINDOW_SYMBOLS - 8) * symbol_us + 2 * WINDOW_ERROR_US) // symbol_us)
    return max(wanted, WINDOW_SYMBOLS) * symbol_us


def lead_us(rate: int) -> int:
    """How long before a frame its window opens; below 0 where that is within its preamble. The same function."""
    return window_us(rate) // 2 - 4 * modem_of(rate).symbol_us


def ping_period_us(periodicity: int) -> int:
    """Mean time between two ping slots of a class B node: 2^k seconds, k from 0 to 7."""
    return (BEACON_US << (5 + periodicity)) // SLOTS
