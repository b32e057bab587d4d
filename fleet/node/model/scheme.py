"""What trains: which weights, down to a range of input channels, and which biases.

A scheme is a choice over a graph; a Layout numbers the values it trains. Both are pure data.
Names follow the field: `head` is TinyOL's last layer, `bias` is TinyTL's, `sparse` is MCUNetV3's
(the first input channels of some pointwise layers, the biases of the last blocks, the head).
In a network without a classifier its last layer with weights takes the head's place.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor, prod

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import Fault, InputError
from fleet.node.model.graph import Conv2d, Depthwise, Form, FullyConnected, Graph, Weighted
from fleet.node.model.recipe import Loss, Recipe

KINDS = ("sparse", "bias", "head", "last_k", "full")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What trains of one operator. channels: leading entries of the weight's last axis, 0 for none."""

    op: str
    channels: int = 0
    bias: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """Trained parts in the order of the graph; operators that train nothing are left out. recipe: how they train."""

    name: str
    trained: tuple[Trained, ...]
    recipe: Recipe = field(default_factory=Recipe)

    def of(self, op: str) -> Trained:
        """What trains of an operator; nothing if it is not listed."""
        return next((t for t in self.trained if t.op == op), Trained(op=op))


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A run of trained values. kind: 'weight' (int8) or 'bias' (int32). first: index among all values."""

    op: str
    kind: str
    shape: tuple[int, ...]
    first: int

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def values(self) -> slice:
        return slice(self.first, self.first + self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """All trained values as one vector: every weight in the order of the graph, then every bias.

    The same order holds in the node's state, in update frames and on the server.
    weights, biases: how many of each. head: name of the classifier; "" and 0 classes without one.
    """

    slices: tuple[Slice, ...]
    weights: int
    biases: int
    head: str
    classes: int
    size: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", self.weights + self.biases)

    def held(self, classes: Iterable[int]) -> NDArray[np.bool_]:
        """bool [size]: values a node with these classes trains; a class it lacks leaves its head column out."""
        mask = np.ones(self.size, dtype=np.bool_)
        absent = sorted(set(range(self.classes)) - set(classes))
        for part in self.slices:
            if part.op == self.head:
                mask[part.values].reshape(part.shape)[absent] = False
        return mask


def layout_of(graph: Graph, scheme: Scheme) -> Layout:
    """Numbers the values a scheme trains."""
    slices: list[Slice] = []
    first = 0
    for kind in ("weight", "bias"):
        for op in graph.weighted:
            shape = _trained_shape(op, scheme.of(op.name), kind)
            if shape is not None:
                slices.append(Slice(op=op.name, kind=kind, shape=shape, first=first))
                first += prod(shape)
    weights = sum(s.size for s in slices if s.kind == "weight")
    head, classes = (graph.head.name, graph.classes) if graph.has_head else ("", 0)
    return Layout(slices=tuple(slices), weights=weights, biases=first - weights, head=head, classes=classes)


def trained_values(graph: Graph, layout: Layout) -> NDArray[np.int32]:
    """int32 [size]: the trained values as the graph holds them."""
    values = np.zeros(layout.size, dtype=np.int32)
    for part in layout.slices:
        op = _weighted(graph, part.op)
        source = op.weight[..., : part.shape[-1]] if part.kind == "weight" else op.bias
        values[part.values] = source.ravel()
    return values


def with_values(graph: Graph, layout: Layout, values: NDArray[np.int32]) -> Graph:
    """The graph with other trained values. values: int32 [size]."""
    changed = {op.name: (op.weight.copy(), op.bias.copy()) for op in graph.weighted}
    for part in layout.slices:
        weight, bias = changed[part.op]
        block = values[part.values].reshape(part.shape)
        if part.kind == "weight":
            weight[..., : part.shape[-1]] = block
        else:
            bias[:] = block
    return graph.with_weights(changed)


def build_scheme(
    graph: Graph,
    kind: str,
    *,
    layers: int = 2,
    ratio: Fraction = Fraction(1, 4),
    blocks: int = 2,
    recipe: Recipe | None = None,
) -> Scheme:
    """The scheme of a name. layers: pointwise layers of `sparse`, blocks of `last_k`. blocks: of `sparse` and `bias`.

    Raises InputError for an unknown name, for a scheme that trains nothing and for a loss the network cannot have.
    """
    how = recipe if recipe is not None else Recipe()
    _check_counts(layers, ratio, blocks)
    check_loss(graph, how)
    last = head_of(graph)
    match kind:
        case "head":
            body: dict[str, Trained] = {}
        case "bias":
            body = _biases(graph, blocks)
        case "last_k":
            body = _whole(graph, _last_blocks(graph, layers))
        case "full":
            body = _whole(graph, _blocks(graph))
        case "sparse":
            body = _sparse(graph, layers, ratio, blocks)
        case _:
            raise InputError.one("scheme", f"expected one of {', '.join(KINDS)}, got '{kind}'; choose one of these")
    if kind in ("sparse", "bias", "last_k") and not body:
        raise InputError.one(
            "scheme",
            f"expected something to train, got '{kind}' with no layer and no block; raise its counts or take `head`",
        )
    body[last.name] = Trained(op=last.name, channels=last.weight.shape[-1], bias=True)
    return Scheme(name=kind, trained=tuple(body[op.name] for op in graph.weighted if op.name in body), recipe=how)


def _check_counts(layers: int, ratio: Fraction, blocks: int) -> None:
    counts = {"layers": layers, "blocks": blocks}
    faults = [
        Fault(name, f"expected 0 or more, got {count}; 0 leaves them out")
        for name, count in counts.items()
        if count < 0
    ]
    if not 0 <= ratio <= 1:
        faults.append(Fault("ratio", f"expected 0 to 1, got {ratio}; 1 trains all input channels of a layer"))
    if faults:
        raise InputError(faults)


def most_of(graph: Graph, kind: str, name: str) -> int | Fraction:
    """The largest value of a parameter of build_scheme that still adds something on this graph."""
    if name == "ratio":
        return Fraction(1)
    if name == "layers" and kind == "sparse":
        return sum(_is_pointwise(op) for op in _body(graph))
    return len(_blocks(graph))


def check_loss(graph: Graph, recipe: Recipe) -> None:
    """Raises InputError for a loss that the end of this network does not have."""
    if not graph.weighted:
        raise InputError.one(graph.name, "expected layers with weights, got none; nothing of this network can train")
    if recipe.loss is Loss.CROSS_ENTROPY and not graph.has_head:
        text = f"expected a classifier head, got '{graph.ops[-1].name}' at the end; give the network one or train on "
        raise InputError.one("loss", text + "squared error")
    if recipe.loss is Loss.SQUARED_ERROR and (graph.has_head or graph.tensor(graph.ops[-1].y).form is not Form.INT8):
        what = "the logits" if graph.has_head else "the real numbers"
        text = f"expected an int8 map at the end, got {what} of '{graph.ops[-1].name}'; cut it off or train classes"
        raise InputError.one("loss", text)


def head_of(graph: Graph) -> Weighted:
    """The classifier, or what stands in its place: the last layer with weights. It trains under every scheme."""
    return graph.weighted[-1]


def _sparse(graph: Graph, layers: int, ratio: Fraction, blocks: int) -> dict[str, Trained]:
    pointwise = [op for op in _body(graph) if _is_pointwise(op)]
    chosen = {op.name: floor(op.weight.shape[-1] * ratio) for op in pointwise[max(0, len(pointwise) - layers) :]}
    biased = _biases(graph, blocks)
    parts = {
        op.name: Trained(op=op.name, channels=chosen.get(op.name, 0), bias=op.name in biased)
        for op in _body(graph)
        if op.name in biased or chosen.get(op.name, 0) > 0
    }
    return parts


def _is_pointwise(op: Weighted) -> bool:
    return isinstance(op, FullyConnected) or (isinstance(op, Conv2d) and op.weight.shape[1:3] == (1, 1))


def _body(graph: Graph) -> list[Weighted]:
    """Layers with weights below the head."""
    return [op for op in graph.weighted if op.name != head_of(graph).name]


def _biases(graph: Graph, blocks: int) -> dict[str, Trained]:
    wanted = _last_blocks(graph, blocks)
    return {op.name: Trained(op=op.name, bias=True) for op in _body(graph) if _block(op.name) in wanted}


def _whole(graph: Graph, blocks: list[str]) -> dict[str, Trained]:
    return {
        op.name: Trained(op=op.name, channels=op.weight.shape[-1], bias=True)
        for op in _body(graph)
        if _block(op.name) in blocks
    }


def _block(op: str) -> str:
    """block3.dw belongs to block3; an operator without a dot is a block of its own."""
    return op.split(".", maxsplit=1)[0]


def _blocks(graph: Graph) -> list[str]:
    """Blocks below the head, in order."""
    return list(dict.fromkeys(_block(op.name) for op in _body(graph)))


def _last_blocks(graph: Graph, count: int) -> list[str]:
    names = _blocks(graph)
    return names[max(0, len(names) - count) :]


def _trained_shape(op: Weighted, part: Trained, kind: str) -> tuple[int, ...] | None:
    if kind == "bias":
        return (op.bias.size,) if part.bias else None
    return (*op.weight.shape[:-1], part.channels) if part.channels > 0 else None


def _weighted(graph: Graph, name: str) -> Weighted:
    op = graph.op(name)
    assert isinstance(op, Weighted)
    return op


def real_scales(graph: Graph, layout: Layout) -> NDArray[np.float64]:
    """float64 [size]: the real value of one step of each trained value: s_w for weights, s_x s_w for biases."""
    scales = np.empty(layout.size)
    for part in layout.slices:
        op = _weighted(graph, part.op)
        s_w = op.weight_scale.astype(np.float64)
        if part.kind == "bias":
            scales[part.values] = s_w * float(np.float32(graph.tensor(op.x).scale))
        elif isinstance(op, Depthwise):
            scales[part.values] = np.broadcast_to(s_w[: part.shape[-1]], part.shape).ravel()
        else:
            scales[part.values] = np.repeat(s_w, part.size // s_w.size)
    return scales
