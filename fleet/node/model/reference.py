"""The numeric truth: one node in NumPy, slow and obvious, written from SPEC.md and from nothing else.

It knows graphs and schemes, not plans: no arena, no offsets, no order but the graph's own. The C engine must
equal it byte for byte in logits, gradients and trained values.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from math import floor

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.node.model import fixed
from fleet.node.model.fixed import Int64, Real
from fleet.node.model.graph import Add, Conv2d, Dense, Depthwise, GlobalAveragePool, Graph, Int8, Op, Weighted
from fleet.node.model.scheme import Layout, Scheme, layout_of, trained_values, with_values

LOGIT_SCALE = 256  # Q8: 256 steps per natural unit
EXP2_TABLE = np.array([floor(65535 * 2 ** (-i / 256) + 0.5) for i in range(256)], dtype=np.int64)
DEAD_SCALE = 1e-7  # weight scales below it belong to dead channels, which do not train


@dataclass(frozen=True, slots=True)
class Gradient:
    """Mantissas e (int64 holding int8) and the exponent k: real value e * 2^-k."""

    e: Int64
    k: int


@dataclass(slots=True, kw_only=True)
class Trace:
    """One forward pass: every map, the clipping masks, the Q8 logits."""

    maps: dict[str, Int64]
    kept: dict[str, NDArray[np.bool_]]
    logits: Int64


@dataclass(slots=True, kw_only=True)
class Course:
    """How a node trains. key: of (seed, stream, node). own: classes of the softmax. step counts up."""

    key: int
    rate: Real
    own: frozenset[int]
    step: int = 0


@dataclass(slots=True, kw_only=True)
class Backward:
    """Integer gradients of one step: per operator the output gradient, weight sums G and bias sums B."""

    outputs: dict[str, Gradient] = field(default_factory=dict)
    weights: dict[str, Int64] = field(default_factory=dict)
    biases: dict[str, Int64] = field(default_factory=dict)


class ReferenceNode:
    """A node with its own trained values."""

    def __init__(self, graph: Graph, scheme: Scheme) -> None:
        self.graph = graph
        self.scheme = scheme
        self.layout: Layout = layout_of(graph, scheme)

    @property
    def values(self) -> NDArray[np.int32]:
        """int32 [size]: the trained values, in the layout's order."""
        return trained_values(self.graph, self.layout)

    @values.setter
    def values(self, values: NDArray[np.int32]) -> None:
        self.graph = with_values(self.graph, self.layout, values)

    def forward(self, x: Int8) -> Trace:
        """All maps for an input int8 [H, W, C]."""
        return forward(self.graph, x)

    def gradients(self, trace: Trace, label: int, own: Collection[int]) -> Backward | None:
        """Integer gradients of one window; None when the loss has nothing left to say."""
        return backward(self.graph, self.scheme, trace, label, own)

    def step(self, x: Int8, label: int, course: Course) -> int:
        """One step of training. Returns the Q15 probability of the label before it."""
        trace = self.forward(x)
        key = rng.absorb(course.key, course.step)
        course.step += 1
        grads = self.gradients(trace, label, course.own)
        if grads is not None:
            self.graph = updated(self.graph, self.scheme, grads, course.rate, key)
        return int(probabilities(trace.logits, course.own)[label])


# --- forward ---------------------------------------------------------------------------------------------------


def forward(graph: Graph, x: Int8) -> Trace:
    """Every map of one input, with the places where nothing was clipped."""
    maps: dict[str, Int64] = {graph.input.name: x.astype(np.int64)}
    kept: dict[str, NDArray[np.bool_]] = {}
    logits = np.zeros(0, dtype=np.int64)
    for op in graph.ops:
        if isinstance(op, Dense):
            logits = _logits(graph, op, maps[op.x])
        else:
            before_clip = _raw_output(graph, op, maps)
            maps[op.y] = np.clip(before_clip, -128, 127)
            kept[op.name] = maps[op.y] == before_clip
    return Trace(maps=maps, kept=kept, logits=logits)


def _raw_output(graph: Graph, op: Op, maps: dict[str, Int64]) -> Int64:
    match op:
        case Conv2d() | Depthwise():
            return _requantised(graph, op, _accumulate(graph, op, maps[op.x]))
        case Add():
            return _add(graph, op, maps[op.x], maps[op.x2])
        case GlobalAveragePool():
            return _pool(maps[op.x])
        case _:
            raise AssertionError(f"{op.name}: not an operator with an int8 output")


