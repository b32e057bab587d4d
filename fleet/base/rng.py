"""Random numbers that depend on what they are for, never on when they are drawn.

A 64-bit key names a purpose: (seed, stream, node, step, layer). Under a key, draw j is a 32-bit hash of key and j.
No generator holds state, so the order of drawing cannot matter, and any draw can be repeated alone.
The same numbers come from the scalar functions here, from NumPy vectors, and from C (engine SPEC.md, "Random numbers").

The key costs two 64-bit multiplies per part, once per layer and step; a draw costs two 32-bit ones, which a
Cortex-M0+ has in hardware. Keys are 64 bits wide because 10^6 nodes with 32-bit keys would collide.

Sources: mix64 is the finaliser of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014, variant 13 of D. Stafford). The draw is the two-multiply 32-bit hash "lowbias32"
(C. Wellons, "Prospecting for hash functions", 2018) with the key's upper half mixed in between its multiplies.
"""

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

GOLDEN: Final = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, odd: keeps absorb(0, 0) away from the fixed point 0 of mix64
MASK64: Final = 0xFFFF_FFFF_FFFF_FFFF
MASK32: Final = 0xFFFF_FFFF


class Stream(IntEnum):
    """What a draw is for. Numbers are part of the format: never renumber, only append."""

    UPDATE = 1
    ORDER = 2
    RADIO = 3
    PERSONAL_ORDER = 4
    START = 5
    SPLIT = 6
    PRETRAIN = 7
    SEARCH = 8
    SELECT = 9
    LIFE = 10
    REPORT = 11
    FLASH = 20
    CAMPAIGN = 21
    PLACE = 30
    CLOUDS = 40


def key(seed: int, *parts: int | Stream) -> int:
    """The 64-bit key of a purpose. Every part is taken mod 2^64; order and number of parts matter."""
    value = absorb(0, seed)
    for part in parts:
        value = absorb(value, part)
    return value


def absorb(value: int, part: int) -> int:
    """The key that results when one more part is added to a key."""
    return mix64(((value ^ (part & MASK64)) + GOLDEN) & MASK64)


def mix64(z: int) -> int:
    """A bijection of 64-bit numbers in which every input bit reaches every output bit."""
    z ^= z >> 30
    z = z * 0xBF58476D1CE4E5B9 & MASK64
    z ^= z >> 27
    z = z * 0x94D049BB133111EB & MASK64
    return z ^ z >> 31


def draw32(key: int, j: int) -> int:
    """Draw number j under a key: an integer from 0 to 2^32 - 1. j counts mod 2^32."""
    x = (j + key) & MASK32
    x ^= x >> 16
    x = x * 0x7FEB352D & MASK32
    x ^= key >> 32
    x ^= x >> 15
    x = x * 0x846CA68B & MASK32
    return x ^ x >> 16


def draws32(key: int, first: int, count: int) -> NDArray[np.uint32]:
    """The draws first … first + count - 1 under a key, the same numbers as draw32."""
    with np.errstate(over="ignore"):  # counting mod 2^32 is meant
        return _hashed(key, np.arange(count, dtype=np.uint32) + np.uint32((first + key) & MASK32))


def draws32_at(key: int, places: NDArray[np.int64]) -> NDArray[np.uint32]:
    """The draws with these numbers under a key, the same as draw32 gives one by one; in the shape of places."""
    with np.errstate(over="ignore"):
        return _hashed(key, places.astype(np.uint32) + np.uint32(key & MASK32))


def _hashed(key: int, x: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The hash of numbers to which the key's lower half was added, in place."""
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= np.uint32(key >> 32)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return x


def uniform(key: int, j: int) -> float:
    """Draw j as a number in [0, 1), an exact multiple of 2^-32."""
    return draw32(key, j) / 2**32


def below(key: int, j: int, n: int) -> int:
    """Draw j as an integer from 0 to n - 1, n from 1 to 2^32; no value is favoured by more than n / 2^32."""
    if not 1 <= n <= 2**32:
        raise ValueError(f"n: expected 1 to 2^32, got {n}; draw from a range that has a member")
    return draw32(key, j) * n >> 32


def permutation(key: int, n: int) -> NDArray[np.int64]:
    """The numbers 0 … n - 1 in an order fixed by the key: by draw, equal draws by number."""
    return np.argsort(draws32(key, 0, n), kind="stable").astype(np.int64)
