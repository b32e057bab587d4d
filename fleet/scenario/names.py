"""Names a scenario may use for what rooms further up implement: stores, radios, strategies, lines, their parameters.

Names of what rooms below already have (boards, data sets, nets, schemes) are asked from those rooms, never repeated.
A test holds each registry here against its implementation.
"""

from typing import Final

from fleet.scenario.energy_names import HARVESTERS, STORES
from fleet.scenario.radio_names import LINKS, RADIOS

STRATEGIES: Final = {
    "masked-fedavg": "holder-normalised average of int8 steps: a value is averaged over the nodes that trained it",
    "fedavg": "Flower's average weighted by training windows, every value from every node",
}

LINES: Final = {
    "pretrained": "nobody trains",
    "alone": "every node trains for itself, nothing is sent",
    "fedavg": "plain federated averaging, softmax over all classes",
}

HOLD_OUTS: Final = {
    "within_recording": "the end of every recording is held out",
    "by_recording": "the last recordings of a person and side are held out",
}

LOSS_CLASSES: Final = {
    "own": "softmax over the classes a node has data of",
    "all": "softmax over every class of the head",
}

GRADIENTS: Final = {
    "int8": "mantissas with one exponent for each map; no floating point on the node",
    "fp32": "floats over int8 weights and maps, as MCUNetV3 trains; a core without an FPU computes them in software",
}

EXPONENTS: Final = {
    "dynamic": "of int8 gradients: the largest value of each step chooses",
    "static": "of int8 gradients: chosen once, on windows of the people who pretrain; larger values saturate",
}

UPDATES: Final = {
    "stochastic": "rounded up or down by chance, so that the mean is exact; nothing is remembered",
    "nearest": "rounded to the nearest; steps below a half are lost",
    "truncate": "the weight rounded towards zero, as code in the field does; weights shrink",
    "residual4": "what rounding leaves over is kept for the next step, 4 bits for each trained weight",
    "residual8": "as residual4, 8 bits",
    "residual16": "as residual4, 16 bits",
    "latent": "a float32 copy of each trained weight, which published simulations train",
}

REMEMBERING: Final = ("residual4", "residual8", "residual16", "latent")  # rules that keep something between steps

SCHEDULE_PARAMETERS: Final = {"constant": (), "step": ("every", "factor"), "cosine": ("lowest",)}

SCHEDULES: Final = {
    "constant": "the same rate in every round",
    "step": "the rate times `factor` after each `every` rounds",
    "cosine": "from the rate down to `lowest` of it along half a cosine over all rounds",
}

HEADS: Final = {
    "auto": "kept where it has as many outputs as the data have classes, else new",
    "kept": "the last layer of the file, with its weights",
    "new": "a layer of zeros on the same features, for the classes of the data",
}

SCHEME_PARAMETERS: Final = {
    "sparse": ("layers", "ratio", "blocks"),
    "bias": ("blocks",),
    "head": (),
    "last_k": ("layers",),
    "full": (),
    "named": ("name",),
}
COUNTED: Final = SCHEME_PARAMETERS | {"named": ()}
"""Parameters that a network can have too little of."""

LARGE: Final = 1_000
"""Nodes above which a fleet is a cohort, and tables have rows for some of them only."""

LARGE_STORES: Final = ("ideal", "cr2032", "supercap")
"""Stores whose state is one number, so that a cohort can hold them in a column."""

SHIPPED: Final = "shipped"
SHIPPED_DRAWS: Final = range(10)
SHIPPED_PEOPLE: Final = 4  # who pretrained the shipped models
SHIPPED_NEW_CLASSES: Final = 2

__all__ = ["HARVESTERS", "LINKS", "RADIOS", "STORES"]
