"""Gradients of both formats against torch's autograd (`pytest -s` shows the figures).

On the shipped model with real windows, and on a network of every form of layer with weights, for both losses.
"""

import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fleet.node.model import reference as ref
from fleet.node.model.graph import Graph
from fleet.node.model.recipe import Exponents, Gradients, Loss, Recipe
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.model.zoo.mcunet import load_mcunet
from tests.node.model.nets import residual_net, windows

pytest.importorskip("torch", reason="torch is an extra: pip install 'mcufleet[torch]'")
from fleet.node.model.torch.graph_twin import Twin, real_gradients  # after the check that torch is there

CONFIDENT = 0.1  # nats
INT8 = Recipe()
FP32 = Recipe(gradients=Gradients.FP32)
Part = tuple[str, str]
Table = dict[Part, NDArray[np.float64]]
Example = tuple[NDArray[Any], ref.Target, Collection[int]]  # a window, what it should give, classes of the softmax


@dataclass(frozen=True, slots=True)
class Measured:
    """Loss by window; cosine and ratio of norms (ours over torch's) by trained tensor and window."""

    losses: NDArray[np.float64]
    cosines: Table
    ratios: Table

    def means(self, table: Table) -> dict[Part, float]:
        """By trained tensor, over windows that leave something to learn."""
        return {part: float(values[self.losses > CONFIDENT].mean()) for part, values in table.items()}


def measure(graph: Graph, scheme: Scheme, examples: Iterable[Example]) -> Measured:
    compared = list(compare(graph, scheme, examples))
    parts = list(compared[0][1])
    cosines = {part: np.array([cosine(ours[part], theirs[part]) for _, ours, theirs in compared]) for part in parts}
    ratios = {part: np.array([norm_ratio(ours[part], theirs[part]) for _, ours, theirs in compared]) for part in parts}
    found = Measured(np.array([loss for loss, _, _ in compared]), cosines, ratios)
    sys.stdout.write(
        f"\n{graph.name}, {scheme.recipe.gradients.value}, {scheme.recipe.exponents.value}\n{shown(found)}"
    )
    return found


def compare(graph: Graph, scheme: Scheme, examples: Iterable[Example]) -> Iterator[tuple[float, Any, Any]]:
    """Loss, our gradients and torch's for each window that leaves a gradient."""
    twin = Twin(graph)
    for x, target, own in examples:
        trace = ref.forward(graph, x)
        grads = ref.gradients(graph, scheme, trace, target, own)
        if grads is not None:
            loss, theirs = twin.gradients(trace, target, own, scheme)
            yield loss, real_gradients(graph, scheme, grads), theirs


def party_examples(party: Any) -> Iterator[Example]:
    """Every fourth training window of each node, over its own classes."""
    for client in party.clients:
        train, own = client.shard.train, client.shard.classes
        yield from ((x, int(label), own) for x, label in zip(train.x[::4], train.y[::4], strict=True))


def residual_examples(graph: Graph, loss: Loss, count: int = 24) -> list[Example]:
    x = windows(graph, count)
    if loss is Loss.CROSS_ENTROPY:
        return [(x[i], i % graph.classes, range(graph.classes)) for i in range(count)]
    wanted = windows(graph, count, seed=1).reshape(count, -1)[:, : graph.tensor(graph.ops[-1].y).size]
    return [(x[i], wanted[i], ()) for i in range(count)]


def cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """0 when one of the two has no direction: where rounding left nothing, it left nothing of the direction."""
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / norms if norms else 0.0


def norm_ratio(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(ours) / np.linalg.norm(theirs))


def shown(found: Measured) -> str:
    chosen = found.losses > CONFIDENT
    rows = [f"{chosen.sum()} of {chosen.size} windows with a loss above {CONFIDENT}\n"]
    rows.append(f"{'tensor':<20}{'cosine: mean':>13}{'least':>9}{'norms: mean':>13}{'least':>9}{'most':>9}\n")
    for part in found.cosines:
        c, r, name = found.cosines[part][chosen], found.ratios[part][chosen], " ".join(part)
        rows.append(f"{name:<20}{c.mean():>13.5f}{c.min():>9.4f}{r.mean():>13.4f}{r.min():>9.3f}{r.max():>9.3f}\n")
    return "".join(rows)


@pytest.fixture(scope="module")
def quickstart(party: Any) -> Measured:
    return measure(party.graph, party.plan.scheme, party_examples(party))


def test_the_twin_is_the_net(party: Any) -> None:
    """Unclipped sums round to the int8 maps: layouts and scales are right."""
    assert_twin_is(party.graph, party.clients[0].shard.train.x[0])


def test_the_twin_is_a_net_with_groups_multipliers_and_skips() -> None:
    graph = residual_net()
    assert_twin_is(graph, windows(graph, 1)[0])


def assert_twin_is(graph: Graph, x: NDArray[Any]) -> None:
    """TFLite's two-stage rounding (a Q31 product, then a shift) adds up to 2^-shift to the half step."""
    twin, trace = Twin(graph), ref.forward(graph, x)
    maps = {name: twin._rounded(trace, name) for name in trace.maps}
    for op in graph.ops[:-1]:
        tensor = graph.tensor(op.y)
        apart = (twin._value(op, maps) - maps[op.y]).detach().numpy()[trace.kept[op.name]]
        assert np.abs(apart).max() < 0.51 * tensor.scale, op.name
    apart = (twin._value(graph.head, maps)).detach().numpy() - trace.logits / ref.LOGIT_STEPS
    assert np.abs(apart).max() < 0.51 / ref.LOGIT_STEPS


