"""An in-place delta, step by step: the old image moves up, the new one is written below it, segment by segment.

Every step erases and writes what no later step reads, and is recorded when it is done; a step that was cut is made
again. The order is that of detools (`apply_patch_in_place`).
"""

from collections.abc import Callable, Iterator

from fleet.node.flash import Flash
from fleet.node.protocol.admission import ENVELOPE_BYTES, payload_refusals
from fleet.node.protocol.delta import PatchError, PatchHead, Pieces, check_patch, read_head
from fleet.node.protocol.manifest import Format, Manifest
from fleet.node.protocol.ota.content import Trust, envelope_at, in_slot
from fleet.node.protocol.ota.mcuboot import Mark
from fleet.node.protocol.ota.places import Layout
from fleet.node.protocol.ota.trailer import End


def boot_in_place(flash: Flash, layout: Layout, trust: Trust) -> None:
    """Applies the patch that the secondary slot asks for, or goes on with it; drops one that cannot be applied."""
    end = End(flash, layout, layout.secondary)
    trailer = end.read()
    if trailer.magic is not Mark.SET or trailer.copy_done is Mark.SET:
        return
    manifest = envelope_at(flash, layout.secondary.start, trust.keys)
    patch = (
        b"" if manifest is None else flash.read(layout.secondary.start + ENVELOPE_BYTES, manifest.payload.size_bytes)
    )
    done = end.steps_done()
    if done == 0 and not _begins(flash, layout, trust, manifest, patch):
        flash.erase(layout.secondary.start, layout.secondary.size_bytes)
        return
    if manifest is None or payload_refusals(manifest, patch):
        return  # begun, and the patch is gone: only another copy of the image helps
    for number, step in enumerate(_steps(flash, layout, patch)):
        if step(number < done):
            end.step_done(number)
    end.finish()


def _begins(flash: Flash, layout: Layout, trust: Trust, manifest: Manifest | None, patch: bytes) -> bool:
    """Whether this patch belongs to what runs, and to this flash."""
    if manifest is None or payload_refusals(manifest, patch) or manifest.payload.format != Format.DELTA_IN_PLACE:
        return False
    running = in_slot(flash, layout, layout.primary, trust)
    if running is None or running.payload.installed_digest != manifest.precursor.digest:
        return False
    try:
        head = check_patch(patch)
    except PatchError:
        return False
    sizes = (head.from_bytes, head.to_bytes) == (running.payload.installed_bytes, manifest.payload.installed_bytes)
    return sizes and head.memory_bytes <= layout.memory_bytes and not head.segment_bytes % layout.sector_bytes


def _steps(flash: Flash, layout: Layout, patch: bytes) -> Iterator[Callable[[bool], bool]]:
    """Each takes whether it is done already, and gives whether it did something."""
    head = read_head(patch)
    pieces = Pieces(patch, head)
    base = layout.primary.start + layout.head_bytes
    for index in reversed(range(head.shifts)):
        yield _shift(flash, head, base, index)
    for index in range(head.segments):
        yield _segment(flash, head, base, index, pieces)
    yield _envelope(flash, layout)


def _shift(flash: Flash, head: PatchHead, base: int, index: int) -> Callable[[bool], bool]:
    def step(is_done: bool) -> bool:
        if not is_done:
            at = index * head.segment_bytes
            kept = min(head.from_bytes, head.memory_bytes - head.shift_bytes)
            _write(flash, base + at + head.shift_bytes, head, flash.read(base + at, min(head.segment_bytes, kept - at)))
        return not is_done

    return step


def _segment(flash: Flash, head: PatchHead, base: int, index: int, pieces: Pieces) -> Callable[[bool], bool]:
    def step(is_done: bool) -> bool:
        content = pieces.segment(None if is_done else lambda at, count: flash.read(base + at, count))
        if not is_done:
            _write(flash, base + index * head.segment_bytes, head, content)
        return not is_done

    return step


def _envelope(flash: Flash, layout: Layout) -> Callable[[bool], bool]:
    """Last: the manifest that says what now lies there."""

    def step(is_done: bool) -> bool:
        if not is_done:
            envelope = flash.read(layout.secondary.start, ENVELOPE_BYTES)
            flash.erase(layout.primary.start, layout.head_bytes)
            flash.program(layout.primary.start, envelope)
        return not is_done

    return step


def _write(flash: Flash, at: int, head: PatchHead, content: bytes) -> None:
    once = flash.geometry.once_bytes
    flash.erase(at, head.segment_bytes)
    flash.program(at, content.ljust(-(-len(content) // once) * once, b"\xff"))
