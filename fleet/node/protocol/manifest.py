"""What an update says of itself: nine layers of fields, canonical bytes, a signature behind them.

    manifest u8 [320] | Ed25519 signature over it u8 [64]

The layers follow the information model of RFC 9124 (SUIT), each field at one place, so that a node reads it without a
parser of nested formats. Little-endian; what is left of the 320 bytes is 0. There is one encoding of a manifest.
"""

import re
import struct
from dataclasses import astuple, dataclass, fields
from enum import IntEnum
from functools import cache
from hashlib import sha1
from typing import Any, ClassVar, Final

MARK: Final = int.from_bytes(b"FEMF", "little")
VERSION: Final = 1
MANIFEST_BYTES: Final = 320
NO_DIGEST: Final = bytes(32)


class Algorithm(IntEnum):
    """Of the signature."""

    NONE = 0
    ED25519 = 1


class Kind(IntEnum):
    """What is pushed."""

    MODEL = 1
    PLAN = 2
    FIRMWARE = 3


class Format(IntEnum):
    """What the payload is. The deltas are patches of detools, sequential and in place."""

    FULL = 0
    DELTA = 1
    DELTA_IN_PLACE = 2


class Compression(IntEnum):
    """Of the payload, numbered as detools numbers them."""

    NONE = 0
    CRLE = 2
    HEATSHRINK = 4


class Fallback(IntEnum):
    """What runs when the update fails its trial."""

    PREVIOUS = 0
    NOTHING = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """1. key_id: of the signer. expires_s: seconds since 1970 UTC, 0 for never."""

    FORMAT: ClassVar = "<IBB2x8sQ"
    mark: int = MARK
    version: int = VERSION
    algorithm: int = Algorithm.ED25519
    key_id: bytes
    expires_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """2. Whom it is for. vendor, device_class: UUIDs. abi: of the runtime. least_*: what the board must have in all."""

    FORMAT: ClassVar = "<16s16sIIH2x"
    vendor: bytes
    device_class: bytes
    least_sram_bytes: int = 0
    least_flash_bytes: int = 0
    abi: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """3. sequence: above all before it, or it is a replay. security_counter: never below the node's. version: of what
    is installed. from_version, to_version: of what has to run now."""

    FORMAT: ClassVar = "<IIIII"
    sequence: int
    security_counter: int
    version: int
    from_version: int = 0
    to_version: int = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """4. size_bytes, digest: of what is sent. installed_*: of what it becomes. Digests are SHA-256."""

    FORMAT: ClassVar = "<BBBxI32sI32s"
    kind: int
    format: int = Format.FULL
    compression: int = Compression.NONE
    size_bytes: int
    digest: bytes
    installed_bytes: int
    installed_digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Precursor:
    """5. What a delta is applied to; all 0 for a full image."""

    FORMAT: ClassVar = "<I32s"
    version: int = 0
    digest: bytes = NO_DIGEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """6. Where it goes. sector_bytes: erase unit that an in-place delta was made for, else 0. sram_bytes: that it runs
    in, at its peak. flash_bytes: that it takes when installed."""

    FORMAT: ClassVar = "<B3xIIII"
    slot: int = 0
    offset: int = 0
    sector_bytes: int = 0
    sram_bytes: int = 0
    flash_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """7. How it comes: fragments of fragment_bytes, the last one shorter, and `redundancy` more of parity. group: of
    multicast, 0 for none. start_s: of the session, seconds since 1970 UTC."""

    FORMAT: ClassVar = "<IHHHHQ"
    session: int = 0
    fragment_bytes: int
    fragments: int
    redundancy: int = 0
    group: int = 0
    start_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """8. test_boot: 1 if it has to be confirmed, within confirm_within_s. least_accuracy_permille: of the self-test.
    least_charge_permille: of the battery, before the flash is touched."""

    FORMAT: ClassVar = "<BBHIH2x"
    test_boot: int = 1
    fallback: int = Fallback.PREVIOUS
    least_accuracy_permille: int = 0
    confirm_within_s: int = 86_400
    least_charge_permille: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """9. operators: version of plans that it speaks. bits: of its weights. input: first 8 bytes of the SHA-256 of the
    graph's input. plan: id of the plan that a model belongs to. round: that it came out of."""

    FORMAT: ClassVar = "<HH8sII"
    operators: int = 0
    bits: int = 8
    input: bytes = bytes(8)
    plan: int = 0
    round: int = 0


LAYERS: Final[tuple[Any, ...]] = (
    Envelope,
    Identity,
    Ordering,
    Payload,
    Precursor,
    Placement,
    Transport,
    Procedure,
    ModelFacts,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All layers of one update."""

    envelope: Envelope
    identity: Identity
    ordering: Ordering
    payload: Payload
    precursor: Precursor = Precursor()
    placement: Placement
    transport: Transport
    procedure: Procedure = Procedure()
    model: ModelFacts = ModelFacts()

    def encode(self) -> bytes:
        """u8 [320], what is signed. ValueError for a number or digest that has no room."""
        parts = [_pack(getattr(self, field.name)) for field in fields(self)]
        return b"".join(parts).ljust(MANIFEST_BYTES, b"\0")

    @property
    def is_delta(self) -> bool:
        """Whether it is applied to what the node has."""
        return self.payload.format != Format.FULL


def decode(content: bytes) -> Manifest:
    """The manifest of these 320 bytes, whatever its fields say; ValueError for another length."""
    if len(content) != MANIFEST_BYTES:
        raise ValueError(f"manifest: expected {MANIFEST_BYTES} bytes, got {len(content)}; send it whole")
    layers, at = {}, 0
    for field, layer in zip(fields(Manifest), LAYERS, strict=True):
        layers[field.name] = layer(
            **dict(zip(_names(layer), struct.unpack_from(layer.FORMAT, content, at), strict=True))
        )
        at += struct.calcsize(layer.FORMAT)
    return Manifest(**layers)


def uuid5(namespace: bytes, name: str) -> bytes:
    """u8 [16], a name-based UUID (RFC 9562, version 5): how RFC 9124 makes a class ID from a vendor ID."""
    hashed = bytearray(sha1(namespace + name.encode(), usedforsecurity=False).digest()[:16])
    hashed[6], hashed[8] = hashed[6] & 0x0F | 0x50, hashed[8] & 0x3F | 0x80
    return bytes(hashed)


def _pack(layer: Any) -> bytes:
    values = astuple(layer)
    for name, room, value in zip(_names(layer), _rooms(layer.FORMAT), values, strict=True):
        if isinstance(value, bytes) and len(value) != room:
            raise ValueError(f"manifest.{name}: expected {room} bytes, got {len(value)}; give it whole")
        if isinstance(value, int) and not 0 <= value < 2 ** (8 * room):
            raise ValueError(f"manifest.{name}: expected 0 to 2^{8 * room} - 1, got {value}; it has {room} bytes")
    return struct.pack(layer.FORMAT, *values)


def _names(layer: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(layer))


@cache
def _rooms(codes: str) -> tuple[int, ...]:
    """Bytes of each field of a format."""
    return tuple(struct.calcsize(f"<{code}") for code in re.findall(r"\d*[a-zA-Z]", codes) if code[-1] != "x")
