"""Torch's calls without weights: activations, sums and products, pools, moves."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from fleet.node.model.graph import Curve
from fleet.node.model.torch.building import ORDER, Building, Value, map_of, planes
from fleet.node.model.torch.calls import Call
from fleet.node.model.torch.weighted import batch_norm, conv, linear, pair, sides
from fleet.node.model.zoo.structure import INPUT, WEIGHTED, Clip, Kind, Layer

_CLIPPING: Final = (*WEIGHTED, Kind.ADD, Kind.MUL, Kind.AVERAGE_POOL, Kind.MAX_POOL)  # their operators end in a clip
_POOLS: Final = {"average_pool": Kind.AVERAGE_POOL, "max_pool": Kind.MAX_POOL}


# --- activations -----------------------------------------------------------------------------------------------


def relu(net: Building, call: Call) -> Value:
    return _clip(net, call, Clip.RELU, Curve.RELU)


def relu6(net: Building, call: Call) -> Value:
    return _clip(net, call, Clip.RELU6, Curve.RELU6)


def clamp(net: Building, call: Call) -> Value:
    """ReLU and ReLU6 as they are sometimes written."""
    ends = call.args.get("min_val"), call.args.get("max_val")
    if ends == (0, None):
        return relu(net, call)
    if ends == (0, 6):
        return relu6(net, call)
    raise call.refused("a clamp at 0, or at 0 and 6", f"{ends}", "use ReLU or ReLU6")


def sigmoid(net: Building, call: Call) -> Value:
    return _curve(net, call.name, call.inputs[0], Curve.LOGISTIC)


def hardswish(net: Building, call: Call) -> Value:
    return _curve(net, call.name, call.inputs[0], Curve.HARD_SWISH)


def silu(net: Building, call: Call) -> Value:
    """x times its logistic curve."""
    x = call.inputs[0]
    gate = _curve(net, f"{call.name}.sigmoid", x, Curve.LOGISTIC)
    return replace(net.combined(call.name, Kind.MUL, (x.layer, gate.layer), x.dims), order=x.order)


def hardsigmoid(net: Building, call: Call) -> Value:
    """relu6(x + 3) / 6."""
    x = call.inputs[0]
    raised = net.combined(f"{call.name}.raised", Kind.ADD, (x.layer, net.constant(3)), x.dims, Clip.RELU6)
    return replace(
        net.combined(call.name, Kind.MUL, (raised.layer, net.constant(1 / 6)), x.dims), order=x.order
    )  # fmt: skip


def softmax(net: Building, call: Call) -> Value:
    """Dropped at the end: the class with the largest logit stays the same."""
    if any(user.op != "output" for user in call.node.users):
        raise call.refused("softmax at the end only", "another call after it", "remove it")
    net.softened = True
    return same(net, call)


def same(_net: Building, call: Call) -> Value:
    """What changes nothing once training is over."""
    found: Value = call.inputs[0]
    return found


def _clip(net: Building, call: Call, clip: Clip, curve: Curve) -> Value:
    x: Value = call.inputs[0]
    before = net.layers.get(x.layer)
    if before and before.kind in _CLIPPING and before.clip is Clip.NONE and x.alone:
        return net.changed(x, replace(before, clip=clip))
    return _curve(net, call.name, x, curve)


def _curve(net: Building, name: str, x: Value, curve: Curve) -> Value:
    channels = net.shape(x.layer)[2]
    layer = Layer(name=name, kind=Kind.CURVE, inputs=channels, outputs=channels, xs=(x.layer,), curve=curve)
    return replace(net.append(layer, x.dims), order=x.order)


# --- sums and products -----------------------------------------------------------------------------------------


def add(net: Building, call: Call) -> Value:
    if call.args.get("alpha", 1) != 1:
        raise call.refused("alpha 1", f"{call.args['alpha']}", "multiply before adding")
    return _combined(net, call, Kind.ADD, call.inputs)


def mul(net: Building, call: Call) -> Value:
    return _combined(net, call, Kind.MUL, call.inputs)


def sub(net: Building, call: Call) -> Value:
    """Of a number only: there is no difference of two maps."""
    x, number = call.inputs
    if isinstance(x, Value) and not isinstance(number, Value):
        return _combined(net, call, Kind.ADD, (x, -number))
    raise call.refused("a difference map - number", "another one", "add the map times -1")


def div(net: Building, call: Call) -> Value:
    """By a number only."""
    x, number = call.inputs
    if isinstance(x, Value) and not isinstance(number, Value) and number:
        return _combined(net, call, Kind.MUL, (x, 1 / number))
    raise call.refused("a quotient map / number", "another one", "multiply instead")


def _combined(net: Building, call: Call, kind: Kind, inputs: tuple[Any, ...]) -> Value:
    maps = [x for x in inputs if isinstance(x, Value)]
    if len(maps) == 2 and len(maps[0].dims) != len(maps[1].dims):
        shapes = " and ".join(str(list(x.dims)) for x in maps)
        raise call.refused("two maps with as many axes", shapes, "bring them to one form, as with x[..., None, None]")
    orders = [None if x.order is None else x.order.tobytes() for x in maps]
    if len(set(orders)) > 1:
        maps = [net.laid_out(f"{call.name}.ordered{i}", x) for i, x in enumerate(maps)]
    numbers = [net.constant(float(x)) for x in inputs if not isinstance(x, Value)]
    made = net.combined(call.name, kind, [*(x.layer for x in maps), *numbers], call.dims)
    return replace(made, order=maps[0].order)


# --- pools -----------------------------------------------------------------------------------------------------


def pool(kind: Kind) -> Callable[[Building, Call], Value]:
    """An average or a maximum over windows."""

    def made(net: Building, call: Call) -> Value:
        padding = sides(call.args.get("padding", 0), call.dims, 0)
        if kind is Kind.AVERAGE_POOL and any(padding) and call.args.get("count_include_pad", True):
            raise call.refused("an average over the map only", "the border counted", "set count_include_pad=False")
        if call.args.get("divisor_override") or call.args.get("return_indices"):
            raise call.refused("a plain pool", "divisor_override or return_indices", "leave it out")
        if set(pair(call.args.get("dilation", 1), 1)) != {1}:
            raise call.refused("dilation 1", f"{call.args['dilation']}", "use a larger kernel")
        kernel = sides(call.args["kernel_size"], call.dims, 1)
        stride = call.args.get("stride") or call.args["kernel_size"]
        return _pool(net, call, kind, kernel, sides(stride, call.dims, 1), (*padding, *padding))

    return made


def adaptive(kind: Kind) -> Callable[[Building, Call], Value]:
    """To a size that divides the map's."""

    def made(net: Building, call: Call) -> Value:
        (_, height, width), (_, rows, columns) = planes(call.inputs[0].dims), planes(call.dims)
        if (rows, columns) == (1, 1) and kind is Kind.AVERAGE_POOL:
            return _whole(net, call)
        if height % rows or width % columns:
            raise call.refused(f"a size that divides {height} x {width}", f"{rows} x {columns}", "choose one that does")
        kernel = height // rows, width // columns
        return _pool(net, call, kind, kernel, kernel, (0, 0, 0, 0))

    return made


