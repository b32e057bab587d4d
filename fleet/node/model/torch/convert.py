"""A torch module as a float network: the same function, layer by layer, batch norm folded away.

The module is traced once (torch.fx), run on an example to learn every shape, and translated call by call. At the end
both are computed in double precision on the example and must agree. Maps lie [N, H, W, C]: a picture [N, C, H, W] of
torch becomes (H, W, C), a signal [N, C, L] becomes (L, 1, C), a vector (1, 1, F). Where a forward pass begins by
moving the axes of its input, the network reads windows as they are after that.
"""

import warnings
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn

from fleet.base.errors import Fault, InputError
from fleet.node.model.float_net import Float64, FloatNet, float_maps
from fleet.node.model.torch.building import Building, Value, map_of
from fleet.node.model.torch.calls import Call, arguments, known, place_of, unknown
from fleet.node.model.torch.operators import OPERATORS
from fleet.node.model.zoo.structure import INPUT, Clip, Kind

_AGREES: Final = 1e-9  # of the largest output: sums in another order, in double
_TWICE: Final = 2  # windows of the example: a batch axis of 1 would hide calls that confuse it with others


def from_torch(
    module: nn.Module, example: torch.Tensor | NDArray[Any], *, name: str = "torch", classifier: bool = True
) -> FloatNet:
    """The module as a float network, ready for `quantize` or `quantization_aware`.

    example: one or more inputs as the module reads them, batch first. classifier: its last layer is linear and gives
    the logits of classes (a softmax after it is dropped); False for anything else, such as an autoencoder.
    InputError names the module of every call that no operator computes. The module stays as it is.
    """
    ready, windows = _ready(module), _windows(example)
    if not 2 <= windows.ndim <= 4 or not len(windows):
        text = f"expected [N, C, H, W], [N, C, L] or [N, F], got {list(windows.shape)}; give one window at least"
        raise InputError.one("example", text)
    conversion = _Conversion(ready, windows[:1].repeat(_TWICE, *[1] * (windows.ndim - 1)))
    net = conversion.read(name, classifier)
    conversion.check(net)
    return net


def _traced(module: nn.Module) -> fx.Graph:
    try:
        graph = fx.Tracer().trace(module)
    except Exception as fault:  # torch raises what the module's own code raises
        text = "expected a forward pass that takes one tensor and whose steps do not depend on values"
        remedy = "write it without such branches"
        raise InputError.one(type(module).__name__, f"{text}, got {_brief(fault)}; {remedy}") from fault
    graph.eliminate_dead_code(is_impure_node=lambda node: node.op in ("placeholder", "output"))
    return graph


def _brief(fault: Exception) -> str:
    lines = str(fault).splitlines()
    return lines[0] if lines else type(fault).__name__


class _Recorded(fx.Interpreter):
    """Runs a network and keeps what every call made."""

    def __init__(self, module: nn.Module, graph: fx.Graph) -> None:
        super().__init__(module, graph=graph)
        self.made: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        self.made[n] = super().run_node(n)
        return self.made[n]


