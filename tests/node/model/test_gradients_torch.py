"""Integer gradients against torch's autograd, on the shipped model and real windows (`pytest -s` shows the figures)."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fleet.node.model import reference as ref
from fleet.run.assemble import Assembly

pytest.importorskip("torch", reason="torch is an extra: pip install 'mcufleet[torch]'")
from tests.node.model.torch_twin import Gradients, Twin, integer_gradients  # after the check that torch is there

CONFIDENT = 0.1  # nats
Part = tuple[str, str]
Table = dict[Part, NDArray[np.float64]]


@pytest.fixture(scope="module")
def measured(party: Any) -> tuple[NDArray[np.float64], Table, Table]:
    """Loss by window; cosine and ratio of norms (integer over torch) by trained tensor and window."""
    compared = list(compare(party))
    parts = list(compared[0][1])
    cosines = {part: np.array([cosine(ours[part], theirs[part]) for _, ours, theirs in compared]) for part in parts}
    ratios = {part: np.array([norm_ratio(ours[part], theirs[part]) for _, ours, theirs in compared]) for part in parts}
    losses = np.array([loss for loss, _, _ in compared])
    for title, chosen in (("above", losses > CONFIDENT), ("at most", losses <= CONFIDENT)):
        sys.stdout.write(f"\n{chosen.sum()} windows with a loss {title} {CONFIDENT}\n" + table(cosines, ratios, chosen))
    return losses, cosines, ratios


def compare(party: Assembly) -> Iterator[tuple[float, Gradients, Gradients]]:
    """Loss, integer gradients and torch's for every fourth training window of each node, over its own classes."""
    scheme, twin = party.plan.scheme, Twin(party.graph)
    for client in party.clients:
        train, own = client.shard.train, client.shard.classes
        for x, label in zip(train.x[::4], train.y[::4], strict=True):
            trace = ref.forward(party.graph, x)
            grads = ref.backward(party.graph, scheme, trace, int(label), own)
            if grads is not None:
                loss, theirs = twin.gradients(trace, int(label), own, scheme)
                yield loss, integer_gradients(party.graph, scheme, grads), theirs


def cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """0 when one of the two has no direction: where rounding left nothing, it left nothing of the direction."""
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / norms if norms else 0.0


def norm_ratio(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(ours) / np.linalg.norm(theirs))


def table(cosines: Table, ratios: Table, chosen: NDArray[np.bool_]) -> str:
    rows = [f"{'tensor':<20}{'cosine: mean':>13}{'least':>9}{'norms: mean':>13}{'least':>9}{'most':>9}\n"]
    for part in cosines:
        c, r, name = cosines[part][chosen], ratios[part][chosen], " ".join(part)
        rows.append(f"{name:<20}{c.mean():>13.5f}{c.min():>9.4f}{r.mean():>13.4f}{r.min():>9.3f}{r.max():>9.3f}\n")
    return "".join(rows)


def test_the_twin_is_the_net(party: Any) -> None:
    """Unclipped sums round to the int8 maps: layouts and scales are right.

    TFLite's two-stage rounding (a Q31 product, then a shift) adds up to 2^-shift to the half step.
    """
    twin, x = Twin(party.graph), party.clients[0].shard.train.x[0]
    trace = ref.forward(party.graph, x)
    maps = {name: twin._rounded(trace, name) for name in trace.maps}
    for op in party.graph.ops[:-1]:
        tensor = party.graph.tensor(op.y)
        apart = (twin._value(op, maps) - maps[op.y]).detach().numpy()[trace.kept[op.name]]
        assert np.abs(apart).max() < 0.51 * tensor.scale, op.name
    apart = (twin._value(party.graph.head, maps)).detach().numpy() - trace.logits / ref.LOGIT_SCALE
    assert np.abs(apart).max() < 0.51 / ref.LOGIT_SCALE


def test_weight_gradients_point_where_autograd_points(measured: Any) -> None:
    losses, cosines, _ = measured
    open_ = losses > CONFIDENT
    assert open_.sum() >= 60
    means = {part: c[open_].mean() for part, c in cosines.items() if part[1] == "weight"}
    assert [*means] == [("block3.pw", "weight"), ("block4.pw", "weight"), ("head", "weight")]
    assert min(means.values()) >= 0.99, means


def test_bias_gradients_point_where_autograd_points(measured: Any) -> None:
    losses, cosines, _ = measured
    means = {part: c[losses > CONFIDENT].mean() for part, c in cosines.items() if part[1] == "bias"}
    assert len(means) == 5
    assert min(means.values()) >= 0.99, means


def test_gradients_are_as_long_as_autograds(measured: Any) -> None:
    """Only above the loss limit: below it Q15 probabilities cut the gradient short, down to nothing at last."""
    losses, _, ratios = measured
    means = {part: r[losses > CONFIDENT].mean() for part, r in ratios.items()}
    assert all(0.98 <= mean <= 1.02 for mean in means.values()), means
