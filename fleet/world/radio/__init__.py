"""Radios of the world: pure models of what one transfer takes, and of what keeps a radio awake between two."""

from collections.abc import Callable
from typing import Final

from fleet.world.radio.ble import BleLink
from fleet.world.radio.cellular import LteMLink, NbIotLink
from fleet.world.radio.ieee802154 import Ieee802154Link
from fleet.world.radio.link import Direction, Link, Session, SharesAir, Standby, StandsBy, Transfer
from fleet.world.radio.lora.link import LoraLink
from fleet.world.radio.wifi import WifiLink

RADIOS: Final[dict[str, Callable[..., Link]]] = {
    "ble": BleLink,
    "ieee802154": Ieee802154Link,
    "wifi": WifiLink,
    "lorawan": LoraLink,
    "nbiot": NbIotLink,
    "ltem": LteMLink,
}
"""Name in a scenario → constructor of the link, a dataclass."""

__all__ = ["RADIOS", "BleLink", "Direction", "Link", "Session", "SharesAir", "Standby", "StandsBy", "Transfer"]
