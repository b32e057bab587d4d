"""An exported project compiled for the computer the tests run on: the same client, driven as an emulated core is."""

import ctypes
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from fleet.node.engine.build import WARNINGS, compiler
from fleet.node.export.project import SOURCES
from fleet.node.twin.running import DESK, DESK_BYTES, Profiled

FOLDERS = tuple(folder for folder in SOURCES if folder != "port")
STRICT = (*WARNINGS, "-O1", "-ffp-contract=off", "-fPIC", "-shared")
ZIG = (*compiler(), "-fno-sanitize=all")


def library(project: Path, *, command: Sequence[str] = ZIG) -> Path:
    """The project as a shared library, warnings being errors."""
    sources = [path for folder in FOLDERS for path in sorted((project / folder).glob("*.c")) if path.stem != "fe_main"]
    out = project / "build" / f"host-{Path(command[0]).name}.so"
    out.parent.mkdir(exist_ok=True)
    includes = [f"-I{project / folder}" for folder in FOLDERS]
    done = subprocess.run(
        [*command, *STRICT, *includes, *map(str, sources), "-o", str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out


class Host:
    """The part of fleet.node.twin.emulator.Core that a Twin drives."""

    def __init__(self, library: Path, sizes: dict[str, int]) -> None:
        self._library = ctypes.CDLL(str(library))
        self._sizes = sizes
        self._desk = ctypes.create_string_buffer(DESK_BYTES)
        self.image = self

    def object(self, name: str) -> "Held":
        """What an object holds; where it is, as the image would say."""
        return Held(self._library, name, self._sizes[name])

    def call(self, name: str, *arguments: int) -> int:
        function = getattr(self._library, name)
        pointers = name in ("fe_client_input", "fe_client_infer")
        function.restype = ctypes.c_void_p if pointers else ctypes.c_int32
        return function(*(ctypes.c_void_p(self._at(a)) if _is_desk(a) or a > 2**32 else a for a in arguments)) or 0

    def profiled(self, work: Callable[[], None]) -> Profiled:
        work()
        return Profiled(instructions=1, by_function={}, by_step=())

    def read(self, address: int, count: int) -> bytes:
        return ctypes.string_at(self._at(address), count)

    def write(self, address: int, content: bytes) -> None:
        ctypes.memmove(self._at(address), content, len(content))

    def _at(self, address: int) -> int:
        return ctypes.addressof(self._desk) + address - DESK if _is_desk(address) else address


class Held(bytes):
    """The bytes of an object, and its address."""

    address: int

    def __new__(cls, library: ctypes.CDLL, name: str, size_bytes: int) -> Self:
        whole = (ctypes.c_uint8 * size_bytes).in_dll(library, name)
        held = super().__new__(cls, bytes(whole))
        held.address = ctypes.addressof(whole)
        return held


def _is_desk(address: int) -> bool:
    return DESK <= address < DESK + DESK_BYTES
