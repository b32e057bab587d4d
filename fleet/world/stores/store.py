"""What every energy store can do, and how long one holds a load. Pure: state in, state out."""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final, Protocol

from fleet.base.errors import InputError
from fleet.world.stores.flow import NJ_PER_MAH_MV, Load, Spell

LOW: Final = "charge low"


class Store(Protocol):
    """One energy store in one state.

    Energy is counted at the terminals of an ideal converter: a board that draws I at its supply takes V_supply x I from
    the store, whatever the store's voltage; what the store itself turns into heat on the way is lost besides.
    """

    @property
    def capacity_nj(self) -> int:
        """Energy of the full store; 0: it has no end, as mains."""
        ...

    @property
    def stored_nj(self) -> int:
        """Energy in it, also what cannot be had now. Below 0 where too much was asked for: such a state fails."""
        ...

    @property
    def rechargeable(self) -> bool:
        """Whether it takes what a harvester gives; a primary cell loses all of it."""
        ...

    @property
    def pulse_na(self) -> int:
        """The most current that it may be asked for; 0: only its voltage limits it."""
        ...

    def after(self, spell: Spell) -> "Step":
        """The store after a spell, in closed form."""
        ...

    def voltage_mv(self, current_na: int) -> int:
        """Voltage at the terminals under a current, in millivolts."""
        ...

    def level_ppm(self) -> int:
        """Millionths of a full store's energy that can be had: what thresholds for going on and off are shares of."""
        ...

    def empty(self) -> str:
        """Why nothing can be had from this state, in two words; '' where something can."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A store after a spell, and the energies of that time.

    Each term has a formula of its own, and they balance: stored before + supplied = stored after + drawn + lost.
    lost_nj: heat, leakage, what a charger wastes, and what a full store cannot take.
    """

    store: Store
    drawn_nj: int
    supplied_nj: int
    lost_nj: int


def failure(store: Store, current_na: int, brown_out_mv: int) -> str:
    """Why a store cannot bear a current in its present state; '' when it can."""
    if empty := store.empty():
        return empty
    if store.voltage_mv(current_na) < brown_out_mv:
        return f"brown-out: below {brown_out_mv} mV under {current_na // 1000} uA"
    if store.pulse_na and current_na > store.pulse_na:
        return f"pulse limit: {current_na // 1000} uA of at most {store.pulse_na // 1000} uA"
    return ""


def holds(store: Store, load: Load, time_us: int, brown_out_mv: int, floor_ppm: int = 0) -> tuple[int, str]:
    """How many of the microseconds a store holds a load, and why not longer ('': it holds all of them).

    A store that bears a load at first fails once and stays failed while the load goes on: each model's usable energy
    either falls, or rises and then falls. So one search over whole microseconds finds the last good one.
    floor_ppm: a level below which it is not to go.
    """

    def fails(t_us: int) -> str:
        then = store.after(load.over(t_us)).store if t_us else store
        low = LOW if floor_ppm and then.level_ppm() < floor_ppm else ""
        return failure(then, load.current_na, brown_out_mv) or low

    if why := fails(0):
        return 0, why
    if not fails(time_us):
        return time_us, ""
    first_bad_us = bisect_left(range(time_us), True, key=lambda t_us: bool(fails(t_us)))
    return first_bad_us - 1, fails(first_bad_us)


def time_to_reach(store: Store, load: Load, time_us: int, level_ppm: int) -> int | None:
    """First whole microsecond at which the level is at least so high; None: not within the time.

    Under a constant load that leaves something to store, a level rises all the while.
    """

    def there(t_us: int) -> bool:
        return (store.after(load.over(t_us)).store if t_us else store).level_ppm() >= level_ppm

    if there(0):
        return 0
    if not there(time_us):
        return None
    return bisect_left(range(time_us), True, key=there)


def capacity_nj(kind: str, capacity_mah: float, voltage_mv: int) -> int:
    """A charge at a nominal voltage as energy; InputError when nothing is in it."""
    energy = round(capacity_mah * NJ_PER_MAH_MV * voltage_mv)
    if energy <= 0:
        text = f"expected more than 0 mAh, got {capacity_mah}; give the capacity of a fresh cell"
        raise InputError.one(f"energy.{kind}.capacity_mah", text)
    return energy
