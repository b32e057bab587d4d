"""Which function translates which torch call; sums and products."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from fleet.node.model.torch.activations import (
    clamp,
    dropout,
    hardsigmoid,
    hardswish,
    relu,
    relu6,
    same,
    sigmoid,
    silu,
    softmax,
)
from fleet.node.model.torch.building import Building, Value
from fleet.node.model.torch.calls import Call
from fleet.node.model.torch.moves import cat, index, pad, permute, reshape, resize, transpose
from fleet.node.model.torch.pools import adaptive, mean, pool
from fleet.node.model.torch.weighted import batch_norm, conv, linear
from fleet.node.model.zoo.structure import Kind


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
    "dropout": dropout,
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
    "index": index,
    "transpose": transpose,
    "permute": permute,
    "cat": cat,
    "pad": pad,
    "resize": resize,
}
