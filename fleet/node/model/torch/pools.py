"""Torch's pools and means."""

from collections.abc import Callable
from dataclasses import replace

from fleet.node.model.torch.building import ORDER, Building, Value, planes
from fleet.node.model.torch.calls import Call
from fleet.node.model.torch.weighted import pair, sides
from fleet.node.model.zoo.structure import Kind, Layer


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
        return _whole(net, replace(call, inputs=(x,)))
    channels, kept = net.shape(x.layer)[2], tuple(1 if i + 1 in axes else side for i, side in enumerate(x.dims))
    layer = Layer(
        name=call.name, kind=Kind.MEAN, inputs=channels, outputs=1 if 1 in axes else channels, xs=(x.layer,),
        axes=tuple(sorted(ORDER[axis - 1] for axis in axes)),
    )  # fmt: skip
    return net.reshaped(f"{call.name}.squeezed", net.append(layer, kept), call.dims)


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