class _Conversion:
    """One network while it is translated: what calls made on the example, and as values of the network."""

    def __init__(self, module: nn.Module, example: torch.Tensor) -> None:
        self.graph = _traced(module)
        self.modules = dict(module.named_modules())
        recorded = _Recorded(module, self.graph)
        try:
            with torch.no_grad(), warnings.catch_warnings(action="ignore"):  # torch's own remarks on speed
                recorded.run(example)
        except Exception as fault:  # torch raises what the module's own code raises
            text = f"expected windows that the module can read, got {_brief(fault)}; give an example as in training"
            raise InputError.one("example", text) from fault
        self.made = recorded.made
        self.net = Building(map_of(tuple(example.shape[1:])))
        self.values: dict[fx.Node, Value] = {}
        self.called: set[str] = set()

    def read(self, name: str, classifier: bool) -> FloatNet:
        """The network."""
        calls = [node for node in self.graph.nodes if self._makes_map(node)]
        if faults := [unknown(node, self.modules) for node in calls if known(node, self.modules) is None]:
            raise InputError(faults)
        answer = None
        for node in self.graph.nodes:
            if node.op == "placeholder" and isinstance(self.made[node], torch.Tensor):
                self.values[node] = Value(layer=INPUT, dims=tuple(self.made[node].shape[1:]))
            elif node.op == "output":
                answer = self.values.get(node.args[0]) if isinstance(node.args[0], fx.Node) else None
            elif node in calls:
                self.values[node] = self._translated(node)
        if answer is None or answer.layer == INPUT:
            raise InputError.one("output", "expected one map that layers made, got something else; return one tensor")
        if classifier:
            self._name_head(answer)
        elif self.net.softened:
            text = "expected values that training can compare, got a softmax at the end"
            raise InputError.one("output", f"{text}; remove it, or pass classifier=True")
        return self.net.net(name)

    def check(self, net: FloatNet) -> None:
        """Raises unless the network computes on the example what the module does."""
        entry = [node for node, value in self.values.items() if value.layer == INPUT and value.order is None][-1]
        before = next(node for node in self.graph.nodes if node.op == "output").args[0]
        answer = self.values[before]
        last = float_maps(net, windows_of(self.made[entry], net.spec.input_shape))[answer.layer]
        ours, theirs = torch.from_numpy(last), self.made[before].flatten(1)
        flat = ours.flatten(1)[:, np.argsort(answer.order)] if answer.order is not None else _planes(ours).flatten(1)
        if self.net.softened:
            flat = torch.log_softmax(flat, dim=1)
            theirs = theirs if bool((theirs <= 0).all()) else theirs.log()
        apart, size = float((flat - theirs).abs().max()), float(theirs.abs().max())
        if not apart <= _AGREES * max(size, 1e-30):
            text = "expected a network that computes what the module does, got other values on the example"
            raise InputError.one(answer.layer, f"{text}; avoid calls that change a map in place which others read")

    def _makes_map(self, node: fx.Node) -> bool:
        """Whether a call computes a map; sizes and the like are constants of the example."""
        made = self.made.get(node)
        several = isinstance(made, tuple) and any(isinstance(part, torch.Tensor) for part in made)
        return node.op.startswith("call") and (isinstance(made, torch.Tensor) or several)

    def _translated(self, node: fx.Node) -> Value:
        call = self._call(node)
        if node.op == "call_module" and str(node.target) in self.called and "weight" in call.args:
            raise call.refused("each layer called once", "a second call", "give every call a layer of its own")
        self.called.add(str(node.target))
        made = OPERATORS[self._operator(node)](self.net, call)
        shape = self.net.shape(made.layer)
        if made.order is None and shape != map_of(call.dims):
            torch_makes = " x ".join(str(side) for side in map_of(call.dims))
            raise call.refused(f"a map of {' x '.join(map(str, shape))}", torch_makes, "check ceil_mode and padding")
        return made

    def _operator(self, node: fx.Node) -> str:
        entry = known(node, self.modules)
        assert entry is not None, "calls without an operator were refused before"
        return entry[0]

    def _call(self, node: fx.Node) -> Call:
        entry = known(node, self.modules)
        assert entry is not None, "calls without an operator were refused before"
        module = self.modules[str(node.target)] if node.op == "call_module" else None
        args = arguments(node, entry[1], module)
        inputs = args.pop("tensors", None) or [args.pop("input")]
        if "other" in args:
            inputs = [*inputs, args.pop("other")]
        made = self.made[node]
        place = place_of(node)
        if not isinstance(made, torch.Tensor) or made.ndim < 2 or made.shape[0] != _TWICE:
            shape = list(made.shape) if isinstance(made, torch.Tensor) else "several"
            raise InputError.one(place, f"expected one tensor with the batch first, got {shape}; keep the batch apart")
        return Call(
            name=self._name(node),
            place=place,
            node=node,
            inputs=tuple(self._input(x, place) for x in inputs),
            args={key: fx.node.map_arg(value, lambda n: self.made[n]) for key, value in args.items()},
            dims=tuple(made.shape[1:]),
        )

    def _name(self, node: fx.Node) -> str:
        """The module's path where no layer has it yet."""
        path = str(node.target)
        return path if node.op == "call_module" and path not in (*self.net.layers, INPUT) else node.name

    def _input(self, x: Any, place: str) -> Value | float:
        """What a call reads: a map, or a number that does not depend on the input."""
        if not isinstance(x, fx.Node):
            return float(x)
        if x in self.values:
            value = self.values[x]
            return replace(value, alone=value.alone and len(x.users) == 1)
        made = self.made[x]
        if isinstance(made, torch.Tensor) and made.numel() != 1:
            text = f"expected maps and numbers, got a tensor {list(made.shape)} ({x.target}); make it a layer's weight"
            raise InputError.one(place, text)
        return float(made)

    def _name_head(self, answer: Value) -> None:
        """Makes the last layer the classifier's head."""
        layer = self.net.layers[answer.layer]
        last = next(reversed(self.net.layers)) == answer.layer and answer.alone and layer.clip is Clip.NONE
        at_once = layer.kind is Kind.CONV and layer.groups == 1 and self._covers(layer.name)
        if not last or not (layer.kind is Kind.FULLY_CONNECTED or at_once):
            got = f"{layer.kind.value} {layer.name!r}"
            text = f"expected a linear layer that gives the logits, got {got}; end in one, or pass classifier=False"
            raise InputError.one("output", text)
        weight = self.net.weights[layer.name].reshape(layer.outputs, -1)
        self.net.weights[layer.name] = weight
        self.net.layers[layer.name] = replace(
            layer, kind=Kind.DENSE, inputs=weight.shape[1], kernel=(1, 1), stride=(1, 1), pad=(0, 0, 0, 0)
        )

    def _covers(self, name: str) -> bool:
        """Whether a convolution reads its whole map at once."""
        layer = self.net.layers[name]
        return not any(layer.pad) and self.net.shape(layer.xs[0])[:2] == layer.kernel


