"""A manifest and a node that go together, to be changed one field at a time."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

from fleet.node.protocol.admission import NodeFacts, key_ring, sign_manifest
from fleet.node.protocol.manifest import (
    Envelope,
    Format,
    Identity,
    Kind,
    Manifest,
    Ordering,
    Payload,
    Placement,
    Precursor,
    Transport,
    uuid5,
)  # fmt: skip
from fleet.node.protocol.signature import key_id, public_key

PRIVATE = bytes(range(32))
PUBLIC = public_key(PRIVATE)
TRUSTED = key_ring(PUBLIC)
VENDOR = uuid5(bytes(16), "mcufleet")
BOARD = uuid5(VENDOR, "nrf52840")
OLD = b"what runs now"


def manifest_for(content: bytes, *, delta: bytes | None = None, old: bytes = OLD, **ordering: int) -> Manifest:
    """For an update to `content`, full or as a delta from `old`."""
    sent = content if delta is None else delta
    return Manifest(
        envelope=Envelope(key_id=key_id(PUBLIC), expires_s=2_000_000_000),
        identity=Identity(vendor=VENDOR, device_class=BOARD, least_sram_bytes=1000, abi=2),
        ordering=Ordering(**{"sequence": 5, "security_counter": 3, "version": 12} | ordering),
        payload=Payload(
            kind=Kind.MODEL,
            format=Format.FULL if delta is None else Format.DELTA_IN_PLACE,
            size_bytes=len(sent),
            digest=sha256(sent).digest(),
            installed_bytes=len(content),
            installed_digest=sha256(content).digest(),
        ),
        precursor=Precursor() if delta is None else Precursor(version=11, digest=sha256(old).digest()),
        placement=Placement(flash_bytes=len(content), sram_bytes=500, sector_bytes=0 if delta is None else 256),
        transport=Transport(fragment_bytes=64, fragments=-(-len(sent) // 64)),
    )


def node_facts(**changes: Any) -> NodeFacts:
    """A node that takes manifest_for(...)."""
    facts = NodeFacts(
        vendor=VENDOR,
        device_class=BOARD,
        abi=2,
        sram_bytes=2000,
        flash_bytes=100_000,
        slot_bytes=4096,
        sector_bytes=256,
        once_bytes=8,
        free_sram_bytes=600,
        sequence=4,
        security_counter=3,
        version=11,
        digest=sha256(OLD).digest(),
        now_s=1_900_000_000,
        formats=(Format.FULL, Format.DELTA_IN_PLACE),
    )
    return replace(facts, **changes)


def changed(manifest: Manifest, layer: str, **fields: Any) -> Manifest:
    """The manifest with other values in one layer."""
    return replace(manifest, **{layer: replace(getattr(manifest, layer), **fields)})


def envelope_of(manifest: Manifest, private: bytes = PRIVATE) -> bytes:
    return sign_manifest(manifest, private)