def _accumulate(graph: Graph, op: Conv2d | Depthwise, x: Int64) -> Int64:
    out_h, out_w, out_c = graph.tensor(op.y).shape
    acc = np.broadcast_to(op.bias.astype(np.int64), (out_h, out_w, out_c)).copy()
    for ky, kx, patch in _patches(graph, op, x - graph.tensor(op.x).zero_point):
        if isinstance(op, Depthwise):
            acc += patch * op.weight[ky, kx].astype(np.int64)
        else:
            acc += patch @ op.weight[:, ky, kx].astype(np.int64).T
    return acc


def _patches(graph: Graph, op: Conv2d | Depthwise, centred: Int64) -> list[tuple[int, int, Int64]]:
    """(ky, kx, view [out_h, out_w, C] of the padded input under that tap)."""
    kernel_h, kernel_w = op.weight.shape[:2] if isinstance(op, Depthwise) else op.weight.shape[1:3]
    out_h, out_w, _ = graph.tensor(op.y).shape
    top, left, bottom, right = op.pad
    padded = np.pad(centred, ((top, bottom), (left, right), (0, 0)))
    down, across = op.stride
    return [
        (ky, kx, padded[ky : ky + down * out_h : down, kx : kx + across * out_w : across][:out_h, :out_w])
        for ky in range(kernel_h)
        for kx in range(kernel_w)
    ]


def output_scales(graph: Graph, op: Conv2d | Depthwise) -> list[Real]:
    """s_x s_w / s_y per output channel, product in double of float32 values."""
    s_x, s_y = _f32(graph.tensor(op.x).scale), _f32(graph.tensor(op.y).scale)
    return [fixed.real(s_x * float(s) / s_y) for s in op.weight_scale]


def _requantised(graph: Graph, op: Conv2d | Depthwise, acc: Int64) -> Int64:
    channels = [fixed.scale(acc[..., c], s) for c, s in enumerate(output_scales(graph, op))]
    return np.stack(channels, axis=-1) + graph.tensor(op.y).zero_point


def logit_scales(graph: Graph, op: Dense) -> list[Real]:
    """256 s_x s_w per class."""
    s_x = _f32(graph.tensor(op.x).scale)
    return [fixed.real(s_x * float(s) * LOGIT_SCALE) for s in op.weight_scale]


def _logits(graph: Graph, op: Dense, x: Int64) -> Int64:
    acc = op.weight.astype(np.int64) @ (x.ravel() - graph.tensor(op.x).zero_point) + op.bias
    scaled = [int(fixed.scale(acc[c], s)) for c, s in enumerate(logit_scales(graph, op))]
    return np.clip(np.array(scaled, dtype=np.int64), -32768, 32767)


def add_scales(graph: Graph, op: Add) -> tuple[Real, Real, Real]:
    """Factors of x, x2 and the sum. Source: TFLite, add.cc, left shift 20, twice the larger input scale."""
    s_x, s_x2, s_y = (_f32(graph.tensor(name).scale) for name in (op.x, op.x2, op.y))
    twice = 2 * max(s_x, s_x2)
    return fixed.real(s_x / twice), fixed.real(s_x2 / twice), fixed.real(twice / (2**20 * s_y))


def _add(graph: Graph, op: Add, x: Int64, x2: Int64) -> Int64:
    scale_x, scale_x2, scale_y = add_scales(graph, op)
    a = fixed.scale((x - graph.tensor(op.x).zero_point) << 20, scale_x)
    b = fixed.scale((x2 - graph.tensor(op.x2).zero_point) << 20, scale_x2)
    return fixed.scale(a + b, scale_y) + graph.tensor(op.y).zero_point


