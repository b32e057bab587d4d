"""How large a firmware's code is before one was linked: a sum over the kinds of step of its plan.

An image holds only what its plan uses. Counted on linked images, clang 22 (ziglang 0.17.1) -Os for a Cortex-M4F: the
whole engine, then the whole engine without one code at a time. What several codes share stands in BASE.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from fleet.node.model.recipe import Exponents, Rule
from fleet.node.plan.plan import Plan
from fleet.node.plan.steps import Code

BASE: Final = 12_300  # vectors, client, frames, compiler runtime, interpreter and its checks, loss, blocks, updates
MAPS: Final = 1_200  # what operators without weights share
STATIC: Final = 1_150  # gradients place by place
RULES: Final = 220  # all rules that round without a draw, or keep a residual
FLOATS: Final = Fraction(28_356, 22_216)  # with floating point, to without: every code at once
CORES: Final = {
    "cortex-m0plus": Fraction(19_080, 18_544),
    "cortex-m4f": Fraction(1),
    "cortex-m7f": Fraction(22_800, 22_216),
    "cortex-m33f": Fraction(18_592, 18_544),
    "rv32imc": Fraction(22_048, 18_544),
}
"""Images of a core, to those of a Cortex-M4F."""
SOFT_FLOATS: Final = {"cortex-m0plus": 1_150, "rv32imc": 2_400}  # the compiler's floating point without an FPU

RUNTIME: Final = {
    "cortex-m0plus": 7_260,
    "cortex-m4f": 6_810,
    "cortex-m7f": 6_970,
    "cortex-m33f": 6_810,
    "rv32imc": 9_880,
}
"""What takes part in rounds by itself: images with it, less the same without, port/port.c on its mailbox included.
Counted on three plans for each core: they differ by up to 48 bytes, and a static project takes up to 370 less."""

PARTS: Final = {
    Code.CONV: 7900,
    Code.DEPTHWISE: 4700,
    Code.LOGITS: 180,
    Code.ADD: 1640,
    Code.POOL: 76,
    Code.MASK: 130,
    Code.GRAD_CONV: 1144,
    Code.GRAD_DEPTHWISE: 2194,
    Code.GRAD_DENSE: 172,
    Code.GRAD_ADD: 236,
    Code.GRAD_POOL: 36,
    Code.UPDATE_CONV: 850,
    Code.UPDATE_DEPTHWISE: 788,
    Code.UPDATE_DENSE: 140,
    Code.UPDATE_BIAS: 524,
    Code.DENSE: 272,
    Code.APPLY: 208,
    Code.APPLY_BIAS: 80,
    Code.ROWS: 2_386,
    Code.CHANNELS: 5_516,
    Code.DEPTHWISE_IN_PLACE: 796,
}
PLAIN_PARTS: Final = {Code.CONV: 3526, Code.DEPTHWISE: 2286, Code.GRAD_CONV: 996, Code.GRAD_DEPTHWISE: 696}
"""Of cores that do not multiply pairs of int16, which have fewer kernels."""
PLAIN: Final = {"cortex-m0plus", "rv32imc"}
MAP_PARTS: Final = {
    Code.MUL: 400,
    Code.AVERAGE_POOL: 372,
    Code.MAX_POOL: 348,
    Code.MEAN: 416,
    Code.MOVE: 124,
    Code.RESIZE: 76,
    Code.TABLE: 8,
    Code.SOFTMAX: 364,
    Code.GRAD_MUL: 320,
    Code.GRAD_AVERAGE_POOL: 268,
    Code.GRAD_MAX_POOL: 400,
    Code.GRAD_MEAN: 84,
    Code.GRAD_MOVE: 60,
    Code.GRAD_RESIZE: 140,
    Code.GRAD_TABLE: 64,
}


def code_size(plan: Plan, core: str, *, runtime: bool = False) -> int | None:
    """Bytes of code, modelled: 10 % above or below a linked image. None for a core of which no image was measured."""
    if core not in CORES:
        return None
    recipe, codes = plan.scheme.recipe, {step.code for step in plan.steps}
    parts = PARTS | PLAIN_PARTS if core in PLAIN else PARTS
    size = BASE + _sum(parts, codes) + _sum(MAP_PARTS, codes)
    size += MAPS * bool(codes & MAP_PARTS.keys())
    size += STATIC * (recipe.exponents is Exponents.STATIC) + RULES * (recipe.rule is not Rule.STOCHASTIC)
    soft = SOFT_FLOATS.get(core, 0) if plan.floats else 0
    return round(size * CORES[core] * (FLOATS if plan.floats else 1)) + soft + RUNTIME[core] * runtime


def largest_code_size(plan: Plan, *, runtime: bool = False) -> int:
    """Of the cores of which images were measured."""
    return max(size for core in CORES if (size := code_size(plan, core, runtime=runtime)) is not None)


def _sum(parts: dict[Code, int], codes: Iterable[Code]) -> int:
    return sum(parts.get(code, 0) for code in codes)
