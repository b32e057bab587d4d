"""Colours of what nodes spend energy on; see `figure.PALETTE`."""

from typing import Final

COLOURS: Final = {
    "sleep": "@sleep",
    "wake": "@wake",
    "sense": "@sense",
    "compute": "@compute",
    "transmit": "@up",
    "receive": "@down",
    "flash": "@flash",
    "checkpoint": "@checkpoint",
}
