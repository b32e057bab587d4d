"""What lies in a slot: envelope and content, believed only after signature, counter and digest."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from fleet.node.flash import Flash
from fleet.node.plan.slots import Place
from fleet.node.protocol.admission import ENVELOPE_BYTES, Refused, read_envelope
from fleet.node.protocol.manifest import MANIFEST_BYTES, Manifest, decode
from fleet.node.protocol.ota.journal import Journal, Record
from fleet.node.protocol.ota.mcuboot import Mode
from fleet.node.protocol.ota.places import Layout
from fleet.node.protocol.ota.trailer import End


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a node believes: public keys by key id, and the security counter below which nothing runs."""

    keys: Mapping[bytes, bytes]
    security_counter: int


def envelope_at(flash: Flash, at: int, keys: Mapping[bytes, bytes]) -> Manifest | None:
    """The manifest that lies there, if somebody trusted signed it."""
    try:
        return read_envelope(flash.read(at, ENVELOPE_BYTES), keys)
    except Refused:
        return None


def installed_at(
    flash: Flash, at: int, room_bytes: int, trust: Trust, head_bytes: int = ENVELOPE_BYTES
) -> Manifest | None:
    """The manifest of whole content that a node may run: envelope at an address, content head_bytes behind it."""
    manifest = envelope_at(flash, at, trust.keys)
    if manifest is None or manifest.ordering.security_counter < trust.security_counter:
        return None
    payload = manifest.payload
    if payload.installed_bytes > room_bytes:
        return None
    content = flash.read(at + head_bytes, payload.installed_bytes)
    return manifest if sha256(content).digest() == payload.installed_digest else None


def in_slot(flash: Flash, layout: Layout, slot: Place, trust: Trust) -> Manifest | None:
    """What a slot would run."""
    return installed_at(flash, slot.start, layout.room_bytes, trust, layout.head_bytes)


def manufacture(flash: Flash, layout: Layout, envelope: bytes, content: bytes) -> None:
    """A node as it leaves the factory: content in the primary slot, confirmed, its counter known; all else erased."""
    geometry, once = layout.geometry, layout.geometry.once_bytes
    flash.erase(geometry.start, geometry.end - geometry.start)
    flash.program(layout.primary.start, envelope)
    flash.program(layout.primary.start + layout.head_bytes, content.ljust(-(-len(content) // once) * once, b"\xff"))
    if layout.mode is Mode.DIRECT_XIP:
        End(flash, layout, layout.primary).confirm()
    said = decode(envelope[:MANIFEST_BYTES]).ordering
    record = Record(sequence=said.sequence, security_counter=said.security_counter)
    Journal(flash, layout.journal).save(record)
