"""The numeric truth: one node in NumPy, slow and obvious, written from SPEC.md and from nothing else.

It knows graphs and schemes, not plans: no arena, no offsets, no order but the graph's own. The C engine must
equal it byte for byte in logits, gradients and trained values. One module per operator; `operators.py` says which.
"""

from fleet.node.model.graph import inputs
from fleet.node.model.reference.add import add_scales
from fleet.node.model.reference.backward import backward, joined, tensors_with_gradient
from fleet.node.model.reference.dense import LOGIT_SCALE, logit_scales
from fleet.node.model.reference.forward import forward
from fleet.node.model.reference.loss import EXP2_TABLE, probabilities
from fleet.node.model.reference.node import ReferenceNode
from fleet.node.model.reference.operators import clip_of, is_masked, raw_output
from fleet.node.model.reference.pool import pool_factor
from fleet.node.model.reference.update import bias_rates, updated, weight_rates
from fleet.node.model.reference.values import Backward, Course, Gradient, Maps, Trace, block
from fleet.node.model.reference.weighted import (
    DEAD_SCALE,
    InputFactors,
    input_factors,
    output_scales,
    products_per_input,
)

__all__ = [
    "DEAD_SCALE",
    "EXP2_TABLE",
    "LOGIT_SCALE",
    "Backward",
    "Course",
    "Gradient",
    "InputFactors",
    "Maps",
    "ReferenceNode",
    "Trace",
    "add_scales",
    "backward",
    "bias_rates",
    "block",
    "clip_of",
    "forward",
    "input_factors",
    "inputs",
    "is_masked",
    "joined",
    "logit_scales",
    "output_scales",
    "pool_factor",
    "probabilities",
    "products_per_input",
    "raw_output",
    "tensors_with_gradient",
    "updated",
    "weight_rates",
]
