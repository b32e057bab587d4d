"""The parts of the runtime that ask nothing of a board, as a library of this machine."""

import ctypes as c
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from fleet.base.places import package_data
from fleet.node.engine.build import WARNINGS, _target, compiler

PARTS = ("fe_sha256.c", "fe_seal.c", "fe_round.c")


@cache
def runtime_library() -> c.CDLL:
    engine, runtime = (package_data("node", "engine", part) for part in ("src", "runtime"))
    flags = [*_target(), "-O1", *WARNINGS, "-fno-sanitize=all", "-shared", "-fPIC", "-nostdlib"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "runtime.so"
        files = [str(runtime / part) for part in PARTS]
        command = [*compiler(), *flags, f"-I{engine}", f"-I{runtime}", *files, "-o", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return c.CDLL(str(out))
