"""Sealed frames over a link, the keys of nodes, and the counters that must never come twice."""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import Final

from fleet.base.errors import Fault, InputError
from fleet.federation.links.link import Link
from fleet.node.wire.frames import FrameError
from fleet.node.wire.seal import KEY_BYTES, seal, unseal
from fleet.record import write_whole

BLOCK: Final = 1 << 16  # counters that are taken from a file at once
Told = Callable[[str], None]


class Session:
    """Frames to and from one node. ours: BY_SERVER or BY_NODE. counters: of this end, ascending, of its parity.

    place: what the node is called when something is told of it.
    """

    def __init__(
        self, link: Link, key: bytes, counters: Iterator[int], *, ours: int, place: str, told: Told
    ) -> None:  # fmt: skip
        self._link = link
        self._key = key
        self._counters = counters
        self._theirs = 1 - ours
        self._place = place
        self._last = -1
        self._told = told

    def send(self, frame: bytes) -> bool:
        """Whether the other side's link has taken the frame. It never says that the seal was right."""
        return self._link.send(seal(self._key, next(self._counters), frame))

    def receive(self, waits: int = 1) -> bytes | None:
        """The next frame with a right seal, or None after so many waits. Others are told of and dropped."""
        sealed = self._link.receive(waits)
        if sealed is None:
            return None
        try:
            frame, self._last = unseal(self._key, self._theirs, self._last, sealed)
        except FrameError as fault:
            self._told(f"{self._place}: {fault}")
            return None
        return frame

    def close(self) -> None:
        """Closes the link."""
        self._link.close()


def read_keys(path: Path) -> dict[int, bytes]:
    """The key of each node: a line `number key`, the key in 64 hexadecimal digits. InputError with every fault."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        open_to_all = path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    except (OSError, UnicodeDecodeError) as fault:
        text = (
            f"expected a file with a line `number key` for each node, got '{fault}'; make one, outside any run folder"
        )
        raise InputError.one(str(path), text) from fault
    faults = [Fault(str(path), "expected a file that only you can read; run chmod 600 on it")] if open_to_all else []
    keys: dict[int, bytes] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        match _key(line):
            case (node, key) if node not in keys:
                keys[node] = key
            case found:
                text = (
                    "the node once, got it again" if found else f"`number key`, the key in {2 * KEY_BYTES} hex digits"
                )
                faults.append(Fault(f"{path}:{number}", f"expected {text}; correct the line"))
    if faults:
        raise InputError(faults)
    return keys


def _key(line: str) -> tuple[int, bytes] | None:
    node, _, digits = line.strip().partition(" ")
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        return None
    return (int(node), key) if node.isdecimal() and len(key) == KEY_BYTES else None


class Counters:
    """Counters of one file: blocks are taken before they are used, so that none comes twice, whatever happens.

    Nodes that are talked to on several threads share the file. InputError for one that is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._taken: dict[int, int] = {}
        try:
            lines = path.read_text(encoding="ascii").split("\n") if path.exists() else []
            self._taken = {int(node): int(taken) for node, taken in (line.split() for line in lines if line)}
        except (OSError, ValueError) as fault:
            text = f"expected a line `node counter` for each node, got '{fault}'; restore it, or make new keys"
            raise InputError.one(str(path), text) from fault

    def of(self, node: int, ours: int) -> Iterator[int]:
        """Counters of this end for a node, for ever. One thread at a time for each node."""
        while True:
            first = self._take(node)
            yield from range(first + ours, first + BLOCK, 2)

    def _take(self, node: int) -> int:
        """The first of a block that is the node's from now on, on disk as well."""
        with self._lock:
            first = self._taken.get(node, 2)  # a receiver starts at 0, and takes what is above
            self._taken[node] = first + BLOCK
            text = "".join(f"{number} {taken}\n" for number, taken in sorted(self._taken.items()))
            write_whole(self._path, text.encode())
        return first
