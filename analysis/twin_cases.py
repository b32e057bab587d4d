"""Networks, schemes and real windows of the matrix of twins (`analysis.twin_matrix`), each planned once for all boards.

    imu-ds-cnn     the quickstart's own model; a person's windows of the smartwatch data that ship with it
    ds-cnn         MLPerf Tiny's keyword network, converted as it is; spoken digits (FSDD) in its own units
    mcunet-5fps    the published weights with a new head, sparse scheme of 49 KB; clothes (Fashion-MNIST) enlarged

Data of the last two lie in the folder that FLEET_DATA names, pictures in the Debian package dataset-fashion-mnist.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from analysis.gradient_fidelity import with_drawn_head
from analysis.memory_goals import CLASSES
from analysis.transfer import REMEDY, Part, folder, pictures
from fleet.base.arrays import read_arrays
from fleet.base.errors import DoesNotFit
from fleet.learning.data import load_set
from fleet.node.engine.binding import Node
from fleet.node.export import Trial
from fleet.node.export.trial import STEPS
from fleet.node.model.fixed import real
from fleet.node.model.graph import Graph
from fleet.node.model.head import trainable
from fleet.node.model.recipe import Exponents, Gradients, Recipe
from fleet.node.model.reference import calibrated
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.model.schemes import named_scheme
from fleet.node.model.tflite import import_tflite
from fleet.node.model.zoo import shipped_model
from fleet.node.model.zoo.mcunet import load_mcunet
from fleet.node.plan import Plan
from fleet.node.plan.choice import best_plan
from fleet.node.plan.draft import draft_of
from fleet.node.plan.ledger import ledger, over
from fleet.node.plan.plan import finished
from fleet.node.profile import Profile
from fleet.node.twin.round import pushed_values

MCUNET: Final = "mcunet-5fps"
NETS: Final = {"imu-ds-cnn": "sparse", "ds-cnn": "sparse", MCUNET: "sparse:49kb"}
SIDES: Final = (128, 96, 64, 48)
"""Inputs of mcunet-5fps to try, in pixels, the largest first."""
RECIPES: Final = {
    "int8": Recipe(gradients=Gradients.INT8, exponents=Exponents.STATIC),
    "int8-dynamic": Recipe(gradients=Gradients.INT8, exponents=Exponents.DYNAMIC),
    "fp32": Recipe(gradients=Gradients.FP32),
}
RATES: Final = {"imu-ds-cnn": 0.06, "ds-cnn": 0.01, MCUNET: 0.003}
"""Of the trial, and of the fit of exponents: the quickstart's; for the others among those that update_rules tries."""
FITTED_ON: Final = 32  # windows behind those of the trial, for static exponents
SEED: Final = 2**40 + 7
NODE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A network with a scheme, planned once for all boards. moved: of its trained values, by the trial's training."""

    net: str
    form: str
    plan: Plan
    trial: Trial
    moved: int

    @property
    def label(self) -> str:
        return f"{self.net} {' x '.join(str(size) for size in self.plan.graph.input.shape)}"


def fitting(net: str, form: str, profile: Profile, made: dict[int | None, Case | None]) -> Case:
    """The case with the largest input that a board has room for. made: by side, those that were planned before."""
    for side, known in made.items():
        made[side] = case = known or case_of(net, form, side)
        if not over(ledger(case.plan, profile)):
            return case
    raise DoesNotFit(f"{net} {form}: expected room on {profile.board}, got none for any input; leave the board out")


def case_of(net: str, form: str, side: int | None) -> Case:
    """A network, its scheme, the plan of least memory and a trial on real windows. side: of the input, in pixels."""
    graph, scheme = chosen_scheme(net, RECIPES[form], side)
    plan = best_plan(graph, scheme, input_streamed=True)
    data, rate = windows_of(net, side), real(RATES[net])
    own = tuple(sorted({*data.labels.tolist()}))
    trial = Trial(windows=data.windows[:STEPS], labels=data.labels[:STEPS], own=own, rate=rate, seed=SEED, node=NODE)
    if scheme.recipe.exponents is Exponents.STATIC and scheme.recipe.gradients is Gradients.INT8:
        windows, labels = data.windows[STEPS:], data.labels[STEPS:]
        fitted = calibrated(plan.graph, plan.scheme, windows, labels, rate=RATES[net], own=frozenset(own))
        plan = finished(draft_of(plan.graph, fitted, plan.tactics), plan.placement)
    moved = int(np.count_nonzero(pushed_values(plan, trial) != Node(plan).values))
    return Case(net=net, form=form, plan=plan, trial=trial, moved=moved)


def chosen_scheme(net: str, recipe: Recipe, side: int | None) -> tuple[Graph, Scheme]:
    """The network with its scheme."""
    graph = graph_of(net, side)
    if ":" not in NETS[net]:
        return graph, build_scheme(graph, NETS[net], recipe=recipe)
    choice = named_scheme(graph, NETS[net], recipe=recipe)
    return choice.graph, choice.scheme


def graph_of(net: str, side: int | None) -> Graph:
    """The quickstart's own model, or a published one; a new head is drawn, for gradients come back through it."""
    match net:
        case "imu-ds-cnn":
            return shipped_model(net, "seglearn-watch", 0)
        case "ds-cnn":
            return trainable(import_tflite(folder() / "mlperf-tiny" / "kws_ref_model.tflite").graph)
        case _:
            shape = None if side is None else (side, side, 3)
            return with_drawn_head(load_mcunet(folder() / "mcunet" / f"{net}.json", classes=CLASSES, shape=shape))


@cache
def windows_of(net: str, side: int | None) -> Part:
    """STEPS real windows to train on and FITTED_ON others, as the network reads them."""
    match net:
        case "imu-ds-cnn":
            data = load_set("seglearn-watch")
            mine = np.flatnonzero(data.subject == data.people[-1])[::5]
            return _first(Part(windows=data.x[mine], labels=data.y[mine].astype(np.uint8)))
        case "ds-cnn":
            return _first(spoken_digits(graph_of(net, None)))
        case _:
            return _first(pictures(0, side=side or SIDES[0], train=STEPS + FITTED_ON, others=1).train)


def spoken_digits(graph: Graph) -> Part:
    """Recordings of one speaker, digits mixed, their cepstra in steps of the network's input."""
    names = ("x", "y", "speaker", "index", "scale", "zero_point")
    found = read_arrays(folder() / "fsdd" / "fsdd_mfcc_int8.npz", names, remedy=REMEDY)
    own = np.flatnonzero(found["speaker"] == 0)
    own = own[np.lexsort((found["y"][own], found["index"][own]))]
    cepstra = (found["x"][own].astype(np.float32) - float(found["zero_point"])) * float(found["scale"])
    steps = np.rint(cepstra / graph.input.scale) + graph.input.zero_point
    return Part(windows=np.clip(steps, -128, 127).astype(np.int8), labels=found["y"][own].astype(np.uint8))


def _first(part: Part) -> Part:
    count = STEPS + FITTED_ON
    return Part(windows=np.ascontiguousarray(part.windows[:count]), labels=part.labels[:count])