def mean(net: Building, call: Call) -> Value:
    """Over all places, or over some axes of a map."""
    x: Value = call.inputs[0]
    given = call.args.get("dim")
    axes = {axis % (len(x.dims) + 1) for axis in ([given] if isinstance(given, int) else given or ())}
    if not axes or 0 in axes:
        raise call.refused("a mean over axes of a window", f"dim={given}", "name the axes, without that of the batch")
    x = net.laid_out(f"{call.name}.ordered", x)
    if axes == set(range(2, len(x.dims) + 1)):
        return _whole(net, replace_input(call, x))
    channels, kept = net.shape(x.layer)[2], tuple(1 if i + 1 in axes else side for i, side in enumerate(x.dims))
    layer = Layer(
        name=call.name, kind=Kind.MEAN, inputs=channels, outputs=1 if 1 in axes else channels, xs=(x.layer,),
        axes=tuple(sorted(ORDER[axis - 1] for axis in axes)),
    )  # fmt: skip
    return net.reshaped(f"{call.name}.squeezed", net.append(layer, kept), call.dims)


def replace_input(call: Call, x: Value) -> Call:
    """The same call of another value."""
    return replace(call, inputs=(x,))


def _whole(net: Building, call: Call) -> Value:
    x: Value = call.inputs[0]
    channels = planes(x.dims)[0]
    layer = Layer(name=call.name, kind=Kind.POOL, inputs=channels, outputs=channels, xs=(x.layer,))
    return net.append(layer, call.dims)


def _pool(
    net: Building, call: Call, kind: Kind, kernel: tuple[int, int], stride: tuple[int, int],
    pad: tuple[int, int, int, int],
) -> Value:  # fmt: skip
    x: Value = call.inputs[0]
    channels = planes(x.dims)[0]
    layer = Layer(
        name=call.name, kind=kind, inputs=channels, outputs=channels, kernel=kernel, stride=stride, pad=pad,
        xs=(x.layer,),
    )  # fmt: skip
    return net.append(layer, call.dims)


# --- moves -----------------------------------------------------------------------------------------------------


