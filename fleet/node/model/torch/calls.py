"""Which torch calls a network may make, whether as modules, functions or methods, under one name each.

A call's arguments are those of torch's documentation, under its names.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import fx, nn
from torch.nn import functional

from fleet.base.errors import Fault, InputError

_CONV = ("weight", "bias", "stride", "padding", "dilation", "groups")
_NORM = ("running_mean", "running_var", "weight", "bias", "eps")
_AVERAGE = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
_MAX = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
_RESIZE = ("size", "scale_factor", "mode")

MODULES: Final[dict[type[nn.Module], tuple[str, tuple[str, ...]]]] = {
    nn.Conv1d: ("conv", (*_CONV, "padding_mode")),
    nn.Conv2d: ("conv", (*_CONV, "padding_mode")),
    nn.Linear: ("linear", ("weight", "bias")),
    nn.BatchNorm1d: ("batch_norm", _NORM),
    nn.BatchNorm2d: ("batch_norm", _NORM),
    nn.ReLU: ("relu", ()),
    nn.ReLU6: ("relu6", ()),
    nn.Hardtanh: ("clamp", ("min_val", "max_val")),
    nn.Sigmoid: ("sigmoid", ()),
    nn.Hardsigmoid: ("hardsigmoid", ()),
    nn.Hardswish: ("hardswish", ()),
    nn.SiLU: ("silu", ()),
    nn.AvgPool1d: ("average_pool", _AVERAGE[:-1]),
    nn.AvgPool2d: ("average_pool", _AVERAGE),
    nn.MaxPool1d: ("max_pool", _MAX),
    nn.MaxPool2d: ("max_pool", _MAX),
    nn.AdaptiveAvgPool1d: ("adaptive_average", ()),
    nn.AdaptiveAvgPool2d: ("adaptive_average", ()),
    nn.AdaptiveMaxPool1d: ("adaptive_max", ()),
    nn.AdaptiveMaxPool2d: ("adaptive_max", ()),
    nn.Flatten: ("reshape", ()),
    nn.Unflatten: ("reshape", ()),
    nn.Upsample: ("resize", _RESIZE),
    nn.UpsamplingNearest2d: ("resize", _RESIZE),
    nn.ZeroPad1d: ("pad", ("padding",)),
    nn.ZeroPad2d: ("pad", ("padding",)),
    nn.ConstantPad1d: ("pad", ("padding", "value")),
    nn.ConstantPad2d: ("pad", ("padding", "value")),
    nn.Dropout: ("same", ()),
    nn.Dropout1d: ("same", ()),
    nn.Dropout2d: ("same", ()),
    nn.Identity: ("same", ()),
    nn.Softmax: ("softmax", ()),
    nn.LogSoftmax: ("softmax", ()),
}
_X = ("input",)
FUNCTIONS: Final[dict[Callable[..., Any], tuple[str, tuple[str, ...]]]] = {
    functional.conv1d: ("conv", (*_X, *_CONV)),
    functional.conv2d: ("conv", (*_X, *_CONV)),
    functional.linear: ("linear", (*_X, "weight", "bias")),
    functional.batch_norm: ("batch_norm", (*_X, *_NORM[:4], "training", "momentum", "eps")),
    functional.relu: ("relu", _X),
    functional.relu6: ("relu6", _X),
    functional.hardtanh: ("clamp", (*_X, "min_val", "max_val")),
    functional.hardsigmoid: ("hardsigmoid", _X),
    functional.hardswish: ("hardswish", _X),
    functional.silu: ("silu", _X),
    functional.sigmoid: ("sigmoid", _X),
    functional.avg_pool1d: ("average_pool", (*_X, *_AVERAGE[:-1])),
    functional.avg_pool2d: ("average_pool", (*_X, *_AVERAGE)),
    functional.max_pool1d: ("max_pool", (*_X, *_MAX)),
    functional.max_pool2d: ("max_pool", (*_X, *_MAX)),
    functional.adaptive_avg_pool1d: ("adaptive_average", _X),
    functional.adaptive_avg_pool2d: ("adaptive_average", _X),
    functional.adaptive_max_pool2d: ("adaptive_max", _X),
    functional.interpolate: ("resize", (*_X, *_RESIZE)),
    functional.pad: ("pad", (*_X, "padding", "mode", "value")),
    functional.dropout: ("dropout", (*_X, "p", "training")),
    functional.dropout1d: ("dropout", (*_X, "p", "training")),
    functional.dropout2d: ("dropout", (*_X, "p", "training")),
    functional.softmax: ("softmax", _X),
    functional.log_softmax: ("softmax", _X),
    torch.relu: ("relu", _X),
    torch.sigmoid: ("sigmoid", _X),
    torch.clamp: ("clamp", (*_X, "min_val", "max_val")),
    torch.softmax: ("softmax", _X),
    torch.log_softmax: ("softmax", _X),
    torch.flatten: ("reshape", _X),
    torch.reshape: ("reshape", _X),
    torch.squeeze: ("reshape", _X),
    torch.unsqueeze: ("reshape", _X),
    torch.permute: ("permute", (*_X, "dims")),
    torch.transpose: ("transpose", (*_X, "dim0", "dim1")),
    torch.mean: ("mean", (*_X, "dim", "keepdim")),
    torch.cat: ("cat", ("tensors", "dim")),
    torch.add: ("add", (*_X, "other", "alpha")),
    torch.mul: ("mul", (*_X, "other")),
    operator.add: ("add", (*_X, "other")),
    operator.iadd: ("add", (*_X, "other")),
    operator.sub: ("sub", (*_X, "other")),
    operator.mul: ("mul", (*_X, "other")),
    operator.imul: ("mul", (*_X, "other")),
    operator.truediv: ("div", (*_X, "other")),
    operator.getitem: ("index", (*_X, "at")),
}
METHODS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    **dict.fromkeys(("relu", "relu_"), ("relu", _X)),
    **dict.fromkeys(("sigmoid", "sigmoid_"), ("sigmoid", _X)),
    **dict.fromkeys(("clamp", "clamp_"), ("clamp", (*_X, "min_val", "max_val"))),
    **dict.fromkeys(("softmax", "log_softmax"), ("softmax", _X)),
    **dict.fromkeys(("flatten", "view", "reshape", "squeeze", "unsqueeze"), ("reshape", _X)),
    **dict.fromkeys(("contiguous", "clone", "detach", "float"), ("same", _X)),
    **dict.fromkeys(("add", "add_"), ("add", (*_X, "other", "alpha"))),
    **dict.fromkeys(("mul", "mul_"), ("mul", (*_X, "other"))),
    "sub": ("sub", (*_X, "other")),
    "div": ("div", (*_X, "other")),
    "permute": ("permute", (*_X, "dims")),
    "transpose": ("transpose", (*_X, "dim0", "dim1")),
    "mean": ("mean", (*_X, "dim", "keepdim")),
}
_ALIASES: Final = {"min": "min_val", "max": "max_val", "x": "input", "pad": "padding"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a network's forward pass. place: the module's path, or the name of the call, for messages.

    inputs: what it reads, an fx node or a number each. args: its other arguments; nodes in them are replaced by the
    values they had on the example. dims: shape of what it makes, without the batch.
    """

    name: str
    place: str
    node: fx.Node
    inputs: tuple[Any, ...]
    args: dict[str, Any]
    dims: tuple[int, ...]

    def refused(self, expected: str, got: str, remedy: str) -> InputError:
        return InputError.one(self.place, f"expected {expected}, got {got}; {remedy}")


