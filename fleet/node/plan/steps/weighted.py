"""Steps of operators with weights, of sums and of the global pool: forward, input gradients, updates."""

import numpy as np

from fleet.node.model.graph import (
    WHOLE_RANGE,
    Add,
    Conv2d,
    Dense,
    Depthwise,
    FullyConnected,
    GlobalAveragePool,
    Graph,
    Op,
    Tensor,
    Weighted,
    inputs,
    positions,
)
from fleet.node.model.recipe import Rule
from fleet.node.model.reference import add_scales, input_factors, pool_factor
from fleet.node.model.scheme import Trained
from fleet.node.plan.steps.program import NOTHING, Code, Flow, Flowing, Program, Ref, Region, model

FORWARD = {Conv2d: Code.CONV, Depthwise: Code.DEPTHWISE, FullyConnected: Code.DENSE, Dense: Code.LOGITS}
GRAD = {
    Conv2d: Code.GRAD_CONV,
    Depthwise: Code.GRAD_DEPTHWISE,
    FullyConnected: Code.GRAD_DENSE,
    Dense: Code.GRAD_DENSE,
}
UPDATE = {
    Conv2d: Code.UPDATE_CONV,
    Depthwise: Code.UPDATE_DEPTHWISE,
    FullyConnected: Code.UPDATE_DENSE,
    Dense: Code.UPDATE_DENSE,
}


IN_C = 2  # word of fe_geometry: how far the places of a map are apart
OUT_H, OUT_W = 3, 4
GROUPS = 15  # of a depthwise layer that reads first channels alone, as many as its outputs

# --- forward ---------------------------------------------------------------------------------------------------


def forward_weighted(p: Program, graph: Graph, part: Trained, op: Weighted, y: Ref, mask: Ref) -> None:
    """fe_layer_step."""
    where = (p.maps[op.x], y, mask, *_weights(op, part), _bias(op, part), model("scale", op.name))
    p.add(FORWARD[type(op)], op.name, *where, *geometry(graph, op, part))


def forward_in_place(p: Program, graph: Graph, part: Trained, op: Depthwise, y: Ref, mask: Ref) -> None:
    """fe_in_place_step: y is planned where x lies."""
    plane = p.buffer(f"{op.name} plane", positions(graph.tensor(op.y)))
    where = (p.maps[op.x], y, mask, *_weights(op, part), _bias(op, part), model("scale", op.name))
    p.add(Code.DEPTHWISE_IN_PLACE, op.name, *where, *geometry(graph, op, part), plane)


def forward_add(p: Program, graph: Graph, op: Add, y: Ref, mask: Ref) -> None:
    """fe_add_step."""
    zeros = (graph.tensor(name).zero_point for name in (op.x, op.x2, op.y))
    scales = (number for scale in add_scales(graph, op) for number in (scale.mant, scale.exp))
    sides = pair(graph.tensor(op.x), graph.tensor(op.x2), graph.tensor(op.y))
    p.add(Code.ADD, op.name, p.maps[op.x], p.maps[op.x2], y, mask, *sides, *zeros, *op.clip, *scales)


def forward_pool(p: Program, graph: Graph, op: GlobalAveragePool, y: Ref) -> None:
    """fe_pool_step."""
    x = graph.tensor(op.x)
    p.add(Code.POOL, op.name, p.maps[op.x], y, positions(x), x.shape[2])


def geometry(graph: Graph, op: Weighted, part: Trained) -> tuple[int, ...]:
    """fe_geometry, field by field."""
    x, y = graph.tensor(op.x), graph.tensor(op.y)
    if isinstance(op, Dense):
        o, i = op.weight.shape
        return (1, 1, i, 1, 1, o, 1, 1, 1, 1, 0, 0, x.zero_point, 0, part.channels, 1, *WHOLE_RANGE)
    if isinstance(op, FullyConnected):
        o, i = op.weight.shape
        return (1, 1, i, 1, 1, o, 1, 1, 1, 1, 0, 0, x.zero_point, y.zero_point, part.channels, 1, *op.clip)
    kernel = op.weight.shape[:2] if isinstance(op, Depthwise) else op.weight.shape[1:3]
    groups = op.groups if isinstance(op, Conv2d) else 1
    zeros = (x.zero_point, y.zero_point)
    return (*x.shape, *y.shape, *kernel, *op.stride, *op.pad[:2], *zeros, part.channels, groups, *op.clip)


