"""An exported project compiled by the packaged clang: once per sources and flags, then found in the cache."""

import hashlib
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

from fleet.base.errors import CheckFailed
from fleet.base.places import cache_dir
from fleet.node.engine.build import compiler
from fleet.node.export.project import SOURCES
from fleet.node.export.target import LEVEL, clang_flags

LINK_SCRIPT = "port/link.ld"


def compiler_name() -> str:
    """The compiler and its level, as reports name them."""
    return f"clang of ziglang {version('ziglang')} {LEVEL}"


def build(project: Path, *, core: str, stack_bytes: int, uses: tuple[str, ...]) -> Path:
    """Path of the linked image; CheckFailed with the compiler's own words when it does not compile."""
    flags = clang_flags(core, stack_bytes, uses)
    image = cache_dir() / "twin" / f"{_fingerprint(project, flags)}.elf"
    if not image.exists():
        _compile(project, flags, image)
    return image


def _inputs(project: Path) -> list[Path]:
    found = [
        path for folder in SOURCES for path in (project / folder).glob("*") if path.suffix in (".c", ".h", ".ld", ".S")
    ]
    return sorted(path.relative_to(project) for path in found)


def _fingerprint(project: Path, flags: tuple[str, ...]) -> str:
    digest = hashlib.sha256("\0".join([*flags, version("ziglang")]).encode())
    for path in _inputs(project):
        digest.update(b"\0" + path.as_posix().encode() + b"\0" + hashlib.sha256((project / path).read_bytes()).digest())
    return digest.hexdigest()[:16]


def _compile(project: Path, flags: tuple[str, ...], image: Path) -> None:
    """Compiles in the project's folder, so that the command is the one of its Makefile."""
    image.parent.mkdir(parents=True, exist_ok=True)
    sources = [path.as_posix() for path in _inputs(project) if path.suffix in (".c", ".S")]
    includes = [f"-I{folder}" for folder in SOURCES if folder != "port"]
    with tempfile.TemporaryDirectory(dir=image.parent) as folder:
        built = Path(folder) / image.name
        command = [*compiler(), *flags, *includes, "-T", LINK_SCRIPT, *sources, "-o", str(built)]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CheckFailed(f"{project}: expected it to compile, got:\n{done.stderr.strip()}")
        built.replace(image)
