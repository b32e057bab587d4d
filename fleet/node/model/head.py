"""An imported classifier made trainable: its last layer becomes the Dense head that a loss can read.

Whatever only turns the last layer's answer into another format (a softmax, DEQUANTIZE, a change of scale or shape) is
left out, and so is what turns another format into the first int8 map: windows are then int8 at that map's scale.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt
from typing import Final

import numpy as np

from fleet.base.errors import InputError
from fleet.node.model.graph import (
    WHOLE_RANGE,
    Activation,
    Conv2d,
    Curve,
    Dense,
    Dequantize,
    Float32,
    Form,
    FullyConnected,
    Graph,
    Op,
    Quantize,
    Reshape,
    Softmax,
    Tensor,
    Weighted,
    inputs,
)
from fleet.node.model.quantize import HEAD_HEADROOM, LOGIT_SCALE

NAME: Final = "head"
_WEIGHT_TOP: Final = 127


def trainable(graph: Graph, classes: int | None = None) -> Graph:
    """The network with a Dense head: that of its last layer, or with `classes` a new one of zeros on the same features.

    The head keeps the layer's weights, biases and scales. Weights of -128, in any layer, become -127: the sums of
    gradients have no room for them. A new head gets twice the range of the old one's weights, for what it will learn.
    """
    if classes is not None and classes < 2:
        raise InputError.one(f"{graph.name}, classes", f"expected at least 2, got {classes}; name how many there are")
    last = _without_answer(graph)
    old = _head_like(graph, last)
    if old is None and classes is None:
        raise InputError.one(graph.name, _no_head(graph, last))
    features = graph.tensor(_as_it_lies(graph, old.x if old is not None else last))
    if features.form is not Form.INT8 or features.name in graph.inputs:
        text = f"expected layers that make an int8 map, got {features.form.value} {features.name!r}; import a network"
        raise InputError.one(graph.name, text)
    if old is not None and classes is None:
        head = _kept(old, features)
    else:
        head = _fresh(features, classes or 0, old)
    return _with_head(graph, features, head)


def _without_answer(graph: Graph) -> str:
    """The map behind which only the format changes."""
    if len(graph.outputs) != 1:
        text = f"expected one output, got {len(graph.outputs)}: {', '.join(graph.outputs)}; train a classifier"
        raise InputError.one(graph.name, text)
    name = graph.outputs[0]
    while (op := _maker(graph, name)) is not None and _only_formats(op):
        name = op.x
    return name


def _only_formats(op: Op) -> bool:
    return isinstance(op, Softmax | Dequantize | Reshape) or (
        isinstance(op, Activation) and op.curve is Curve.REQUANTIZE
    )


def _head_like(graph: Graph, name: str) -> FullyConnected | Dense | Conv2d | None:
    """The layer that makes a map, if it weighs the whole map before it for each of its outputs and clips none."""
    op = _maker(graph, name)
    match op:
        case Dense():
            return op
        case FullyConnected() if op.clip == WHOLE_RANGE:
            return op
        case Conv2d() if op.clip == WHOLE_RANGE and op.groups == 1 and not any(op.pad):
            return op if op.weight.shape[1:] == graph.tensor(op.x).shape else None
        case _:
            return None


def _as_it_lies(graph: Graph, name: str) -> str:
    """The map before any change of shape: a head reads bytes in their order."""
    while isinstance(op := _maker(graph, name), Reshape):
        name = op.x
    return name


def _kept(old: FullyConnected | Dense | Conv2d, features: Tensor) -> Dense:
    weight = old.weight.reshape(len(old.bias), -1)
    return Dense(name=NAME, x=features.name, y=NAME, weight=weight, bias=old.bias, weight_scale=old.weight_scale)


def _fresh(features: Tensor, classes: int, old: FullyConnected | Dense | Conv2d | None) -> Dense:
    """A head of zeros. Its scale leaves room for weights as large as those of the old head, or of Glorot's start."""
    largest = sqrt(6 / (features.size + classes))
    if old is not None and old.weight.any():
        by_output = np.abs(old.weight.reshape(len(old.bias), -1).astype(np.float64)).max(axis=1)
        largest = float((by_output * old.weight_scale).max())
    scales: Float32 = np.full(classes, HEAD_HEADROOM * largest / _WEIGHT_TOP, dtype=np.float32)
    weight = np.zeros((classes, features.size), dtype=np.int8)
    bias = np.zeros(classes, dtype=np.int32)
    return Dense(name=NAME, x=features.name, y=NAME, weight=weight, bias=bias, weight_scale=scales)


def _with_head(graph: Graph, features: Tensor, head: Dense) -> Graph:
    """What the features need, from the first int8 map on, and the head."""
    start = _first_int8(graph)
    needed = _needed(graph, features.name, start)
    ops = [op for op in graph.ops if op.y in needed and op.y != start]
    maps = [graph.tensor(start), *(t for t in graph.tensors if t.name in needed and t.name != start)]
    head = replace(head, name=_free(NAME, [op.name for op in ops]), y=_free(NAME, [t.name for t in maps]))
    logits = Tensor(name=head.y, shape=(1, 1, len(head.bias)), scale=LOGIT_SCALE, zero_point=0)
    made = tuple(_symmetric(op) for op in (*ops, head))
    return Graph(name=graph.name, tensors=(*maps, logits), ops=made)


def _symmetric(op: Op) -> Op:
    """The operator without weights of -128."""
    if not isinstance(op, Weighted) or op.weight.min() >= -_WEIGHT_TOP:
        return op
    return replace(op, weight=np.maximum(op.weight, np.int8(-_WEIGHT_TOP)))


def _first_int8(graph: Graph) -> str:
    """The input, or the map that it becomes before anything is computed."""
    if len(graph.inputs) != 1:
        text = f"expected one input, got {len(graph.inputs)}: {', '.join(graph.inputs)}; train a classifier of one"
        raise InputError.one(graph.name, text)
    name = graph.inputs[0]
    while graph.tensor(name).form is not Form.INT8:
        readers = [op for op in graph.ops if name in inputs(op)]
        if len(readers) != 1 or not isinstance(readers[0], Quantize | Reshape | Activation):
            text = f"expected an input that is quantised once, got {len(readers)} operators that read {name!r}"
            raise InputError.one(graph.name, f"{text}; import a model with int8 inputs")
        name = readers[0].y
    return name


def _needed(graph: Graph, name: str, start: str) -> set[str]:
    """Names of the maps from which a map is computed, its own included, as far back as the start."""
    needed = {name}
    for op in reversed(graph.ops):
        if op.y in needed and op.y != start:
            needed.update(inputs(op))
    return needed


def _maker(graph: Graph, name: str) -> Op | None:
    return next((op for op in graph.ops if op.y == name), None)


def _free(wish: str, taken: Sequence[str]) -> str:
    while wish in taken:
        wish += "'"
    return wish


def _no_head(graph: Graph, name: str) -> str:
    op = _maker(graph, name)
    got = "an input" if op is None else f"{type(op).__name__} {op.name!r}"
    text = "expected a fully connected layer, or a convolution over its whole input, without activation at the end"
    return f"{text}, got {got}; say how many classes a new head shall have"
