"""Published schemes on their published weights: the smallest plans, as a board runs them and as this computer does."""

from pathlib import Path

import numpy as np
import pytest

from fleet.base import rng
from fleet.node.engine.binding import Course, Node
from fleet.node.engine.host import Variant, best_variant
from fleet.node.model.recipe import Exponents, Gradients, Recipe
from fleet.node.model.reference.calibrate import calibrated
from fleet.node.model.schemes.published import published_scheme
from fleet.node.model.zoo.mcunet import load_mcunet
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.choice import best_plan
from tests.node.model.nets import windows

KEY = rng.key(5, rng.Stream.UPDATE, 1)
STEPS, RATE, CLASSES = 20, 0.02, 10


def learnt(plan: Plan, variant: Variant) -> tuple[bytes, ...]:
    """Losses, state and what the network says after 20 steps; the state before."""
    node, x = Node(plan, variant=variant), windows(plan.graph, 4)
    before = node.state
    course = Course(key=KEY, rate=RATE, own=frozenset(range(CLASSES)))
    losses = node.train(x, np.arange(4, dtype=np.uint8), np.arange(STEPS) % 4, course)
    return losses.tobytes(), node.state, node.logits(x).tobytes(), before


@pytest.mark.parametrize(
    "net, label, gradients",
    [
        ("mbv2-w0.35", "49kb", Gradients.INT8),
        ("mbv2-w0.35", "138kb", Gradients.FP32),
        ("mcunet-5fps", "99kb", Gradients.FP32),
        ("proxyless-w0.3", "98kb", Gradients.INT8),
    ],
)
def test_a_published_scheme_in_its_least_memory_trains_as_layer_by_layer(
    shared_data: Path, net: str, label: str, gradients: Gradients
) -> None:
    graph = load_mcunet(shared_data / "mcunet" / f"{net}.json", classes=CLASSES)
    scheme = published_scheme(graph, label, recipe=Recipe(gradients=gradients, exponents=Exponents.STATIC))
    if gradients is Gradients.INT8:
        scheme = calibrated(graph, scheme, windows(graph, 2), [0, 1], rate=RATE, key=KEY)
    plan, expected = best_plan(graph, scheme), learnt(plan_of(graph, scheme), best_variant())
    assert learnt(plan, Variant.PLAIN) == learnt(plan, best_variant()) == expected
    changed = sum(a != b for a, b in zip(expected[1], expected[3], strict=True))
    assert changed > plan.state_bytes // 5  # or nothing would have been compared
