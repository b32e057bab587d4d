"""Patches from one image to another, made by detools: what the server sends instead of the whole.

detools is an extra (`pip install mcufleet[ota]`): it is compiled when it is installed, and only who makes patches
needs it.
"""

from io import BytesIO
from types import ModuleType
from typing import Any

from fleet.base.errors import DoesNotFit, EngineError
from fleet.node.protocol.delta import PatchError, Pieces, read_head
from fleet.node.protocol.manifest import Compression, Format

NAMES = {Compression.NONE: "none", Compression.CRLE: "crle", Compression.HEATSHRINK: "heatshrink"}
SEQUENTIAL, IN_PLACE = "sequential", "in-place"


def in_place_patch(
    old: bytes,
    new: bytes,
    *,
    memory_bytes: int,
    segment_bytes: int,
    shift_bytes: int | None = None,
    compression: Compression = Compression.CRLE,
) -> bytes:
    """A patch that rewrites `old` to `new` in memory_bytes of flash that is erased in multiples of segment_bytes.

    shift_bytes: how far the old image moves up at least; two segments by default. Raises DoesNotFit where the memory
    holds not both the image and the shift, EngineError without detools.
    """
    shift = 2 * segment_bytes if shift_bytes is None else shift_bytes
    needed = max(-(-len(old) // segment_bytes) * segment_bytes + shift, len(new))
    if memory_bytes % segment_bytes or needed > memory_bytes:
        over = f"{needed:,} B in units of {segment_bytes:,} B"
        raise DoesNotFit(f"patch.memory: expected {over} or more, got {memory_bytes:,} B; take a larger slot")
    options = {"memory_size": memory_bytes, "segment_size": segment_bytes, "minimum_shift_size": shift}
    patch = _made(old, new, IN_PLACE, compression, options)
    applied = BytesIO(old.ljust(memory_bytes, b"\xff"))
    _detools().apply_patch_in_place(applied, BytesIO(patch))
    return _checked(patch, applied.getvalue()[: len(new)], new)


def sequential_patch(old: bytes, new: bytes, *, compression: Compression = Compression.CRLE) -> bytes:
    """A patch that makes `new` beside `old`: for a host, or a node with room for both. EngineError without detools."""
    patch = _made(old, new, SEQUENTIAL, compression, {})
    return _checked(patch, apply_sequential(old, patch), new)


def apply_sequential(old: bytes, patch: bytes) -> bytes:
    """The new image. Raises PatchError for a patch that is none, or that reads old bytes that do not exist."""
    head = read_head(patch, len(old))
    if head.format is not Format.DELTA:
        raise PatchError("patch: expected a sequential one, got one in place; apply it in the memory that it names")
    pieces = Pieces(patch, head)
    new = pieces.segment(lambda at, count: old[at : at + count]) if head.to_bytes else b""
    if head.to_bytes and not pieces.stream.is_at_end():
        raise PatchError("patch: expected its end, got more; send it once")
    return new


def _checked(patch: bytes, applied: bytes, new: bytes) -> bytes:
    """The patch, once it was seen to give the new image."""
    if applied != new:
        raise EngineError("detools: expected a patch that gives the new image, got another; send the image whole")
    return patch


def _made(old: bytes, new: bytes, kind: str, compression: Compression, options: dict[str, Any]) -> bytes:
    out = BytesIO()
    _detools().create_patch(
        BytesIO(old), BytesIO(new), out, compression=NAMES[compression], patch_type=kind, use_mmap=False, **options
    )
    return out.getvalue()


def _detools() -> ModuleType:
    try:
        import detools
    except ImportError as missing:
        raise EngineError("detools: expected the package, got none; pip install 'mcufleet[ota]'") from missing
    module: ModuleType = detools
    return module
