"""Firmware in an emulated core, held against the simulator: `verify(folder)`."""

from fleet.node.twin.build import Compiler
from fleet.node.twin.report import Check, Difference, Report, refused
from fleet.node.twin.start import Emulator
from fleet.node.twin.verify import examine, verify

__all__ = ["Check", "Compiler", "Difference", "Emulator", "Report", "examine", "refused", "verify"]
