"""Files that are either whole or not there."""

import os
from pathlib import Path

TEMPORARY = ".part-written-"


def write_whole(path: Path, content: bytes) -> None:
    """Writes content to path so that a crash leaves the old file or the new one, never a mixture."""
    temporary = path.with_name(TEMPORARY + path.name)
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder (new files, renames) outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Removes what an interrupted write_whole left behind anywhere below folder."""
    for leftover in folder.rglob(TEMPORARY + "*"):
        leftover.unlink()
