"""Adaptive data rate: which spreading factor and power a network server tells a node to take.

Source: Semtech, "LoRaWAN simple rate adaptation recommended algorithm", 2016, as in The Things Network's server and
ns-3 lorawan, model/adr-component.cc. The server takes the best signal-to-noise ratio of the last 20 uplinks; here the
path of a node does not change, so one is as good as twenty. What the 20 uplinks take is charged to whoever sends them.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleet.world.radio.lora.path import GATEWAY_CDBM, NOISE_CDBM, reached

Ints = NDArray[np.int64]
REQUIRED_CDB: Final = (-750, -1_000, -1_250, -1_500, -1_750, -2_000)
"""Signal-to-noise ratio that a demodulator needs at SF 7 to 12; the same source."""
STEP_CDB: Final = 300
MARGIN_CDB: Final = 1_000  # of the installation; Semtech's and TTN's default. ns-3 has 0
POWERS_DBM: Final = (14, 12, 10, 8, 6, 4, 2)  # EIRP less the antenna's gain of 2 dB; ns-3 lorawan, adr-component.h
HISTORY: Final = 20  # uplinks that the server wants to have seen
ACK_LIMIT: Final = 64  # uplinks without any downlink after which a node asks for one; LoRaWAN 1.0.3, ADR_ACK_LIMIT
ACK_DELAY: Final = 32  # and then so many more until it takes a slower rate itself; ADR_ACK_DELAY


def advise(
    sf: Ints, power_dbm: Ints, snr_cdb: Ints, *, margin_cdb: int = MARGIN_CDB, most_dbm: int = POWERS_DBM[0]
) -> tuple[Ints, Ints]:
    """What the server answers: spreading factors and powers in dBm, one for each node.

    snr_cdb: best ratio of the last 20 uplinks, in 1/100 dB. most_dbm: what a node can send with. Spare steps of 3 dB go
    first into the spreading factor, down to 7, then into the power, down to 2 dBm; missing ones raise the power. The
    server never raises the spreading factor: a node that hears nothing does that itself (`fallen_back`).
    """
    steps = (snr_cdb - np.array(REQUIRED_CDB, dtype=np.int64)[sf - 7] - margin_cdb) // STEP_CDB
    faster = np.clip(steps, 0, sf - 7)
    spare = np.where(steps > 0, steps - faster, steps)
    low = min(POWERS_DBM[-1], most_dbm)
    return sf - faster, np.clip(power_dbm - 2 * spare, low, most_dbm)


def settled(loss_cdb: Ints, *, margin_cdb: int = MARGIN_CDB, most_dbm: int = POWERS_DBM[0]) -> tuple[Ints, Ints]:
    """Where nodes end up that begin at SF 12 and full power: spreading factors and powers in dBm.

    loss_cdb: of the path to the gateway that hears the node best, in 1/100 dB.
    """
    sf = np.full(loss_cdb.shape, 12, dtype=np.int64)
    power = np.full(loss_cdb.shape, most_dbm, dtype=np.int64)
    for _ in range(len(REQUIRED_CDB) + max(most_dbm, 1)):
        snr = 100 * power - loss_cdb - NOISE_CDBM
        faster, lower = advise(sf, power, snr, margin_cdb=margin_cdb, most_dbm=most_dbm)
        if (faster == sf).all() and (lower == power).all():
            return sf, power
        sf, power = faster, lower
    raise AssertionError("each answer is faster or weaker than the last, until none is")


def fallen_back(sf: Ints, power_dbm: Ints) -> tuple[Ints, Ints]:
    """What a node does by itself after ADR_ACK_LIMIT + ADR_ACK_DELAY uplinks without an answer: full power first, and
    each ADR_ACK_DELAY later one spreading factor more. LoRaWAN 1.0.3, 4.3.1.1."""
    full = POWERS_DBM[0]
    return np.where(power_dbm < full, sf, np.minimum(sf + 1, 12)), np.full_like(power_dbm, full)


def in_reach(loss_cdb: Ints) -> NDArray[np.bool_]:
    """Which nodes a gateway hears at SF 12 and full power: others can never take part."""
    return reached(100 * POWERS_DBM[0] - loss_cdb, np.full(loss_cdb.shape, 12), GATEWAY_CDBM)
