"""Operators that move values or take their mean or largest: pools, means, borders, shapes, axes."""

from math import prod
from typing import Any

from fleet.node.model.graph import (
    WHOLE_RANGE,
    AveragePool,
    Concat,
    Form,
    GlobalAveragePool,
    MaxPool,
    Mean,
    Pad,
    Reshape,
    ResizeNearest,
    Transpose,
)
from fleet.node.model.graph_check import NEAR_SCALES
from fleet.node.model.tflite.assembly import AGAIN, Assembly, has, option, options_of
from fleet.node.model.tflite.content import MOST_AXES, Call, Entry
from fleet.node.model.tflite.shapes import (
    Dims,
    RefusedError,
    canonical,
    folded,
    is_single,
    map_axis,
    map_sides,
    real_axis,
    shown,
    three_axes,
)
from fleet.node.model.tflite.weighted import clip_of, window_of


def average_pool_2d(a: Assembly, call: Call) -> None:
    """AVERAGE_POOL_2D; over a whole map it is the global pool."""
    x = a.entry(call, 0)
    window = window_of(call, (option(call, 4), option(call, 3)))
    sides = map_sides(a.dims[x.index], "an input")
    down, right, pad = window.over(sides)
    clip = _pool_clip(a, call)
    if window.kernel == sides[:2] and not any(pad) and clip == WHOLE_RANGE:
        a.emit(call, GlobalAveragePool, (1, 1, 1, sides[2]), x=a.map_of(x).name)
        return
    fields: dict[str, Any] = {
        "x": a.map_of(x).name,
        "kernel": window.kernel,
        "stride": window.stride,
        "pad": pad,
        "clip": clip,
    }
    a.emit(call, AveragePool, (1, down, right, sides[2]), **fields)


def max_pool_2d(a: Assembly, call: Call) -> None:
    """MAX_POOL_2D."""
    x = a.entry(call, 0)
    window = window_of(call, (option(call, 4), option(call, 3)))
    sides = map_sides(a.dims[x.index], "an input")
    down, right, pad = window.over(sides)
    fields: dict[str, Any] = {"x": a.map_of(x).name, "kernel": window.kernel, "stride": window.stride, "pad": pad}
    a.emit(call, MaxPool, (1, down, right, sides[2]), clip=_pool_clip(a, call), **fields)


def reduce_max(a: Assembly, call: Call) -> None:
    """REDUCE_MAX over height, width or both: what a converter makes of a global max pool."""
    x = a.entry(call, 0)
    dims = a.dims[x.index]
    axes, out = _reduced(a, call, dims)
    _check_scale(a, x, a.output(call))
    shape = canonical(dims)
    over = {map_axis(axis, len(dims)) for axis in axes if dims[axis] > 1}
    if not is_single(dims) or not over <= {0, 1}:
        raise RefusedError(
            f"expected the largest over height and width, got axes {sorted(axes)} of {list(dims)}; {AGAIN}"
        )
    kernel = tuple(side if axis in over else 1 for axis, side in enumerate(shape[:2]))
    made = tuple(1 if axis in over else side for axis, side in enumerate(shape))
    fields: dict[str, Any] = {"x": a.map_of(x).name, "kernel": kernel, "stride": (1, 1)}
    a.emit(call, MaxPool, out, (made[0], made[1], made[2]), **fields)


def mean(a: Assembly, call: Call) -> None:
    """MEAN over any axes."""
    x = a.entry(call, 0)
    dims = a.dims[x.index]
    axes, out = _reduced(a, call, dims)
    if is_single(dims):
        shape = canonical(dims)
        over = tuple(sorted(at for axis in axes if (at := map_axis(axis, len(dims))) >= 0))
    else:
        marks, shape = three_axes(folded(dims, [axis in axes for axis in range(len(dims))]), False, "a mean")
        over = tuple(axis for axis, mark in enumerate(marks) if mark)
    over = over or (_any_single(shape),)
    made = tuple(1 if axis in over else side for axis, side in enumerate(shape))
    a.emit(call, Mean, out, (made[0], made[1], made[2]), x=a.seen_as(x, shape).name, axes=over)


