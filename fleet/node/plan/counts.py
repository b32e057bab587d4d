"""How much each step of a plan computes, for the cost model: read from the step's own fields (fe_plan.h)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Final

from fleet.node.cost import OpCount
from fleet.node.model.graph import Conv2d, Depthwise, FullyConnected
from fleet.node.model.recipe import Gradients, Recipe, Rule
from fleet.node.plan.lifetimes import groups
from fleet.node.plan.plan import Plan
from fleet.node.plan.steps import NOTHING, Code, Step

LANES: Final = 4  # outputs that a kernel computes together: fe_conv_s8.c, fe_depthwise_s8.c
_LAYER, _FLOW, _UPDATE = 7, 11, 10  # words before the geometry of a layer; of fe_flow; before that of an update
_LAYERS = ("project", "middle", "expand")  # of a bottleneck, as its way back goes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """fe_geometry, as far as it decides how much is computed."""

    x: tuple[int, int, int]
    y: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]
    trained: int
    groups: int

    @property
    def rows(self) -> int:
        """Rows of the kernel that lie on the map, over all rows of outputs."""
        return _inside(self.x[0], self.y[0], self.kernel[0], self.stride[0], self.pad[0])

    @property
    def taps(self) -> int:
        """Taps that lie on the map, over all places of outputs."""
        return self.rows * _inside(self.x[1], self.y[1], self.kernel[1], self.stride[1], self.pad[1])

    @property
    def places(self) -> int:
        return self.y[0] * self.y[1]

    @property
    def depth(self) -> int:
        """Input channels that an output reads."""
        return self.x[2] // self.groups

    @property
    def is_pointwise(self) -> bool:
        return self.kernel == (1, 1)

    @property
    def parts(self) -> int:
        """Runs that the channels of a window are read in: trained ones and frozen ones."""
        return 2 if 0 < self.trained < self.depth else 1


def _inside(x: int, y: int, kernel: int, stride: int, pad: int) -> int:
    """Places of a kernel on one side of a map, over all of its outputs there."""
    return sum(max(0, min(kernel, x + pad - o * stride) - max(0, pad - o * stride)) for o in range(y))


CLIPPED, LINEAR = Fraction(2, 5), Fraction(9, 10)
"""Gradients that are not 0, of a map that ReLU clips and of one it does not: the assumption; a gradient of 0 costs an
operator next to nothing. Counted over 50 steps on real windows (`python -m analysis.gradient_shares`), weighted by what
they cost: 0.27 to 0.43 and 0.66 to 0.98 in imu-ds-cnn, DS-CNN and MCUNet-5FPS. With the counted shares a step of their
sparse schemes is modelled to take 1.00 to 1.01 times as many instructions, one that trains everything 0.94 to 0.96."""

GRADIENTS: Final = (Code.GRAD_CONV, Code.GRAD_DEPTHWISE, Code.GRAD_DENSE)
UPDATES: Final = (Code.UPDATE_CONV, Code.UPDATE_DEPTHWISE, Code.UPDATE_DENSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What decides the work of a step beside its fields. share: of the gradients it reads those that are not 0."""

    recipe: Recipe
    share: Fraction = LINEAR

    def some(self, count: int) -> int:
        """The part of so many gradients' work that is done."""
        return round(count * self.share)


def training_counts(plan: Plan) -> tuple[OpCount, ...]:
    """One training step: forward, loss, backward, updates; a window without any gradient costs less.

    What only the end of a batch does counts by a window's share of it.
    """
    return tuple(count for counts in work_of(plan) for count in counts)


def work_of(plan: Plan, shares: Mapping[int, Fraction] | None = None) -> tuple[tuple[OpCount, ...], ...]:
    """The work of each step of one training step, in the order of the plan. A group's own loops are its first step's.

    shares: of the gradients that a step reads, by its number, those that are not 0; assumed where none is given.
    """
    found: list[tuple[OpCount, ...]] = [()] * len(plan.steps)
    inner = {i: group for group in groups(plan.draft.program) for i in range(group.header, group.last + 1)}
    hows = [
        How(recipe=plan.scheme.recipe, share=(shares or {}).get(i, assumed_share(plan, s)))
        for i, s in enumerate(plan.steps)
    ]
    for i, step in enumerate(plan.steps):
        group = inner.get(i)
        if group is None:
            found[i] = tuple(_work(step, hows[i]))
        elif i == group.header:
            end = group.last + 1
            make = _rows if group.code is Code.ROWS else _channels
            found[i:end] = make(step, plan.steps[i + 1 : end], hows[i + 1 : end])
    return tuple(found)


