"""Every plan of the memory table, run: does training in the least memory change a single byte?

    python -m analysis.plans_executed [--net NAME ...] [--steps 20] [--effort quick | search | prove]

The published networks with their published weights learn ten classes of clothes (Fashion-MNIST enlarged to
128 x 128 x 3), once by the plan of least memory and once layer by layer: outputs before and after, the loss of every
step and the state at the end must be the same bytes, in the interpreter that a firmware runs. mcunet-in3 at 176, whose
weights nobody publishes, infers with drawn ones. Data is found in the folder that FLEET_DATA names.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from analysis.gradient_fidelity import with_drawn_head
from analysis.memory_goals import CLASSES, GOALS, RECIPES
from analysis.transfer import Part, folder, pictures
from fleet.base import rng
from fleet.base.rng import Stream
from fleet.node.engine.binding import Course, Node
from fleet.node.engine.host import Variant
from fleet.node.model.graph import Graph, Weighted
from fleet.node.model.recipe import Exponents
from fleet.node.model.reference import calibrated
from fleet.node.model.scheme import Scheme
from fleet.node.model.schemes.published import PUBLISHED_SCHEMES, published_scheme
from fleet.node.model.untrained import untrained_graph
from fleet.node.model.zoo import zoo_net
from fleet.node.model.zoo.mcunet import load_mcunet
from fleet.node.plan import Plan, inference_plan, plan_of
from fleet.node.plan.choice import best_plan
from fleet.node.plan.placement import Effort

RATE: Final = 0.003
CALIBRATED_ON: Final = 4  # windows, after those that train
ASKED: Final = 4  # windows whose outputs are compared


def main(arguments: list[str] | None = None) -> int:
    """Prints a line per plan; 1 when a byte differs."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--net", nargs="+", choices=GOALS, default=list(GOALS))
    options.add_argument("--steps", type=int, default=20)
    options.add_argument("--effort", choices=[effort.value for effort in Effort], default=Effort.QUICK.value)
    chosen = options.parse_args(arguments)
    effort = Effort(chosen.effort)
    part = pictures(0, side=128).train
    differ = 0
    for net in chosen.net:
        graph = with_drawn_head(load_mcunet(folder() / f"mcunet/{net}.json", classes=CLASSES))
        for label, form, scheme in schemes(net, graph, part, chosen.steps):
            least, whole = best_plan(graph, scheme, effort=effort), plan_of(graph, scheme)
            equal = trained(least, part, chosen.steps) == trained(whole, part, chosen.steps)
            differ += not equal
            print(
                f"{net:15}{label:>6} {form:5}{chosen.steps:4} steps in {least.state_bytes + least.arena_bytes:8,} B as "
                f"in {whole.state_bytes + whole.arena_bytes:8,} B: {'equal' if equal else 'DIFFERENT'}",
                flush=True,
            )
    differ += not inferred(effort)
    return int(differ > 0)


def schemes(net: str, graph: Graph, part: Part, steps: int) -> Iterator[tuple[str, str, Scheme]]:
    """Label, format and scheme; static exponents are those of other windows than train."""
    others = slice(steps, steps + CALIBRATED_ON)
    for label in PUBLISHED_SCHEMES[net]:
        for form, recipe in RECIPES.items():
            scheme = published_scheme(graph, label, recipe=recipe)
            if recipe.exponents is Exponents.STATIC:
                scheme = calibrated(graph, scheme, part.windows[others], part.labels[others].tolist(), rate=RATE)
            yield label, form, scheme


def trained(plan: Plan, part: Part, steps: int) -> tuple[bytes, ...]:
    """Outputs before, losses, state and outputs after some steps."""
    node = Node(plan, variant=Variant.PLAIN)
    course = Course(key=rng.key(0, Stream.UPDATE, 0), rate=RATE, own=range(plan.graph.classes))
    before = node.logits(part.windows[:ASKED])
    losses = node.train(part.windows[:steps], part.labels[:steps], np.arange(steps), course)
    after = node.logits(part.windows[:ASKED])
    if steps and np.array_equal(before, after):
        raise AssertionError(f"{plan.scheme.name}: nothing was learned, so that nothing was compared")
    return before.tobytes(), losses.tobytes(), node.state, after.tobytes()


def inferred(effort: Effort) -> bool:
    """Whether mcunet-in3 says the same in the least memory as layer by layer."""
    graph = with_drawn_weights(untrained_graph(zoo_net("mcunet-in3")))
    size = graph.input.size
    drawn = rng.draws32(rng.key(0, Stream.START, 1), 0, ASKED * size).view(np.uint8)[::4].view(np.int8)
    windows = drawn.reshape(ASKED, *graph.input.shape)
    least = best_plan(graph, Scheme(name="inference", trained=()), effort=effort)
    whole = inference_plan(graph)
    a, b = (Node(plan, variant=Variant.PLAIN).logits(windows) for plan in (least, whole))
    equal, says = np.array_equal(a, b), len(np.unique(a))
    print(
        f"mcunet-in3 at 176, {ASKED} windows in {least.arena_bytes:,} B as in {whole.arena_bytes:,} B: "
        f"{'equal' if equal else 'DIFFERENT'} ({says} different logits)"
    )
    return equal and says > 1


def with_drawn_weights(graph: Graph) -> Graph:
    """The network with uniform weights that keep the size of maps: of variance 2 / inputs (He et al., 2015)."""

    def drawn(number: int, op: Weighted) -> Weighted:
        size, outputs = op.weight.size, op.bias.size
        weight = rng.draws32(rng.key(0, Stream.START, number), 0, size).astype(np.int64) % 255 - 127
        spread = np.sqrt(2 / (size // outputs)) / 73  # 73 is the deviation of a uniform -127 to 127
        scale = np.full(outputs, spread, dtype=np.float32)
        return replace(op, weight=weight.astype(np.int8).reshape(op.weight.shape), weight_scale=scale)

    return replace(graph, ops=tuple(drawn(i, op) if isinstance(op, Weighted) else op for i, op in enumerate(graph.ops)))


if __name__ == "__main__":
    sys.exit(main())
