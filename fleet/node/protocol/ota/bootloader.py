"""What a start does before anything else runs: finishes what was begun, decides as MCUboot does, checks what it
starts."""

from dataclasses import dataclass, replace

from fleet.node.flash import Flash
from fleet.node.plan.slots import Place
from fleet.node.protocol.admission import ENVELOPE_BYTES
from fleet.node.protocol.manifest import Manifest
from fleet.node.protocol.ota.content import Trust, envelope_at, in_slot, installed_at
from fleet.node.protocol.ota.in_place import boot_in_place
from fleet.node.protocol.ota.mcuboot import Mark, Mode, SwapType, swap_type
from fleet.node.protocol.ota.places import Layout, swaps
from fleet.node.protocol.ota.steps import make, steps
from fleet.node.protocol.ota.trailer import End


@dataclass(frozen=True, slots=True)
class Booted:
    """What runs after a start. manifest: None if nothing may run. is_trial: it has to be confirmed before the next
    one."""

    slot: Place
    manifest: Manifest | None
    is_trial: bool
    swap: SwapType = SwapType.NONE


def boot(flash: Flash, layout: Layout, trust: Trust) -> Booted:
    """One start. The power may go at any operation: the next start goes on."""
    if layout.mode is Mode.DIRECT_XIP:
        return _boot_in_slots(flash, layout, trust)
    if layout.mode is Mode.IN_PLACE:
        boot_in_place(flash, layout, trust)
        return Booted(layout.primary, in_slot(flash, layout, layout.primary, trust), is_trial=False)
    return _boot_primary(flash, layout, trust)


def _boot_in_slots(flash: Flash, layout: Layout, trust: Trust) -> Booted:
    """DIRECT_XIP with revert: the newest valid image that was not tried in vain; that one is erased, if another is
    left."""
    found = [(slot, in_slot(flash, layout, slot, trust)) for slot in (layout.primary, layout.secondary)]
    valid = sorted(((m.ordering.sequence, slot.start, slot, m) for slot, m in found if m), key=lambda v: v[:2])
    while valid:
        _, _, slot, manifest = valid.pop()
        end = End(flash, layout, slot)
        if end.read().image_ok is Mark.SET or not (_was_tried(end) and valid):
            return Booted(slot, manifest, is_trial=_begin_trial(end, manifest))
        flash.erase(slot.start, slot.size_bytes)
    return Booted(layout.primary, None, is_trial=False)


def _was_tried(end: End) -> bool:
    trailer = end.read()
    return trailer.copy_done is not Mark.UNSET or trailer.image_ok is Mark.BAD


def _begin_trial(end: End, manifest: Manifest) -> bool:
    """Marks an image as tried, or as confirmed where no trial is asked for. Whether it is on trial."""
    if end.read().image_ok is Mark.SET:
        return False
    if manifest.procedure.test_boot:
        end.finish()
        return True
    return not end.confirm()


def _boot_primary(flash: Flash, layout: Layout, trust: Trust) -> Booted:
    """The modes that run the primary slot."""
    first, second = End(flash, layout, layout.primary), End(flash, layout, layout.secondary)
    kind, begun = SwapType.NONE, first.in_work() if swaps(layout.mode) else None
    if begun is not None:
        kind, size_bytes = begun
        _swap(flash, layout, kind, size_bytes)
    else:
        kind = _decide(flash, layout, trust, first, second)
    manifest = in_slot(flash, layout, layout.primary, trust)
    trailer = first.read()
    on_trial = swaps(layout.mode) and trailer.copy_done is Mark.SET and trailer.image_ok is not Mark.SET
    return Booted(layout.primary, manifest, is_trial=on_trial, swap=kind)


def _decide(flash: Flash, layout: Layout, trust: Trust, first: End, second: End) -> SwapType:
    """A swap if an image asks for one and is worth it. An image that is not is erased, and the primary marked."""
    here, there = first.read(), second.read()
    if not swaps(layout.mode):  # nothing comes back, and the primary has no trailer
        kind = SwapType.PERM if there.magic is Mark.SET else SwapType.NONE
    else:
        half = replace(here, image_ok=Mark.UNSET) if here.image_ok is Mark.BAD else here  # confirmed in part: not
        kind = swap_type(layout.mode, half, there)
    if kind is SwapType.NONE:
        return kind
    at = _image_at(layout, kind)
    manifest = installed_at(flash, at, layout.room_bytes, trust)
    if manifest is None:
        flash.erase(layout.secondary.start, layout.secondary.size_bytes)
        if here.copy_done is Mark.SET:
            first.confirm()
        return SwapType.FAIL
    _begin(flash, layout, kind, manifest, trust)
    return kind


def _image_at(layout: Layout, kind: SwapType) -> int:
    up = layout.mode is Mode.SWAP_OFFSET and kind is not SwapType.REVERT
    return layout.secondary.start + (layout.sector_bytes if up else 0)


def _begin(flash: Flash, layout: Layout, kind: SwapType, manifest: Manifest, trust: Trust) -> None:
    """Makes the decision last before the trailer that it was read from is erased, then swaps."""
    running = envelope_at(flash, layout.primary.start, trust.keys)
    sizes = [m.payload.installed_bytes for m in (manifest, running) if m is not None]
    first, second = End(flash, layout, layout.primary), End(flash, layout, layout.secondary)
    if layout.mode is Mode.OVERWRITE:
        for step in steps(layout, kind, ENVELOPE_BYTES + manifest.payload.installed_bytes):
            make(flash, step)
        second.clear()
        return
    if kind is SwapType.REVERT and second.read().magic is not Mark.SET:
        second.clear()
        if layout.mode is Mode.SWAP_OFFSET:
            second.ask_back()
        else:
            second.ask(permanent=True)
    first.clear()
    first.begin(kind, ENVELOPE_BYTES + max(sizes))
    _swap(flash, layout, kind, ENVELOPE_BYTES + max(sizes))


def _swap(flash: Flash, layout: Layout, kind: SwapType, size_bytes: int) -> None:
    """What is left of a swap. Step 0 erases the trailer that asked for it."""
    first, second = End(flash, layout, layout.primary), End(flash, layout, layout.secondary)
    done = first.steps_done()
    if done == 0:
        second.clear()
        first.step_done(0)
    for number, step in enumerate(steps(layout, kind, size_bytes), 1):
        if number >= done:
            make(flash, step)
            first.step_done(number)
    first.finish()
