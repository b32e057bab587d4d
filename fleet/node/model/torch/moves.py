"""Torch's calls that move values: shapes, axes, borders, joins, sizes."""

from dataclasses import replace
from math import prod

from fleet.node.model.torch.building import ORDER, Building, Value, map_of, planes
from fleet.node.model.torch.calls import Call
from fleet.node.model.zoo.structure import INPUT, Kind, Layer


def reshape(net: Building, call: Call) -> Value:
    """Any of view, flatten, squeeze and the like: the example says into what."""
    x: Value = call.inputs[0]
    if len(call.dims) == 1:
        return net.flattened(x)
    if x.layer == INPUT and x.alone:
        net.input_shape = map_of(call.dims)
        return replace(x, dims=call.dims)
    return net.reshaped(call.name, x, call.dims)


def index(net: Building, call: Call) -> Value:
    """x[:, :, 0, 0] or x[..., None]: an index that keeps every value."""
    x: Value = call.inputs[0]
    if prod(x.dims) != prod(call.dims):
        raise call.refused("an index that keeps every value", f"{list(x.dims)} -> {list(call.dims)}", "use a pool")
    return reshape(net, call)


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
