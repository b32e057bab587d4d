"""Manifests: one encoding, every field at the place that SPEC.md names, nothing too large for its place."""

import re
import struct
import uuid
from dataclasses import fields, replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.places import package_data
from fleet.node.protocol.manifest import LAYERS, MANIFEST_BYTES, Manifest, decode, uuid5
from fleet.node.protocol.signature import is_signed, key_id, public_key, sign
from tests.node.protocol.manifests import changed, manifest_for


@given(content=st.binary(min_size=1, max_size=400), sequence=st.integers(0, 2**32 - 1), delta=st.booleans())
def test_a_manifest_comes_back_from_its_bytes(content: bytes, sequence: int, delta: bool) -> None:
    manifest = manifest_for(content, delta=b"patch" if delta else None, sequence=sequence)
    encoded = manifest.encode()
    assert len(encoded) == MANIFEST_BYTES
    assert decode(encoded) == manifest


def test_the_fields_lie_where_the_specification_says() -> None:
    text = package_data("node", "engine", "SPEC.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (\w+) \| (u\d+(?: \[\d+\])?) \|", text.partition("## Manifest")[2], re.MULTILINE)
    found, at = [], 0
    for layer in LAYERS:
        names = iter(field.name for field in fields(layer))
        for code in re.findall(r"\d*[a-zA-Z]", layer.FORMAT):
            if code[-1] != "x":
                size = struct.calcsize(f"<{code}")
                found.append((str(at), next(names), f"u8 [{size}]" if code[-1] == "s" else f"u{8 * size}"))
            at += struct.calcsize(f"<{code}")
    assert rows == found


def test_a_manifest_has_the_bytes_of_the_specification() -> None:
    encoded = manifest_for(b"a model").encode()
    text = package_data("node", "engine", "SPEC.md").read_text(encoding="utf-8")
    written = re.search(r"SHA-256 of the example: ([0-9a-f]{64})", text)
    assert written is not None
    assert sha256(encoded).hexdigest() == written[1]


@pytest.mark.parametrize(
    "layer, field, value, word",
    [("ordering", "sequence", 2**32, "0 to 2\\^32"), ("ordering", "version", -1, "0 to 2"),
     ("payload", "digest", b"short", "32 bytes"), ("transport", "fragments", 65_536, "2\\^16"),
     ("identity", "vendor", bytes(17), "16 bytes"), ("procedure", "test_boot", 256, "2\\^8")],
)  # fmt: skip
def test_what_has_no_room_is_refused(layer: str, field: str, value: Any, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        changed(manifest_for(b"x"), layer, **{field: value}).encode()


def test_a_manifest_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="320 bytes"):
        decode(bytes(319))


def test_class_ids_are_those_of_the_standard_library() -> None:
    for name in ("nrf52840", "", "a board"):
        assert uuid5(uuid.NAMESPACE_DNS.bytes, name) == uuid.uuid5(uuid.NAMESPACE_DNS, name).bytes


def test_signatures_are_those_of_rfc_8032() -> None:
    """Section 7.1, TEST 3."""
    private = bytes.fromhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
    public = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
    signature = bytes.fromhex(
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    )
    assert public_key(private) == public
    assert sign(private, bytes.fromhex("af82")) == signature
    assert is_signed(public, bytes.fromhex("af82"), signature)
    assert not is_signed(public, bytes.fromhex("af83"), signature)
    assert not is_signed(b"no key", bytes.fromhex("af82"), signature)
    assert key_id(public) == sha256(public).digest()[:8]


def test_every_field_changes_the_bytes() -> None:
    """A field that were left out of what is signed could be changed by anybody."""
    manifest = manifest_for(b"x")
    plain = manifest.encode()
    for field in fields(Manifest):
        layer = getattr(manifest, field.name)
        for inner in fields(layer):
            value = getattr(layer, inner.name)
            other = bytes([value[0] ^ 1]) + value[1:] if isinstance(value, bytes) else value ^ 1
            encoded = replace(manifest, **{field.name: replace(layer, **{inner.name: other})}).encode()
            assert encoded != plain, inner.name