def _pool(x: Int64) -> Int64:
    count = x.shape[0] * x.shape[1]
    total = x.sum(axis=(0, 1))
    away = np.where(total > 0, total + count // 2, total - count // 2)
    return np.asarray(np.sign(away) * (np.abs(away) // count), dtype=np.int64).reshape(1, 1, -1)


# --- loss ------------------------------------------------------------------------------------------------------


def probabilities(logits: Int64, own: Collection[int]) -> Int64:
    """Q15 softmax over the own classes; 0 elsewhere."""
    inside = np.array([c in own for c in range(logits.size)])
    distance = np.minimum(logits[inside].max() - logits, 4096)
    octaves = (np.where(inside, distance, 0) * 94548) >> 16
    powers = np.where(octaves >> 8 > 16, 0, EXP2_TABLE[octaves & 255] >> np.minimum(octaves >> 8, 16))
    powers = np.where(inside, powers, 0)
    total = powers.sum()
    return np.asarray(((powers << 15) + total // 2) // total)


def block(acc: Int64, k: int) -> Gradient:
    """int8 mantissas of accumulators, with the least right shift that fits."""
    largest = int(np.abs(acc).max())
    shift = max(0, largest.bit_length() - 7)
    return Gradient(np.clip(fixed.round_shift(acc, shift), -127, 127), k - shift)


# --- backward --------------------------------------------------------------------------------------------------


def backward(graph: Graph, scheme: Scheme, trace: Trace, label: int, own: Collection[int]) -> Backward | None:
    """All integer gradients the scheme needs, in the reverse order of the graph."""
    loss = probabilities(trace.logits, own) - 32768 * (np.arange(graph.classes) == label)
    if not loss.any():
        return None
    result = Backward()
    waiting: dict[str, Gradient] = {graph.head.y: block(loss, 15)}
    needed = tensors_with_gradient(graph, scheme)
    for op in reversed(graph.ops):
        if op.y not in waiting:
            continue
        g = waiting.pop(op.y)
        if op.name in trace.kept and not isinstance(op, GlobalAveragePool):
            g = Gradient(np.where(trace.kept[op.name], g.e, 0), g.k)
        result.outputs[op.name] = g
        if isinstance(op, Weighted):
            result.weights[op.name] = weight_gradient(graph, op, trace.maps[op.x], g)
            result.biases[op.name] = g.e.reshape(-1, op.bias.size).sum(axis=0)
        for name in inputs(op):
            if name in needed:
                acc, k = input_gradient(graph, op, g)
                waiting[name] = _joined(acc, k, waiting.get(name), copied=isinstance(op, Add))
    return result


def tensors_with_gradient(graph: Graph, scheme: Scheme) -> set[str]:
    """Names of maps on whose way back something still trains."""
    training = {t.op for t in scheme.trained}
    needed: set[str] = set()
    for op in graph.ops:
        if op.name in training or any(name in needed for name in inputs(op)):
            needed.add(op.y)
    return needed


def inputs(op: Op) -> tuple[str, ...]:
    """Names of the maps an operator reads."""
    return (op.x, op.x2) if isinstance(op, Add) else (op.x,)


def _joined(acc: Int64, k: int, earlier: Gradient | None, *, copied: bool) -> Gradient:
    """The gradient of a map: this use's accumulators, plus what waits from a later use."""
    if earlier is None:
        return Gradient(acc, k) if copied else block(acc, k)
    shift = k - earlier.k
    if shift > 22:
        acc, k, shift = fixed.round_shift(acc, shift - 22), k - (shift - 22), 22
    more = earlier.e << shift if shift >= 0 else fixed.round_shift(earlier.e, -shift)
    return block(acc + more, k)


def input_gradient(graph: Graph, op: Op, g: Gradient) -> tuple[Int64, int]:
    """Accumulators and exponent of the gradient with respect to an operator's input."""
    match op:
        case Add():
            return g.e, g.k
        case GlobalAveragePool():
            return _pool_input_gradient(graph, op, g)
        case _:
            return _weighted_input_gradient(graph, op, g)


def pool_factor(positions: int) -> tuple[int, int]:
    """1/P as an integer in Q(15 - E), and E."""
    e = fixed.exponent(1 / positions)
    return floor(2 ** (15 - e) / positions + 0.5), e


def _pool_input_gradient(graph: Graph, op: GlobalAveragePool, g: Gradient) -> tuple[Int64, int]:
    height, width, channels = graph.tensor(op.x).shape
    factor, e = pool_factor(height * width)
    return np.broadcast_to(g.e * factor, (height, width, channels)).copy(), g.k + 15 - e


@dataclass(frozen=True, slots=True)
class InputFactors:
    """r[o] = s_w[o] in Q(15 - E); t = (g r) >> shift; the exponent of the sum is that of g plus exp."""

    r: Int64
    shift: int
    exp: int


def input_factors(op: Weighted) -> InputFactors:
    """How an output gradient becomes the operand of the input gradient's sum (`t16`)."""
    e = fixed.exponent(float(op.weight_scale.max()))
    r = np.array([floor(float(s) * 2.0 ** (15 - e) + 0.5) for s in op.weight_scale], dtype=np.int64)
    spare = max(0, -(-products_per_input(op) // 782) - 1).bit_length()
    return InputFactors(r, 8 + spare, 7 - e - spare)


def products_per_input(op: Weighted) -> int:
    """F: the most products that meet in one input gradient."""
    if isinstance(op, Dense):
        return op.bias.size
    kernel = op.weight.shape[:2] if isinstance(op, Depthwise) else op.weight.shape[1:3]
    taps = -(-kernel[0] // op.stride[0]) * -(-kernel[1] // op.stride[1])
    return int(taps if isinstance(op, Depthwise) else taps * op.bias.size)


def _weighted_input_gradient(graph: Graph, op: Weighted, g: Gradient) -> tuple[Int64, int]:
    factors = input_factors(op)
    t = fixed.round_shift(g.e * factors.r, factors.shift)
    if isinstance(op, Dense):
        acc = t.ravel() @ op.weight.astype(np.int64)
        return acc.reshape(graph.tensor(op.x).shape), g.k + factors.exp
    height, width, channels = graph.tensor(op.x).shape
    top, left, bottom, right = op.pad
    padded = np.zeros((height + top + bottom, width + left + right, channels), dtype=np.int64)
    out_h, out_w, _ = graph.tensor(op.y).shape
    down, across = op.stride
    kernel_h, kernel_w = op.weight.shape[:2] if isinstance(op, Depthwise) else op.weight.shape[1:3]
    for ky in range(kernel_h):
        for kx in range(kernel_w):
            tap = op.weight[ky, kx] if isinstance(op, Depthwise) else op.weight[:, ky, kx]
            spread = t * tap.astype(np.int64) if isinstance(op, Depthwise) else t @ tap.astype(np.int64)
            padded[ky : ky + down * out_h : down, kx : kx + across * out_w : across] += spread
    return padded[top : top + height, left : left + width], g.k + factors.exp


def weight_gradient(graph: Graph, op: Weighted, x: Int64, g: Gradient) -> Int64:
    """G in the weight's shape: sum over positions of e (x - zx); padding contributes nothing."""
    centred = x - graph.tensor(op.x).zero_point
    if isinstance(op, Dense):
        return np.outer(g.e.ravel(), centred.ravel())
    total = np.zeros(op.weight.shape, dtype=np.int64)
    for ky, kx, patch in _patches(graph, op, centred):
        if isinstance(op, Depthwise):
            total[ky, kx] = (g.e * patch).sum(axis=(0, 1))
        else:
            total[:, ky, kx] = np.einsum("hwo,hwi->oi", g.e, patch)
    return total


# --- update ----------------------------------------------------------------------------------------------------


def weight_rates(graph: Graph, op: Weighted) -> list[Real]:
    """QAS without the learning rate: s_x / s_w per output channel; dead channels get 0."""
    s_x = _f32(graph.tensor(op.x).scale)
    return [fixed.real(s_x / float(s)) if s >= DEAD_SCALE else Real(0, 0) for s in op.weight_scale]


def bias_rates(graph: Graph, op: Weighted) -> list[Real]:
    """QAS without the learning rate: 1 / (s_x s_w) per output channel; dead channels get 0."""
    s_x = _f32(graph.tensor(op.x).scale)
    return [fixed.real(1 / (s_x * float(s))) if s >= DEAD_SCALE else Real(0, 0) for s in op.weight_scale]


def updated(graph: Graph, scheme: Scheme, grads: Backward, rate: Real, key: int) -> Graph:
    """The graph after one step of rule `stochastic` on weights and nearest on biases."""
    changed: dict[str, tuple[Int8, NDArray[np.int32]]] = {}
    for index, op in enumerate(graph.ops):
        part = scheme.of(op.name)
        if not isinstance(op, Weighted) or op.name not in grads.outputs:
            continue
        k = grads.outputs[op.name].k
        weight, bias = op.weight.copy(), op.bias.copy()
        if part.channels:
            trained = (..., slice(0, part.channels))
            rates = [fixed.multiply(r, rate) for r in weight_rates(graph, op)]
            total = grads.weights[op.name][trained]
            weight[trained] = _stepped_weights(op, weight[trained], total, rates, k, rng.absorb(key, index))
        if part.bias:
            rates = [fixed.multiply(r, rate) for r in bias_rates(graph, op)]
            bias = _stepped_biases(bias, grads.biases[op.name], rates, k)
        changed[op.name] = (weight, bias)
    return graph.with_weights(changed)


def _stepped_weights(op: Weighted, w: Int8, total: Int64, rates: list[Real], k: int, key: int) -> Int8:
    q = np.empty(w.shape, dtype=np.int64)
    for c, rate in enumerate(rates[: w.shape[-1]] if isinstance(op, Depthwise) else rates):
        at = (..., c) if isinstance(op, Depthwise) else (c,)
        q[at] = fixed.round_shift64(total[at] * rate.mant, 31 - rate.exp + k - 16)
    dither = (rng.draws32(key, 0, w.size).astype(np.int64) >> 16).reshape(w.shape)
    stepped = np.clip(w - ((q + dither) >> 16), -127, 127)
    return np.where(total == 0, w, stepped).astype(np.int8)


def _stepped_biases(b: NDArray[np.int32], total: Int64, rates: list[Real], k: int) -> NDArray[np.int32]:
    steps = [int(fixed.round_shift64(total[c] * r.mant, 31 - r.exp + k)) for c, r in enumerate(rates)]
    return np.clip(b - np.array(steps, dtype=np.int64), -fixed.LIMIT, fixed.LIMIT).astype(np.int32)


def _f32(scale: float) -> float:
    return float(np.float32(scale))
