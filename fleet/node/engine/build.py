"""The host library of the engine: compiled once per sources, flags and compiler, then found in the cache.

It holds the engine's own sources, which firmware shares, and the executor of `host/`, which firmware never sees.

The compiler is the one that ships as a Python package (clang inside `ziglang`), so no system compiler is needed,
and firmware and simulation are compiled by the same one. The library is built for the baseline x86-64 or arm64
CPU, never for the one it happens to run on: a cache may be shared. Functions for more are chosen at run time.
"""

import hashlib
import platform
import subprocess
import sys
import sysconfig
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path

from fleet.base.errors import EngineError
from fleet.base.places import cache_dir, package_data

WARNINGS = (
    "-std=c99",
    "-pedantic",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wshadow",
    "-Wimplicit-fallthrough",
    "-Werror",
)
# Without it clang takes four int8 products at a time, not eight: a forward pass costs a third more. Same bits.
VECTORS = ("-mllvm", "-vectorizer-maximize-bandwidth")
FLAGS = (
    "-O3",
    *VECTORS,
    *WARNINGS,
    "-ffp-contract=off",
    "-fno-sanitize=all",
    "-fvisibility=default",
    "-shared",
    "-fPIC",
    "-nostdlib",
)
BASELINE = {"x86_64": "x86_64", "aarch64": "generic", "arm64": "generic"}


def sources() -> tuple[Path, ...]:
    """The engine's C files, in a fixed order."""
    return tuple(sorted(package_data("node", "engine", "src").glob("*.c")))


def headers() -> tuple[Path, ...]:
    """The engine's headers, in a fixed order."""
    return tuple(sorted(package_data("node", "engine", "src").glob("*.h")))


def host_sources() -> tuple[Path, ...]:
    """The C files of the host's executor, in a fixed order."""
    return tuple(sorted(package_data("node", "engine", "host").glob("*.c")))


def host_headers() -> tuple[Path, ...]:
    """The headers of the host's executor, in a fixed order."""
    return tuple(sorted(package_data("node", "engine", "host").glob("*.h")))


def compiler() -> list[str]:
    """The command that starts the packaged C compiler."""
    return [sys.executable, "-m", "ziglang", "cc"]


@cache
def host_library() -> Path:
    """Path of the compiled engine for this machine; builds it on first use.

    Raises EngineError with the command and its output if the compiler fails.
    """
    return shared_library("fleet-engine", (*sources(), *host_sources()), (*headers(), *host_headers()))


def shared_library(name: str, files: tuple[Path, ...], included: tuple[Path, ...] = ()) -> Path:
    """Path of a library of these C files for this machine: compiled once, then found in the cache.

    included: headers that they need from the first one's folder. Raises EngineError if the compiler fails.
    """
    command = [*compiler(), *_target(), *FLAGS]
    made = _fingerprint(command, (*included, *files))
    target = cache_dir() / "engine" / f"{name}-{made}{sysconfig.get_config_var('SHLIB_SUFFIX')}"
    if not target.exists():
        includes = [f"-I{path.parent}" for path in included[:1]]
        _compile([*command, *includes, *map(str, files)], target)
    return target


def _target() -> list[str]:
    machine = platform.machine()
    if machine not in BASELINE:
        raise EngineError(f"engine: expected an x86-64 or arm64 machine, got {machine}; run there")
    system = {"Linux": "linux-gnu", "Darwin": "macos"}.get(platform.system())
    if system is None:
        raise EngineError(f"engine: expected Linux or macOS, got {platform.system()}; on Windows use WSL")
    arch = "aarch64" if machine in ("arm64", "aarch64") else "x86_64"
    return ["-target", f"{arch}-{system}", f"-mcpu={BASELINE[machine]}"]


def _fingerprint(command: list[str], files: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    digest.update("\0".join([*command[1:], version("ziglang")]).encode())
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _compile(command: list[str], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        built = Path(folder) / target.name
        full = [*command, "-o", str(built)]
        done = subprocess.run(full, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise EngineError(f"engine: expected the C compiler to succeed, got:\n{' '.join(full)}\n{done.stderr}")
        built.replace(target)
