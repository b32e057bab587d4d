"""Channels: which packets of a transfer are lost. Pure models; chance comes from the radio's own draws."""

from collections.abc import Callable
from typing import Final

from fleet.world.radio.channel.independent import CLEAR, Independent
from fleet.world.radio.channel.losses import Channel, Draw, Losses

CHANNELS: Final[dict[str, Callable[..., Channel]]] = {"independent": Independent}
"""Kind of a link in a scenario → constructor of the channel."""

__all__ = ["CHANNELS", "CLEAR", "Channel", "Draw", "Independent", "Losses"]
