"""Torch's activations: what a layer's clip can do, curves, and compositions of both."""

from dataclasses import replace
from typing import Final

from fleet.node.model.graph import Curve
from fleet.node.model.torch.building import Building, Value
from fleet.node.model.torch.calls import Call
from fleet.node.model.zoo.structure import WEIGHTED, Clip, Kind, Layer

_CLIPPING: Final = (*WEIGHTED, Kind.ADD, Kind.MUL, Kind.AVERAGE_POOL, Kind.MAX_POOL)  # their operators end in a clip


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


def dropout(net: Building, call: Call) -> Value:
    """As same. Torch's function, unlike its module, drops values always unless told when it is trained."""
    if call.args.get("training", True) and call.args.get("p", 0.5):
        remedy = "write training=self.training in the call, or use nn.Dropout"
        raise call.refused("dropout that ends with training", "one that also drops values afterwards", remedy)
    return same(net, call)


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
