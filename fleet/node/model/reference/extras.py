"""What a node remembers between steps beside its trained values, and how it lies behind them in the state."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Graph
from fleet.node.model.recipe import EXTRA_BITS, Rule
from fleet.node.model.scheme import Layout, Scheme, layout_of

Remembered = dict[str, NDArray[Any]]  # by operator; int64, or float32 of what belongs to latent weights


@dataclass(slots=True, kw_only=True)
class Extras:
    """Arrays in the shape of what they belong to; empty where the recipe needs none.

    residuals: signed, of EXTRA_BITS. latents: float32 weights. velocities: of momentum. sums: of a batch so far.
    """

    residuals: Remembered = field(default_factory=dict)
    latents: Remembered = field(default_factory=dict)
    velocities: Remembered = field(default_factory=dict)
    bias_velocities: Remembered = field(default_factory=dict)
    sums: Remembered = field(default_factory=dict)
    bias_sums: Remembered = field(default_factory=dict)


def cleared(graph: Graph, scheme: Scheme) -> Extras:
    """Extras as a round begins with them: zeros, and latents that are the weights."""
    recipe, extras = scheme.recipe, Extras()
    weights = {op.name: op.weight for op in graph.weighted}
    for part in layout_of(graph, scheme).slices:
        latent = part.kind == "weight" and recipe.rule is Rule.LATENT
        if latent:
            extras.latents[part.op] = weights[part.op][..., : part.shape[-1]].astype(np.float32)
        elif part.kind == "weight" and EXTRA_BITS[recipe.rule]:
            extras.residuals[part.op] = np.zeros(part.shape, dtype=np.int64)
        zeros = np.zeros(part.shape, dtype=np.float32 if latent else np.int64)
        if recipe.momentum_q15:
            (extras.velocities if part.kind == "weight" else extras.bias_velocities)[part.op] = zeros
        if recipe.batch > 1:
            (extras.sums if part.kind == "weight" else extras.bias_sums)[part.op] = zeros.copy()
    return extras


def extras_bytes(extras: Extras, layout: Layout, scheme: Scheme) -> bytes:
    """The extras as they lie behind the biases of a state, each array at a multiple of 4."""
    weights = [s.op for s in layout.slices if s.kind == "weight"]
    biases = [s.op for s in layout.slices if s.kind == "bias"]
    parts = [_residual_bytes(extras.residuals[op], scheme.recipe.rule) for op in weights if extras.residuals]
    groups = (
        (extras.latents, weights),
        (extras.velocities, weights),
        (extras.bias_velocities, biases),
        (extras.sums, weights),
        (extras.bias_sums, biases),
    )
    parts += [_words(kept[op]) for kept, ops in groups for op in ops if kept]
    return b"".join(part + bytes(-len(part) % 4) for part in parts)


def _residual_bytes(values: Int64, rule: Rule) -> bytes:
    """int4 two to a byte, low nibble first; int8; int16."""
    flat = values.ravel()
    if rule is Rule.RESIDUAL4:
        nibbles = np.append(flat, np.zeros(flat.size % 2, dtype=np.int64)) & 15
        return (nibbles[::2] | nibbles[1::2] << 4).astype(np.uint8).tobytes()
    return flat.astype("i1" if rule is Rule.RESIDUAL8 else "<i2").tobytes()


def _words(values: NDArray[Any]) -> bytes:
    """Four bytes each."""
    return values.astype("<f4" if values.dtype == np.float32 else "<i4").tobytes()
