"""The numeric truth: one node in NumPy, slow and obvious, written from SPEC.md and from nothing else.

It knows graphs and schemes, not plans: no arena, no offsets, no order but the graph's own. The C engine must
equal it byte for byte in logits, gradients and trained values. One module per operator; `operators.py` says which.
"""

from fleet.node.model.graph import DEAD_SCALE, LOGIT_STEPS, inputs
from fleet.node.model.reference.add import add_scales
from fleet.node.model.reference.backward import (
    backward,
    blocked_maps,
    check_shifts,
    float_backward,
    gradients,
    merged,
    tensors_with_gradient,
)
from fleet.node.model.reference.calibrate import calibrated
from fleet.node.model.reference.dense import logit_scales
from fleet.node.model.reference.extras import Extras, cleared, extras_bytes
from fleet.node.model.reference.forward import forward
from fleet.node.model.reference.loss import EXP2_TABLE, Target, error_unit, probabilities, square_factor
from fleet.node.model.reference.node import ReferenceNode
from fleet.node.model.reference.operators import clip_of, is_copy, is_masked, raw_output
from fleet.node.model.reference.pool import pool_factor
from fleet.node.model.reference.update import bias_rates, updated, weight_rates
from fleet.node.model.reference.values import (
    Backward,
    Course,
    FloatBackward,
    Gradient,
    Maps,
    Trace,
    block,
    dynamic_shift,
    shifted,
)
from fleet.node.model.reference.weighted import (
    InputFactors,
    input_factors,
    multiplier,
    output_scales,
    products_per_input,
)

__all__ = [
    "DEAD_SCALE",
    "EXP2_TABLE",
    "LOGIT_STEPS",
    "Backward",
    "Course",
    "Extras",
    "FloatBackward",
    "Gradient",
    "InputFactors",
    "Maps",
    "ReferenceNode",
    "Target",
    "Trace",
    "add_scales",
    "backward",
    "bias_rates",
    "block",
    "blocked_maps",
    "calibrated",
    "check_shifts",
    "cleared",
    "clip_of",
    "dynamic_shift",
    "error_unit",
    "extras_bytes",
    "float_backward",
    "forward",
    "gradients",
    "input_factors",
    "inputs",
    "is_copy",
    "is_masked",
    "logit_scales",
    "merged",
    "multiplier",
    "output_scales",
    "pool_factor",
    "probabilities",
    "products_per_input",
    "raw_output",
    "shifted",
    "square_factor",
    "tensors_with_gradient",
    "updated",
    "weight_rates",
]
