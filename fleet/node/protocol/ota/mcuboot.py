"""MCUboot's rules for two slots: how large an image may be, how often a flash stands an upgrade, what a start does.

Source of all of it: MCUboot, docs/design.md, sections "Image slots", "Image trailer" and "Boot swap types".
"""

from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import Final

MAX_SECTORS: Final = 128
"""BOOT_MAX_IMG_SECTORS as it is delivered."""

MAGIC_BYTES: Final = 16


class Mode(IntEnum):
    """How a new image comes to run. IN_PLACE is not one of MCUboot's: a delta rewrites the image where it lies."""

    DIRECT_XIP = 0
    SWAP_SCRATCH = 1
    SWAP_MOVE = 2
    SWAP_OFFSET = 3
    OVERWRITE = 4
    IN_PLACE = 5


SWAPS: Final = (Mode.SWAP_SCRATCH, Mode.SWAP_MOVE, Mode.SWAP_OFFSET)


class SwapType(IntEnum):
    """What a start does with the two images; the numbers are those of the swap info byte."""

    NONE = 1
    TEST = 2
    PERM = 3
    REVERT = 4
    FAIL = 5


class Mark(IntEnum):
    """Of a field of a trailer: never written, written as meant, written otherwise (or in part)."""

    UNSET = 0
    SET = 1
    BAD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailer:
    """What the end of a slot says."""

    magic: Mark = Mark.UNSET
    image_ok: Mark = Mark.UNSET
    copy_done: Mark = Mark.UNSET


def swap_type(mode: Mode, primary: Trailer, secondary: Trailer) -> SwapType:
    """States I to V of the tables for new swaps, in their order; NONE where no image asks for anything."""
    asked = secondary.magic is Mark.SET
    if mode is Mode.SWAP_OFFSET and asked and secondary.image_ok is Mark.UNSET and secondary.copy_done is Mark.SET:
        return SwapType.REVERT
    if asked and secondary.image_ok is Mark.UNSET:
        return SwapType.TEST
    if asked and secondary.image_ok is Mark.SET:
        return SwapType.PERM
    tried = primary.magic is Mark.SET and primary.copy_done is Mark.SET
    return SwapType.REVERT if tried and primary.image_ok is Mark.UNSET else SwapType.NONE


def status_bytes(mode: Mode, least_write_bytes: int, sectors: int = MAX_SECTORS) -> int:
    """Bytes of the swap status: a record of each of three stages per sector, of two with an offset."""
    return sectors * least_write_bytes * (2 if mode is Mode.SWAP_OFFSET else 3)


def trailer_bytes(mode: Mode, align_bytes: int, least_write_bytes: int, sectors: int = MAX_SECTORS) -> int:
    """Bytes of a trailer: status; size, info, copy done and image OK, each filled up to the alignment (one more with an
    offset); the magic, likewise. No encryption keys."""
    fields = 5 if mode is Mode.SWAP_OFFSET else 4
    magic = -(-MAGIC_BYTES // align_bytes) * align_bytes
    return status_bytes(mode, least_write_bytes, sectors) + fields * align_bytes + magic


def largest_image_bytes(mode: Mode, slot_bytes: int, sector_bytes: int, trailer: int) -> int:
    """Room for header, image and what is signed about it, in a slot of whole sectors; the trailer takes whole sectors
    too where images move by sector."""
    sectors = -(-trailer // sector_bytes)
    if mode is Mode.SWAP_MOVE:
        return slot_bytes - (sectors + 1) * sector_bytes
    return slot_bytes - (sectors * sector_bytes if mode is Mode.SWAP_OFFSET else trailer)


def upgrades(erase_cycles: int, image_bytes: int, scratch_bytes: int) -> Fraction:
    """How many upgrades the scratch area stands: cycles / (image / scratch)."""
    return Fraction(erase_cycles * scratch_bytes, image_bytes)
