"""The fifteen sparse schemes that were published for MCUNet-5FPS, MobileNetV2-w0.35 and ProxylessNAS-w0.3.

Source: Lin et al., "On-device training under 256 KB memory", 2022, its published compiler (mit-han-lab/tiny-training,
compilation/mcu_ir_gen.py). A label is the analytic count in KiB, cut to a whole number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from fleet.base.errors import InputError
from fleet.node.model.recipe import Recipe
from fleet.node.model.scheme import Scheme
from fleet.node.model.schemes.layerwise import sparse_layers
from fleet.node.model.schemes.outline import Net


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """biases: layers counted from the last. ratios: share of the input channels by layer number."""

    biases: int
    ratios: Mapping[int, Fraction]


def _scheme(biases: int, layers: str, shares: str) -> Published:
    numbers, parts = [int(n) for n in layers.split()], [Fraction(share) for share in shares.split()]
    return Published(biases=biases, ratios=dict(zip(numbers, parts, strict=True)))


_MBV2: Final = "27 30 33 36 39 42 45 48"
_PROXYLESS: Final = "36 39 42 45 48 51 54 57"
PUBLISHED_SCHEMES: Final[Mapping[str, Mapping[str, Published]]] = {
    "mcunet-5fps": {
        "49kb": _scheme(20, "23 24 27 30 33 39", "0 1/4 1/2 1/2 0 0"),
        "74kb": _scheme(21, "21 23 24 26 27 30", "1 0 1 0 1/2 1"),
        "99kb": _scheme(22, "21 24 27 30 36 39", "1 1 1 1 1/8 1/4"),
        "124kb": _scheme(24, "21 24 27 30 33 39", "1/4 1 1 1 1/2 1/2"),
        "148kb": _scheme(23, "21 24 27 30 36 39", "1 1 1 1 1 1/2"),
    },
    "mbv2-w0.35": {
        "49kb": _scheme(16, "36 39 40 41 42 45 48 49", "1 1 0 1/4 1/8 1/8 1/8 1/8"),
        "73kb": _scheme(20, "32 33 36 39 41 42 45 48", "1/8 1/2 1/2 1 1/4 1/8 1/8 1"),
        "99kb": _scheme(25, _MBV2, "1 1 1 1 1 1/8 1/2 1"),
        "123kb": _scheme(31, _MBV2, "1 1 1 1 1 1/2 1 1"),
        "138kb": _scheme(34, _MBV2, "1 1 1 1 1 1 1 1"),
    },
    "proxyless-w0.3": {
        "49kb": _scheme(21, "39 42 44 45 50 51 54 57", "1/4 1 0 1 0 1/8 1/4 1/4"),
        "74kb": _scheme(28, "33 36 39 42 45 51 54 57", "1/2 1/4 1 1 1 1/2 1/4 1/2"),
        "98kb": _scheme(25, _PROXYLESS, "1 1/2 1 1 1/4 1/2 1 1"),
        "120kb": _scheme(32, _PROXYLESS, "1 1 1 1 1/2 1 1 1"),
        "148kb": _scheme(45, _PROXYLESS, "1 1 1 1 1 1 1 1"),
    },
}
ALIASES: Final = {("mcunet-5fps", "100kb"): "99kb"}  # the paper's text rounds its main scheme to 100 KB


def published_scheme(net: Net, label: str, *, recipe: Recipe | None = None) -> Scheme:
    """The published scheme of this label for this network. InputError with the labels it has."""
    labels = PUBLISHED_SCHEMES.get(net.name)
    if labels is None:
        text = f"expected a network with published schemes ({', '.join(PUBLISHED_SCHEMES)}), got {net.name}"
        raise InputError.one("scheme", f"{text}; name layers and shares instead")
    found = labels.get(ALIASES.get((net.name, label), label))
    if found is None:
        text = f"expected one of {', '.join(labels)} for {net.name}, got '{label}'; choose one of these"
        raise InputError.one("scheme", text)
    return sparse_layers(net, biases=found.biases, ratios=found.ratios, recipe=recipe, name=f"sparse:{label}")
