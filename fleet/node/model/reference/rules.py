"""How an amount smaller than one weight step is rounded: each rule of SPEC.md, section "Update rules"."""

import numpy as np

from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Float32
from fleet.node.model.recipe import EXTRA_BITS, Rule

ROUNDER = np.float32(1.5 * 2**23)  # adding and subtracting it rounds to a whole number, halves to even


def stepped(rule: Rule, w: Int64, q: Int64, draws: Int64, residual: Int64) -> tuple[Int64, Int64]:
    """Weights after an amount q in 1/65536 steps, and the residual then (unused ones come back as they were)."""
    match rule:
        case Rule.STOCHASTIC:
            after = w - ((q + (draws >> 16)) >> 16)
        case Rule.NEAREST:
            after = w - ((q + 32768) >> 16)
        case Rule.TRUNCATE:
            total = w * 65536 - q
            after = np.sign(total) * (np.abs(total) >> 16)
        case _:
            total = residual + _in_residual_steps(rule, q, draws)
            bits = EXTRA_BITS[rule]
            whole = (total + (1 << (bits - 1))) >> bits
            after, residual = w - whole, total - (whole << bits)
    return np.clip(after, -127, 127), residual


def _in_residual_steps(rule: Rule, q: Int64, draws: Int64) -> Int64:
    """q in steps of the residual, 1/16, 1/256 or 1/65536 of a weight step; what is cut off is rounded at random."""
    cut = 16 - EXTRA_BITS[rule]
    return (q + (draws >> (32 - cut))) >> cut if cut else q


def latent_step(latent: Float32, delta: Float32) -> tuple[Int64, Float32]:
    """Weights and latents after a float step."""
    after = np.clip(latent - delta, np.float32(-127), np.float32(127))
    return ((after + ROUNDER) - ROUNDER).astype(np.int64), after
