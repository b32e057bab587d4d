"""What updates take of a flash, against arithmetic by hand and against each other."""

import pytest

from fleet.base.errors import DoesNotFit, InputError
from fleet.node.profile import load_profile
from fleet.node.protocol.admission import ENVELOPE_BYTES
from fleet.node.protocol.ota import Mode, bill
from fleet.node.protocol.ota.journal import RECORD_BYTES

SIZE, PIECE = 100_000, 200
ERASE_US, WRITE_US = 85_000, 41  # nRF52840, a page of 4 KiB and a word


def test_two_slots_take_what_erasing_and_programming_them_once_takes() -> None:
    """25 pages for envelope and content, one for the trailer; 500 fragments; a record of 320 B for every 15 of them and
    four more: begun, asked, on trial, confirmed. A journal page holds twelve."""
    found = bill(load_profile("nrf52840"), Mode.DIRECT_XIP, SIZE, PIECE)
    records = 500 // 15 + 4
    journal = -(-(records - 12 + 1) // 12)  # the factory wrote the first record of the first page
    trailer = 8 + 8
    words = (ENVELOPE_BYTES + SIZE + records * RECORD_BYTES + trailer) // 4
    assert RECORD_BYTES == 320
    assert found.erases == 26 + journal
    assert found.download_us + found.install_us == found.erases * ERASE_US + words * WRITE_US
    assert found.worst_erases == 2


def test_modes_that_move_images_take_more_and_the_order_is_mcuboots() -> None:
    bills = {mode: bill(load_profile("nrf52840"), mode, SIZE, PIECE) for mode in Mode if mode is not Mode.IN_PLACE}
    installs = [bills[mode].install_us for mode in (
        Mode.DIRECT_XIP, Mode.OVERWRITE, Mode.SWAP_OFFSET, Mode.SWAP_SCRATCH)]  # fmt: skip
    assert installs == sorted(installs)
    assert bills[Mode.SWAP_MOVE].erases > bills[Mode.SWAP_OFFSET].erases
    assert bills[Mode.SWAP_SCRATCH].worst_erases >= 25, "the scratch sector, once for each of the image's"
    downloads = {bill.download_us for mode, bill in bills.items() if mode not in (Mode.DIRECT_XIP, Mode.SWAP_OFFSET)}
    assert max(downloads) - min(downloads) <= 2 * ERASE_US


@pytest.mark.parametrize("board", ["stm32f746", "samd21", "stm32u585", "rp2040"])
def test_other_boards_have_bills_too(board: str) -> None:
    size = 20_000
    found = bill(load_profile(board), Mode.DIRECT_XIP, size, 256)
    assert found.flash_nj > 0
    assert found.download_us > found.install_us


def test_what_has_no_room_or_no_mode_is_refused() -> None:
    with pytest.raises(DoesNotFit, match="update places"):
        bill(load_profile("samd21"), Mode.DIRECT_XIP, 200_000, 256)
    with pytest.raises(InputError, match="IN_PLACE"):
        bill(load_profile("nrf52840"), Mode.IN_PLACE, SIZE, PIECE)
    with pytest.raises(InputError, match="multiple of 4 B, got 201 B; take 200"):
        bill(load_profile("nrf52840"), Mode.DIRECT_XIP, SIZE, 201)
