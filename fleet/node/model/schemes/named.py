"""Schemes as a command line or a scenario writes them, in one word: `full`, `last_k:12`, `sparse:49kb`, ..."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from fleet.base.errors import Fault, InputError
from fleet.base.keys import nearest
from fleet.node.model.graph import Graph, Int8
from fleet.node.model.recipe import Recipe
from fleet.node.model.scheme import Scheme
from fleet.node.model.schemes.batch_norm import batch_norm_scheme, with_scales
from fleet.node.model.schemes.layerwise import all_layers, last_biases, last_layers, sparse_layers
from fleet.node.model.schemes.lite_residual import lite_residual_scheme, with_lite_residuals
from fleet.node.model.schemes.magnitude import by_magnitude
from fleet.node.model.schemes.published import PUBLISHED_SCHEMES, published_scheme

FORMS: Final = (
    "full", "head", "bias", "bias:LAYERS", "last_k:LAYERS", "sparse:LABEL", "sparse:BIASES,LAYER=SHARE,...",
    "lite_residual", "bn",
)  # fmt: skip
ORDERS: Final = ("magnitude", "joint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A network as a scheme needs it, and the scheme. Both compute what the network did before training."""

    graph: Graph
    scheme: Scheme


def named_scheme(graph: Graph, text: str, *, recipe: Recipe | None = None, windows: Int8 | None = None) -> Choice:
    """The scheme of a text, with what it puts into the network.

    sparse:LABEL names a published scheme; sparse:20,24=1/4,block9.pw1=1/2 the biases of the last 20 layers and shares
    of layers by number or name. Behind either, ",magnitude" moves the largest channels to the front, ",joint" also
    where layers share a stream. windows: on which lite residual modules are normalised.
    """
    kind, _, rest = text.partition(":")
    match kind, rest:
        case "full", "":
            return Choice(graph=graph, scheme=all_layers(graph, recipe=recipe))
        case "head", "":
            return Choice(graph=graph, scheme=sparse_layers(graph, biases=0, ratios={}, recipe=recipe, name="head"))
        case "bias", "":
            return Choice(graph=graph, scheme=last_biases(graph, recipe=recipe))
        case (("bias" | "last_k"), count) if count.isdecimal():
            build = last_biases if kind == "bias" else last_layers
            return Choice(graph=graph, scheme=build(graph, int(count), recipe=recipe))
        case "sparse", _ if rest:
            return _sparse(graph, text, rest.split(","), recipe)
        case "lite_residual", "":
            made = with_lite_residuals(graph, windows=windows)
            return Choice(graph=made, scheme=lite_residual_scheme(made, recipe=recipe))
        case "bn", "":
            made = with_scales(graph)
            return Choice(graph=made, scheme=batch_norm_scheme(made, recipe=recipe))
        case _:
            raise InputError.one("scheme", f"expected one of {', '.join(FORMS)}, got '{text}'; {_advice(graph, text)}")


def _advice(graph: Graph, text: str) -> str:
    """The form or the published scheme that is nearest."""
    published = [f"sparse:{label}" for label in PUBLISHED_SCHEMES.get(graph.name, ())]
    near = nearest(text, [*dict.fromkeys(form.split(":")[0] for form in FORMS), *published])
    return f"did you mean '{near}'?" if near else "choose one of these"


def _sparse(graph: Graph, text: str, items: Sequence[str], recipe: Recipe | None) -> Choice:
    orders = [item for item in items if item in ORDERS]
    first, *shares = [item for item in items if item not in ORDERS] or [""]
    if first.isdecimal():
        scheme = sparse_layers(graph, biases=int(first), ratios=_ratios(shares), recipe=recipe, name=text)
    elif shares:
        unexpected = f"expected a label alone, or a number of biases first, got '{text}'; see `{FORMS[6]}`"
        raise InputError.one("scheme", unexpected)
    else:
        scheme = published_scheme(graph, first, recipe=recipe)
    made = by_magnitude(graph, scheme, joint="joint" in orders) if orders else graph
    return Choice(graph=made, scheme=scheme)


def _ratios(items: Sequence[str]) -> dict[int | str, Fraction]:
    """Shares by layer. InputError names every entry that is none."""
    found: dict[int | str, Fraction] = {}
    faults: list[Fault] = []
    for item in items:
        layer, _, share = item.partition("=")
        key = int(layer) if layer.isdecimal() else layer
        try:
            if key in found:
                faults.append(Fault("scheme", f"expected each layer once, got '{layer}' again; drop one"))
            found[key] = Fraction(share)
        except (ValueError, ZeroDivisionError):
            faults.append(Fault("scheme", f"expected LAYER=SHARE such as 24=1/4, got '{item}'; write it so"))
    if faults:
        raise InputError(faults)
    return found
