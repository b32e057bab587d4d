"""fe_manifest.c refuses what admission.py refuses, for the same first reason."""

import ctypes as c
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.node.protocol.admission import NodeFacts, Reason, Refused, read_envelope, refusals
from fleet.node.protocol.manifest import MANIFEST_BYTES, Compression, Format, Manifest
from fleet.node.protocol.signature import is_signed, sign
from tests.node.engine.device import VERIFY
from tests.node.protocol.manifests import PRIVATE, PUBLIC, TRUSTED, envelope_of, manifest_for, node_facts
from tests.node.protocol.ota.patch_device import library
from tests.node.protocol.test_admission import THREATS

POINTERS = ("signer", "vendor", "device_class", "digest")
WORDS = (
    "sram_bytes", "flash_bytes", "slot_bytes", "sector_bytes", "once_bytes", "free_sram_bytes", "sequence",
    "security_counter", "version", "most_fragments", "formats", "compressions", "now_low", "now_high",
)  # fmt: skip


class Facts(c.Structure):
    _fields_ = [
        *((name, c.c_char_p) for name in POINTERS),
        *((name, c.c_uint32) for name in WORDS),
        ("abi", c.c_uint16),
        ("charge_permille", c.c_uint16),
        ("has_clock", c.c_uint8),
        ("can_revert", c.c_uint8),
    ]


def _verify(signer: int, message: int, count: int, signature: int) -> int:
    return int(is_signed(c.string_at(signer, 32), c.string_at(message, count), c.string_at(signature, 64)))


CALLBACK = VERIFY(_verify)


def in_c(envelope: bytes, facts: NodeFacts) -> int:
    """What the node says."""
    lib = library()
    c.c_void_p.in_dll(lib, "port_verify").value = c.cast(CALLBACK, c.c_void_p).value
    kept = {"signer": c.create_string_buffer(PUBLIC, 32)}
    kept |= {name: c.create_string_buffer(getattr(facts, name), len(getattr(facts, name))) for name in POINTERS[1:]}
    words: dict[str, int] = {name: getattr(facts, name) for name in WORDS[:10]}
    words["formats"] = sum(1 << n for n in facts.formats)
    words["compressions"] = sum(1 << n for n in facts.compressions)
    now = facts.now_s or 0
    said = Facts(
        **{name: c.cast(buffer, c.c_char_p) for name, buffer in kept.items()},
        **words,
        now_low=now % 2**32,
        now_high=now >> 32,
        abi=facts.abi,
        charge_permille=facts.charge_permille,
        has_clock=facts.now_s is not None,
        can_revert=facts.can_revert,
    )
    return int(lib.fe_manifest_check(envelope, len(envelope), c.byref(said)))


def in_python(envelope: bytes, facts: NodeFacts) -> int:
    """The first reason, 0 for none."""
    try:
        found = refusals(read_envelope(envelope, TRUSTED), facts)
    except Refused as refused:
        found = refused.refusals
    return int(found[0].reason) if found else 0


GOOD = manifest_for(b"another model" * 20)
DELTA = manifest_for(b"another model" * 20, delta=b"a patch")


@pytest.mark.parametrize("manifest, facts, reason", [threat[:3] for threat in THREATS])
def test_each_threat_is_refused_in_c_for_its_own_reason(
    manifest: Manifest, facts: dict[str, Any], reason: Reason
) -> None:
    assert in_c(envelope_of(manifest), node_facts(**facts)) == reason


@pytest.mark.parametrize("manifest", [GOOD, DELTA])
def test_a_good_manifest_is_taken_in_c(manifest: Manifest) -> None:
    assert in_c(envelope_of(manifest), node_facts()) == 0


@given(at=st.integers(0, 383), bit=st.integers(0, 7), signed=st.booleans(), delta=st.booleans())
@settings(max_examples=400)
def test_any_bit_of_an_envelope_is_judged_alike(at: int, bit: int, signed: bool, delta: bool) -> None:
    """signed: the signer did sign what the bit makes of it."""
    changed = bytearray(envelope_of(DELTA if delta else GOOD))
    changed[at] ^= 1 << bit
    content = bytes(changed[:MANIFEST_BYTES])
    envelope = content + sign(PRIVATE, content) if signed else bytes(changed)
    assert in_c(envelope, node_facts()) == in_python(envelope, node_facts())


@pytest.mark.parametrize("length", [0, 1, 320, 383, 385])
def test_another_length_is_refused(length: int) -> None:
    envelope = (envelope_of(GOOD) + b"\0")[:length]
    assert in_c(envelope, node_facts()) == in_python(envelope, node_facts()) == Reason.LENGTH


def numbers() -> Iterator[tuple[str, str]]:
    """Every whole number of the layers: layer, field."""
    for layer in fields(Manifest):
        for field in fields(getattr(GOOD, layer.name)):
            if isinstance(getattr(getattr(GOOD, layer.name), field.name), int):
                yield layer.name, field.name


@given(data=st.data())
@settings(max_examples=300)
def test_manifests_and_nodes_of_all_kinds_are_judged_alike(data: st.DataObject) -> None:
    small = st.integers(0, 300)
    manifest = data.draw(st.sampled_from((GOOD, DELTA)))
    for layer, field in data.draw(st.lists(st.sampled_from(list(numbers())), max_size=4)):
        near = getattr(getattr(manifest, layer), field)
        value = data.draw(st.one_of(small, st.integers(max(0, near - 2), near + 2))) % 256  # every field has a byte
        manifest = replace(manifest, **{layer: replace(getattr(manifest, layer), **{field: value})})
    changes = {
        name: data.draw(small) for name in data.draw(st.lists(st.sampled_from(WORDS[:3] + WORDS[5:10]), max_size=3))
    }
    facts = node_facts(
        **changes,
        now_s=data.draw(st.sampled_from((None, 0, 255, 1_900_000_000, 2_000_000_000, 2**33))),
        can_revert=data.draw(st.booleans()),
        charge_permille=data.draw(small),
        compressions=data.draw(st.sampled_from(((Compression.NONE,), tuple(Compression)))),
        formats=data.draw(st.sampled_from(((Format.FULL,), tuple(Format)))),
    )
    envelope = envelope_of(manifest)
    assert in_c(envelope, facts) == in_python(envelope, facts)
