"""The linked image against the ledger: every object in SRAM is a line, every line an object."""

import re
from collections.abc import Iterator

from fleet.node.plan.ledger import Ledger
from fleet.node.profile import FLASH, Profile, usable
from fleet.node.twin.image import Image, Section, Symbol
from fleet.node.twin.report import Check, Difference, MemoryLine, SectionLine

_LINE = "every object in SRAM is a line of the ledger"
SOFT_FLOAT = re.compile(r"__aeabi_[fd]\w+|__aeabi_u?[il]2[fd]|__\w+[sd]f[23]|__fix\w+|__float\w+")
"""What compilers call floating point in software: the ARM run-time ABI, 4.1, and the names of libgcc."""


def sram_sections(image: Image, profile: Profile) -> tuple[Section, ...]:
    """Sections that lie in one of the board's SRAM banks."""
    return tuple(s for s in image.sections if any(b.start <= s.address < b.end for b in profile.banks))


def check_sram(image: Image, ledger: Ledger) -> Check:
    """Sizes and banks of all objects in SRAM, and sizes of their sections, against the ledger's lines."""
    planned = {symbol: line.size_bytes for symbol, line in ledger.symbols("sram").items()}
    linked = {s.name: s.size_bytes for s in _sram_objects(image, ledger)}
    faults = [
        _differs(f"SRAM, {name}", _size(planned.get(name)), _size(linked.get(name)), _LINE)
        for name in sorted(planned.keys() | linked.keys())
        if planned.get(name) != linked.get(name)
    ]
    faults += _bank_faults(image, ledger)
    whole = sum(s.size_bytes for s in sram_sections(image, ledger.profile))
    if not faults and whole != sum(linked.values()):
        expected = f"{sum(linked.values()):,} B of sections"
        faults.append(_differs("SRAM", expected, f"{whole:,} B", "see the map file for gaps"))
    return Check(
        name="SRAM", against=f"{len(planned)} lines of the ledger, {sum(planned.values()):,} B", faults=tuple(faults)
    )


def _differs(place: str, expected: str, got: str, remedy: str) -> Difference:
    return Difference(place=place, expected=expected, got=got, remedy=remedy)


def _bank_faults(image: Image, ledger: Ledger) -> Iterator[Difference]:
    """Objects that begin in another bank than their line says. That a section keeps to its bank is check_places."""
    lines = ledger.symbols("sram")
    for symbol in _sram_objects(image, ledger):
        bank = next((b.name for b in ledger.profile.banks if b.start <= symbol.address < b.end), "none")
        if symbol.name in lines and bank != lines[symbol.name].bank:
            yield _differs(f"SRAM, {symbol.name}", f"it in {lines[symbol.name].bank}", bank, "see port/link.ld")


def _size(size_bytes: int | None) -> str:
    return "none" if size_bytes is None else f"{size_bytes:,} B"


def _sram_objects(image: Image, ledger: Ledger) -> tuple[Symbol, ...]:
    return tuple(o for section in sram_sections(image, ledger.profile) for o in image.objects_in(section))


def check_places(image: Image, profile: Profile) -> Check:
    """That the image keeps to what reservations leave."""
    parts = [usable(profile, bank) for bank in [*(b.name for b in profile.banks), FLASH]]
    outside = [
        s for s in image.sections if not any(p.start <= s.address and s.address + s.size_bytes <= p.end for p in parts)
    ]
    allowed = ", ".join(f"{p.name} {p.start:#x} to {p.end:#x}" for p in parts)
    faults = tuple(
        _differs(s.name, f"a place in {allowed}", f"{s.address:#x} and {s.size_bytes:,} B", "see port/link.ld")
        for s in outside
    )
    return Check(name="places", against=f"memory that the reservations of {profile.board} leave", faults=faults)


def check_whole_numbers(image: Image) -> Check:
    """That an image of a plan without floating point holds none of the compiler's, and so none of its divisions."""
    soft = sorted(name for name in image.functions if SOFT_FLOAT.fullmatch(name))
    fault = _differs("code", "no floating point in software", ", ".join(soft), "see port and node")
    faults = (fault,) if soft else ()
    return Check(name="whole numbers", against="functions of floating point in software: none", faults=faults)


def code_bytes(image: Image, profile: Profile) -> int:
    """Bytes of flash that are neither model nor plan: instructions, vectors, tables, first content of .data."""
    flash = usable(profile, FLASH)
    loaded = sum(len(s.content) for s in image.segments if flash.start <= s.load < flash.end)
    return loaded - sum(_linked(image, name) for name in ("fe_model", "fe_plan_words", "fe_steps", "fe_trained"))


def memory_lines(image: Image, ledger: Ledger) -> tuple[MemoryLine, ...]:
    """All objects with both sides; the model is one of them."""
    sram = [
        MemoryLine(
            memory="sram",
            item=line.item,
            planned_bytes=line.size_bytes,
            linked_bytes=_linked(image, symbol),
            symbol=symbol,
        )
        for symbol, line in ledger.symbols("sram").items()
    ]
    plan = ledger.plan
    planned = {"fe_model": ("model", len(plan.model))}
    planned |= {symbol: (line.item, line.size_bytes) for symbol, line in ledger.symbols("flash").items()}
    flash = [
        MemoryLine(memory="flash", item=item, planned_bytes=size, linked_bytes=_linked(image, symbol), symbol=symbol)
        for symbol, (item, size) in planned.items()
    ]
    code = MemoryLine(memory="flash", item="code", planned_bytes=None, linked_bytes=code_bytes(image, ledger.profile))
    return (*sram, *flash, code)


def section_lines(image: Image, profile: Profile) -> tuple[SectionLine, ...]:
    """Every section that takes memory, by address; what the flash holds of it is its content, where it has one.

    Bytes between two sections of flash, which alignment takes, are a line named `gap`.
    """
    places = [(b.name, b.start, b.end) for b in profile.banks]
    places.append((FLASH, profile.flash.start, profile.flash.start + profile.flash.size_bytes))
    lines: list[SectionLine] = []
    for s in sorted(image.sections, key=lambda s: s.address):
        bank = next((name for name, start, end in places if start <= s.address < end), "no bank")
        end = lines[-1].address + lines[-1].size_bytes if lines else s.address
        if bank == FLASH and lines and lines[-1].bank == FLASH and s.address > end:
            lines.append(_section("gap", FLASH, end, s.address - end, filled=True))
        lines.append(_section(s.name, bank, s.address, s.size_bytes, filled=s.filled))
    return tuple(lines)


def _section(name: str, bank: str, address: int, size_bytes: int, *, filled: bool) -> SectionLine:
    return SectionLine(
        name=name, bank=bank, address=address, size_bytes=size_bytes, flash_bytes=size_bytes if filled else 0
    )


def _linked(image: Image, symbol: str) -> int:
    return image.objects[symbol].size_bytes if symbol in image.objects else 0
