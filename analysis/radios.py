"""What one message costs over each radio: time, time on the air, energy, and what its standby draws between two.

    python -m analysis.radios [BYTES]

A push of so many bytes (100,000 unless said) comes to the node, or goes from it, without losses, as the world charges
it on the board or module that carries the radio. Nothing here is measured on a board: times are the models' of
`fleet/world/radio`, currents those of `devices/`.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from fleet.node.cost import energy_nj
from fleet.node.profile import load_profile, radio_of
from fleet.scenario import RadioChoice
from fleet.world.draws import radio_draws
from fleet.world.power import Power, power
from fleet.world.radio import Direction, StandsBy, Transfer
from fleet.world.specs import link

CASES = (
    ("nrf52840", RadioChoice(kind="ble")),
    ("nrf52840", RadioChoice(kind="ble", phy="2M")),
    ("nrf52840", RadioChoice(kind="ble", phy="S8")),
    ("nrf52840", RadioChoice(kind="ble", octets=27)),
    ("nrf52840", RadioChoice(kind="ble", writes="requests")),
    ("nrf52840", RadioChoice(kind="ble", kept=True)),
    ("nrf52840", RadioChoice(kind="ieee802154")),
    ("nrf52840", RadioChoice(kind="ieee802154", hops=3)),
    ("esp32c3", RadioChoice(kind="wifi")),
    ("esp32c3", RadioChoice(kind="wifi", association="cold")),
    ("esp32c3", RadioChoice(kind="wifi", association="kept")),
    ("stm32u585", RadioChoice(kind="nbiot", module="cellular")),
    ("stm32u585", RadioChoice(kind="nbiot", module="cellular", repetitions=8)),
    ("stm32u585", RadioChoice(kind="nbiot", module="cellular", idle="edrx")),
    ("stm32u585", RadioChoice(kind="ltem", module="cellular")),
    ("nrf52840", RadioChoice(kind="lorawan", module="sx1261", sf=7)),
    ("nrf52840", RadioChoice(kind="lorawan", module="sx1261", sf=12)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One message one way. standby_ua: average current of the radio's standby, beside sleep; 0: it is silent."""

    board: str
    radio: str
    direction: str
    seconds: float
    air_seconds: float
    millijoules: float
    standby_ua: float


def rows(payload_bytes: int) -> Iterator[Row]:
    """A row for each case and direction."""
    for board, choice in CASES:
        profile = load_profile(board)
        radio = link(profile, choice)
        current = power(profile, radio_of(profile, choice.kind, choice.module), tx_dbm=choice.tx_dbm)
        standby = radio.standby if isinstance(radio, StandsBy) else None
        average_ua = 0.0
        if standby is not None:
            while_up = standby.over(0, standby.period_us)
            asleep_nj = energy_nj(current.supply_mv, current.sleep_na, standby.period_us)
            extra_nj = joules_nj(current, while_up, Direction.DOWN) - asleep_nj
            average_ua = extra_nj / current.supply_mv / standby.period_us * 1e6
        for direction in Direction:
            moved = radio.transfer(direction, payload_bytes, 1)
            yield Row(
                board=board,
                radio=shown(choice),
                direction=direction.value,
                seconds=moved.elapsed_us / 1e6,
                air_seconds=moved.airtime_us / 1e6,
                millijoules=joules_nj(current, moved, direction) / 1e6,
                standby_ua=average_ua,
            )


def joules_nj(current: Power, moved: Transfer, direction: Direction) -> int:
    """Energy of a transfer in nanojoules, its sleep included."""
    draws = radio_draws(current, moved, direction)
    return sum(energy_nj(current.supply_mv, draw.current_na, draw.time_us) for draw in draws)


def shown(choice: RadioChoice) -> str:
    """'ble phy 2M': the kind, and what departs from its defaults."""
    usual, here = RadioChoice(kind=choice.kind).settings(), choice.settings()
    return " ".join([choice.kind, *(f"{key} {value}" for key, value in here.items() if value != usual[key])])


def main(arguments: list[str]) -> int:
    payload_bytes = int(arguments[0]) if arguments else 100_000
    print(f"{payload_bytes:,} bytes without losses, modelled")
    print(f"{'board':10} {'radio':28} {'way':4} {'time s':>10} {'on air s':>9} {'energy mJ':>10} {'standby uA':>10}")
    for row in rows(payload_bytes):
        print(
            f"{row.board:10} {row.radio:28} {row.direction:4} {row.seconds:10.3f} {row.air_seconds:9.3f}"
            f" {row.millijoules:10.1f} {row.standby_ua:10.1f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
