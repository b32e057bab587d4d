"""Whether a node takes an update: every check of its manifest, and of its payload once that is here.

    manifest = read_envelope(envelope, trusted)      raises Refused
    refusals(manifest, facts)                         () if the node may begin
    payload_refusals(manifest, payload)               () if it is what was signed

The threats are those of RFC 9124, section 4.2: replay, wrong device, wrong precursor, truncated, forged, expired.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Final

from fleet.base.errors import Fault, FleetError
from fleet.node.protocol.manifest import (
    MANIFEST_BYTES,
    MARK,
    NO_DIGEST,
    VERSION,
    Algorithm,
    Compression,
    Fallback,
    Format,
    Kind,
    Manifest,
    decode,
)
from fleet.node.protocol.signature import SIGNATURE_BYTES, is_signed, key_id, sign

ENVELOPE_BYTES: Final = MANIFEST_BYTES + SIGNATURE_BYTES


class Reason(IntEnum):
    """Why an update is refused; those of the envelope first. BUSY: another one is on trial."""

    LENGTH = 1
    FORM = 2
    UNSIGNED = 3
    SIGNER = 4
    FORGED = 5
    VENDOR = 6
    DEVICE_CLASS = 7
    ABI = 8
    STALE = 9
    ROLLBACK = 10
    RUNNING_VERSION = 11
    EXPIRED = 12
    PRECURSOR = 13
    FORMAT = 14
    TOO_BIG = 15
    SRAM = 16
    SECTOR = 17
    FRAGMENTS = 18
    CHARGE = 19
    PAYLOAD_BYTES = 20
    PAYLOAD_DIGEST = 21
    PROCEDURE = 22
    BUSY = 23


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason, and a text for people: where: expected, got; what to do."""

    reason: Reason
    fault: Fault


class Refused(FleetError):
    """A manifest that cannot be believed; carries the refusals."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        self.refusals = refusals
        super().__init__("\n".join(str(refusal.fault) for refusal in refusals))


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What a node holds an update against.

    sequence: the highest ever accepted. security_counter: never falls. version, digest: of the content that runs.
    slot_bytes: room for content. once_bytes: multiple that fragments have to be. now_s: None without a clock.
    can_revert: whether the old content can come back.
    """

    vendor: bytes
    device_class: bytes
    abi: int
    sram_bytes: int
    flash_bytes: int
    slot_bytes: int
    sector_bytes: int
    once_bytes: int
    free_sram_bytes: int
    sequence: int
    security_counter: int
    version: int
    digest: bytes
    charge_permille: int = 1000
    most_fragments: int = 2**16 - 1
    can_revert: bool = True
    now_s: int | None = None
    formats: tuple[int, ...] = (Format.FULL,)
    compressions: tuple[int, ...] = (Compression.NONE,)


def sign_manifest(manifest: Manifest, private: bytes) -> bytes:
    """The envelope: manifest and signature. The manifest has to name the key."""
    content = manifest.encode()
    return content + sign(private, content)


def read_envelope(envelope: bytes, trusted: Mapping[bytes, bytes]) -> Manifest:
    """The manifest of an envelope that somebody trusted signed. trusted: public keys by key_id.

    Raises Refused, with one reason: what an attacker may have written is not read further than it is believed.
    """
    if len(envelope) != ENVELOPE_BYTES:
        raise _refused(Reason.LENGTH, "manifest", f"{ENVELOPE_BYTES} bytes", len(envelope), "send it whole")
    manifest = decode(envelope[:MANIFEST_BYTES])
    head = manifest.envelope
    if (head.mark, head.version) != (MARK, VERSION):
        got = f"{head.mark:#010x} of version {head.version}"
        raise _refused(Reason.FORM, "manifest.version", f"version {VERSION}", got, "make it with this release")
    if head.algorithm == Algorithm.NONE or not any(envelope[MANIFEST_BYTES:]):
        raise _refused(Reason.UNSIGNED, "manifest.signature", "an Ed25519 signature", "none", "sign it")
    public = trusted.get(head.key_id)
    if public is None:
        raise _refused(
            Reason.SIGNER,
            "manifest.key_id",
            "a key that the node trusts",
            head.key_id.hex(),
            "sign with one of its keys",
        )
    if not is_signed(public, envelope[:MANIFEST_BYTES], envelope[MANIFEST_BYTES:]):
        raise _refused(
            Reason.FORGED, "manifest.signature", f"one of {head.key_id.hex()}", "another", "sign what is sent"
        )
    if manifest.encode() != envelope[:MANIFEST_BYTES] or not _is_known(manifest):
        raise _refused(Reason.FORM, "manifest", "the one encoding", "another", "make it with this release")
    return manifest