def _ready(module: object) -> nn.Module:
    """A copy in double precision, with every value known."""
    if not isinstance(module, nn.Module):
        text = f"expected a torch.nn.Module, got {type(module).__name__}; load its weights into the module first"
        raise InputError.one("module", text)
    values = [*module.named_parameters(), *module.named_buffers()]
    if lazy := [name for name, value in values if nn.parameter.is_lazy(value)]:
        text = "expected a module whose sizes are known, got one still lazy; run it once on an example"
        raise InputError([Fault(name, text) for name in lazy])
    ready = deepcopy(module).double().eval()
    _check_finite(ready)
    return ready


def _windows(example: torch.Tensor | NDArray[Any]) -> torch.Tensor:
    """The example in double precision, apart from any graph of gradients."""
    try:
        windows = torch.as_tensor(example).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as fault:
        text = f"expected a tensor or an array of numbers, got {_brief(fault)}; give windows as in training"
        raise InputError.one("example", text) from fault
    if windows.is_complex() or not bool(windows.isfinite().all()):
        text = "expected finite real numbers, got infinite or complex ones or NaN; give windows as in training"
        raise InputError.one("example", text)
    return windows.double()


def _check_finite(module: nn.Module) -> None:
    text = "expected finite values, got infinite ones or NaN; train the module again"
    values = [(name, value) for name, value in module.state_dict().items() if isinstance(value, torch.Tensor)]
    if faults := [Fault(name, text) for name, value in values if not bool(value.isfinite().all())]:
        raise InputError(faults)


def _planes(maps: torch.Tensor) -> torch.Tensor:
    return maps.permute(0, 3, 1, 2)


def windows_of(planes: torch.Tensor | NDArray[Any], shape: tuple[int, int, int]) -> Float64:
    """Torch's windows as [N, H, W, C] of this shape."""
    x = np.asarray(planes, np.float64)
    if x.ndim == 2:
        return x.reshape(len(x), *shape)
    x = x.reshape(*x.shape, *[1] * (4 - x.ndim))
    return x.transpose(0, 2, 3, 1)
