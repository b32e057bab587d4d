"""The figures and tables of MCUboot's design document."""

import itertools

import pytest

from fleet.node.protocol.ota.mcuboot import (
    Mark,
    Mode,
    SwapType,
    Trailer,
    largest_image_bytes,
    status_bytes,
    swap_type,
    trailer_bytes,
    upgrades,
)  # fmt: skip

UNSET, SET, BAD = Mark.UNSET, Mark.SET, Mark.BAD


def test_the_status_of_128_sectors_with_4_byte_writes_takes_1536_bytes() -> None:
    """ "For example, for 128 slot sectors with a 4-byte alignment, it would become 1536 B." """
    assert status_bytes(Mode.SWAP_SCRATCH, 4) == 1536
    assert status_bytes(Mode.SWAP_OFFSET, 4) == 1024


@pytest.mark.parametrize("align, expected", [(8, 1536 + 32 + 16), (16, 1536 + 64 + 16), (32, 1536 + 128 + 32)])
def test_fields_behind_the_status_are_filled_up_to_the_alignment(align: int, expected: int) -> None:
    assert trailer_bytes(Mode.SWAP_MOVE, align, 4) == expected
    assert trailer_bytes(Mode.SWAP_OFFSET, align, 4) == expected - 512 + align


@pytest.mark.parametrize("scratch, expected", [(4, 266.7), (16, 1066.7)])
def test_a_scratch_area_stands_so_many_upgrades(scratch: int, expected: float) -> None:
    assert round(float(upgrades(10_000, 150 * 1024, scratch * 1024)), 1) == expected


def test_images_are_as_large_as_each_mode_allows() -> None:
    """The document's example of a trailer: 1056 B in sectors of 1024 B take 2048 B."""
    slot = 100 * 1024
    assert largest_image_bytes(Mode.SWAP_SCRATCH, slot, 1024, 1056) == slot - 1056
    assert largest_image_bytes(Mode.SWAP_OFFSET, slot, 1024, 1056) == slot - 2048
    assert largest_image_bytes(Mode.SWAP_MOVE, slot, 1024, 1056) == slot - 1024 - 2048


# primary, secondary: magic, image OK, copy done; None for any. States I to IV, in the order of the document.
TABLES = (
    ((None, None, None), (SET, UNSET, SET), SwapType.REVERT, True),
    ((None, None, None), (SET, UNSET, None), SwapType.TEST, False),
    ((None, None, None), (SET, SET, None), SwapType.PERM, False),
    ((SET, UNSET, SET), (None, None, None), SwapType.REVERT, False),
)


def from_tables(mode: Mode, primary: tuple[Mark, ...], secondary: tuple[Mark, ...]) -> SwapType:
    for wanted_primary, wanted_secondary, result, offset_only in TABLES:
        wanted, got = wanted_primary + wanted_secondary, primary + secondary
        counts = not offset_only or mode is Mode.SWAP_OFFSET
        if counts and all(w in (None, g) for w, g in zip(wanted, got, strict=True)):
            return result
    return SwapType.NONE


@pytest.mark.parametrize("mode", [Mode.SWAP_SCRATCH, Mode.SWAP_MOVE, Mode.SWAP_OFFSET])
def test_a_start_does_what_the_tables_say_for_every_pair_of_trailers(mode: Mode) -> None:
    def trailer(marks: tuple[Mark, ...]) -> Trailer:
        return Trailer(magic=marks[0], image_ok=marks[1], copy_done=marks[2])

    for marks in itertools.product(Mark, repeat=6):
        primary, secondary = marks[:3], marks[3:]
        assert swap_type(mode, trailer(primary), trailer(secondary)) is from_tables(mode, primary, secondary), marks