def known(node: fx.Node, modules: dict[str, nn.Module]) -> tuple[str, tuple[str, ...]] | None:
    """The name of a call and of its arguments; None where no operator computes it."""
    if node.op == "call_module":
        return MODULES.get(type(modules[str(node.target)]))
    if node.op == "call_method":
        return METHODS.get(str(node.target))
    return FUNCTIONS.get(node.target) if callable(node.target) else None


def unknown(node: fx.Node, modules: dict[str, nn.Module]) -> Fault:
    """What to say about a call that no operator computes."""
    name = type(modules[str(node.target)]).__name__ if node.op == "call_module" else _shown(node.target)
    names = sorted({entry[0] for table in (MODULES, FUNCTIONS, METHODS) for entry in table.values()})
    return Fault(place_of(node), f"expected one of {', '.join(names)}, got {name}; replace it by these")


def place_of(node: fx.Node) -> str:
    """The path of the module that makes a call, with the call's own name where it is no module."""
    if node.op == "call_module":
        return str(node.target)
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values() if path]
    return f"{paths[-1]}.{node.name}" if paths else node.name


def arguments(node: fx.Node, names: tuple[str, ...], module: nn.Module | None) -> dict[str, Any]:
    """The arguments of a call by name, for a module its attributes; what it reads is still an fx node."""
    if module is not None:
        return {"input": node.args[0] if node.args else node.kwargs["input"]} | {n: getattr(module, n) for n in names}
    spread = names[-1] == "dims" and len(node.args) > 2  # x.permute(0, 2, 1)
    given = (node.args[0], node.args[1:]) if spread else node.args
    by_place = dict(zip(names, given, strict=False))
    return by_place | {_ALIASES.get(name, name): value for name, value in node.kwargs.items()}


def _shown(target: object) -> str:
    return getattr(target, "__name__", str(target))
