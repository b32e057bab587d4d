"""Whether a store can run a board and its radio at all: voltage without load, and voltage under each of its currents.

What refuses is arithmetic on a fresh store. A store that passes may still fail in time: the world finds out when.
"""

from collections.abc import Callable, Iterator

from fleet.node.profile import Profile, RadioPart
from fleet.world.power import Power, power

Terminals = Callable[[int], int]
"""Voltage of a fresh store in mV under a current in nA."""


def supply_refusals(
    profile: Profile,
    part: RadioPart | None,
    store: str,
    terminals: Terminals,
    *,
    tx_dbm: int | None = None,
    pulse_na: int = 0,
    state: str = "fresh",
) -> tuple[str, ...]:
    """Everything that forbids a board and its radio on a store, each as 'expected …, got …; what to do'.

    store: its name; state: how full it is. pulse_na: the most that it may be asked for, 0 for no limit.
    """
    drawn = power(profile, part, tx_dbm=tx_dbm)
    most_mv = min([profile.supply_max_mv, *([part.most_mv] if part else [])])
    open_mv, who = terminals(0), _who(profile, part)
    got = f"got {open_mv:,} mV of a {state} {store}"
    if open_mv > most_mv:
        return (f"expected at most {most_mv:,} mV for {who}, {got}; take a store of fewer volts",)
    if open_mv < drawn.brown_out_mv:
        return (f"expected at least {drawn.brown_out_mv:,} mV for {who}, {got}; take a store of more volts",)
    return tuple(_sags(drawn, who, f"{state} {store}", terminals, pulse_na))


def _who(profile: Profile, part: RadioPart | None) -> str:
    """'nrf52840', 'nrf52840 (ble)', 'nrf52840 (lorawan of sx1262)'."""
    if part is None:
        return profile.board
    return f"{profile.board} ({part.name if part.module else part.kind})"


def _sags(drawn: Power, who: str, store: str, terminals: Terminals, pulse_na: int) -> Iterator[str]:
    """One sentence for each state whose current pulls the store too low, or is above its limit."""
    open_mv, least_mv = terminals(0), drawn.brown_out_mv
    for doing, current_na in _states(drawn):
        left_mv = terminals(current_na)
        if left_mv < least_mv:
            lost = f"{open_mv:,} mV of a {store} less {open_mv - left_mv:,} mV that {_ma(current_na)} lose in it"
            advice = "take a store of less resistance, or another board"
            yield f"expected at least {least_mv:,} mV while {who} {doing}, got {left_mv:,} mV: {lost}; {advice}"
        elif pulse_na and current_na > pulse_na:
            yield f"expected at most {_ma(pulse_na)} while {who} {doing}, got {_ma(current_na)}; take another store"


def _states(drawn: Power) -> Iterator[tuple[str, int]]:
    yield from (("runs", drawn.run_na), ("computes a network", drawn.compute_na), ("writes its flash", drawn.flash_na))
    yield from (("transmits", drawn.transmit_na), ("receives", drawn.receive_na))


def _ma(current_na: int) -> str:
    return f"{current_na / 10**6:.4g} mA"
