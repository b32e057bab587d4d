"""A board, as its data sheet describes it: one declaration per field, one source per number.

In `devices/<board>/profile.yaml` a number is a mapping, `{value: 64 MHz, source: "…"}`, and is refused without its
source; an entry of a list has one source for all its numbers. `unverified: true` marks a value that nobody looked up,
`quoted: true` one that was read in a text quoting the maker's document; `Profile.sources` keeps both.
"""

from fleet.node.profile.board import (
    FLASH,
    Bank,
    Currents,
    EraseUnits,
    Flash,
    Profile,
    Radio,
    Reserved,
    available,
    usable,
)
from fleet.node.profile.load import boards, load_profile, radio_refusal
from fleet.node.profile.origin import Sourced
from fleet.node.profile.table import field_table

__all__ = [
    "FLASH",
    "Bank",
    "Currents",
    "EraseUnits",
    "Flash",
    "Profile",
    "Radio",
    "Reserved",
    "Sourced",
    "available",
    "boards",
    "field_table",
    "load_profile",
    "radio_refusal",
    "usable",
]