def pad(a: Assembly, call: Call) -> None:
    """PAD and PADV2: the border is real zero, or one int8 that the file gives."""
    x, y = a.entry(call, 0), a.output(call)
    dims = a.dims[x.index]
    sides = a.number(call, 1)
    if len(sides) != 2 * len(dims) or min(sides, default=0) < 0:
        raise RefusedError(f"expected {2 * len(dims)} sides of at least 0, got {list(sides)}; {AGAIN}")
    _check_scale(a, x, y)
    pairs = list(zip(sides[::2], sides[1::2], strict=True))
    out = tuple(before + side + after for side, (before, after) in zip(dims, pairs, strict=True))
    value = a.scaled(y)[1] if not has(call, 2) else _border(a, a.entry(call, 2), y)
    marks: tuple[tuple[int, int], ...]
    if is_single(dims) and not any(map(any, pairs[: max(len(dims) - 3, 0)])):
        shape = canonical(dims)
        marks = ((0, 0),) * (3 - len(pairs)) + tuple(pairs[-3:])
    else:
        marks, shape = three_axes(_bordered(dims, pairs), (0, 0), "a border")
    made = tuple(side + before + after for side, (before, after) in zip(shape, marks, strict=True))
    fields: dict[str, Any] = {"before": tuple(m[0] for m in marks), "after": tuple(m[1] for m in marks), "value": value}
    a.emit(call, Pad, out, (made[0], made[1], made[2]), x=a.seen_as(x, shape).name, **fields)


def reshape(a: Assembly, call: Call) -> None:
    """RESHAPE: the shape is a constant, or what the file says of the output."""
    x, y = a.entry(call, 0), a.output(call)
    dims = y.dims
    if has(call, 1):
        dims = a.number(call, 1)
    elif (options := options_of(call)) is not None and (written := options.whole(0, MOST_AXES)):
        dims = written
    _emit_view(a, call, _filled(dims, prod(a.dims[x.index]), x))


def squeeze(a: Assembly, call: Call) -> None:
    """SQUEEZE: sides of 1 vanish, all of them unless some are named."""
    dims = a.dims[a.entry(call, 0).index]
    options = options_of(call)
    named = options.whole(0, MOST_AXES) if options is not None else ()
    gone = {real_axis(axis, len(dims)) for axis in named} or {axis for axis, side in enumerate(dims) if side == 1}
    _emit_view(a, call, tuple(side for axis, side in enumerate(dims) if axis not in gone or side != 1))


def expand_dims(a: Assembly, call: Call) -> None:
    """EXPAND_DIMS: one more side of 1."""
    dims = a.dims[a.entry(call, 0).index]
    (axis,) = a.number(call, 1)[:1] or (0,)
    at = real_axis(axis, len(dims) + 1)
    _emit_view(a, call, (*dims[:at], 1, *dims[at:]))


def transpose(a: Assembly, call: Call) -> None:
    """TRANSPOSE; where only sides of 1 move it is a Reshape."""
    x, y = a.entry(call, 0), a.output(call)
    dims, order = a.dims[x.index], a.number(call, 1)
    if sorted(order) != list(range(len(dims))):
        raise RefusedError(f"expected an order of {len(dims)} axes, got {list(order)}; {AGAIN}")
    _check_scale(a, x, y)
    out = tuple(dims[axis] for axis in order)
    moved = [axis for axis in order if dims[axis] != 1]
    if moved == sorted(moved):
        _emit_view(a, call, out)
        return
    if is_single(dims) and all(order[at] == at for at in range(len(dims) - 3)):
        shape, shift = canonical(dims), 3 - len(dims)
        axes = tuple(range(max(shift, 0))) + tuple(axis + shift for axis in order[-3:])
    else:
        runs = _runs(moved)
        marks, shape = three_axes([(run, prod(dims[i] for i in run)) for run in sorted(runs)], (), "a transposition")
        shift = 3 - len(runs)
        axes = tuple(range(shift)) + tuple(marks.index(run) for run in runs)
    made = (shape[axes[0]], shape[axes[1]], shape[axes[2]])
    a.emit(call, Transpose, out, made, x=a.seen_as(x, shape).name, order=axes)


def concatenation(a: Assembly, call: Call) -> None:
    """CONCATENATION along any axis."""
    entries = [a.entry(call, i) for i in range(len(call.inputs))]
    all_dims = [a.dims[entry.index] for entry in entries]
    axis = real_axis(option(call, 0), len(all_dims[0])) if all_dims else 0
    if not entries or len({(*d[:axis], *d[axis + 1 :], len(d)) for d in all_dims}) != 1:
        raise RefusedError(f"expected maps that differ along axis {axis} only, got {all_dims}; {AGAIN}")
    if option(call, 1, "b") != 0:
        raise RefusedError(f"expected no activation, got number {option(call, 1, 'b')}; put it after the operator")
    for entry in entries:
        _check_scale(a, entry, a.output(call))
    first, along = all_dims[0], sum(dims[axis] for dims in all_dims)
    natural = map_axis(axis, len(first)) >= 0 and all(is_single(dims) for dims in all_dims)
    shapes = [
        canonical(dims) if natural else (prod(dims[:axis]), dims[axis], prod(dims[axis + 1 :])) for dims in all_dims
    ]
    at = map_axis(axis, len(first)) if natural else 1
    sides = list(shapes[0])
    sides[at] = along
    xs = tuple(a.seen_as(entry, shape).name for entry, shape in zip(entries, shapes, strict=True))
    out = (*first[:axis], along, *first[axis + 1 :])
    a.emit(call, Concat, out, (sides[0], sides[1], sides[2]), xs=xs, axis=at)


