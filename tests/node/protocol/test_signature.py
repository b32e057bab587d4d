"""Ed25519 as RFC 8032 has it, and keys under which anybody signs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.node.protocol.signature import D, P, is_signed, public_key, sign

SECRET = bytes(range(32))

# RFC 8032, 7.1: secret, public key, message, signature
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
]


@pytest.mark.parametrize("secret, public, message, signature", VECTORS)
def test_vectors_of_the_rfc(secret: str, public: str, message: str, signature: str) -> None:
    seed, key, said, signed = map(bytes.fromhex, (secret, public, message, signature))
    assert public_key(seed) == key
    assert sign(seed, said) == signed
    assert is_signed(key, said, signed)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100), st.integers(0, 511), st.data())
def test_what_was_signed_is_verified_and_no_bit_may_differ(secret: bytes, message: bytes, bit: int, data) -> None:
    signer, signature = public_key(secret), sign(secret, message)
    assert is_signed(signer, message, signature)
    assert not is_signed(signer, message, flipped(signature, bit))
    assert not is_signed(flipped(signer, bit % 256), message, signature)
    assert not is_signed(signer, message + b"\0", signature)
    if message:
        assert not is_signed(signer, flipped(message, data.draw(st.integers(0, 8 * len(message) - 1))), signature)


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("length", [0, 31, 33, 63, 65, 128])
def test_keys_and_signatures_of_another_length_are_none(length: int) -> None:
    signer, signature = public_key(SECRET), sign(SECRET, b"model")
    assert not is_signed(signer, b"model", (signature + bytes(64))[:length])
    assert not is_signed((signer + bytes(96))[:length], b"model", signature)


def square_root(square: int) -> int | None:
    """Modulo P, which is 5 modulo 8."""
    root = pow(square, (P + 3) // 8, P)
    for candidate in (root, root * pow(2, (P - 1) // 4, P) % P):
        if candidate * candidate % P == square % P:
            return candidate
    return None


def small_orders() -> list[int]:
    """y of every point of order 1, 2, 4 or 8: the last are the roots of d y^4 + 2 y^2 - 1."""
    half = square_root(1 + D)
    assert half is not None
    squares = [(sign * half - 1) * pow(D, -1, P) % P for sign in (1, -1)]
    roots = [root for square in squares if (root := square_root(square)) is not None]
    assert len(roots) == 1
    return [0, 1, P - 1, *(r % P for root in roots for r in (root, -root))]


def test_a_key_of_small_order_or_above_the_field_is_no_key() -> None:
    """Under the key of zeros, the signature of zeros is right for every message that hashes to a multiple of 4."""
    weak = [y.to_bytes(32, "little") for y in (*small_orders(), P, P + 1, 2**255 - 1)]
    weak += [key[:-1] + bytes([key[-1] | 0x80]) for key in weak]
    assert len(weak) == 16
    signatures = (bytes(64), (1).to_bytes(32, "little") + bytes(32), *(key + bytes(32) for key in weak))
    for key in weak:
        for number in range(8):
            assert not any(is_signed(key, bytes([number]), signature) for signature in signatures)
