"""A linked image as its ELF file tells it: what lies where, and how large every object is."""

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from fleet.base.errors import CheckFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A function or an object. address: without the Thumb bit."""

    name: str
    address: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section that takes memory. filled: whether the image holds its content."""

    name: str
    address: int
    size_bytes: int
    filled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Bytes to load: at load, where they lie in flash."""

    load: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A firmware. functions and objects by name. code: all functions by address, those of one name each."""

    functions: dict[str, Symbol]
    objects: dict[str, Symbol]
    sections: tuple[Section, ...]
    segments: tuple[Segment, ...]
    code: tuple[Symbol, ...] = ()

    def function(self, name: str) -> Symbol:
        """A function of the firmware; CheckFailed when the image has none of this name."""
        return _known(self.functions, name)

    def object(self, name: str) -> Symbol:
        """An object of the firmware; CheckFailed when the image has none of this name."""
        return _known(self.objects, name)

    def function_at(self, address: int) -> Symbol | None:
        """The function that holds an address."""
        at = bisect_right(self.code, address, key=lambda f: f.address) - 1
        found = self.code[at] if at >= 0 else None
        return found if found and address < found.address + found.size_bytes else None

    def objects_in(self, section: Section) -> tuple[Symbol, ...]:
        """Objects of a section by address."""
        end = section.address + section.size_bytes
        inside = (o for o in self.objects.values() if o.size_bytes and section.address <= o.address < end)
        return tuple(sorted(inside, key=lambda o: o.address))

    def content(self, symbol: Symbol) -> bytes:
        """The bytes of a constant object."""
        for segment in self.segments:
            start = symbol.address - segment.load
            if start >= 0 and start + symbol.size_bytes <= len(segment.content):
                return segment.content[start : start + symbol.size_bytes]
        raise KeyError(symbol.name)


def _known(symbols: dict[str, Symbol], name: str) -> Symbol:
    if name not in symbols:
        raise CheckFailed(f"{name}: expected it in the image, got none; restore the project's sources, or export again")
    return symbols[name]


def read_image(path: Path) -> Image:
    """The image in an ELF file of ours."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        table: Any = elf.get_section_by_name(".symtab")
        symbols = [(s["st_info"]["type"], _symbol(s)) for s in table.iter_symbols()]
        code = {s.address: s for kind, s in reversed(symbols) if kind == "STT_FUNC" and s.size_bytes}
        return Image(
            code=tuple(code[address] for address in sorted(code)),
            functions={s.name: s for kind, s in symbols if kind == "STT_FUNC"},
            objects={s.name: s for kind, s in symbols if kind == "STT_OBJECT"},
            sections=tuple(
                _section(s) for s in elf.iter_sections() if s["sh_flags"] & SH_FLAGS.SHF_ALLOC and s["sh_size"]
            ),
            segments=tuple(
                Segment(load=s["p_paddr"], content=s.data())
                for s in elf.iter_segments()
                if s["p_type"] == "PT_LOAD" and s["p_filesz"]
            ),
        )


def _symbol(entry: Any) -> Symbol:
    address = int(entry["st_value"])
    if entry["st_info"]["type"] == "STT_FUNC":
        address &= ~1
    return Symbol(name=str(entry.name), address=address, size_bytes=int(entry["st_size"]))


def _section(entry: Any) -> Section:
    return Section(
        name=str(entry.name),
        address=int(entry["sh_addr"]),
        size_bytes=int(entry["sh_size"]),
        filled=entry["sh_type"] != "SHT_NOBITS",
    )