def resize_nearest_neighbor(a: Assembly, call: Call) -> None:
    """RESIZE_NEAREST_NEIGHBOR."""
    x = a.entry(call, 0)
    sides = map_sides(a.dims[x.index], "an input")
    size = a.number(call, 1)
    if len(size) != 2:
        raise RefusedError(f"expected a height and a width, got {list(size)}; {AGAIN}")
    _check_scale(a, x, a.output(call))
    corners, centers = bool(option(call, 0, "?")), bool(option(call, 1, "?"))
    if corners and centers:
        raise RefusedError(f"expected aligned corners or half-pixel centers, got both; {AGAIN}")
    fields: dict[str, Any] = {"align_corners": corners, "half_pixel_centers": centers}
    a.emit(call, ResizeNearest, (1, *size, sides[2]), x=a.map_of(x).name, **fields)


def _emit_view(a: Assembly, call: Call, dims: Dims) -> None:
    x = a.entry(call, 0)
    _check_scale(a, x, a.output(call))
    a.emit(call, Reshape, dims, None, *Form, x=a.map_of(x, *Form).name)


def _filled(dims: Dims, values: int, x: Entry) -> Dims:
    """Sides with the one that is -1 worked out."""
    known = prod(side for side in dims if side != -1)
    filled = tuple(values // known if side == -1 and known > 0 else side for side in dims)
    if dims.count(-1) > 1 or prod(filled) != values or min(filled, default=1) < 1:
        raise RefusedError(f"expected a shape of {values} values, got {list(dims)} for {shown(x)}; {AGAIN}")
    return filled


def _reduced(a: Assembly, call: Call, dims: Dims) -> tuple[set[int], Dims]:
    """The axes that an operator takes together, and the sides that it leaves."""
    axes = {real_axis(axis, len(dims)) for axis in a.number(call, 1)}
    if option(call, 0, "?"):
        return axes, tuple(1 if axis in axes else side for axis, side in enumerate(dims))
    return axes, tuple(side for axis, side in enumerate(dims) if axis not in axes)


def _pool_clip(a: Assembly, call: Call) -> tuple[int, int]:
    _check_scale(a, a.entry(call, 0), a.output(call))
    return clip_of(option(call, 5, "b"), *a.scaled(a.output(call)))


def _check_scale(a: Assembly, x: Entry, y: Entry) -> None:
    """Refuses an operator that moves bytes from one scale to another: they would mean something else."""
    if x.type != y.type:
        raise RefusedError(f"expected one type, got {shown(x)} and {shown(y)}; {AGAIN}")
    if x.type == "float32":
        return
    (s_x, z_x), (s_y, z_y) = a.scaled(x), a.scaled(y)
    if z_x != z_y or abs(s_x - s_y) > max(NEAR_SCALES, NEAR_SCALES * s_x):
        text = f"expected the scale of its input, {s_x:g} with zero point {z_x}, got {s_y:g} with {z_y} for {shown(y)}"
        raise RefusedError(f"{text}; convert the model again, or put a QUANTIZE before it")


def _border(a: Assembly, entry: Entry, y: Entry) -> int:
    _check_scale(a, entry, y)
    if entry.type != "int8":
        raise RefusedError(f"expected an int8 value for the border, got {shown(entry)}; quantise the whole model")
    return int(a.values(entry, "i1", 1)[0])


def _bordered(dims: Dims, pairs: list[tuple[int, int]]) -> list[tuple[tuple[int, int], int]]:
    """(border, side) per group of axes: those without a border that stand side by side are one."""
    groups: list[tuple[tuple[int, int], int]] = []
    for side, pair in zip(dims, pairs, strict=True):
        if pair == (0, 0) and groups and groups[-1][0] == (0, 0):
            groups[-1] = ((0, 0), groups[-1][1] * side)
        elif pair != (0, 0) or side != 1:
            groups.append((pair, side))
    return groups


def _runs(moved: list[int]) -> list[tuple[int, ...]]:
    """Axes that stay neighbours, taken together, in the order of the output. Axes of side 1 are left out."""
    rank = {axis: at for at, axis in enumerate(sorted(moved))}
    runs: list[list[int]] = []
    for axis in moved:
        if runs and rank[axis] == rank[runs[-1][-1]] + 1:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    return [tuple(run) for run in runs]


def _any_single(shape: Dims) -> int:
    """An axis of side 1, over which a mean only changes the scale."""
    if 1 not in shape:
        raise RefusedError(f"expected a mean over an axis of the map, got one over the batch of {list(shape)}; {AGAIN}")
    return shape.index(1)
