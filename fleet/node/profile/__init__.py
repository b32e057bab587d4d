"""A board, as its data sheet describes it: one declaration per field, one source per number.

In `devices/<board>/profile.yaml` a number is a mapping, `{value: 64 MHz, source: "…"}`, and is refused without its
source; an entry of a list has one source for all its numbers. `unverified: true` marks a value that nobody looked up,
`quoted: true` one that was read in a text quoting the maker's document; `Profile.sources` keeps both.
A radio on a chip of its own is a module, `devices/modules/<name>.yaml`; `radio_of` gives the radio of either.
"""

from fleet.node.profile.board import Currents, Profile, SleepState, available, usable
from fleet.node.profile.carried import doubtful, radio_of, radio_refusal
from fleet.node.profile.load import boards, load_profile
from fleet.node.profile.memory import FLASH, Bank, EraseUnits, Flash, Reserved
from fleet.node.profile.modules import Module, load_module, modules
from fleet.node.profile.origin import Sourced
from fleet.node.profile.radio import Radio, RadioPart, TransmitLevel
from fleet.node.profile.table import field_table

__all__ = [
    "FLASH",
    "Bank",
    "Currents",
    "EraseUnits",
    "Flash",
    "Module",
    "Profile",
    "Radio",
    "RadioPart",
    "Reserved",
    "SleepState",
    "Sourced",
    "TransmitLevel",
    "available",
    "boards",
    "doubtful",
    "field_table",
    "load_module",
    "load_profile",
    "modules",
    "radio_of",
    "radio_refusal",
    "usable",
]
