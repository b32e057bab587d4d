"""Whose code an image is: bytes of its functions by the folder of the project they were written in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from elftools.elf.elffile import ELFFile

RUNTIME: Final = "compiler runtime"
"""What no file of the project holds: the compiler's own functions, of 64-bit products and the like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of an image. folder: of the project, or RUNTIME. size_bytes: with the constants between its parts."""

    name: str
    folder: str
    size_bytes: int


def functions_of(path: Path) -> tuple[Function, ...]:
    """All functions of an image of ours, by folder, then the largest first."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        folders = _folders(elf.get_dwarf_info())
        table: Any = elf.get_section_by_name(".symtab")
        sizes = {
            int(s["st_value"]) & ~1: (str(s.name), int(s["st_size"]))
            for s in table.iter_symbols()
            if s["st_info"]["type"] == "STT_FUNC" and s["st_size"]
        }
    found = [
        Function(name=name, folder=folders.get(address, RUNTIME), size_bytes=size)
        for address, (name, size) in sizes.items()
    ]
    return tuple(sorted(found, key=lambda f: (f.folder, -f.size_bytes, f.name)))


def _folders(debug: Any) -> dict[int, str]:
    """The folder of each function that the project's own files hold, by address."""
    found: dict[int, str] = {}
    for unit in debug.iter_CUs():
        top = unit.get_top_DIE()
        folder, _, name = _text(top, "DW_AT_name").rpartition("/")
        if not name.endswith((".c", ".S")) or "/" in folder or not folder:
            continue  # the compiler's own: its paths lead elsewhere
        for entry in top.iter_children():
            if entry.tag == "DW_TAG_subprogram" and "DW_AT_low_pc" in entry.attributes:
                found[_address(debug, entry) & ~1] = folder
    return found


def _address(debug: Any, entry: Any) -> int:
    attribute = entry.attributes["DW_AT_low_pc"]
    if attribute.form == "DW_FORM_addr":
        return int(attribute.value)
    return int(debug.get_addr(entry.cu, attribute.raw_value))


def _text(entry: Any, name: str) -> str:
    value = entry.attributes[name].value if name in entry.attributes else b""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
