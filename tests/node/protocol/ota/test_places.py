"""Where slots lie, what has no room, and how often each unit is erased by an update."""

from fractions import Fraction

import pytest

from analysis.interruption.rig import Server
from fleet.base.errors import DoesNotFit
from fleet.node.flash import Geometry, UnitRow
from fleet.node.protocol.ota import Mode, layout_of
from fleet.node.protocol.ota.mcuboot import SWAPS, largest_image_bytes, upgrades
from tests.node.protocol.ota.nodes import made_for

SMALL = Geometry.of((UnitRow(count=40, size_bytes=1024, erase_us=1),), program_bytes=8, program_us=1)
MIXED = Geometry.of(
    (UnitRow(count=4, size_bytes=1024, erase_us=1), UnitRow(count=3, size_bytes=8192, erase_us=1)),
    program_bytes=8,
    program_us=1,
)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("content", [1, 640, 641, 5000])
def test_places_are_whole_units_that_do_not_overlap_and_hold_the_content(mode: Mode, content: int) -> None:
    layout = layout_of(SMALL, mode, content)
    places = [*layout.journal, layout.primary, layout.secondary, *([layout.scratch] if layout.scratch else [])]
    ends = [place.start + place.size_bytes for place in places]
    assert [place.start for place in places] == [0, *ends[:-1]]
    assert all(end % 1024 == 0 for end in ends)
    assert layout.room_bytes >= content


@pytest.mark.parametrize("mode", SWAPS)
def test_a_slot_of_mcuboots_has_room_for_its_largest_image_and_no_more_sectors_than_needed(mode: Mode) -> None:
    """The slot keeps its trailer in sectors of its own; MCUboot's scratch mode would let the image into them."""
    layout = layout_of(SMALL, mode, 5000)
    own = -(-layout.trailer_bytes // 1024) * 1024
    trailer = own if mode is Mode.SWAP_SCRATCH else layout.trailer_bytes
    assert (
        largest_image_bytes(mode, layout.primary.size_bytes, 1024, trailer) - (1024 if mode is Mode.SWAP_OFFSET else 0)
        == layout.sectors * 1024
    )


def test_what_has_no_room_is_refused_with_the_arithmetic() -> None:
    with pytest.raises(DoesNotFit, match=r"expected 2\d,\d{3} B more, got the end of 40,960 B"):
        layout_of(SMALL, Mode.SWAP_MOVE, 20_000)
    with pytest.raises(DoesNotFit, match="1,024, 8,192 B"):
        layout_of(MIXED, Mode.SWAP_MOVE, 1000)
    assert layout_of(MIXED, Mode.DIRECT_XIP, 1500).room_bytes >= 1500


@pytest.mark.parametrize(
    "mode, primary, secondary", [(Mode.SWAP_MOVE, 2, 1), (Mode.SWAP_OFFSET, 1, 1), (Mode.SWAP_SCRATCH, 1, 1)]
)
def test_a_swap_erases_as_often_as_mcuboot_says(mode: Mode, primary: int, secondary: int) -> None:
    """A sector in the middle of each slot; the download has erased the secondary once more."""
    made = made_for("nrf52840", mode)
    flash = made.factory.copy()
    before = list(flash.wear)
    Server(made, flash).run()
    sector, geometry = made.layout.sector_bytes, made.layout.geometry
    first, second = (geometry.index(slot.start + sector) for slot in (made.layout.primary, made.layout.secondary))
    assert flash.wear[first] - before[first] == primary
    assert flash.wear[second] - before[second] == 1 + secondary


@pytest.mark.parametrize("scratch_units", [1, 3])
def test_a_scratch_area_wears_as_fast_as_the_formula_says(scratch_units: int) -> None:
    made = made_for("nrf52840", Mode.SWAP_SCRATCH, scratch_units=scratch_units)
    flash = made.factory.copy()
    assert made.layout.scratch is not None
    index = made.layout.geometry.index(made.layout.scratch.start)
    before = flash.wear[index]
    Server(made, flash).run()
    image = made.layout.sectors * made.layout.sector_bytes
    per_upgrade = flash.wear[index] - before
    assert upgrades(10_000, image, scratch_units * made.layout.sector_bytes) == Fraction(10_000, per_upgrade)
