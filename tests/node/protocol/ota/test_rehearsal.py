"""What a clean update takes: the flash's own times, and erases that follow from the mode."""

import pytest

from fleet.base.errors import DoesNotFit
from fleet.node.profile import load_profile
from fleet.node.protocol.admission import ENVELOPE_BYTES
from fleet.node.protocol.ota.journal import RECORD_BYTES
from fleet.node.protocol.ota.mcuboot import Mode
from fleet.node.protocol.ota.rehearsal import REHEARSED, End, rehearsed

BOARD = load_profile("nrf52840")  # 4 KiB pages, 85 ms; 41 us a word
CONTENT = 25 * 4096 - 1000


def test_a_download_erases_and_programs_as_the_flash_does() -> None:
    """25 pages for envelope and content, one for the trailer; 397 fragments; a record of 320 B for every 12 of them and
    four more: begun, asked, on trial, confirmed. A journal page holds twelve; the factory wrote the first of one."""
    bill = rehearsed(BOARD, Mode.DIRECT_XIP, CONTENT, 256, End.CONFIRMED)
    assert bill.frames == 1 + 397
    records = 397 // 12 + 4
    erases = 26 + -(-(records - 11) // 12)
    words = (ENVELOPE_BYTES + CONTENT + records * RECORD_BYTES + 2 * 8) // 4
    assert bill.erases == erases
    assert bill.download_us + bill.install_us == erases * 85_000 + words * 41
    assert bill.install_us < 2 * 85_000


@pytest.mark.parametrize("mode", [Mode.SWAP_SCRATCH, Mode.SWAP_MOVE])
def test_a_swap_erases_every_sector_of_both_slots_again(mode: Mode) -> None:
    slots, swap = (rehearsed(BOARD, m, CONTENT, 256, End.CONFIRMED) for m in (Mode.DIRECT_XIP, mode))
    assert swap.erases >= slots.erases + 3 * 25
    offset = rehearsed(BOARD, Mode.SWAP_OFFSET, CONTENT, 256, End.CONFIRMED)
    assert slots.erases + 2 * 25 <= offset.erases < swap.erases


@pytest.mark.parametrize("mode", REHEARSED)
def test_going_back_costs_a_start_more_where_there_is_a_way_back(mode: Mode) -> None:
    good, bad = (rehearsed(BOARD, mode, CONTENT, 256, end) for end in (End.CONFIRMED, End.REVERTED))
    assert bad.download_us == good.download_us
    if mode is Mode.OVERWRITE:
        assert bad == good
    else:
        assert bad.install_us > good.install_us
        assert bad.starts == good.starts + 1


def test_no_room_is_said() -> None:
    with pytest.raises(DoesNotFit, match="B more"):
        rehearsed(load_profile("samd21"), Mode.DIRECT_XIP, 200_000, 256, End.CONFIRMED)
