"""IEEE 802.15.4 at 2.4 GHz with 6LoWPAN: frames, unslotted CSMA/CA, fragments, CoAP blocks."""

from fleet.world.radio.ieee802154.radio import Ieee802154Link

__all__ = ["Ieee802154Link"]
