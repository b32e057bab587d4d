"""Bluetooth LE 5: packets, advertising, connections."""

from fleet.world.radio.ble.radio import BleLink

__all__ = ["BleLink"]