def refusals(manifest: Manifest, facts: NodeFacts) -> tuple[Refusal, ...]:
    """Everything that speaks against this update on this node, in the order of Reason; () if nothing does."""
    return tuple(refusal for check in CHECKS for refusal in check(manifest, facts))


def payload_refusals(manifest: Manifest, payload: bytes) -> tuple[Refusal, ...]:
    """Whether what came is what was signed."""
    said = manifest.payload
    if len(payload) != said.size_bytes:
        return (_refusal(Reason.PAYLOAD_BYTES, "payload", f"{said.size_bytes} bytes", len(payload), "send the rest"),)
    found = sha256(payload).digest()
    if found != said.digest:
        return (
            _refusal(Reason.PAYLOAD_DIGEST, "payload", f"SHA-256 {said.digest.hex()}", found.hex(), "send it again"),
        )
    return ()


def key_ring(*public: bytes) -> dict[bytes, bytes]:
    """Public keys by the name that manifests call them."""
    return {key_id(key): key for key in public}


def _refusal(reason: Reason, where: str, expected: object, got: object, advice: str) -> Refusal:
    return Refusal(reason, Fault(where, f"expected {expected}, got {got}; {advice}"))


def _refused(reason: Reason, where: str, expected: object, got: object, advice: str) -> Refused:
    return Refused((_refusal(reason, where, expected, got, advice),))


def _is_known(manifest: Manifest) -> bool:
    """Whether every enumerated field has a value that this release knows."""
    payload, procedure = manifest.payload, manifest.procedure
    return (
        manifest.envelope.algorithm in set(Algorithm)
        and payload.kind in set(Kind)
        and payload.format in set(Format)
        and payload.compression in set(Compression)
        and procedure.fallback in set(Fallback)
        and procedure.test_boot in (0, 1)
    )


def _identity(manifest: Manifest, facts: NodeFacts) -> Iterator[Refusal]:
    said = manifest.identity
    for reason, name, here in (
        (Reason.VENDOR, "vendor", facts.vendor),
        (Reason.DEVICE_CLASS, "device_class", facts.device_class),
    ):
        if (got := getattr(said, name)) != here:
            yield _refusal(reason, f"manifest.{name}", here.hex(), got.hex(), "push what was made for this board")
    for name, asked, room in (
        ("least_sram_bytes", said.least_sram_bytes, facts.sram_bytes),
        ("least_flash_bytes", said.least_flash_bytes, facts.flash_bytes),
    ):
        if asked > room:
            texts = (f"at most {room:,} B", f"{asked:,} B", "push a smaller one")
            yield _refusal(Reason.DEVICE_CLASS, f"manifest.{name}", *texts)
    if said.abi != facts.abi:
        yield _refusal(Reason.ABI, "manifest.abi", facts.abi, said.abi, "make it for the runtime of this node")


def _ordering(manifest: Manifest, facts: NodeFacts) -> Iterator[Refusal]:
    said = manifest.ordering
    if said.sequence <= facts.sequence:
        yield _refusal(
            Reason.STALE,
            "manifest.sequence",
            f"above {facts.sequence}",
            said.sequence,
            "push the newest, not one before it",
        )
    if said.security_counter < facts.security_counter:
        yield _refusal(
            Reason.ROLLBACK,
            "manifest.security_counter",
            f"{facts.security_counter} or more",
            said.security_counter,
            "this node does not go back behind a mended hole",
        )
    if not said.from_version <= facts.version <= said.to_version:
        yield _refusal(
            Reason.RUNNING_VERSION,
            "manifest.from_version",
            f"{said.from_version} to {said.to_version} running",
            facts.version,
            "push what lies between first",
        )
    expires = manifest.envelope.expires_s
    if expires and (facts.now_s is None or facts.now_s >= expires):
        now = "no clock" if facts.now_s is None else facts.now_s
        yield _refusal(Reason.EXPIRED, "manifest.expires_s", f"a time before {expires}", now, "sign it anew")


