"""An exported project compiled by the packaged clang or by GNU: once per sources and flags, then found in the cache."""

import hashlib
import shutil
import subprocess
import tempfile
from enum import StrEnum
from functools import cache
from importlib.metadata import version
from pathlib import Path

from fleet.base.errors import CheckFailed, InputError
from fleet.base.places import cache_dir
from fleet.node.engine.build import compiler
from fleet.node.export.project import SOURCES
from fleet.node.export.target import GNU_LEVEL, LEVEL, clang_flags, gnu_flags, target
from fleet.node.twin.report import Toolchain

LINK_SCRIPT = "port/link.ld"


class Compiler(StrEnum):
    """Compilers of firmware, by their names on the command line."""

    CLANG = "clang"
    GCC = "gcc"


def compiler_name(core: str, chosen: Compiler = Compiler.CLANG) -> str:
    """The compiler, its version and its level, as reports name them."""
    if chosen is Compiler.CLANG:
        return f"clang of ziglang {version('ziglang')} {LEVEL}"
    return f"{target(core).gnu_compiler} {_gnu_version(core)} {GNU_LEVEL}"


def toolchain(core: str, stack_bytes: int, uses: tuple[str, ...], chosen: Compiler = Compiler.CLANG) -> Toolchain:
    """What `build` compiles with, its flags in full; sources, output and link script follow them."""
    return Toolchain(
        name=chosen.value, version=_first_line((*_program(core, chosen), "--version")),
        said=compiler_name(core, chosen), flags=_flags(core, stack_bytes, uses, chosen),
    )  # fmt: skip


def build(
    project: Path, *, core: str, stack_bytes: int, uses: tuple[str, ...], chosen: Compiler = Compiler.CLANG
) -> Path:
    """Path of the linked image.

    CheckFailed with the compiler's own words when it does not compile; InputError where GNU's is not installed.
    """
    flags = _flags(core, stack_bytes, uses, chosen)
    command = (*_program(core, chosen), *flags)
    image = cache_dir() / "twin" / f"{_fingerprint(project, (*flags, compiler_name(core, chosen)))}.elf"
    if not image.exists():
        _compile(project, command, image)
    return image


def _flags(core: str, stack_bytes: int, uses: tuple[str, ...], chosen: Compiler) -> tuple[str, ...]:
    return (clang_flags if chosen is Compiler.CLANG else gnu_flags)(core, stack_bytes, uses)


def _program(core: str, chosen: Compiler) -> tuple[str, ...]:
    return tuple(compiler()) if chosen is Compiler.CLANG else (_gnu(core),)


def _gnu(core: str) -> str:
    name = target(core).gnu_compiler
    found = shutil.which(name)
    if found is None:
        package = f"gcc-{name.removesuffix('-gcc')}"
        raise InputError.one("--compiler", f"expected {name} on the path, got none; install it (Debian: {package})")
    return found


def _gnu_version(core: str) -> str:
    return _first_line((_gnu(core), "-dumpfullversion"))


@cache
def _first_line(command: tuple[str, ...]) -> str:
    """What a compiler says of itself."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.partition("\n")[0].strip()


def _inputs(project: Path) -> list[Path]:
    found = [
        path for folder in SOURCES for path in (project / folder).glob("*") if path.suffix in (".c", ".h", ".ld", ".S")
    ]
    return sorted(path.relative_to(project) for path in found)


def _fingerprint(project: Path, said: tuple[str, ...]) -> str:
    digest = hashlib.sha256("\0".join(said).encode())
    for path in _inputs(project):
        digest.update(b"\0" + path.as_posix().encode() + b"\0" + hashlib.sha256((project / path).read_bytes()).digest())
    return digest.hexdigest()[:16]


def _compile(project: Path, command: tuple[str, ...], image: Path) -> None:
    """Compiles in the project's folder, so that the command is the one of its Makefile."""
    image.parent.mkdir(parents=True, exist_ok=True)
    sources = [path.as_posix() for path in _inputs(project) if path.suffix in (".c", ".S")]
    includes = [f"-I{folder}" for folder in SOURCES if folder != "port"]
    with tempfile.TemporaryDirectory(dir=image.parent) as folder:
        built = Path(folder) / image.name
        whole = [*command, *includes, "-T", LINK_SCRIPT, *sources, "-o", str(built)]
        done = subprocess.run(whole, cwd=project, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CheckFailed(f"{project}: expected it to compile, got\n{done.stderr.strip()}")
        built.replace(image)
