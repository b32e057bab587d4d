"""Where a node with the runtime keeps models and checkpoints: slots at the end of its flash, in whole erase
units. SPEC.md, section "Slots"."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from fleet.node.plan.plan import Plan
from fleet.node.profile import FLASH, Profile, usable

UNIT_BYTES: Final = 32
"""What a slot is programmed in, at a multiple of its size: the least write of every board's flash divides it, or
fills a larger one up with 0xFF, which programs nothing."""

HEAD_BYTES: Final = 5 * UNIT_BYTES
"""Fields, digest and three marks before the content of a slot."""

CHECKPOINT_FIXED_BYTES: Final = 56
LAYOUT_BYTES: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One slot: whole erase units."""

    start: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Places from the end of the flash down. checkpoints: three, so that the last one and the one that an old model
    goes back to both stay while another is written."""

    models: tuple[Place, Place]
    checkpoints: tuple[Place, Place, Place]

    @property
    def first(self) -> int:
        """Address at which the slots begin: an image ends before."""
        return min(place.start for place in (*self.models, *self.checkpoints))

    @property
    def end(self) -> int:
        """Address behind them."""
        return max(place.start + place.size_bytes for place in (*self.models, *self.checkpoints))


def plan_id(plan: Plan) -> int:
    """What a slot calls what it belongs to: the first 32 bits of SHA-256 over the plan's words, then the bytes of the
    model that they refer to. Two networks may well have the same words."""
    return int(sha256(plan.content + plan.model).hexdigest()[:8], 16)


def checkpoint_bytes(plan: Plan) -> int:
    """Content of a checkpoint: round and counters, own classes, state, pushed values."""
    own = -(-plan.layout.classes // 32) * 4
    return CHECKPOINT_FIXED_BYTES + own + plan.state_bytes + plan.value_bytes


def model_bytes(plan: Plan) -> int:
    """Content of a slot for a plan and a model as large as the image's own: layout, words, plan, model."""
    return LAYOUT_BYTES + 4 + len(plan.content) + len(plan.model)


def slots_of(plan: Plan, profile: Profile) -> Slots:
    """The places of a board. Where its flash is too small the last ones lie before it: `check_fit` refuses."""
    units = _units_down(profile)
    model_a, model_b = (_place(units, HEAD_BYTES + model_bytes(plan)) for _ in range(2))
    first, second, third = (_place(units, HEAD_BYTES + checkpoint_bytes(plan)) for _ in range(3))
    return Slots(models=(model_a, model_b), checkpoints=(first, second, third))


def _units_down(profile: Profile) -> Iterator[Place]:
    """Erase units of what reservations leave of the flash, from its end down, and without end."""
    end, units = profile.flash.start, []
    for row in profile.flash.erase_units:
        for _ in range(row.count):
            units.append(Place(start=end, size_bytes=row.size_bytes))
            end += row.size_bytes
    last = usable(profile, FLASH).end
    inside = [unit for unit in units if unit.start + unit.size_bytes <= last]
    yield from reversed(inside)
    while True:
        end = inside[0].start if inside else last
        inside = [Place(start=end - units[0].size_bytes, size_bytes=units[0].size_bytes)]
        yield inside[0]


def _place(units: Iterator[Place], size_bytes: int) -> Place:
    taken = next(units)
    while taken.size_bytes < size_bytes:
        below = next(units)
        taken = Place(start=below.start, size_bytes=below.size_bytes + taken.size_bytes)
    return taken
