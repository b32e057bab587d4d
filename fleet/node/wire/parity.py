"""Fragments with parity, as a server sends them and a node solves them: LoRa Alliance TS004.

The first M fragments are the data as they are, numbered 1 to M; number M + n is the sum (XOR) of some M / 2 of them,
which n chooses. Any M + a few of all fragments give the data back. The same rows as LoRaMac-node's FragDecoder.c
(FragGetParityMatrixRow, FragPrbs23); the same decisions, fragment by fragment, as `engine/parity/fe_parity.c`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

MOST_FRAGMENTS: Final = 2**14 - 1  # a fragment's number has 14 bits
MULTIPLIER: Final = 1001
STEP_BITS: Final = 23


@lru_cache(maxsize=2**14)
def row(number: int, fragments: int) -> int:
    """Which fragments coded fragment `number`, from 1 up, sums: bit i for fragment i, counted from 0.

    Draws may repeat and are not made up for, so a row has fewer than M / 2 bits, and none where M is 1.
    """
    modulus = fragments + (fragments & (fragments - 1) == 0)
    x, mask = 1 + MULTIPLIER * number, 0
    for _ in range(fragments // 2):
        while True:
            x = (x >> 1) + (((x ^ x >> 5) & 1) << (STEP_BITS - 1))  # a start may be longer: the sum carries
            if (chosen := x % modulus) < fragments:
                break
        mask |= 1 << chosen
    return mask


def cut(content: bytes, size: int) -> list[bytes]:
    """The content in fragments of one size, the last filled up with zeros."""
    if size < 1 or not content:
        raise ValueError(
            f"content, size: expected at least a byte of each, got {len(content)} and {size}; send something"
        )
    pieces = [content[at : at + size].ljust(size, b"\0") for at in range(0, len(content), size)]
    if len(pieces) > MOST_FRAGMENTS:
        raise ValueError(f"size: expected at most {MOST_FRAGMENTS} fragments, got {len(pieces)}; take larger ones")
    return pieces


def fragment(pieces: Sequence[bytes], number: int) -> bytes:
    """Fragment `number`, from 1 up, of a session: a piece, or the sum of those of its row."""
    if number <= len(pieces):
        return pieces[number - 1]
    total = 0
    for index in _bits(row(number - len(pieces), len(pieces))):
        total ^= int.from_bytes(pieces[index], "little")
    return total.to_bytes(len(pieces[0]), "little")


class Decoder:
    """A node that collects one session. room: how many missing fragments it can solve for; coded ones that come while
    more are missing are dropped, as a node with fixed memory must."""

    def __init__(self, fragments: int, size: int, room: int) -> None:
        self.size = size
        self.room = room
        self.pieces: list[int | None] = [None] * fragments
        self.missing: list[int] = []  # fixed when the first coded fragment is taken
        self.solved: dict[int, tuple[int, int]] = {}  # place in `missing` → row over `missing` that begins there, sum
        self.done = False

    @property
    def rank(self) -> int:
        """Independent coded fragments taken so far."""
        return len(self.solved)

    @property
    def lost(self) -> int:
        """Fragments of the data that neither came nor can be told yet."""
        return sum(piece is None for piece in self.pieces)

    def take(self, number: int, content: bytes) -> bool:
        """One fragment as it arrives; True once all of the data are there. Those that tell nothing new are ignored."""
        if self.done or not 1 <= number <= MOST_FRAGMENTS or len(content) != self.size:
            return self.done
        value = int.from_bytes(content, "little")
        mask = 1 << number - 1 if number <= len(self.pieces) else row(number - len(self.pieces), len(self.pieces))
        if number <= len(self.pieces) and not self.missing:
            self.pieces[number - 1] = value
            self.done = self.lost == 0
        elif self.missing or self._fix_missing():
            self._reduce(mask, value)
        return self.done

    def content(self) -> bytes:
        """The data, filled up to whole fragments; ValueError before they are there."""
        if not self.done:
            raise ValueError(f"fragments: expected all {len(self.pieces)}, {self.lost} are missing; wait for more")
        return b"".join((piece or 0).to_bytes(self.size, "little") for piece in self.pieces)

    def _fix_missing(self) -> bool:
        """Numbers what is missing; False while that is more than there is room for."""
        missing = [index for index, piece in enumerate(self.pieces) if piece is None]
        if len(missing) <= self.room:
            self.missing = missing
        return bool(self.missing)

    def _reduce(self, mask: int, value: int) -> None:
        """A sum of fragments as an equation in the missing ones, less those it can be told by."""
        for index in _bits(mask):
            piece = self.pieces[index]
            if piece is not None:
                value ^= piece
        equation = sum(1 << place for place, index in enumerate(self.missing) if mask >> index & 1)
        while equation:
            first = (equation & -equation).bit_length() - 1
            if first not in self.solved:
                self.solved[first] = equation, value
                break
            known, total = self.solved[first]
            equation, value = equation ^ known, value ^ total
        if len(self.solved) == len(self.missing):
            self._substitute()

    def _substitute(self) -> None:
        """From the last missing fragment to the first: each equation holds only later ones besides its own."""
        for place in range(len(self.missing) - 1, -1, -1):
            equation, value = self.solved[place]
            for later in _bits(equation & ~(1 << place)):
                value ^= self.pieces[self.missing[later]] or 0
            self.pieces[self.missing[place]] = value
        self.done = True


def _bits(mask: int) -> list[int]:
    """Positions of the bits that are set, lowest first."""
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found
