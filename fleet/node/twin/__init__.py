"""Firmware in an emulated core, held against the simulator: `verify(folder)`."""

from fleet.node.twin.build import Compiler
from fleet.node.twin.report import CHECK_HEADINGS, MEMORY_HEADINGS, Report, agreement, check_rows, closing, memory_rows
from fleet.node.twin.start import Emulator
from fleet.node.twin.verify import verify

__all__ = [
    "CHECK_HEADINGS",
    "MEMORY_HEADINGS",
    "Compiler",
    "Emulator",
    "Report",
    "agreement",
    "check_rows",
    "closing",
    "memory_rows",
    "verify",
]
