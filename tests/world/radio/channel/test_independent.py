"""Independent losses: the draw decides, and nothing is remembered."""

import pytest

from fleet.base.errors import InputError
from fleet.world.radio.channel import CLEAR, Independent


def test_a_packet_is_lost_when_its_draw_is_below_the_share() -> None:
    channel = Independent(loss=0.25)
    assert channel.lost(lambda: 2**30 - 1, 0, 0)
    assert not channel.lost(lambda: 2**30, 0, 0)
    assert channel.opened(lambda: 0) is channel
    assert channel.share(8) == 0.25


def test_a_clear_channel_loses_nothing_and_a_dead_one_everything() -> None:
    assert not CLEAR.lost(lambda: 0, 0, 0)
    assert Independent(loss=1.0).lost(lambda: 2**32 - 1, 0, 0)


def test_a_share_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match=r"link\.loss: expected 0 to 1, got 1\.5"):
        Independent(loss=1.5)
