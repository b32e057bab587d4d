"""What an update takes of a board's flash: played once on an erased copy of it, and counted."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from fleet.base.errors import DoesNotFit, InputError
from fleet.node.flash import Flash, Geometry, geometry_of
from fleet.node.profile import Profile
from fleet.node.protocol.admission import NodeFacts, key_ring, sign_manifest
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
)
from fleet.node.protocol.ota.agent import Agent
from fleet.node.protocol.ota.content import manufacture
from fleet.node.protocol.ota.mcuboot import Mode
from fleet.node.protocol.ota.places import Layout, layout_of, swaps
from fleet.node.protocol.signature import key_id, public_key

_KEY = bytes(32)  # of nobody: the update exists only in here
_NOBODY = bytes(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Time of erasing and programming, and its energy by the board's flash current. download: from the offer to the
    whole payload, journal included; install: from there until it is confirmed. erases: of all units; worst_erases: of
    the unit that wears most. Radio, hashing and the check of the signature are not in it."""

    download_us: int
    install_us: int
    flash_nj: int
    erases: int
    worst_erases: int


@cache
def bill(profile: Profile, mode: Mode, content_bytes: int, fragment_bytes: int) -> Bill:
    """Of full content of so many bytes, over content of the same size.

    Raises DoesNotFit where the flash has no room for the mode, InputError for patches in place, whose cost is theirs.
    """
    if mode is Mode.IN_PLACE:
        raise InputError.one("update.mode", "expected a mode for full images, got IN_PLACE; apply the patch")
    layout = layout_of(_end_of(geometry_of(profile), mode, content_bytes), mode, content_bytes)
    flash = Flash(layout.geometry)
    old, new = b"\x55" * content_bytes, b"\xaa" * content_bytes  # no part of flash stays erased
    manufacture(flash, layout, sign_manifest(_manifest(old, 1, fragment_bytes, layout), _KEY), old)
    before, wear = flash.busy_us, list(flash.wear)
    agent = _downloaded(flash, layout, new, fragment_bytes)
    downloaded = flash.busy_us
    agent = Agent(flash, layout, agent.template, agent.keys)
    agent.start()
    agent.judge(healthy=True)
    worn = [now - then for now, then in zip(flash.wear, wear, strict=True)]
    return Bill(
        download_us=downloaded - before,
        install_us=flash.busy_us - downloaded,
        flash_nj=layout.geometry.energy_nj(flash.busy_us - before),
        erases=sum(worn),
        worst_erases=max(worn),
    )


def _downloaded(flash: Flash, layout: Layout, new: bytes, fragment_bytes: int) -> Agent:
    """A node that has all of it and is about to start again."""
    manifest = _manifest(new, 2, fragment_bytes, layout)
    agent = Agent(flash, layout, _facts(), key_ring(public_key(_KEY)))
    agent.start()
    refused = agent.offer(sign_manifest(manifest, _KEY))
    if refused:
        raise InputError([refusal.fault for refusal in refused])
    for number in agent.missing:
        agent.fragment(number, new[number * fragment_bytes : (number + 1) * fragment_bytes])
    return agent


def _end_of(whole: Geometry, mode: Mode, content_bytes: int) -> Geometry:
    """The last erase units that the update has room in, or all of them where they have to be."""
    for count in range(4, len(whole.units)):
        part = whole.part(len(whole.units) - count, count)
        try:
            layout_of(part, mode, content_bytes)
        except DoesNotFit:
            continue
        return part
    return whole


def _manifest(content: bytes, sequence: int, fragment_bytes: int, layout: Layout) -> Manifest:
    digest, size = sha256(content).digest(), len(content)
    return Manifest(
        envelope=Envelope(key_id=key_id(public_key(_KEY))),
        identity=Identity(vendor=_NOBODY, device_class=_NOBODY, abi=0),
        ordering=Ordering(sequence=sequence, security_counter=0, version=sequence),
        payload=Payload(
            kind=Kind.FIRMWARE, size_bytes=size, digest=digest, installed_bytes=size, installed_digest=digest
        ),
        placement=Placement(flash_bytes=size),
        transport=Transport(fragment_bytes=fragment_bytes, fragments=-(-size // fragment_bytes)),
        procedure=Procedure(test_boot=int(layout.mode is Mode.DIRECT_XIP or swaps(layout.mode))),
    )


def _facts() -> NodeFacts:
    """A node that asks nothing of an update but room."""
    return NodeFacts(
        vendor=_NOBODY,
        device_class=_NOBODY,
        abi=0,
        sram_bytes=0,
        flash_bytes=0,
        slot_bytes=0,
        sector_bytes=0,
        once_bytes=1,
        free_sram_bytes=0,
        sequence=0,
        security_counter=0,
        version=0,
        digest=bytes(32),
    )
