"""Channels: which packets of a transfer are lost. Pure models; chance comes from the radio's own draws."""

from collections.abc import Callable
from typing import Final

from fleet.world.radio.channel.gilbert_elliott import GilbertElliott
from fleet.world.radio.channel.independent import CLEAR, Independent
from fleet.world.radio.channel.log_distance import LogDistance, log_distance
from fleet.world.radio.channel.losses import Channel, Draw, Losses, Receiver, Site
from fleet.world.radio.channel.trace import Trace, trace

CHANNELS: Final[dict[str, Callable[..., Channel]]] = {
    "independent": lambda _site, **settings: Independent(**settings),
    "gilbert_elliott": lambda _site, **settings: GilbertElliott(**settings),
    "log_distance": log_distance,
    "trace": trace,
}
"""Kind of a link in a scenario → the channel of a site with the scenario's settings."""

__all__ = [
    "CHANNELS",
    "CLEAR",
    "Channel",
    "Draw",
    "GilbertElliott",
    "Independent",
    "LogDistance",
    "Losses",
    "Receiver",
    "Site",
    "Trace",
]
