"""Wi-Fi at 2.4 GHz: association, DTIM listening, TCP at a rate."""

from fleet.world.radio.wifi.radio import WifiLink

__all__ = ["WifiLink"]