def pair(x: Tensor, x2: Tensor, y: Tensor) -> tuple[int, ...]:
    """fe_pair: sides of y, and how far one step along each of them goes in x and in x2."""
    return (*y.shape, *_strides(x, y), *_strides(x2, y))


def _strides(x: Tensor, y: Tensor) -> tuple[int, ...]:
    natural = (x.shape[1] * x.shape[2], x.shape[2], 1)
    return tuple(step if a == b else 0 for step, a, b in zip(natural, x.shape, y.shape, strict=True))


def _weights(op: Weighted, part: Trained) -> tuple[Ref, Ref]:
    whole = part.channels == op.weight.shape[-1]
    trained = Ref(Region.STATE, f"{op.name} weight") if part.channels else NOTHING
    return trained, NOTHING if whole else model("frozen", op.name)


def _bias(op: Weighted, part: Trained) -> Ref:
    return Ref(Region.STATE, f"{op.name} bias") if part.bias else model("bias", op.name)


# --- input gradients -------------------------------------------------------------------------------------------


def input_shape(graph: Graph, op: Op, name: str) -> tuple[int, int]:
    """Places and channels of an input, as its operator sees it."""
    x = graph.tensor(name)
    return (1, x.size) if isinstance(op, FullyConnected | Dense) else (positions(x), x.shape[2])


def copied(p: Program, graph: Graph, op: Add, index: int, g: Flowing) -> Flowing | None:
    """The gradient of a sum's input where nothing waits for it: the output's, unless the input was repeated."""
    name = inputs(op)[index]
    size = graph.tensor(name).size
    if size != graph.tensor(op.y).size:
        return None
    target = Flowing(p.fresh(f"{name} gradient from {op.name}", size), p.slot())
    p.add(Code.COPY, op.name, g.ref, g.slot, target.ref, target.slot, size)
    return target


def gradient_weighted(
    p: Program, graph: Graph, part: Trained, op: Weighted, flow: Flow, *, constant: bool = False
) -> None:
    """fe_grad_step. constant: all places of g have the same values, which lie there once."""
    factors, sides = input_factors(graph, op), list(geometry(graph, op, part))
    kind = "weight scale" if p.is_float else "r"
    sums = (model(kind, op.name), *((0, 0) if p.is_float else (factors.shift, factors.exp)))
    if constant:
        sides[OUT_H] = sides[OUT_W] = 1
    p.add(GRAD[type(op)], op.name, *flow.words, *_weights(op, part), *sums, *sides)


def gradient_add(p: Program, graph: Graph, op: Op, name: str, flow: Flow) -> None:
    """fe_grad_add_step: also of a map under another shape."""
    x, y = graph.tensor(name), graph.tensor(op.y)
    sides = (*x.shape, *y.shape) if isinstance(op, Add) else (1, flow.places, flow.channels) * 2
    p.add(Code.GRAD_ADD, op.name, *flow.words, *sides)


def gradient_pool(p: Program, graph: Graph, op: GlobalAveragePool, flow: Flow) -> None:
    """fe_grad_pool_step."""
    factor, e = pool_factor(positions(graph.tensor(op.x)))
    p.add(Code.GRAD_POOL, op.name, *flow.words, factor, 15 - e)