def test_weight_gradients_point_where_autograd_points(quickstart: Measured) -> None:
    assert (quickstart.losses > CONFIDENT).sum() >= 60
    means = {part: mean for part, mean in quickstart.means(quickstart.cosines).items() if part[1] == "weight"}
    assert [*means] == [("block3.pw", "weight"), ("block4.pw", "weight"), ("head", "weight")]
    assert min(means.values()) >= 0.99, means


def test_bias_gradients_point_where_autograd_points(quickstart: Measured) -> None:
    means = {part: mean for part, mean in quickstart.means(quickstart.cosines).items() if part[1] == "bias"}
    assert len(means) == 5
    assert min(means.values()) >= 0.99, means


def test_gradients_are_as_long_as_autograds(quickstart: Measured) -> None:
    """Only above the loss limit: below it Q15 probabilities cut the gradient short, down to nothing at last."""
    means = quickstart.means(quickstart.ratios)
    assert all(0.98 <= mean <= 1.02 for mean in means.values()), means


def test_float_gradients_of_all_layers_are_autograds(party: Any) -> None:
    """What is left is the rounding of the probabilities."""
    found = measure(party.graph, build_scheme(party.graph, "full", recipe=FP32), list(party_examples(party))[::4])
    assert len(found.cosines) == 20
    assert min(found.means(found.cosines).values()) >= 0.999
    assert all(0.99 <= mean <= 1.01 for mean in found.means(found.ratios).values())


def test_static_exponents_keep_the_direction(party: Any) -> None:
    examples = list(party_examples(party))
    scheme = static(party.graph, party.plan.scheme, examples)
    found = measure(party.graph, scheme, examples[::4])
    assert min(found.means(found.cosines).values()) >= 0.99, found.means(found.cosines)


def static(graph: Graph, scheme: Scheme, examples: list[Example]) -> Scheme:
    """With exponents from windows that leave something to learn."""
    told = examples[:: max(1, len(examples) // 32)]
    found = ref.calibrated(graph, scheme, np.stack([x for x, *_ in told]), [t for _, t, _ in told], rate=0.01)
    assert found.recipe.exponents is Exponents.STATIC
    return found


@pytest.mark.parametrize("loss", Loss)
@pytest.mark.parametrize("recipe, least", [(INT8, 0.99), (FP32, 0.999)], ids=["int8", "fp32"])
def test_a_net_with_skips_groups_and_multipliers_has_autograds_gradients(
    loss: Loss, recipe: Recipe, least: float
) -> None:
    graph = residual_net(head=loss is Loss.CROSS_ENTROPY)
    scheme = build_scheme(graph, "full", recipe=replace(recipe, loss=loss))
    found = measure(graph, scheme, residual_examples(graph, loss))
    assert len(found.cosines) == 2 * len(graph.weighted)
    assert (found.losses > CONFIDENT).sum() >= 12
    assert min(found.means(found.cosines).values()) >= least, found.means(found.cosines)
    assert all(0.97 <= mean <= 1.03 for mean in found.means(found.ratios).values())


def test_static_exponents_keep_the_direction_where_maps_have_two_uses() -> None:
    graph = residual_net()
    examples = residual_examples(graph, Loss.CROSS_ENTROPY, 40)
    scheme = static(graph, build_scheme(graph, "full"), examples)
    found = measure(graph, scheme, examples[::2])
    assert min(found.means(found.cosines).values()) >= 0.98, found.means(found.cosines)


@pytest.mark.parametrize("recipe, least", [(INT8, 0.99), (FP32, 0.999)], ids=["int8", "fp32"])
def test_gradients_reach_half_way_down_a_published_net_of_43_layers(
    shared_data: Path, recipe: Recipe, least: float
) -> None:
    """int8 all the way down to the stem is at 0.98 (largest loss of direction of all; from block 2 on above 0.995)."""
    graph = with_loud_head(load_mcunet(shared_data / "mcunet" / "mcunet-5fps.json", classes=10))
    file = (shared_data / "tflm" / "person.bmp").read_bytes()
    grey = np.frombuffer(file[-96 * 96 :], np.uint8).reshape(96, 96)[::-1]
    at = np.arange(graph.input.shape[0]) * 96 // graph.input.shape[0]
    picture = np.repeat((grey[at][:, at].astype(np.int16) - 128).astype(np.int8)[..., None], 3, axis=2)
    examples: list[Example] = [(np.roll(picture, (7 * i, 11 * i), (0, 1)), i, range(10)) for i in range(3)]
    found = measure(graph, build_scheme(graph, "last_k", layers=7, recipe=recipe), examples)
    assert len(found.cosines) == 2 * (7 * 3 + 1)
    assert min(found.means(found.cosines).values()) >= least, found.means(found.cosines)


def with_loud_head(graph: Graph) -> Graph:
    """With weights for the new classes, which otherwise begin at 0 and pass no gradient on."""
    weight = windows(graph, 1, seed=3).ravel()[: graph.head.weight.size].reshape(graph.head.weight.shape)
    scale = np.full(graph.classes, np.float32(0.003))
    head = replace(graph.head, weight=np.maximum(weight, -127).astype(np.int8), weight_scale=scale)
    return replace(graph, ops=(*graph.ops[:-1], head))