def assumed_share(plan: Plan, step: Step) -> Fraction:
    """Of the gradients that a step reads those that are not 0, as the model assumes."""
    op = plan.graph.op(step.op)
    if isinstance(op, Conv2d | Depthwise | FullyConnected):
        zero = plan.graph.tensor(op.y).zero_point
        return CLIPPED if max(op.clip[0], -128) >= zero else LINEAR
    return LINEAR


def _work(step: Step, how: How) -> Iterator[OpCount]:
    """Work of a step that stands alone."""
    make = _WORK.get(step.code)
    assert make is not None, f"{step.code.name}: a step that costs nothing"
    yield from make(step, how)


# --- forward ---------------------------------------------------------------------------------------------------


def _sides(step: Step, at: int) -> Sides:
    w = [field for field in step.fields[at : at + 16] if isinstance(field, int)]
    return Sides(
        x=(w[0], w[1], w[2]), y=(w[3], w[4], w[5]), kernel=(w[6], w[7]), stride=(w[8], w[9]), pad=(w[10], w[11]),
        trained=w[14], groups=w[15],
    )  # fmt: skip


def _layer(step: Step, _how: How) -> Iterator[OpCount]:
    d = _sides(step, _LAYER)
    kind = step.code.name.lower()
    if step.code is Code.CONV:
        per_group = d.y[2] // d.groups
        runs = d.places if d.is_pointwise else d.taps if d.parts == 2 or d.groups > 1 else d.rows * d.y[1]
        kind = "pointwise" if d.is_pointwise else "conv"
        taps = runs * d.groups * (per_group // LANES + per_group % LANES) * d.parts
        weights = d.y[2] * prod(d.kernel) * d.depth
        macs = d.taps * d.y[2] * d.depth
        yield OpCount(kind=kind, calls=1, taps=taps, macs=macs, elements=prod(d.y), weights=weights, channels=d.y[2])
    elif step.code is Code.DEPTHWISE:
        taps = d.taps * (_lanes(d.trained) + _lanes(d.y[2] - d.trained) if d.x[2] == d.y[2] else d.y[2])
        weights, macs = d.y[2] * prod(d.kernel), d.taps * d.y[2]
        yield OpCount(kind=kind, calls=1, taps=taps, macs=macs, elements=prod(d.y), weights=weights, channels=d.y[2])
    elif step.code is Code.DEPTHWISE_IN_PLACE:
        yield OpCount(kind=kind, calls=1, taps=d.rows * d.y[1] * d.y[2], macs=d.taps * d.y[2], elements=prod(d.y))
    else:
        yield OpCount(kind=kind, calls=1, macs=d.x[2] * d.y[2], elements=d.y[2])


def _lanes(outputs: int) -> int:
    return outputs // LANES + outputs % LANES


def _flat(first: int, count: int, kind: str = "") -> Callable[[Step, How], Iterator[OpCount]]:
    """Work that grows with the product of some words alone."""

    def work(step: Step, _how: How) -> Iterator[OpCount]:
        yield OpCount(kind=kind or step.code.name.lower(), calls=1, elements=_product(step, first, count))

    return work


def _product(step: Step, first: int, count: int) -> int:
    return prod(word for word in step.fields[first : first + count] if isinstance(word, int))


def _pool(step: Step, _how: How) -> Iterator[OpCount]:
    d = _sides(step, 3)
    yield OpCount(kind=step.code.name.lower(), calls=1, macs=d.taps * d.y[2], elements=prod(d.y))


def _resize(step: Step, _how: How) -> Iterator[OpCount]:
    yield OpCount(kind="resize", calls=1, elements=_product(step, 5, 3))


# --- backward --------------------------------------------------------------------------------------------------


def _form(recipe: Recipe, *, by_place: bool = False) -> str:
    """What ends the names of kinds that differ by how gradients are held. by_place: also by who chose the shift."""
    if recipe.gradients is Gradients.FP32:
        return "_f32"
    return "_static" if by_place and recipe.exponents.value == "static" else ""


def _loss(step: Step, how: How) -> Iterator[OpCount]:
    yield OpCount(kind=step.code.name.lower() + _form(how.recipe), calls=1, elements=_product(step, 1, 1))


def _mask(step: Step, how: How) -> Iterator[OpCount]:
    yield OpCount(kind="mask" + _form(how.recipe), calls=1, elements=_product(step, 2, 1))


def _waiting(step: Step, how: How) -> Iterator[OpCount]:
    """A gradient that waits at the input is added place by place; on its own (MERGE) where shifts are dynamic."""
    if _form(how.recipe, by_place=True) == "_static" and step.fields[4] != NOTHING:
        places, channels = (int(word) for word in step.fields[9:11])  # type: ignore[arg-type]
        yield OpCount(kind="merge", calls=places, elements=places * channels)


def _grad(step: Step, how: How) -> Iterator[OpCount]:
    """Input gradients of layers with weights."""
    d, form = _sides(step, _FLOW + 5), _form(how.recipe, by_place=True)
    name = "grad_pointwise" if step.code is Code.GRAD_CONV and d.is_pointwise else step.code.name.lower()
    depthwise = step.code is Code.GRAD_DEPTHWISE
    macs = d.taps * d.y[2] * (1 if depthwise else d.depth)
    taps = d.taps if depthwise else d.taps * d.y[2] * d.parts
    yield OpCount(kind=name + form, calls=1, taps=how.some(taps), macs=how.some(macs), elements=prod(d.x) + prod(d.y))
    yield from _waiting(step, how)


def _grad_add(step: Step, how: How) -> Iterator[OpCount]:
    """Through a sum: elements of its output, of which an input may be a repeated part."""
    yield OpCount(kind="grad_add" + _form(how.recipe, by_place=True), calls=1, elements=_product(step, 14, 3))
    yield from _waiting(step, how)


def _grad_map(first: int, count: int) -> Callable[[Step, How], Iterator[OpCount]]:
    """Input gradients of layers without weights: elements of the input, MACs the product of some words."""

    def work(step: Step, how: How) -> Iterator[OpCount]:
        elements = _product(step, 9, 2)
        kind = step.code.name.lower() + _form(how.recipe, by_place=True)
        macs = _product(step, first, count) if count else 0
        yield OpCount(kind=kind, calls=1, macs=macs, elements=elements)
        yield from _waiting(step, how)

    return work


def _grad_pool(step: Step, how: How) -> Iterator[OpCount]:
    d = _sides(step, _FLOW + 1)
    kind = step.code.name.lower() + _form(how.recipe, by_place=True)
    yield OpCount(kind=kind, calls=1, macs=d.taps * d.y[2], elements=_product(step, 9, 2))
    yield from _waiting(step, how)


# --- updates ---------------------------------------------------------------------------------------------------


def _update(step: Step, how: How) -> Iterator[OpCount]:
    """Gathering a gradient and taking a step; what a recipe does otherwise than the plain rule is extra."""
    d, form = _sides(step, _UPDATE), _form(how.recipe)
    if step.code is Code.UPDATE_DEPTHWISE:
        weights, macs, taps = d.kernel[0] * d.kernel[1] * d.trained, d.taps * d.trained, d.places * d.trained
    else:
        weights, macs = d.kernel[0] * d.kernel[1] * d.trained * d.y[2], d.taps * d.trained * d.y[2]
        taps = d.taps * d.y[2]
    name = "update_pointwise" if step.code is Code.UPDATE_CONV and d.is_pointwise else step.code.name.lower()
    yield OpCount(
        kind=name + form, calls=taps, taps=how.some(taps), macs=how.some(macs), elements=_touched(weights, d, how)
    )
    yield from _taken(weights, how.recipe, "take")


def _touched(weights: int, d: Sides, how: How) -> int:
    """Weights whose gradient is not 0: at some place neither g nor the input may be, which half of the inputs are."""
    if how.recipe.gradients is Gradients.FP32:
        return weights
    return round(weights * (1 - (1 - how.share / 2) ** min(d.places, MANY)))


MANY: Final = 64  # places, at which hardly a weight is left without a gradient


def _taken(values: int, recipe: Recipe, kind: str) -> Iterator[OpCount]:
    """What the recipe adds to each weight's step, beside a stochastic one without momentum."""
    if (way := variant(recipe)) != PLAIN:
        yield OpCount(kind=f"{kind}_{way}{_form(recipe)}", elements=values)


PLAIN: Final = Rule.STOCHASTIC.value


def variant(recipe: Recipe) -> str:
    """How a recipe's steps are taken: into the sum of a batch, or by a rule, with momentum or without."""
    return "sum" if recipe.batch > 1 else moved(recipe)


def moved(recipe: Recipe) -> str:
    """Rule and momentum of a recipe in one word."""
    return recipe.rule.value + ("_momentum" if recipe.momentum_q15 else "")


def _bias(step: Step, how: How) -> Iterator[OpCount]:
    channels = _product(step, 3, 1)
    kind = "update_bias" + _form(how.recipe)
    yield OpCount(kind=kind, calls=1, macs=_product(step, 2, 2), elements=channels)
    yield from _bias_taken(channels, how.recipe)


def _bias_taken(channels: int, recipe: Recipe) -> Iterator[OpCount]:
    way = "sum" if recipe.batch > 1 else "momentum" if recipe.momentum_q15 else ""
    if way:
        yield OpCount(kind=f"take_bias_{way}", elements=channels)


def _apply(step: Step, how: How) -> Iterator[OpCount]:
    """Only the end of a batch does it: a window's share."""
    kind = f"apply_{moved(how.recipe)}" if step.code is Code.APPLY else "apply_bias"
    kind += "_momentum" if step.code is Code.APPLY_BIAS and how.recipe.momentum_q15 else ""
    yield OpCount(kind=kind, elements=-(-_product(step, len(step.fields) - 1, 1) // how.recipe.batch))


# --- groups ----------------------------------------------------------------------------------------------------


def _rows(step: Step, steps: Sequence[Step], hows: Sequence[How]) -> list[tuple[OpCount, ...]]:
    """A group row by row: each operator is called once per row, and rows that are read no more are moved out.

    That layers are made ready once, not for every row, is what fits the counts.
    """
    forms = [int(word) for word in step.fields[1:]]  # type: ignore[arg-type]
    works, calls, moved_bytes = [], 0, 0
    for i, (inner, how) in enumerate(zip(steps, hows, strict=True)):
        height, line = _output(inner)
        calls += height
        moved_bytes += height * max(0, forms[3 * i] - 1) * line
        works.append(tuple(replace(work, calls=height) for work in _work(inner, how)))
    return [(OpCount(kind="rows", calls=calls, taps=calls * len(steps), elements=moved_bytes),), *works]


def _output(step: Step) -> tuple[int, int]:
    """Rows of a forward step's output and bytes of one."""
    words = [field if isinstance(field, int) else 0 for field in step.fields]
    match step.code:
        case Code.CONV | Code.DEPTHWISE | Code.DEPTHWISE_IN_PLACE:
            return words[_LAYER + 3], words[_LAYER + 4] * words[_LAYER + 5]
        case Code.AVERAGE_POOL | Code.MAX_POOL:
            return words[6], words[7] * words[8]
        case Code.ADD | Code.MUL:
            return words[4], words[5] * words[6]
        case Code.MOVE:
            return words[2], words[3] * words[4]
        case Code.TABLE:
            return 1, words[3]
        case _:
            return 1, 0


def _channels(_step: Step, steps: Sequence[Step], hows: Sequence[How]) -> list[tuple[OpCount, ...]]:
    """A bottleneck's way back, channel by channel."""
    order = list(dict.fromkeys(inner.op for inner in steps))
    layers = [_LAYERS[order.index(inner.op)] for inner in steps]
    onward = [i for i, inner in enumerate(steps) if inner.code is Code.GRAD_CONV and layers[i] == _LAYERS[-1]]
    size = sum(_product(steps[i], 9, 2) for i in onward)  # of the gradient of the block's input
    head = (OpCount(kind="channels" + _form(hows[0].recipe), calls=1, elements=size),)
    return [head, *(tuple(_of_channels(*each)) for each in zip(steps, layers, hows, strict=True))]


def _of_channels(step: Step, layer: str, how: How) -> Iterator[OpCount]:
    form = _form(how.recipe)
    if step.code in GRADIENTS:
        d = _sides(step, _FLOW + 5)
        macs = d.taps * d.y[2] * (1 if step.code is Code.GRAD_DEPTHWISE else d.depth)
        places = d.x[0] * d.x[1]
        yield OpCount(
            kind=f"channels_{layer}{form}", calls=d.x[2], taps=places * max(d.x[2], d.y[2]), macs=how.some(macs)
        )
    elif step.code in UPDATES:
        d = _sides(step, _UPDATE)
        depthwise = step.code is Code.UPDATE_DEPTHWISE
        weights = d.kernel[0] * d.kernel[1] * d.trained * (1 if depthwise else d.y[2])
        macs = d.taps * d.trained * (1 if depthwise else d.y[2])
        yield OpCount(kind=f"channels_update_{layer}{form}", calls=d.trained, macs=macs, elements=weights)
        yield from _taken(weights, how.recipe, "take")
    elif step.code is Code.UPDATE_BIAS:
        channels = _product(step, 3, 1)
        kind = f"channels_bias{form}" if layer != "project" else f"channels_project_bias{form}"
        yield OpCount(kind=kind, macs=_product(step, 2, 2), elements=channels)
        yield from _bias_taken(channels, how.recipe)


_WORK: Final[Mapping[Code, Callable[[Step, How], Iterator[OpCount]]]] = {
    Code.CONV: _layer,
    Code.DEPTHWISE: _layer,
    Code.DEPTHWISE_IN_PLACE: _layer,
    Code.DENSE: _layer,
    Code.LOGITS: _layer,
    Code.ADD: _flat(4, 3),
    Code.MUL: _flat(4, 3),
    Code.POOL: _flat(2, 2),
    Code.AVERAGE_POOL: _pool,
    Code.MAX_POOL: _pool,
    Code.MEAN: _flat(2, 3),
    Code.MOVE: _flat(2, 3),
    Code.RESIZE: _resize,
    Code.TABLE: _flat(3, 1),
    Code.SOFTMAX: _flat(3, 2),
    Code.QUANTIZE: _flat(2, 1),
    Code.DEQUANTIZE: _flat(2, 1),
    Code.LOSS: _loss,
    Code.LOSS_SQUARED: _loss,
    Code.MASK: _mask,
    Code.GRAD_CONV: _grad,
    Code.GRAD_DEPTHWISE: _grad,
    Code.GRAD_DENSE: _grad,
    Code.GRAD_ADD: _grad_add,
    Code.GRAD_POOL: _grad_map(0, 0),
    Code.GRAD_MUL: _grad_map(15, 3),
    Code.GRAD_AVERAGE_POOL: _grad_pool,
    Code.GRAD_MAX_POOL: _grad_pool,
    Code.GRAD_MEAN: _grad_map(0, 0),
    Code.GRAD_MOVE: _grad_map(0, 0),
    Code.GRAD_RESIZE: _grad_map(0, 0),
    Code.GRAD_TABLE: _grad_map(0, 0),
    Code.COPY: _flat(4, 1),
    Code.MERGE: _flat(4, 1),
    Code.BLOCK: _flat(4, 1),
    Code.UPDATE_CONV: _update,
    Code.UPDATE_DEPTHWISE: _update,
    Code.UPDATE_DENSE: _update,
    Code.UPDATE_BIAS: _bias,
    Code.APPLY: _apply,
    Code.APPLY_BIAS: _apply,
}
