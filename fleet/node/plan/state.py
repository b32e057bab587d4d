"""The written part of a node that lasts: trained values first, then what a recipe remembers between steps.

Extras never travel: a round begins without them. SPEC.md, "Memory of a node".
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.node.model.recipe import EXTRA_BITS, Recipe
from fleet.node.model.scheme import Layout, Slice
from fleet.node.plan.arena import aligned


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """What is remembered of one trained tensor. kind: 'kept', 'velocity' or 'sum'."""

    op: str
    tensor: str
    kind: str
    offset: int
    size_bytes: int

    @property
    def name(self) -> str:
        """As steps refer to it: `head velocity`, `head bias sum`."""
        return f"{self.op} {self.kind}" if self.tensor == "weight" else f"{self.op} bias {self.kind}"


def extras_of(layout: Layout, recipe: Recipe) -> tuple[Extra, ...]:
    """Everything a recipe remembers, in the order of the state."""
    found: list[Extra] = []
    offset = state_size(layout)
    for kind, part, size in _wanted(layout, recipe):
        found.append(Extra(op=part.op, tensor=part.kind, kind=kind, offset=offset, size_bytes=size))
        offset = aligned(offset + size)
    return tuple(found)


def _wanted(layout: Layout, recipe: Recipe) -> Iterator[tuple[str, Slice, int]]:
    weights = [part for part in layout.slices if part.kind == "weight"]
    biases = [part for part in layout.slices if part.kind == "bias"]
    if EXTRA_BITS[recipe.rule]:
        yield from (("kept", part, -(-part.size * EXTRA_BITS[recipe.rule] // 8)) for part in weights)
    if recipe.momentum_q15:
        yield from (("velocity", part, 4 * part.size) for part in weights + biases)
    if recipe.batch > 1:
        yield from (("sum", part, 4 * part.size) for part in weights + biases)


def state_size(layout: Layout) -> int:
    """Bytes of the trained values: int8 weights, padded to four, then int32 biases."""
    return aligned(layout.weights) + 4 * layout.biases


def whole_state_size(layout: Layout, recipe: Recipe) -> int:
    """Bytes of the state, extras included."""
    extras = extras_of(layout, recipe)
    return aligned(extras[-1].offset + extras[-1].size_bytes) if extras else state_size(layout)


def state_bytes(layout: Layout, values: NDArray[np.int32]) -> bytes:
    """Trained values int32 [size] as they lie in the node's state."""
    weights = values[: layout.weights].astype(np.int8).tobytes()
    biases = values[layout.weights :].astype("<i4").tobytes()
    return weights + bytes(aligned(layout.weights) - layout.weights) + biases


def state_values(layout: Layout, state: bytes | bytearray | memoryview) -> NDArray[np.int32]:
    """The trained values int32 [size] that a node's state holds."""
    weights = np.frombuffer(state, dtype=np.int8, count=layout.weights)
    biases = np.frombuffer(state, dtype="<i4", count=layout.biases, offset=aligned(layout.weights))
    return np.concatenate([weights.astype(np.int32), biases.astype(np.int32)])