def gradient_pool_once(p: Program, graph: Graph, op: GlobalAveragePool, flow: Flow) -> None:
    """fe_grad_mean_step: the gradient of one place, which all have."""
    count = positions(graph.tensor(op.x))
    factor, e = pool_factor(count)
    bits = float_bits(float(np.float32(1) / np.float32(count)))
    sides = (1, 1, flow.channels)
    p.add(Code.GRAD_MEAN, op.name, *flow.words, *sides, *sides, bits if p.is_float else factor, 15 - e)


# --- updates ---------------------------------------------------------------------------------------------------


def update(p: Program, graph: Graph, part: Trained, op: Weighted, g: Flowing) -> None:
    """fe_update_step and fe_bias_step of what trains of an operator."""
    update_weights(p, graph, part, op, g)
    update_bias(p, graph, part, op, g)


def update_weights(
    p: Program, graph: Graph, part: Trained, op: Weighted, g: Flowing, *, in_rows: bool = True, constant: bool = False
) -> None:
    """fe_update_step.

    in_rows: its sums need a row of scratch, as all but those of single channels do. constant: as gradient_weighted.
    """
    if not part.channels:
        return
    taps = op.weight[0].size // op.weight.shape[-1] if isinstance(op, Conv2d) else 1
    needs_row = in_rows and not isinstance(op, Depthwise)
    row = p.buffer(f"{op.name} row", 4 * taps * part.channels) if needs_row else NOTHING
    x, sides = p.maps[op.x], list(geometry(graph, op, part))
    if op.x in p.slices:
        x, sides[IN_C] = p.slices[op.x]
        sides[GROUPS] = op.bias.size if isinstance(op, Depthwise) else sides[GROUPS]
    if constant:
        sides[OUT_H] = sides[OUT_W] = 1
    where = (g.ref, g.slot, x, _state(op, "weight"), model("weight rate", op.name), row)
    p.add(UPDATE[type(op)], op.name, layer_index(graph, op), *where, *_extras(p, op, ""), *sides)


def update_bias(p: Program, graph: Graph, part: Trained, op: Weighted, g: Flowing) -> None:
    """fe_bias_step."""
    if part.bias:
        count = 1 if isinstance(op, Dense | FullyConnected) else positions(graph.tensor(op.y))
        sums = (g.ref, g.slot, count, op.bias.size, _state(op, "bias"), model("bias rate", op.name))
        p.add(Code.UPDATE_BIAS, op.name, *sums, *_extras(p, op, "bias ")[1:])


def apply(p: Program, graph: Graph, part: Trained, op: Weighted) -> None:
    """fe_apply_step and fe_apply_bias_step: what ends a batch."""
    if part.channels:
        size = op.weight.size // op.weight.shape[-1] * part.channels
        p.add(Code.APPLY, op.name, layer_index(graph, op), _state(op, "weight"), *_extras(p, op, ""), size)
    if part.bias:
        p.add(Code.APPLY_BIAS, op.name, _state(op, "bias"), *_extras(p, op, "bias ")[1:], op.bias.size)


def _extras(p: Program, op: Weighted, kind: str) -> tuple[Ref, Ref, Ref]:
    """Residuals or latents, velocity, sum: references into the state, or none."""
    recipe = p.recipe
    wanted = (
        ("kept", recipe.rule not in (Rule.STOCHASTIC, Rule.NEAREST, Rule.TRUNCATE)),
        ("velocity", recipe.momentum_q15 > 0),
        ("sum", recipe.batch > 1),
    )
    kept, velocity, total = (_state(op, f"{kind}{name}") if there else NOTHING for name, there in wanted)
    return kept, velocity, total


def _state(op: Weighted, kind: str) -> Ref:
    return Ref(Region.STATE, f"{op.name} {kind}")


def layer_index(graph: Graph, op: Op) -> int:
    """The operator's number in the graph, which keys its draws."""
    return next(i for i, other in enumerate(graph.ops) if other.name == op.name)


def float_bits(value: float) -> int:
    """A float32 as the s32 word that has its bits."""
    return int(np.float32(value).view(np.int32))
