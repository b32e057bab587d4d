"""Every threat is refused, for its own reason, with a text that says where, what was expected and what came."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.node.protocol.admission import (
    ENVELOPE_BYTES,
    Reason,
    Refused,
    payload_refusals,
    read_envelope,
    refusals,
)  # fmt: skip
from fleet.node.protocol.manifest import MANIFEST_BYTES, Manifest
from fleet.node.protocol.signature import sign
from tests.node.protocol.manifests import BOARD, PRIVATE, TRUSTED, changed, envelope_of, manifest_for, node_facts

CONTENT = b"another model" * 20
GOOD = manifest_for(CONTENT)


def test_a_good_manifest_is_taken() -> None:
    assert read_envelope(envelope_of(GOOD), TRUSTED) == GOOD
    assert refusals(GOOD, node_facts()) == ()
    assert payload_refusals(GOOD, CONTENT) == ()


def test_a_good_delta_is_taken() -> None:
    assert refusals(manifest_for(CONTENT, delta=b"a patch"), node_facts()) == ()


def reason_of(envelope: bytes) -> Reason:
    with pytest.raises(Refused) as raised:
        read_envelope(envelope, TRUSTED)
    (refusal,) = raised.value.refusals
    assert re.fullmatch(r"manifest[.\w]*: expected .+, got .+; .+", str(refusal.fault))
    return refusal.reason


def resigned(content: bytes) -> bytes:
    """Bytes that the signer did sign, whatever they say."""
    return content + sign(PRIVATE, content)


def put(at: int, value: int) -> bytes:
    encoded = bytearray(GOOD.encode())
    encoded[at] = value
    return bytes(encoded)


@pytest.mark.parametrize(
    "envelope, reason",
    [
        (b"", Reason.LENGTH),
        (envelope_of(GOOD)[:-1], Reason.LENGTH),
        (envelope_of(GOOD) + b"\0", Reason.LENGTH),
        (resigned(put(0, 0x47)), Reason.FORM),
        (resigned(put(4, 2)), Reason.FORM),
        (resigned(put(5, 9)), Reason.FORM),
        (resigned(put(MANIFEST_BYTES - 1, 1)), Reason.FORM),
        (resigned(put(6, 1)), Reason.FORM),
        (resigned(changed(GOOD, "payload", kind=0).encode()), Reason.FORM),
        (resigned(changed(GOOD, "payload", format=7).encode()), Reason.FORM),
        (resigned(changed(GOOD, "payload", compression=1).encode()), Reason.FORM),
        (resigned(changed(GOOD, "procedure", test_boot=2).encode()), Reason.FORM),
        (resigned(changed(GOOD, "procedure", fallback=9).encode()), Reason.FORM),
        (GOOD.encode() + bytes(64), Reason.UNSIGNED),
        (resigned(changed(GOOD, "envelope", algorithm=0).encode()), Reason.UNSIGNED),
        (envelope_of(changed(GOOD, "envelope", key_id=bytes(8))), Reason.SIGNER),
        (envelope_of(GOOD, bytes(32)), Reason.FORGED),
        (manifest_for(b"!" * 100).encode() + envelope_of(GOOD)[MANIFEST_BYTES:], Reason.FORGED),
    ],
)
def test_what_nobody_trusted_signed_in_this_form_is_refused(envelope: bytes, reason: Reason) -> None:
    assert reason_of(envelope) == reason


@given(at=st.integers(0, ENVELOPE_BYTES - 1), bit=st.integers(0, 7))
def test_no_bit_of_an_envelope_can_be_changed(at: int, bit: int) -> None:
    envelope = bytearray(envelope_of(GOOD))
    envelope[at] ^= 1 << bit
    with pytest.raises(Refused):
        read_envelope(bytes(envelope), TRUSTED)


DELTA = manifest_for(CONTENT, delta=b"a patch")
THREATS: list[tuple[Manifest, dict[str, Any], Reason, str]] = [
    (changed(GOOD, "identity", vendor=bytes(16)), {}, Reason.VENDOR, "made for this board"),
    (changed(GOOD, "identity", device_class=bytes(16)), {}, Reason.DEVICE_CLASS, BOARD.hex()),
    (changed(GOOD, "identity", least_sram_bytes=2001), {}, Reason.DEVICE_CLASS, "2,001 B"),
    (changed(GOOD, "identity", least_flash_bytes=200_000), {}, Reason.DEVICE_CLASS, "at most 100,000 B"),
    (changed(GOOD, "identity", abi=3), {}, Reason.ABI, "expected 2, got 3"),
    (GOOD, {"sequence": 5}, Reason.STALE, "expected above 5, got 5"),
    (GOOD, {"sequence": 6}, Reason.STALE, "expected above 6, got 5"),
    (GOOD, {"security_counter": 4}, Reason.ROLLBACK, "expected 4 or more, got 3"),
    (changed(GOOD, "ordering", from_version=12), {}, Reason.RUNNING_VERSION, "expected 12 to"),
    (changed(GOOD, "ordering", to_version=10), {}, Reason.RUNNING_VERSION, "0 to 10 running, got 11"),
    (GOOD, {"now_s": 2_000_000_000}, Reason.EXPIRED, "a time before 2000000000"),
    (GOOD, {"now_s": None}, Reason.EXPIRED, "no clock"),
    (DELTA, {"digest": bytes(32)}, Reason.PRECURSOR, "made from what runs here|make the delta"),
    (changed(DELTA, "precursor", digest=bytes(32)), {}, Reason.PRECURSOR, "expected a digest, got none"),
    (changed(GOOD, "precursor", digest=b"x" * 32), {}, Reason.PRECURSOR, "none for a full image"),
    (DELTA, {"formats": (0,)}, Reason.FORMAT, "full image"),
    (changed(GOOD, "payload", compression=2), {}, Reason.FORMAT, "compressions"),
    (changed(GOOD, "payload", installed_digest=bytes(32)), {}, Reason.FORMAT, "to be one"),
    (GOOD, {"slot_bytes": 259}, Reason.TOO_BIG, "1 over"),
    (changed(GOOD, "placement", offset=4000), {}, Reason.TOO_BIG, "164 over"),
    (changed(GOOD, "placement", flash_bytes=4097), {}, Reason.TOO_BIG, "1 over"),
    (GOOD, {"free_sram_bytes": 499}, Reason.SRAM, "1 over"),
    (DELTA, {"sector_bytes": 1024}, Reason.SECTOR, "made? for this flash|make the patch"),
    (changed(GOOD, "transport", fragment_bytes=65), {}, Reason.FRAGMENTS, "take 64"),
    (changed(GOOD, "transport", fragment_bytes=0), {}, Reason.FRAGMENTS, "take 8"),
    (changed(GOOD, "transport", fragments=4), {}, Reason.FRAGMENTS, "expected 5, got 4"),
    (GOOD, {"most_fragments": 4}, Reason.FRAGMENTS, "at most 4, got 5"),
    (GOOD, {"can_revert": False}, Reason.PROCEDURE, "without a trial"),
    (changed(GOOD, "procedure", least_charge_permille=300), {"charge_permille": 299}, Reason.CHARGE, "wait"),
]


@pytest.mark.parametrize("manifest, facts, reason, text", THREATS)
def test_each_threat_is_refused_for_its_own_reason(
    manifest: Manifest, facts: dict[str, Any], reason: Reason, text: str
) -> None:
    (refusal,) = refusals(manifest, node_facts(**facts))
    assert refusal.reason == reason
    assert re.search(text, str(refusal.fault))
    assert re.fullmatch(r"manifest\.\w+: expected .+, got .+; .+", str(refusal.fault))


def test_all_that_speaks_against_an_update_is_said_at_once() -> None:
    found = refusals(GOOD, node_facts(sequence=9, security_counter=9, abi=9, slot_bytes=1))
    assert [refusal.reason for refusal in found] == [Reason.ABI, Reason.STALE, Reason.ROLLBACK, Reason.TOO_BIG]


def test_an_equal_security_counter_is_taken() -> None:
    assert refusals(GOOD, node_facts(security_counter=3)) == ()
    assert refusals(GOOD, node_facts(security_counter=0)) == ()


@pytest.mark.parametrize(
    "payload, reason", [(CONTENT[:-1], Reason.PAYLOAD_BYTES), (CONTENT[:-1] + b"!", Reason.PAYLOAD_DIGEST)]
)
def test_a_payload_that_is_not_what_was_signed_is_refused(payload: bytes, reason: Reason) -> None:
    (refusal,) = payload_refusals(GOOD, payload)
    assert refusal.reason == reason


def test_every_reason_is_tested_here() -> None:
    by_form = {Reason.LENGTH, Reason.FORM, Reason.UNSIGNED, Reason.SIGNER, Reason.FORGED}
    by_payload = {Reason.PAYLOAD_BYTES, Reason.PAYLOAD_DIGEST}
    of_the_agent = {Reason.BUSY}  # tests/node/protocol/ota/test_agent.py
    assert {reason for *_, reason, _ in THREATS} | by_form | by_payload | of_the_agent == set(Reason)
