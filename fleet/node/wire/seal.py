"""Sealed frames: who has the node's key made them, and nobody sent them twice. SPEC.md, section "Seal"; the same bytes
as fe_seal.c.

A sealed frame is frame | counter u64 | tag u8 [16]; the tag is HMAC-SHA256 over counter, then frame, cut to 16 bytes.
Even counters are the server's, odd ones the node's. A receiver takes a counter only above the last one it took.
"""

import hmac
from hashlib import sha256
from typing import Final

from fleet.node.wire.frames import FrameError

KEY_BYTES: Final = 32
COUNTER_BYTES: Final = 8
TAG_BYTES: Final = 16
SEAL_BYTES: Final = COUNTER_BYTES + TAG_BYTES
BY_SERVER, BY_NODE = 0, 1


def seal(key: bytes, counter: int, frame: bytes) -> bytes:
    """The frame with counter and tag behind it."""
    number = counter.to_bytes(COUNTER_BYTES, "little")
    return frame + number + _tag(key, number, frame)


def unseal(key: bytes, by: int, last: int, sealed: bytes) -> tuple[bytes, int]:
    """The frame and its counter. by: BY_SERVER or BY_NODE. last: the highest counter taken from this side so far.

    Raises FrameError for another sealer, another key, changed bytes, or a counter that is not above the last one.
    """
    if len(sealed) < SEAL_BYTES:
        raise FrameError(f"frame of {len(sealed)} bytes: expected a seal of {SEAL_BYTES}, got less; seal it")
    frame, number, tag = sealed[:-SEAL_BYTES], sealed[-SEAL_BYTES:-TAG_BYTES], sealed[-TAG_BYTES:]
    if not hmac.compare_digest(tag, _tag(key, number, frame)):
        raise FrameError("frame: expected the seal of this node's key, got another; give both sides one key")
    counter = int.from_bytes(number, "little")
    if counter & 1 != by:
        sides = ("the server", "the node")
        raise FrameError(f"frame: expected one of {sides[by]}, got its own of {sides[1 - by]}; it was sent back")
    if counter <= last:
        raise FrameError(f"frame: expected a counter above {last}, got {counter}; it was here before")
    return frame, counter


def _tag(key: bytes, number: bytes, frame: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise FrameError(f"key: expected {KEY_BYTES} bytes, got {len(key)}; make it with secrets.token_bytes")
    return hmac.digest(key, number + frame, sha256)[:TAG_BYTES]
