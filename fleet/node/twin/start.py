"""Who emulates a core: Unicorn, which is there, or QEMU, which somebody installed and which knows Helium."""

from enum import StrEnum

from fleet.base.errors import InputError
from fleet.node.profile import Profile
from fleet.node.twin.emulator import ARCHITECTURES, Core
from fleet.node.twin.image import Image
from fleet.node.twin.qemu import MACHINES, QemuCore
from fleet.node.twin.running import Running


class Emulator(StrEnum):
    """Programs that run a firmware, by their names on the command line."""

    UNICORN = "unicorn"
    QEMU = "qemu"


CORES = (*ARCHITECTURES, *(core for core in MACHINES if core not in ARCHITECTURES))
"""Cores that one of them knows."""


def emulator_of(core: str, asked: Emulator | None = None) -> Emulator:
    """Who runs a core; by default Unicorn where it can. InputError for one that does not know it."""
    emulator = asked or (Emulator.UNICORN if core in ARCHITECTURES else Emulator.QEMU)
    known = tuple(ARCHITECTURES) if emulator is Emulator.UNICORN else tuple(MACHINES)
    if core not in known:
        other = next(e for e in Emulator if e is not emulator)
        text = f"expected a core that {emulator} knows ({', '.join(known)}), got {core}; try --backend {other}"
        raise InputError.one("--backend", text)
    return emulator


def started(image: Image, profile: Profile, asked: Emulator | None = None) -> Running:
    """A core with the firmware in it, after reset and start-up."""
    emulator = emulator_of(profile.core, asked)
    return Core(image, profile) if emulator is Emulator.UNICORN else QemuCore(image, profile)