def reshape(net: Building, call: Call) -> Value:
    """Any of view, flatten, squeeze and the like: the example says into what."""
    x: Value = call.inputs[0]
    if len(call.dims) == 1:
        return net.flattened(x)
    if x.layer == INPUT and x.alone:
        net.input_shape = map_of(call.dims)
        return replace(x, dims=call.dims)
    return net.reshaped(call.name, x, call.dims)


def transpose(net: Building, call: Call) -> Value:
    axes = list(range(len(call.dims) + 1))
    one, other = (call.args[name] % len(axes) for name in ("dim0", "dim1"))
    axes[one], axes[other] = axes[other], axes[one]
    return permute(net, replace(call, args={"dims": axes}))


def permute(net: Building, call: Call) -> Value:
    """Axes of each window in another order; at the input, the order in which windows are given."""
    x: Value = call.inputs[0]
    given = [axis % (len(x.dims) + 1) for axis in call.args["dims"]]
    if given[0] != 0 or len(given) > 4:
        raise call.refused("an order that leaves the batch first", f"{given}", "change it")
    if x.layer == INPUT and x.alone:
        net.input_shape = map_of(call.dims)
        return replace(x, dims=call.dims)
    theirs = [axis - 1 for axis in given[1:]] + list(range(len(given) - 1, 3))
    order = [0, 0, 0]
    for axis, source in enumerate(theirs):
        order[ORDER[axis]] = ORDER[source]
    return net.transposed(call.name, x, (order[0], order[1], order[2]), call.dims)


def cat(net: Building, call: Call) -> Value:
    xs = [net.laid_out(f"{call.name}.ordered{i}", x) for i, x in enumerate(call.inputs)]
    axis = call.args.get("dim", 0) % (len(call.dims) + 1)
    if axis == 0:
        raise call.refused("maps joined along an axis of a window", "the batch", "change dim")
    channels = planes(call.dims)[0]
    layer = Layer(
        name=call.name, kind=Kind.CONCAT, inputs=channels, outputs=channels, xs=tuple(x.layer for x in xs),
        axes=(ORDER[axis - 1],),
    )  # fmt: skip
    return net.append(layer, call.dims)


def pad(net: Building, call: Call) -> Value:
    x: Value = call.inputs[0]
    if call.args.get("mode", "constant") != "constant":
        raise call.refused("a border of one value", str(call.args["mode"]), "use a constant")
    around = list(call.args["padding"])
    if len(around) > 2 * (len(call.dims) - 1) or min(around) < 0:
        raise call.refused("a border around height and width", f"{around}", "leave channels as they are")
    columns, rows = (around[:2], around[2:] or [0, 0]) if len(call.dims) == 3 else ([0, 0], around)
    channels = planes(x.dims)[0]
    layer = Layer(
        name=call.name, kind=Kind.PAD, inputs=channels, outputs=channels, xs=(x.layer,),
        pad=(rows[0], columns[0], rows[1], columns[1]), value=float(call.args.get("value") or 0),
    )  # fmt: skip
    return net.append(layer, call.dims)


def resize(net: Building, call: Call) -> Value:
    x: Value = call.inputs[0]
    if call.args.get("mode", "nearest") != "nearest":
        raise call.refused("resizing to the nearest place", str(call.args["mode"]), "set mode='nearest'")
    factor = call.args.get("scale_factor")
    factors = [factor] if isinstance(factor, int | float) else list(factor or ())
    if any(float(one) != int(one) for one in factors):
        raise call.refused("whole scale factors", f"{factor}", "give the size instead")
    channels = planes(x.dims)[0]
    layer = Layer(
        name=call.name, kind=Kind.RESIZE, inputs=channels, outputs=channels, xs=(x.layer,), shape=map_of(call.dims)
    )  # fmt: skip
    return net.append(layer, call.dims)


OPERATORS: Final[dict[str, Callable[[Building, Call], Value]]] = {
    "conv": conv,
    "linear": linear,
    "batch_norm": batch_norm,
    "relu": relu,
    "relu6": relu6,
    "clamp": clamp,
    "sigmoid": sigmoid,
    "hardsigmoid": hardsigmoid,
    "hardswish": hardswish,
    "silu": silu,
    "softmax": softmax,
    "same": same,
    "add": add,
    "mul": mul,
    "sub": sub,
    "div": div,
    "average_pool": pool(Kind.AVERAGE_POOL),
    "max_pool": pool(Kind.MAX_POOL),
    "adaptive_average": adaptive(Kind.AVERAGE_POOL),
    "adaptive_max": adaptive(Kind.MAX_POOL),
    "mean": mean,
    "reshape": reshape,
    "transpose": transpose,
    "permute": permute,
    "cat": cat,
    "pad": pad,
    "resize": resize,
}
