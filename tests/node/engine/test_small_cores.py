"""The engine for cores without floating point: no soft-float call and no FPU instruction comes with an int8 plan."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import capstone
import pytest
from elftools.elf.elffile import ELFFile

from fleet.node.engine.build import compiler, headers, sources
from fleet.node.export.target import CLANG_ONLY, LANGUAGE, LEVEL, NO_UNWINDING, TARGETS

INTEGER_CALLS = {  # of the compiler's runtime: wide shifts, products and quotients, and copies
    *("__aeabi_uidiv", "__aeabi_idiv", "__aeabi_uidivmod", "__aeabi_idivmod", "__aeabi_ldivmod", "__aeabi_uldivmod"),
    *("__aeabi_lmul", "__aeabi_llsl", "__aeabi_llsr", "__aeabi_lasr"),
    *("__aeabi_memclr", "__aeabi_memclr4", "__aeabi_memclr8", "__aeabi_memcpy", "__aeabi_memcpy4", "__aeabi_memset"),
    *("memcpy", "memset", "memmove", "__aeabi_memcpy8", "__aeabi_memmove"),
}


@cache
def compiled(core: str, folder: Path, *defines: str) -> tuple[Path, ...]:
    """Every source as an object for a core."""
    flags = (*TARGETS[core].clang, LEVEL, *LANGUAGE, *CLANG_ONLY, *NO_UNWINDING, *defines)
    common = (*compiler(), *flags, f"-I{headers()[0].parent}")
    objects = tuple(folder / f"{source.stem}.o" for source in sources())
    for source, made in zip(sources(), objects, strict=True):
        done = subprocess.run(
            [*common, "-c", str(source), "-o", str(made)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return objects


def symbols(path: Path) -> tuple[set[str], set[str]]:
    """Names that an object defines, and those it needs from elsewhere."""
    with path.open("rb") as file:
        section: Any = ELFFile(file).get_section_by_name(".symtab")
        table = [s for s in section.iter_symbols() if s.name]
        needed = {s.name for s in table if s["st_shndx"] == "SHN_UNDEF"}
        return {s.name for s in table} - needed, needed


def needed_from_outside(objects: tuple[Path, ...]) -> set[str]:
    found = [symbols(path) for path in objects]
    defined = set().union(*(defines for defines, _ in found))
    return set().union(*(needs for _, needs in found)) - defined


def fpu_instructions(path: Path) -> list[str]:
    """Instructions of an object that work on floating-point registers."""
    decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    decoder.skipdata = True
    with path.open("rb") as file:
        code = [s.data() for s in ELFFile(file).iter_sections() if s.name.startswith(".text") and s.data_size]
    return [f"{path.stem}: {i.mnemonic} {i.op_str}" for part in code for i in decoder.disasm(part, 0)
            if i.mnemonic.startswith("v")]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("objects")


def test_an_int8_engine_for_a_cortex_m0_calls_no_floating_point(folder: Path) -> None:
    made = compiled("cortex-m0plus", folder, "-DFE_FLOAT=0")
    assert needed_from_outside(made) <= INTEGER_CALLS


def test_an_int8_engine_for_a_core_with_an_fpu_leaves_it_alone(tmp_path: Path) -> None:
    made = compiled("cortex-m4f", tmp_path, "-DFE_FLOAT=0")
    assert [text for path in made for text in fpu_instructions(path)] == []
    assert needed_from_outside(made) <= INTEGER_CALLS


def test_these_checks_do_see_floating_point(tmp_path: Path) -> None:
    soft = compiled("cortex-m0plus", tmp_path, "-DFE_FLOAT=1")
    assert {"__aeabi_fmul", "__aeabi_fadd", "__aeabi_i2f"} <= needed_from_outside(soft)
    (tmp_path / "hard").mkdir()
    hard = compiled("cortex-m4f", tmp_path / "hard", "-DFE_FLOAT=1")
    assert any("vmul.f32" in text for path in hard for text in fpu_instructions(path))
