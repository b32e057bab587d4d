"""Graphs of one operator, of any shape and scale that hypothesis thinks of, as TensorFlow Lite Micro accepts them."""

from dataclasses import replace
from math import prod

import numpy as np
from hypothesis import strategies as st

from fleet.node.model.graph import (
    Activation,
    Add,
    AveragePool,
    Concat,
    Curve,
    Dequantize,
    Form,
    Graph,
    MaxPool,
    Mean,
    Mul,
    Op,
    Pad,
    Pool,
    Quantize,
    Reshape,
    ResizeNearest,
    Softmax,
    Tensor,
    Transpose,
)
from tests.node.engine.tflite_operators import FUSED, fused_clip, same_pad
from tests.node.model.nets import sides

Shape = tuple[int, int, int]
shapes = st.tuples(st.integers(1, 7), st.integers(1, 6), st.integers(1, 5))
zeros = st.one_of(st.integers(-128, 127), st.sampled_from([-128, 0, 127]))
scales = st.floats(1e-3, 0.5)
activations = st.sampled_from([FUSED.NONE, FUSED.NONE, FUSED.RELU, FUSED.RELU6, FUSED.RELU_N1_TO_1])


def tensor(name: str, shape: Shape, scale: float, zero: int, form: Form = Form.INT8) -> Tensor:
    """A map whose scale is a float32."""
    return Tensor(name=name, shape=shape, scale=float(np.float32(scale)), zero_point=zero, form=form)


@st.composite
def maps(draw: st.DrawFn, name: str, shape: Shape | None = None) -> Tensor:
    """A map of any shape, scale and zero point."""
    return tensor(name, shape or draw(shapes), draw(scales), draw(zeros))


def alone(op: Op, *tensors: Tensor) -> Graph:
    """A graph of one operator; the last tensor is its output, the others are its inputs."""
    return Graph(name="one", tensors=tensors, ops=(op,), inputs=tuple(t.name for t in tensors[:-1]))


@st.composite
def broadcast(draw: st.DrawFn, make: type[Add] | type[Mul]) -> Graph:
    """A sum or a product of two maps, one of which may have sides of 1."""
    shape = draw(shapes)
    short = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    small = sides(1 if one else side for one, side in zip(short, shape, strict=True))
    pair = (shape, small) if draw(st.booleans()) else (small, shape)
    x, x2 = draw(maps("x", pair[0])), draw(maps("x2", pair[1]))
    fair = x.scale * x2.scale * 60 if make is Mul else max(x.scale, x2.scale)
    y = tensor("y", shape, fair * draw(st.floats(0.3, 4)), draw(zeros))
    return alone(make(name="op", x="x", x2="x2", y="y", clip=fused_clip(y, draw(activations))), x, x2, y)


@st.composite
def pools(draw: st.DrawFn, make: type[AveragePool] | type[MaxPool]) -> Graph:
    """A pool with the padding SAME or VALID."""
    x = draw(maps("x"))
    same = draw(st.booleans())
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    if not same:
        kernel = (min(kernel[0], x.shape[0]), min(kernel[1], x.shape[1]))
    op: Pool = make(
        name="op", x="x", y="y", kernel=kernel, stride=draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    )
    op = replace(op, pad=same_pad(op, x) if same else (0, 0, 0, 0))
    height, width = (
        (side + op.pad[axis] + op.pad[axis + 2] - kernel[axis]) // op.stride[axis] + 1
        for axis, side in enumerate(x.shape[:2])
    )
    y = replace(x, name="y", shape=(height, width, x.shape[2]))
    return alone(replace(op, clip=fused_clip(y, draw(activations))), x, y)


@st.composite
def means(draw: st.DrawFn) -> Graph:
    """A mean over some axes."""
    x = draw(maps("x"))
    axes = draw(st.sets(st.integers(0, 2), min_size=1).map(sorted))
    shape = sides(1 if axis in axes else side for axis, side in enumerate(x.shape))
    y = tensor("y", shape, x.scale * draw(st.floats(0.2, 2)), draw(zeros))
    return alone(Mean(name="op", x="x", y="y", axes=tuple(axes)), x, y)


