"""Training memory as two papers define it, so that their numbers can be compared with like.

Neither is what a board needs: both leave out whatever their engine holds beside what a backward pass reads, and each
counts other things. A plan's ledger is ours; these stand beside it. TinyEngine's definition is in `tinyengine.py`.
"""

from dataclasses import dataclass
from math import prod

from fleet.node.model.scheme import Scheme, Trained
from fleet.node.model.schemes.outline import After, Net, Outline, Part, outline
from fleet.node.model.zoo.structure import Kind

KIB_BITS = 8 * 1024
_FLOAT_BITS = 32
_FROZEN_BITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseUpdateCount:
    """What tiny-training counts. features_bytes: the classifier's input, which tables of the schemes leave out."""

    mask_bits: int
    saved_bytes: int
    weight_bytes: int
    bias_bytes: int
    features_bytes: int

    @property
    def layers_kib(self) -> float:
        """KiB of all layers below the classifier."""
        return (self.mask_bits + 8 * (self.saved_bytes + self.weight_bytes + self.bias_bytes)) / KIB_BITS

    @property
    def kib(self) -> float:
        """KiB in all; the whole part of it labels a published scheme."""
        return self.layers_kib + 8 * self.features_bytes / KIB_BITS


def tiny_training_count(net: Net, scheme: Scheme) -> SparseUpdateCount:
    """MCUNetV3's analytic count: trained weights and biases, plus what the forward pass saves for them, batch 1.

    Counted, of each layer of which anything trains: 1 bit per output value (the mask of what int8 clipped), 32 bits
    per bias; and where weights train, 8 bits per trained weight and per value of the input channels they read. Of the
    classifier its input alone. Not counted: the classifier's weights, gradients, momentum, the maps that pass by,
    masks of sums, scratch, the picture, code, stack. Weights count because trained ones move from flash to SRAM.
    Source: mit-han-lab/tiny-training, algorithm/core/utils/partial_backward.py, nelem_saved_for_backward.
    """
    view = outline(net)
    below = [(part, scheme.of(part.op)) for part in view.weighted[:-1]]
    trained = [(part, what) for part, what in below if what.bias or what.channels]
    return SparseUpdateCount(
        mask_bits=sum(view.size(part.y) for part, _ in trained),
        saved_bytes=sum(_saved_bytes(view, part, what) for part, what in trained),
        weight_bytes=sum(_weights(part, what) for part, what in trained),
        bias_bytes=sum(4 * part.outputs for part, what in trained if what.bias),
        features_bytes=view.size(view.head.x),
    )


def _saved_bytes(view: Outline, part: Part, what: Trained) -> int:
    """Values of the input channels that trained weights read, a byte each."""
    if part.dense:
        return what.channels
    inputs = view.shapes[part.x][2]
    multiplier = part.outputs // inputs if part.depthwise else 1
    read = -(-what.channels // multiplier) if part.depthwise else what.channels * part.groups
    return view.positions(part.x) * read


def _weights(part: Part, what: Trained) -> int:
    return prod(part.weight_shape) // part.channels * what.channels


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyTlCount:
    """What TinyTL's profiler counts. activation_bits: of one window, at the peak of the forward pass."""

    trained_bytes: int
    frozen_bytes: int
    activation_bits: int

    def total_bytes(self, batch: int = 8) -> int:
        """Parameters, and the activations of a batch; the paper's tables take 8."""
        return self.trained_bytes + self.frozen_bytes + -(-self.activation_bits * batch // 8)


def tinytl_count(net: Net, scheme: Scheme) -> TinyTlCount:
    """TinyTL's cost: all parameters, and the most that float32 activations take during the forward pass.

    Counted: 4 bytes per trained and 1 byte per frozen parameter; saved for the backward pass, 4 bytes per value of the
    whole input of each layer whose weights train, 1 bit per value before a ReLU, 4 bytes before a smooth curve,
    whether or not anything trains below; on top of what is saved so far, the input and the output (of g groups, 1/g
    of it) of the layer that runs, and the input of a residual block. Not counted: gradients, optimiser state, outputs
    of sums, scratch. Batch norms are folded here: their scales are no parameters of their own, their shifts are
    the biases.
    Source: mit-han-lab/tinyml, tinytl/tinytl/utils/memory_cost_profiler.py, profile_memory_cost.
    """
    view = outline(net)
    of_all = [(part, scheme.of(part.op)) for part in view.weighted]
    trained = sum(_weights(part, what) + part.outputs * what.bias for part, what in of_all)
    everything = sum(prod(part.weight_shape) + part.outputs for part in view.weighted)
    return TinyTlCount(
        trained_bytes=trained * _FLOAT_BITS // 8,
        frozen_bytes=(everything - trained) * _FROZEN_BITS // 8,
        activation_bits=_peak_bits(view, scheme),
    )


def _peak_bits(view: Outline, scheme: Scheme) -> int:
    """Bits of activations at the fullest moment of a forward pass."""
    peak = saved = 0
    residuals = _residual_bits(view)
    for index, part in enumerate(view.parts):
        held = residuals[index]
        peak = max(peak, saved + held + _running_bits(view, part))
        if part.weight_shape and scheme.of(part.op).channels:
            saved += _FLOAT_BITS * view.size(part.x)
        if part.after is not After.NOTHING:
            before = view.size(part.y)
            peak = max(peak, saved + held + _FLOAT_BITS * before)
            saved += before if part.after is After.RELU else _FLOAT_BITS * before
    return peak


def _running_bits(view: Outline, part: Part) -> int:
    if not part.weight_shape:
        return 0
    groups = view.shapes[part.x][2] if part.depthwise else part.groups
    return _FLOAT_BITS * view.size(part.x) + _FLOAT_BITS * view.size(part.y) // groups


def _residual_bits(view: Outline) -> list[int]:
    """For each operator the bits of the map that a later sum of its block still waits for."""
    made = {part.y: index for index, part in enumerate(view.parts)}
    held = [0] * len(view.parts)
    for last, part in enumerate(view.parts):
        if part.kind is Kind.ADD and not part.added:
            skip = min(part.xs, key=lambda name: made.get(name, -1))
            for index in range(made.get(skip, -1) + 1, last):
                held[index] = _FLOAT_BITS * view.size(skip)
    return held
