"""Ed25519 signatures (RFC 8032): who may tell a node what to run."""

from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_BYTES: Final = 64
PUBLIC_BYTES: Final = 32
KEY_ID_BYTES: Final = 8
P: Final = 2**255 - 19  # of the field and d of the curve: RFC 8032, 5.1
D: Final = -121665 * pow(121666, -1, P) % P


def sign(private: bytes, message: bytes) -> bytes:
    """u8 [64]. private: the 32 bytes that a key pair is made of."""
    return Ed25519PrivateKey.from_private_bytes(private).sign(message)


def public_key(private: bytes) -> bytes:
    """u8 [32], the other half of the pair."""
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


@lru_cache(maxsize=1024)
def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of the private half made this signature over this message.

    Nobody owns a key of small order: under one of zeros, which is what a board has that was given none, a signature of
    zeros is right for one message in four. Remembered, since simulated nodes boot often.
    """
    if len(public) != PUBLIC_BYTES or _is_weak(public):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _is_weak(public: bytes) -> bool:
    """Whether the point has an order of 8 or less, or its y is not below P. Such points are those of y = 0 (order 4),
    of y = 1 and -1 (1 and 2), and those whose double has y = 0: d y^4 + 2 y^2 - 1 = 0 (8), from the law of addition."""
    y = int.from_bytes(public, "little") % 2**255
    return y >= P or y * (y * y - 1) * (D * y**4 + 2 * y * y - 1) % P == 0


def key_id(public: bytes) -> bytes:
    """u8 [8], how a manifest names the key that signed it: the first bytes of its SHA-256."""
    return sha256(public).digest()[:KEY_ID_BYTES]