@st.composite
def moves(draw: st.DrawFn) -> Graph:
    """A pad, a transpose or a reshape."""
    x = draw(maps("x"))
    kind = draw(st.sampled_from([Pad, Transpose, Reshape]))
    if kind is Pad:
        before, after = draw(st.tuples(*[st.integers(0, 3)] * 3)), draw(st.tuples(*[st.integers(0, 3)] * 3))
        shape = sides(map(sum, zip(before, x.shape, after, strict=True)))
        value = draw(st.one_of(st.just(x.zero_point), st.integers(-128, 127)))
        pad = Pad(name="op", x="x", y="y", before=before, after=after, value=value)
        return alone(pad, x, replace(x, name="y", shape=shape))
    if kind is Transpose:
        order = sides(draw(st.permutations(range(3))))
        y = replace(x, name="y", shape=sides(x.shape[axis] for axis in order))
        return alone(Transpose(name="op", x="x", y="y", order=order), x, y)
    first = draw(st.sampled_from([n for n in range(1, x.size + 1) if x.size % n == 0]))
    second = draw(st.sampled_from([n for n in range(1, x.size + 1) if x.size // first % n == 0]))
    return alone(
        Reshape(name="op", x="x", y="y"), x, replace(x, name="y", shape=(first, second, x.size // first // second))
    )


@st.composite
def concats(draw: st.DrawFn) -> Graph:
    """Two to four maps one after the other along an axis."""
    first, axis = draw(maps("x0")), draw(st.integers(0, 2))
    along = [first.shape[axis], *draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))]
    parts = [
        replace(first, name=f"x{i}", shape=sides((*first.shape[:axis], side, *first.shape[axis + 1 :])))
        for i, side in enumerate(along)
    ]
    y = replace(first, name="y", shape=sides((*first.shape[:axis], sum(along), *first.shape[axis + 1 :])))
    return alone(Concat(name="op", xs=tuple(p.name for p in parts), y="y", axis=axis), *parts, y)


@st.composite
def resizes(draw: st.DrawFn) -> Graph:
    """A map of another height and width."""
    x = draw(maps("x"))
    size = draw(st.tuples(st.integers(1, 13), st.integers(1, 13)))
    aligned, half = draw(st.sampled_from([(False, False), (True, False), (False, True)]))
    op = ResizeNearest(name="op", x="x", y="y", align_corners=aligned, half_pixel_centers=half)
    return alone(op, x, replace(x, name="y", shape=(*size, x.shape[2])))


@st.composite
def activations_alone(draw: st.DrawFn, curve: Curve) -> Graph:
    """A curve over all 256 inputs."""
    form = Form.UINT8 if curve is Curve.REQUANTIZE and draw(st.booleans()) else Form.INT8
    zero = draw(st.integers(0, 255)) if form is Form.UINT8 else draw(zeros)
    x = tensor("x", (1, 1, 256), draw(scales), zero, form)
    y = tensor("y", (1, 1, 256), x.scale * draw(st.floats(0.3, 4)), draw(zeros))
    if curve is Curve.LOGISTIC:
        y = tensor("y", y.shape, 1 / 256, -128)
    if curve is Curve.RELU6:
        y = replace(x, name="y")
    if curve is Curve.REQUANTIZE and form is Form.INT8 and draw(st.booleans()):
        y = tensor("y", y.shape, y.scale, draw(st.integers(0, 255)), Form.UINT8)
    if curve is Curve.REQUANTIZE and draw(st.booleans()):
        y = replace(y, scale=x.scale)
    return alone(Activation(name="op", x="x", y="y", curve=curve), x, y)


@st.composite
def softmaxes(draw: st.DrawFn) -> Graph:
    """Softmax over up to 40 channels, with scales from sharp to flat."""
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 40)))
    x = tensor("x", shape, draw(st.floats(1e-3, 2)), draw(zeros))
    beta = float(np.float32(draw(st.sampled_from([1.0, 1.0, 0.5, 3.7]))))
    return alone(Softmax(name="op", x="x", y="y", beta=beta), x, tensor("y", shape, 1 / 256, -128))


@st.composite
def edges(draw: st.DrawFn) -> Graph:
    """Real numbers to int8, or int8 or uint8 to real numbers."""
    shape = draw(shapes)
    real = tensor("real", shape, 1.0, 0, Form.FLOAT32)
    if draw(st.booleans()):
        return alone(Quantize(name="op", x="real", y="y"), real, tensor("y", shape, draw(scales), draw(zeros)))
    form = draw(st.sampled_from([Form.INT8, Form.UINT8]))
    zero = draw(st.integers(0, 255)) if form is Form.UINT8 else draw(zeros)
    return alone(Dequantize(name="op", x="x", y="real"), tensor("x", shape, draw(scales), zero, form), real)


def feeds(graph: Graph, seed: int) -> list[np.ndarray]:
    """A value for each input: whole ranges, all 256 in order for a map of 256 channels, real numbers of all sizes."""
    rng = np.random.default_rng(seed)
    values = []
    for name in graph.inputs:
        x = graph.tensor(name)
        if x.form is Form.FLOAT32:
            scale = graph.tensor(graph.ops[0].y).scale
            whole = rng.integers(-300, 300, x.shape) / 2  # halves among them
            values.append((whole * scale).astype(np.float32) * np.float32(rng.choice([1, 1, 50])))
        elif x.shape == (1, 1, 256):
            values.append(np.arange(256, dtype=np.uint8).view(x.form.value).reshape(x.shape))
        else:
            values.append(rng.integers(0, 256, prod(x.shape)).astype(np.uint8).view(x.form.value).reshape(x.shape))
    return values
