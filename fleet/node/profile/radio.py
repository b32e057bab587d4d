"""A radio, whether on the chip or on a module of its own: what it speaks, draws, takes in time and in memory."""

from dataclasses import dataclass
from typing import Annotated

from fleet.base.declared import Key, declared
from fleet.base.units import CURRENT_NA, TIME_US
from fleet.node.profile.memory import Reserved
from fleet.node.profile.origin import Figure, Origin

KINDS = ("ble", "ieee802154", "wifi", "lorawan", "nbiot", "ltem")
"""What a radio may speak; one entry of `radios` for each."""


def current(meaning: str, least: str = "1 nA") -> Figure:
    """A key that holds a current with its source."""
    return Figure(meaning, unit=CURRENT_NA, least=least, most="2 A")


@declared
class TransmitLevel(Origin):
    """The current while the radio sends at one power."""

    dbm: Annotated[int, Key("transmit power in dBm", least=-60, most=33)]
    current_na: Annotated[int, Key("current, CPU asleep", unit=CURRENT_NA, least="1 nA", most="2 A")]


@declared
class Radio:
    """One kind of radio. Currents: what the whole chip draws from the supply, CPU asleep; of a module, its own."""

    kind: Annotated[str, Key("what it speaks, as scenarios call it", one_of=KINDS)]
    transmit: Annotated[tuple[TransmitLevel, ...], Key("currents by transmit power, ascending")]
    usual_dbm: Annotated[int, Key("transmit power where a scenario gives none", least=-60, most=33)]
    receive_na: Annotated[int, current("radio receives")]
    idle_na: Annotated[int, current("radio on, between two packets of one exchange")]
    sleep_na: Annotated[int, current("what it adds to the board's sleep", "0 nA")]
    ramp_us: Annotated[int, Figure("from idle to sending or receiving", unit=TIME_US, least="0 s", most="100 ms")]
    event_cpu_us: Annotated[int, Figure("CPU time of one radio event", unit=TIME_US, least="0 s", most="100 ms")]
    clock_ppm: Annotated[int, Figure("error of the sleep clock, parts per million", least=0, most=500)]
    start_us: Annotated[
        int | None,
        Figure("from sleep to idle, where the board's wake_up is not it", unit=TIME_US, least="0 s", most="60 s"),
    ] = None
    reserved: Annotated[tuple[Reserved, ...], Key("memory that using it takes")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RadioPart:
    """One radio as a board carries it: the one on its chip, or a module's.

    Currents are drawn from the board's supply; a module's are those of its file times its supply over the board's, as
    if a converter kept the power (modelled). module: '' for the radio on the chip. transmit: (dBm, current), ascending.
    start_us: from sleep to idle. least_mv, most_mv: what it runs from.
    """

    kind: str
    board: str
    module: str
    transmit: tuple[tuple[int, int], ...]
    usual_dbm: int
    receive_na: int
    idle_na: int
    sleep_na: int
    ramp_us: int
    start_us: int
    event_cpu_us: int
    clock_ppm: int
    least_mv: int
    most_mv: int
    reserved: tuple[Reserved, ...] = ()

    @property
    def name(self) -> str:
        """'ble of nrf52840', 'lorawan of sx1262'."""
        return f"{self.kind} of {self.module or self.board}"

    @property
    def most_dbm(self) -> int:
        """The highest transmit power that has a current."""
        return self.transmit[-1][0]

    def transmit_na(self, tx_dbm: int | None = None) -> int:
        """Current while it sends, in nA; None: at its usual power.

        Between two stated powers on a straight line, rounded up (modelled); below the lowest that of the lowest.
        ValueError above the highest: `transmit_refusal` says it in a sentence.
        """
        dbm = self.usual_dbm if tx_dbm is None else tx_dbm
        if dbm > self.most_dbm:
            raise ValueError(self.transmit_refusal(dbm))
        low, low_na = self.transmit[0]
        for high, high_na in self.transmit:
            if dbm <= high:
                return high_na if dbm <= low or high == low else _between(dbm, (low, low_na), (high, high_na))
            low, low_na = high, high_na
        return low_na

    def transmit_refusal(self, tx_dbm: int) -> str | None:
        """Why it cannot send at this power, as 'expected …, got …; what to do'; None if it can."""
        if tx_dbm <= self.most_dbm:
            return None
        return f"expected at most {self.most_dbm} dBm from {self.name}, got {tx_dbm}; lower it, or take another radio"


def _between(dbm: int, low: tuple[int, int], high: tuple[int, int]) -> int:
    share = (high[1] - low[1]) * (dbm - low[0])
    return low[1] - (-share // (high[0] - low[0]))
