"""The end of a slot, in MCUboot's order: swap status | size | info | copy done | image OK | magic.

Flash here is programmed once between two erases, and a cut may leave a field half written. So a field counts as
MCUboot's tables need it on such flash: copy done and a status record as soon as a bit of them is there, since what they
report is done before they are begun; image OK and the magic only when they are complete.
"""

from dataclasses import dataclass
from typing import Final

from fleet.node.flash import Flash
from fleet.node.plan.slots import Place
from fleet.node.protocol.ota.mcuboot import Mark, SwapType, Trailer
from fleet.node.protocol.ota.places import Layout

MAGIC_8: Final = bytes.fromhex("77c295f360d2ef7f3552500f2cb67980")
MAGIC_TAIL: Final = bytes.fromhex("2de15d29410b8d77679c110f1f8a")
"""MCUboot, docs/design.md, "Image trailer": for an alignment of 8, and behind a larger one."""


@dataclass(frozen=True, slots=True)
class End:
    """The trailer of one slot in flash."""

    flash: Flash
    layout: Layout
    slot: Place

    def read(self) -> Trailer:
        """What it says."""
        magic = self._field(1)[-16:]
        return Trailer(
            magic=_mark(magic, self._magic()),
            image_ok=_mark(self._field(2), self._flag(1)),
            copy_done=Mark.UNSET if _is_blank(self._field(3)) else Mark.SET,
        )

    def ask(self, *, permanent: bool) -> None:
        """Asks for the image of this slot. What is already there stays; a field half written needs `clear` first."""
        if permanent and self.read().image_ok is Mark.UNSET:
            self._put(2, self._flag(1))
        if self.read().magic is Mark.UNSET:
            self._put(1, self._magic().rjust(self._magic_bytes, b"\xff"))

    def ask_back(self) -> None:
        """Asks for a revert with an offset: copy done, then the magic (state I of the tables)."""
        self._put(3, self._flag(1))
        self._put(1, self._magic().rjust(self._magic_bytes, b"\xff"))

    def begin(self, kind: SwapType, size_bytes: int) -> None:
        """A swap of so many bytes begins: with the magic, not before."""
        self._put(5, size_bytes.to_bytes(4, "little").ljust(self.layout.align_bytes, b"\xff"))
        self._put(4, self._flag(kind))
        self.ask(permanent=kind is not SwapType.TEST)

    def in_work(self) -> tuple[SwapType, int] | None:
        """Kind and bytes of a swap that was begun and not finished."""
        trailer, kind = self.read(), self._field(4)[0]
        if trailer.magic is not Mark.SET or trailer.copy_done is Mark.SET or kind not in set(SwapType):
            return None
        return SwapType(kind), int.from_bytes(self._field(5)[:4], "little")

    def finish(self) -> None:
        """Copy done, unless it is."""
        if self.read().copy_done is Mark.UNSET:
            self._put(3, self._flag(1))

    def confirm(self) -> bool:
        """Image OK; False if that field cannot be written any more."""
        if self.read().image_ok is Mark.UNSET:
            self._put(2, self._flag(1))
        return self.read().image_ok is Mark.SET

    def steps_done(self) -> int:
        """How many status records there are."""
        once, count = self.layout.geometry.once_bytes, 0
        status = self.flash.read(self._status, self._at(5) - self._status)
        while (count + 1) * once <= len(status) and not _is_blank(status[count * once : (count + 1) * once]):
            count += 1
        return count

    def step_done(self, number: int) -> None:
        """The record of step `number`, from 0."""
        once = self.layout.geometry.once_bytes
        self.flash.program(self._status + number * once, b"\x01".ljust(once, b"\xff"))

    def clear(self) -> None:
        """Erases it, with all of its units."""
        geometry = self.layout.geometry
        first = geometry.units[geometry.index(self._status)].start
        self.flash.erase(first, self._end - first)

    @property
    def _end(self) -> int:
        return self.slot.start + self.slot.size_bytes

    @property
    def _status(self) -> int:
        return self._end - self.layout.trailer_bytes // self.layout.align_bytes * self.layout.align_bytes

    @property
    def _magic_bytes(self) -> int:
        return -(-16 // self.layout.align_bytes) * self.layout.align_bytes

    def _at(self, field: int) -> int:
        """Address of a field, from the end: 1 magic, 2 image OK, 3 copy done, 4 info, 5 size."""
        return self._end - self._magic_bytes - (field - 1) * self.layout.align_bytes

    def _field(self, field: int) -> bytes:
        return self.flash.read(self._at(field), self._magic_bytes if field == 1 else self.layout.align_bytes)

    def _put(self, field: int, content: bytes) -> None:
        self.flash.program(self._at(field), content)

    def _flag(self, value: int) -> bytes:
        return bytes([value]).ljust(self.layout.align_bytes, b"\xff")

    def _magic(self) -> bytes:
        align = self.layout.align_bytes
        return MAGIC_8 if align == 8 else align.to_bytes(2, "little") + MAGIC_TAIL


def _is_blank(content: bytes) -> bool:
    return content.count(0xFF) == len(content)


def _mark(content: bytes, meant: bytes) -> Mark:
    if content == meant:
        return Mark.SET
    return Mark.UNSET if _is_blank(content) else Mark.BAD
