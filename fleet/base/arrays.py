"""Named arrays from an .npz file, without pickle: what is there, or one sentence on why it cannot be used."""

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import InputError

# What zipfile, zlib and NumPy raise on a file that is cut short, altered, encrypted, pickled or not an .npz at all.
_DAMAGED = (ValueError, TypeError, EOFError, BadZipFile, zlib.error, SyntaxError, MemoryError, RuntimeError, OSError)


def read_arrays(path: Path, names: Sequence[str], *, remedy: str) -> dict[str, NDArray[Any]]:
    """The named arrays of the file; InputError when it is absent, damaged or lacks one of them.

    remedy: what the user can do, such as "name an .npz file made by `fleet prepare`".
    """
    if not path.is_file():
        raise InputError.one(str(path), f"expected a file, got {'a folder' if path.is_dir() else 'nothing'}; {remedy}")
    try:
        found = _read(path, names)
    except _DAMAGED as fault:
        text = f"expected an .npz file of plain arrays, got a damaged or other file ({_brief(fault)}); {remedy}"
        raise InputError.one(str(path), text) from fault
    if missing := [name for name in names if name not in found]:
        text = f"expected arrays {', '.join(names)}, got none named {', '.join(missing)}; {remedy}"
        raise InputError.one(str(path), text)
    return found


def _read(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("a single array, not an archive")
        return {name: np.asarray(archive[name]) for name in names if name in archive.files}


def _brief(fault: BaseException) -> str:
    lines = str(fault).splitlines()
    return lines[0] if lines else type(fault).__name__
