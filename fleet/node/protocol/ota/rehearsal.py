"""What a clean update takes on a board's flash: played once, operation by operation, and then known.

The content is made up, since time and wear depend on lengths alone; keys are of nobody. An update in place rewrites
the image from a patch of another image of the same origin.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Final

from fleet.base.rng import draws32, key
from fleet.node.flash import Flash, geometry_of
from fleet.node.profile import Profile
from fleet.node.protocol.admission import ENVELOPE_BYTES, NodeFacts, key_ring, sign_manifest
from fleet.node.protocol.manifest import (
    Envelope,
    Identity,
    Kind,
    Manifest,
    Ordering,
    Payload,
    Placement,
    Procedure,
    Transport,
    uuid5,
)
from fleet.node.protocol.ota.agent import Agent
from fleet.node.protocol.ota.content import manufacture
from fleet.node.protocol.ota.mcuboot import SWAPS, Mode
from fleet.node.protocol.ota.places import Layout, layout_of
from fleet.node.protocol.ota.table import State
from fleet.node.protocol.signature import key_id, public_key

NOBODY: Final = bytes(32)
VENDOR: Final = uuid5(bytes(16), "mcufleet")
REHEARSED: Final = (Mode.DIRECT_XIP, *SWAPS, Mode.OVERWRITE)
"""Modes that take whole content."""


class End(StrEnum):
    """How an update that was downloaded ends."""

    CONFIRMED = "confirmed"
    REVERTED = "reverted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Flash of one update. frames: envelope and fragments. *_us: flash busy before and after the first restart."""

    frames: int
    fragment_bytes: int
    download_us: int
    install_us: int
    erases: int
    starts: int


@lru_cache(maxsize=64)
def rehearsed(profile: Profile, mode: Mode, content_bytes: int, fragment_bytes: int, end: End) -> Bill:
    """The bill of one update of a board. Raises DoesNotFit where its flash has no room for the mode."""
    geometry = geometry_of(profile)
    layout = layout_of(geometry, mode, content_bytes)
    flash = Flash(geometry)
    size = -(-fragment_bytes // geometry.once_bytes) * geometry.once_bytes
    facts = _facts(profile, layout)
    old, new = (draws32(key(0, n), 0, -(-content_bytes // 4)).tobytes()[:content_bytes] for n in (1, 2))
    first = replace(_manifest(facts, old, 1, size), procedure=Procedure(test_boot=0))
    manufacture(flash, layout, sign_manifest(first, NOBODY), old)
    flash.power_on()
    return _played(flash, layout, facts, new, size, end)


def _played(flash: Flash, layout: Layout, facts: NodeFacts, new: bytes, size: int, end: End) -> Bill:
    before_us, erases, starts = flash.busy_us, flash.erases, 1
    keys = key_ring(public_key(NOBODY))
    agent = Agent(flash, layout, facts, keys)
    agent.start()
    manifest = _manifest(facts, new, 2, size)
    if refused := agent.offer(sign_manifest(manifest, NOBODY)):
        raise AssertionError(f"expected a rehearsal to be admitted, got {refused[0].fault}")
    for number in agent.missing:
        agent.fragment(number, new[number * size : (number + 1) * size])
    downloaded_us = flash.busy_us
    while agent.wants_restart:
        starts += 1
        agent = Agent(flash, layout, facts, keys)
        agent.start()
        if agent.state is State.TEST_BOOT:
            agent.judge(healthy=end is End.CONFIRMED)
    return Bill(
        frames=1 + manifest.transport.fragments,
        fragment_bytes=size,
        download_us=downloaded_us - before_us,
        install_us=flash.busy_us - downloaded_us,
        erases=flash.erases - erases,
        starts=starts - 1,
    )


def _manifest(facts: NodeFacts, content: bytes, sequence: int, fragment_bytes: int) -> Manifest:
    digest = sha256(content).digest()
    return Manifest(
        envelope=Envelope(key_id=key_id(public_key(NOBODY))),
        identity=Identity(vendor=facts.vendor, device_class=facts.device_class, abi=facts.abi),
        ordering=Ordering(sequence=sequence, security_counter=sequence, version=sequence),
        payload=Payload(
            kind=Kind.FIRMWARE,
            size_bytes=len(content),
            digest=digest,
            installed_bytes=len(content),
            installed_digest=digest,
        ),
        placement=Placement(flash_bytes=len(content)),
        transport=Transport(fragment_bytes=fragment_bytes, fragments=-(-len(content) // fragment_bytes)),
        procedure=Procedure(test_boot=int(facts.can_revert)),
    )


def _facts(profile: Profile, layout: Layout) -> NodeFacts:
    return NodeFacts(
        vendor=VENDOR,
        device_class=uuid5(VENDOR, profile.board),
        abi=2,
        sram_bytes=2**31,
        flash_bytes=2**31,
        slot_bytes=layout.room_bytes,
        sector_bytes=layout.sector_bytes,
        once_bytes=layout.geometry.once_bytes,
        free_sram_bytes=2**31,
        sequence=0,
        security_counter=0,
        version=0,
        digest=bytes(32),
        can_revert=layout.mode is not Mode.OVERWRITE,
        most_fragments=2**16 - 1,
    )


def largest_fragment(profile: Profile, content_bytes: int, most_fragments: int) -> int:
    """A fragment so large that no more are needed than a node keeps count of, envelope included in none."""
    once = geometry_of(profile).once_bytes
    least = -(-(content_bytes + ENVELOPE_BYTES) // most_fragments)
    return -(-least // once) * once
