"""fleet/node/engine/ota as a library of this machine, over a flash that may lose power: memory, log and patch one
behind the other."""

import ctypes as c
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from fleet.base.places import package_data
from fleet.node.engine.build import WARNINGS, _target, compiler, headers

START, BYTES = 0x1000, 0x40000
OK, BAD, FLASH = 0, -1, -2
PORT = Path(__file__).parent / "patch_port.c"


def sources() -> list[str]:
    """What a compiler is told."""
    ota, runtime = (package_data("node", "engine", part) for part in ("ota", "runtime"))
    files = [*map(str, sorted(ota.glob("*.c"))), str(runtime / "fe_sha256.c")]
    return [f"-I{ota}", f"-I{runtime}", f"-I{headers()[0].parent}", *files, str(PORT)]


@cache
def library() -> c.CDLL:
    flags = [*_target(), "-O1", *WARNINGS, "-fno-sanitize=all", "-shared", "-fPIC", "-nostdlib"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "patch.so"
        command = [*compiler(), *flags, *sources(), "-o", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        lib = c.CDLL(str(out))
    lib.fe_patch_steps.restype = c.c_uint32
    return lib


class PatchDevice:
    """One flash. memory_bytes: room for the image, at its start; behind it the log, then the patch."""

    def __init__(self, memory_bytes: int, page_bytes: int, old: bytes, patch: bytes) -> None:
        self.lib, self.page, self.memory_bytes = library(), page_bytes, memory_bytes
        self.log = START + -(-memory_bytes // page_bytes) * page_bytes
        self.log_bytes = -(-8192 // page_bytes) * page_bytes
        self.patch_at, self.patch_bytes = self.log + self.log_bytes, len(patch)
        content = bytearray(b"\xff" * BYTES)
        content[: len(old)] = old
        content[self.patch_at - START : self.patch_at - START + len(patch)] = patch
        self.flash = bytes(content)
        self.word("port_page", page_bytes)
        self.word("port_faults", 0)
        self.power_on()

    def word(self, name: str, value: int | None = None) -> int:
        """A variable of patch_port.c."""
        found = c.c_uint32.in_dll(self.lib, name)
        if value is not None:
            found.value = value
        return int(found.value)

    @property
    def flash(self) -> bytes:
        return bytes((c.c_uint8 * BYTES).in_dll(self.lib, "port_flash"))

    @flash.setter
    def flash(self, content: bytes) -> None:
        c.memmove((c.c_uint8 * BYTES).in_dll(self.lib, "port_flash"), content, len(content))

    def power_on(self, cut: int = 0, torn: int = 0) -> None:
        for name, value in (("port_operations", 0), ("port_cut", cut), ("port_torn", torn), ("port_dead", 0)):
            self.word(name, value)

    def open(self) -> int:
        patch = c.addressof(c.c_uint8.in_dll(self.lib, "port_patch"))
        self._patch = c.c_void_p(patch)
        return int(
            self.lib.fe_patch_open(self._patch, self.patch_at, self.patch_bytes, START, self.memory_bytes, self.page)
        )

    def run(self) -> int:
        return int(self.lib.fe_patch_run(self._patch, self.log, self.log_bytes))

    @property
    def steps(self) -> int:
        return int(self.lib.fe_patch_steps(self._patch))

    def image(self, size_bytes: int) -> bytes:
        return self.flash[:size_bytes]
