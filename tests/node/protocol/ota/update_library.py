"""fleet/node/engine/update as a library of this machine: what of an update a node does in C."""

import ctypes as c
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from fleet.base.places import package_data
from fleet.node.engine.build import WARNINGS, _target, compiler


@cache
def update_library() -> c.CDLL:
    folder = package_data("node", "engine", "update")
    flags = [*_target(), "-O1", *WARNINGS, "-fno-sanitize=all", "-shared", "-fPIC", "-nostdlib"]
    with tempfile.TemporaryDirectory() as out_folder:
        out = Path(out_folder) / "update.so"
        files = [str(path) for path in sorted(folder.glob("*.c"))]
        command = [*compiler(), *flags, f"-I{folder}", *files, "-o", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return c.CDLL(str(out))
