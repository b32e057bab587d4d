"""How what trains is trained: format of the gradients, rule of the update, what a node remembers between steps.

A Scheme says which values train, a Recipe how. Both are pure data; SPEC.md says each choice to the bit.
"""

from dataclasses import dataclass
from enum import Enum
from numbers import Real
from typing import Any, Final

from fleet.base.errors import Fault, InputError


class Gradients(Enum):
    """Format of every gradient between operators."""

    INT8 = "int8"  # mantissas with one exponent per tensor; no floating point anywhere
    FP32 = "fp32"  # float gradients over int8 weights and maps, as in MCUNetV3


class Exponents(Enum):
    """Who chooses the shift of an int8 gradient."""

    DYNAMIC = "dynamic"  # the largest value of this step: needs the sums of a whole map at once
    STATIC = "static"  # fixed beforehand, saturating: needs the sums of one place


class Rule(Enum):
    """How a step smaller than one weight step is rounded. The numbers of fe_update.h: in the order of this list."""

    STOCHASTIC = "stochastic"
    NEAREST = "nearest"
    TRUNCATE = "truncate"  # the result towards zero, as shipped microcontroller code does: shrinks the weights
    RESIDUAL4 = "residual4"
    RESIDUAL8 = "residual8"
    RESIDUAL16 = "residual16"
    LATENT = "latent"  # a float32 copy of each weight: what published simulations train

    @property
    def number(self) -> int:
        """As the plan's header writes it."""
        return list(Rule).index(self)


class Loss(Enum):
    """What a step makes smaller."""

    CROSS_ENTROPY = "cross_entropy"  # of a softmax over the node's own classes; needs a Dense head
    SQUARED_ERROR = "squared_error"  # mean over the outputs of the last operator; anomaly detection


EXTRA_BITS: Final = {  # per trained weight, beside its eight
    Rule.STOCHASTIC: 0,
    Rule.NEAREST: 0,
    Rule.TRUNCATE: 0,
    Rule.RESIDUAL4: 4,
    Rule.RESIDUAL8: 8,
    Rule.RESIDUAL16: 16,
    Rule.LATENT: 32,
}

_CHOICES: Final[dict[str, type[Enum]]] = {"gradients": Gradients, "exponents": Exponents, "rule": Rule, "loss": Loss}
MOST_SHIFT: Final = 31  # of a sum in 32 bits
MOST_BATCH: Final = 2**31 - 1  # a word of the plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """scaled: quantisation-aware scaling, so that the rate is that of real weights. momentum: 0 to below 1.

    batch: windows whose gradients are summed before a step; the rate is that of their mean. shifts: of `static`
    exponents, one per gradient map by the map's name, from `calibrated`.
    """

    gradients: Gradients = Gradients.INT8
    exponents: Exponents = Exponents.DYNAMIC
    rule: Rule = Rule.STOCHASTIC
    loss: Loss = Loss.CROSS_ENTROPY
    scaled: bool = True
    momentum: float = 0.0
    batch: int = 1
    shifts: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        faults = [
            Fault(name, text) for name, kind in _CHOICES.items() if (text := _no_choice(kind, getattr(self, name)))
        ]
        if not _is_a(self.scaled, bool):
            faults.append(Fault("scaled", f"expected True or False, got {self.scaled!r}; True is usual"))
        if not (_is_a(self.momentum, Real) and 0 <= self.momentum < 1):
            faults.append(Fault("momentum", f"expected 0 to below 1, got {self.momentum!r}; take 0.9 or none"))
        if type(self.batch) is not int or not 1 <= self.batch <= MOST_BATCH:
            text = f"expected a whole number from 1 to {MOST_BATCH}, got {self.batch!r}; 1 is a step per window"
            faults.append(Fault("batch", text))
        faults += [Fault("shifts", f"{text}; take them from calibrated") for text in _odd_shifts(self.shifts)]
        if faults:
            raise InputError(faults)

    @property
    def momentum_q15(self) -> int:
        """The momentum in 1/32768, as the engine multiplies by it; at most 32767."""
        return min(round(self.momentum * 32768), 32767)


def _no_choice(kind: type[Enum], given: object) -> str:
    """What to say about a value that is none of these; nothing of one that is."""
    if isinstance(given, kind):
        return ""
    named = next((choice for choice in kind if choice.value == given), None)
    names = ", ".join(choice.name for choice in kind)
    remedy = f"write {kind.__name__}.{named.name}" if named else "choose one of them"
    return f"expected one of {kind.__name__}.{{{names}}}, got {given!r}; {remedy}"


def _is_a(given: object, kind: type) -> bool:
    """Whether a value is of this kind; a bool is no number."""
    return isinstance(given, kind) and (kind is bool or not isinstance(given, bool))


def _odd_shifts(shifts: Any) -> list[str]:
    """What is wrong with the shifts of static exponents."""
    pairs = isinstance(shifts, tuple) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in shifts)
    if not pairs or any(type(name) is not str or type(shift) is not int for name, shift in shifts):
        return [f"expected a tuple of (map's name, whole number), got {shifts!r}"]
    texts = []
    if wrong := [name for name, shift in shifts if not 0 <= shift <= MOST_SHIFT]:
        texts.append(f"expected 0 to {MOST_SHIFT}, got another for {', '.join(wrong)}")
    if len(dict(shifts)) < len(shifts):
        texts.append("expected one per map, got two of one name")
    return texts
