"""Schemes that name layers by number or by operator, for any network: how MCUNetV3 and TinyTL write theirs.

Numbers count the layers with weights below the head from 0, as the published schemes count convolutions. The head
trains under every scheme. A scheme can be made of a zoo's structure alone, to count what it would need.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import floor

from fleet.base.errors import Fault, InputError
from fleet.node.model.graph import Graph
from fleet.node.model.recipe import Recipe
from fleet.node.model.scheme import Scheme, Trained, check_loss
from fleet.node.model.schemes.outline import Net, Outline, Part, outline

# Layer by number or name: share of its input channels.
Ratios = Mapping[int, Fraction] | Mapping[str, Fraction] | Mapping[int | str, Fraction]


def sparse_layers(net: Net, *, biases: int, ratios: Ratios, recipe: Recipe | None = None, name: str = "") -> Scheme:
    """MCUNetV3's scheme: the biases of the last layers, and of some of them the first input channels' weights.

    biases: how many layers, counted from the last. ratios: floor(share x input channels) weights of a layer train; of
    a depthwise layer its channels, of a grouped one those of each group. InputError names every wrong entry.
    Source: Lin et al., "On-device training under 256 KB memory", 2022.
    """
    view = outline(net)
    chosen, faults = _chosen(view, ratios)
    faults += _bias_faults(view, biases, chosen)
    if faults:
        raise InputError(faults)
    first = len(view.layers) - biases
    parts = [
        Trained(op=part.op, channels=floor(part.channels * chosen.get(number, Fraction(0))), bias=True)
        for number, part in enumerate(view.layers)
        if number >= first
    ]
    return _scheme(net, name or "sparse", parts, recipe)


def last_layers(net: Net, count: int, *, recipe: Recipe | None = None) -> Scheme:
    """Weights and biases of the last layers below the head, and the head: the published baseline `last_k`."""
    return _scheme(net, f"last_k:{count}", [_whole(part) for part in _last(outline(net), count)], recipe)


def last_biases(net: Net, count: int | None = None, *, recipe: Recipe | None = None) -> Scheme:
    """Biases of the last layers below the head, of all unless counted, and the head: TinyTL's memory-light part.

    Source: Cai et al., "TinyTL: reduce memory, not parameters for efficient on-device learning", 2020.
    """
    view = outline(net)
    layers = view.layers if count is None else _last(view, count)
    name = "bias" if count is None else f"bias:{count}"
    return _scheme(net, name, [Trained(op=part.op, bias=True) for part in layers], recipe)


def all_layers(net: Net, *, recipe: Recipe | None = None) -> Scheme:
    """Every weight and bias."""
    return _scheme(net, "full", [_whole(part) for part in outline(net).weighted[:-1]], recipe)


def scheme_of_parts(net: Net, name: str, parts: Sequence[Trained], recipe: Recipe | None = None) -> Scheme:
    """These parts in the order of the network, and the head."""
    return _scheme(net, name, parts, recipe)


def _scheme(net: Net, name: str, parts: Sequence[Trained], recipe: Recipe | None) -> Scheme:
    how = recipe if recipe is not None else Recipe()
    if isinstance(net, Graph):
        check_loss(net, how)
    view = outline(net)
    trained = {part.op: part for part in parts} | {view.head.op: _whole(view.head)}
    return Scheme(name=name, trained=tuple(trained[p.op] for p in view.weighted if p.op in trained), recipe=how)


def _whole(part: Part) -> Trained:
    return Trained(op=part.op, channels=part.channels, bias=True)


def _last(view: Outline, count: int) -> Sequence[Part]:
    most = len(view.layers)
    if not 1 <= count <= most:
        text = f"expected 1 to {most} layers below the head of {view.name}, got {count}; change the number"
        raise InputError.one("scheme", text)
    return view.layers[most - count :]


def _chosen(view: Outline, ratios: Ratios) -> tuple[dict[int, Fraction], list[Fault]]:
    """Shares by layer number, and the entries that are wrong."""
    numbers = {part.op: number for number, part in enumerate(view.layers)}
    chosen: dict[int, Fraction] = {}
    faults: list[Fault] = []
    for layer, share in ratios.items():
        number = numbers.get(layer, -1) if isinstance(layer, str) else layer
        if not 0 <= number < len(numbers):
            text = f"expected a layer of {view.name}, 0 to {len(numbers) - 1} or its name, got {layer!r}; change it"
            faults.append(Fault("scheme", text))
        elif number in chosen:
            faults.append(Fault("scheme", f"expected each layer once, got layer {number} again as {layer!r}; drop one"))
        if not 0 <= share <= 1:
            faults.append(Fault("scheme", f"expected a share from 0 to 1, got {share} for layer {layer!r}; change it"))
        chosen[number] = share
    return chosen, faults


def _bias_faults(view: Outline, biases: int, chosen: Mapping[int, Fraction]) -> list[Fault]:
    """A layer whose weights train has its bias trained, as published."""
    most = len(view.layers)
    if not 0 <= biases <= most:
        return [Fault("scheme", f"expected biases of 0 to {most} layers of {view.name}, got {biases}; change it")]
    early = [number for number in chosen if 0 <= number < most - biases]
    if not early:
        return []
    needed = most - min(early)
    text = f"expected layers among the last {biases}, whose biases train, got layer {min(early)}"
    return [Fault("scheme", f"{text}; train at least {needed} biases")]