def _precursor(manifest: Manifest, facts: NodeFacts) -> Iterator[Refusal]:
    said = manifest.precursor
    if manifest.is_delta != (said.digest != NO_DIGEST):
        expected, got = ("a digest", "none") if manifest.is_delta else ("none for a full image", said.digest.hex())
        yield _refusal(Reason.PRECURSOR, "manifest.precursor", expected, got, "name what the delta was made from")
    elif manifest.is_delta and said.digest != facts.digest:
        yield _refusal(
            Reason.PRECURSOR,
            "manifest.precursor",
            facts.digest.hex(),
            said.digest.hex(),
            "make the delta from what runs here",
        )
    payload = manifest.payload
    if payload.format not in facts.formats or payload.compression not in facts.compressions:
        yield _refusal(
            Reason.FORMAT,
            "manifest.format",
            f"formats {facts.formats} and compressions {facts.compressions}",
            (payload.format, payload.compression),
            "push a full image",
        )
    full = (payload.size_bytes, payload.digest) == (payload.installed_bytes, payload.installed_digest)
    if not manifest.is_delta and not full:
        yield _refusal(
            Reason.FORMAT,
            "manifest.installed_bytes",
            "payload and installed content to be one",
            "two",
            "repeat size and digest",
        )


def _room(manifest: Manifest, facts: NodeFacts) -> Iterator[Refusal]:
    payload, place = manifest.payload, manifest.placement
    needed = max(payload.size_bytes, payload.installed_bytes, place.flash_bytes) + place.offset
    if needed > facts.slot_bytes or not payload.size_bytes:
        got = f"{needed:,} B ({needed - facts.slot_bytes:,} over)" if payload.size_bytes else "0 B"
        yield _refusal(Reason.TOO_BIG, "manifest.payload", f"1 to {facts.slot_bytes:,} B", got, "push a smaller one")
    if place.sram_bytes > facts.free_sram_bytes:
        got = f"{place.sram_bytes:,} B ({place.sram_bytes - facts.free_sram_bytes:,} over)"
        yield _refusal(
            Reason.SRAM,
            "manifest.sram_bytes",
            f"at most {facts.free_sram_bytes:,} B",
            got,
            "push a plan with a smaller arena",
        )
    if payload.format == Format.DELTA_IN_PLACE and (not place.sector_bytes or place.sector_bytes % facts.sector_bytes):
        yield _refusal(
            Reason.SECTOR,
            "manifest.sector_bytes",
            f"a multiple of {facts.sector_bytes:,} B",
            f"{place.sector_bytes:,} B",
            "make the patch for this flash",
        )


def _fragments(manifest: Manifest, facts: NodeFacts) -> Iterator[Refusal]:
    said, size = manifest.transport, manifest.payload.size_bytes
    if not said.fragment_bytes or said.fragment_bytes % facts.once_bytes:
        nearest = max(facts.once_bytes, said.fragment_bytes // facts.once_bytes * facts.once_bytes)
        yield _refusal(
            Reason.FRAGMENTS,
            "manifest.fragment_bytes",
            f"a multiple of {facts.once_bytes} B",
            f"{said.fragment_bytes} B",
            f"take {nearest}",
        )
    elif said.fragments != -(-size // said.fragment_bytes):
        yield _refusal(
            Reason.FRAGMENTS,
            "manifest.fragments",
            -(-size // said.fragment_bytes),
            said.fragments,
            "count the last, shorter one",
        )
    elif said.fragments > facts.most_fragments:
        most = f"at most {facts.most_fragments}"
        yield _refusal(Reason.FRAGMENTS, "manifest.fragments", most, said.fragments, "take larger ones")


def _procedure(manifest: Manifest, facts: NodeFacts) -> Iterator[Refusal]:
    said = manifest.procedure
    if said.test_boot and not facts.can_revert:
        yield _refusal(
            Reason.PROCEDURE,
            "manifest.test_boot",
            "0 where the old content is written over",
            1,
            "push it without a trial",
        )
    least = said.least_charge_permille
    if facts.charge_permille < least:
        texts = (f"{least} permille or more", facts.charge_permille, "wait until it is charged")
        yield _refusal(Reason.CHARGE, "manifest.least_charge_permille", *texts)


CHECKS: Final[tuple[Callable[[Manifest, NodeFacts], Iterator[Refusal]], ...]] = (
    _identity, _ordering, _precursor, _room, _fragments, _procedure,
)  # fmt: skip
