"""Radios of the world: pure models of what one transfer takes."""

from collections.abc import Callable
from typing import Final

from fleet.world.radio.ble import BleLink
from fleet.world.radio.link import Direction, Link, Transfer

RADIOS: Final[dict[str, Callable[..., Link]]] = {"ble": BleLink}  # name in a scenario → constructor of the link

__all__ = ["RADIOS", "BleLink", "Direction", "Link", "Transfer"]
