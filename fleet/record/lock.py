"""One writer per run folder. The kernel lets go of the lock when its process ends, however it ends."""

import fcntl
import os
from pathlib import Path
from typing import IO

from fleet.base.errors import RunError

NAME = ".lock"


class Lock:
    """A lock that is held."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    @classmethod
    def take(cls, folder: Path) -> "Lock":
        """The lock of a folder, or a RunError that names the process holding it."""
        file = (folder / NAME).open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().decode().strip() or "another process"
            file.close()
            raise RunError(
                f"{folder}: expected a folder that nobody writes to, got one in use by {holder}; "
                "wait until it ends, or choose another folder"
            ) from None
        file.truncate(0)
        file.write(b"process %d\n" % os.getpid())
        file.flush()
        return cls(file)

    def release(self) -> None:
        """Lets others write."""
        self._file.close()
