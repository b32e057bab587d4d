"""What is counted: plans of small networks that hold every kind of work in several shapes, and the windows they see."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from fleet.node.export.trial import Trial, random_trial
from fleet.node.model.graph import Graph
from fleet.node.model.recipe import Exponents, Gradients, Loss, Recipe, Rule
from fleet.node.model.scheme import Scheme, Trained
from fleet.node.model.schemes.named import named_scheme
from fleet.node.model.untrained import untrained_graph
from fleet.node.model.zoo.registry import zoo_net
from fleet.node.model.zoo.shipped import shipped_model
from fleet.node.plan import Plan, inference_plan, plan_of
from fleet.node.plan.bottlenecks import bottlenecks
from fleet.node.plan.choice import best_plan, plannable
from fleet.node.plan.tactics import Tactics
from fleet.node.twin.calibrate.nets import Shape, answering_net, lively, map_net

DYNAMIC: Final = Recipe()
STATIC: Final = Recipe(exponents=Exponents.STATIC)
FP32: Final = Recipe(gradients=Gradients.FP32)
FORMATS: Final = {"int8": DYNAMIC, "static": STATIC, "fp32": FP32}
SHIFT: Final = 9  # of every map: how much is computed hardly depends on it


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A plan that is counted. steps: trained before; of several windows that make a batch the last one is counted."""

    name: str
    plan: Plan
    steps: int = 1

    @property
    def trial(self) -> Trial:
        return random_trial(self.plan)


def imu() -> Graph:
    """The network of the quickstart, as it ships: trained, so that half of its gradients are clipped."""
    return shipped_model("imu-ds-cnn", "seglearn-watch", 0)


def zoo(name: str, *, shape: Shape, classes: int | None = None) -> Graph:
    """A network of the zoo for a small input, with random weights."""
    return lively(untrained_graph(zoo_net(name, classes=classes, shape=shape)))


def samples() -> Iterator[Sample]:
    """All of them, in an order that never changes."""
    yield from _of_formats()
    yield from _of_recipes()
    yield from _in_rows()
    yield from _in_channels()
    yield from _of_full_size()
    yield Sample(name="answers 5", plan=inference_plan(answering_net(5, 6)))
    yield Sample(name="answers 8", plan=inference_plan(answering_net(8, 12)))


def _of_full_size() -> Iterator[Sample]:
    """Answers of networks as large as they are used: small maps say little of what a place of a large one takes."""
    for name, shape in (("ds-cnn", (49, 10, 1)), ("resnet-8", (32, 32, 3)), ("mcunet-5fps", (80, 80, 3))):
        yield Sample(name=f"{name} answers", plan=inference_plan(zoo(name, shape=shape, classes=5)))


def _of_formats() -> Iterator[Sample]:
    for form, recipe in FORMATS.items():
        for name, graph in _nets(recipe):
            for scheme in ("full", "last_k:3"):
                yield Sample(name=f"{name} {scheme} {form}", plan=planned(graph, scheme, recipe))
        yield Sample(name=f"imu sparse {form}", plan=planned(imu(), "sparse:6,block2.pw=1/4,block4.pw=1/2", recipe))
        answers = zoo("ad-autoencoder", shape=(1, 1, 128))
        yield Sample(
            name=f"ad-autoencoder {form}", plan=planned(answers, "full", replace(recipe, loss=Loss.SQUARED_ERROR))
        )


def _nets(recipe: Recipe) -> Iterator[tuple[str, Graph]]:
    side = 8 if recipe.gradients is Gradients.FP32 else 12
    yield "imu", imu()
    yield "ds-cnn", zoo("ds-cnn", shape=(side, 10, 1))
    yield "resnet-8", zoo("resnet-8", shape=(side, side, 3))
    yield "mcunet", zoo("mcunet-5fps", classes=5, shape=(2 * side, 2 * side, 3))
    yield "maps 6", map_net(6, 8)
    yield "maps 9", map_net(9, 5)


def planned(graph: Graph, scheme: str, recipe: Recipe, tactics: Tactics | None = None) -> Plan:
    """The plan of a scheme by its words, with shifts where the recipe wants some."""
    chosen = named_scheme(graph, scheme, recipe=recipe)
    return plan_of(chosen.graph, shifted(chosen.graph, chosen.scheme), tactics or Tactics())


def shifted(graph: Graph, scheme: Scheme) -> Scheme:
    """The scheme with a shift for every map that needs one."""
    made = plannable(graph, scheme)
    shifts = tuple((name, SHIFT) for name, _ in made.recipe.shifts)
    return replace(made, recipe=replace(made.recipe, shifts=shifts))


def _of_recipes() -> Iterator[Sample]:
    """Every rule, with and without momentum, window by window and in batches."""
    for form, recipe in (("int8", DYNAMIC), ("fp32", FP32)):
        for rule in Rule:
            for momentum in (0.0, 0.9):
                made = replace(recipe, rule=rule, momentum=momentum)
                name = f"imu {form} {rule.value} {momentum:g}"
                if made != recipe:
                    yield Sample(name=name, plan=planned(imu(), "full", made), steps=2)
                yield Sample(name=f"{name} batch", plan=planned(imu(), "full", replace(made, batch=2)))


def _in_rows() -> Iterator[Sample]:
    """Groups of rows, some with depthwise layers in place before and behind them."""
    for side in (24, 32):
        graph = zoo("mcunet-5fps", classes=5, shape=(side, side, 3))
        for end in (8, 14, 20):
            plan = planned(graph, "head", DYNAMIC, Tactics(segments=((0, end),)))
            yield Sample(name=f"mcunet {side} rows {end}", plan=plan)
        scheme = named_scheme(graph, "head").scheme
        yield Sample(name=f"mcunet {side} smallest", plan=best_plan(graph, scheme, input_streamed=False))


def _in_channels() -> Iterator[Sample]:
    """Groups of channels, each with one layer of one bottleneck that trains, so that updates are told apart."""
    for form, recipe in (("static", STATIC), ("fp32", FP32)):
        graph = zoo("mcunet-5fps", classes=5, shape=(32, 32, 3))
        whole = shifted(graph, named_scheme(graph, "full", recipe=recipe).scheme)
        blocks = bottlenecks(graph, whole)[1::3]
        for block in blocks:
            for part, op in (("project", block.project), ("middle", block.depthwise), ("expand", block.expand)):
                trained = (Trained(op=_before(graph, block.expand), bias=True), _trained(graph, op))
                scheme = Scheme(name=op, trained=trained, recipe=recipe)
                tactics = Tactics(by_channels=frozenset({block.project}))
                plan = plan_of(graph, shifted(graph, scheme), tactics)
                yield Sample(name=f"{op} channels {part} {form}", plan=plan)


def _before(graph: Graph, op: str) -> str:
    """The layer with weights before another one: its bias makes gradients pass that one."""
    names = [layer.name for layer in graph.weighted]
    return names[names.index(op) - 1]


def _trained(graph: Graph, op: str) -> Trained:
    weight = next(layer.weight for layer in graph.weighted if layer.name == op)
    return Trained(op=op, channels=weight.shape[-1], bias=True)
