"""Ed25519 signatures (RFC 8032): who may tell a node what to run."""

from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_BYTES: Final = 64
PUBLIC_BYTES: Final = 32
KEY_ID_BYTES: Final = 8


def sign(private: bytes, message: bytes) -> bytes:
    """u8 [64]. private: the 32 bytes that a key pair is made of."""
    return Ed25519PrivateKey.from_private_bytes(private).sign(message)


def public_key(private: bytes) -> bytes:
    """u8 [32], the other half of the pair."""
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of the private half made this signature over this message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_id(public: bytes) -> bytes:
    """u8 [8], how a manifest names the key that signed it: the first bytes of its SHA-256."""
    return sha256(public).digest()[:KEY_ID_BYTES]
