"""How close are the engine's gradients to float ones, layer by layer, and what does QAS do to their size?

Torch's autograd on the same int8 network, its maps rounded as the network rounds them, is the truth: what is left is
the rounding of gradients. Cosine and ratio of norms are means over windows with a loss above 0.1.

The other columns are ratios ||W|| / ||G|| of a weight tensor, each divided by the float network's own: 1 is as in
float. W_q = W / s_w, so the gradient of W_q is G s_w and its ratio off by s_w^-2; quantisation-aware scaling (QAS)
multiplies that gradient by s_w^-2 (Lin et al., "On-Device Training Under 256KB Memory", 2022, equations 4 and 5).
    raw      W_q against its gradient, as the int8 graph has it
    integer  with QAS, both in steps of the weights. The published derivation has one s_w per tensor; with one per
             channel, channels of small s_w have the largest G / s_w and decide the norm of the whole tensor
    loud     the same over channels whose s_w is at least 1/4 of the tensor's largest
    real     with QAS, both in real units: what a step does to the function
    channel  with QAS, the median over output channels, and the least: the scale of a channel drops out
Dead channels (SPEC.md, Update) train nothing and are left out of all but `raw`.
Run: python -m analysis.gradient_fidelity [--net quickstart speech motion mcunet-5fps mcunet-5fps-fresh] [--windows 40]
                                          [--static]
"""

import argparse
import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from math import nan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.transfer import TASKS, Transfer, folder, pictures
from analysis.update_rules import start_of
from fleet.base import rng
from fleet.base.places import scenarios_dir
from fleet.base.rng import Stream
from fleet.node.engine.binding import Course, Node
from fleet.node.model import reference
from fleet.node.model.graph import Depthwise, Graph, Weighted
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.reference.calibrate import STEPS
from fleet.node.model.scheme import Scheme, build_scheme, with_values
from fleet.node.model.zoo.mcunet import load_mcunet
from fleet.node.plan import plan_of
from fleet.run.assemble import assemble
from fleet.scenario import load

CONFIDENT: Final = 0.1  # nats
RATIOS: Final = ("norm", "raw", "integer", "loud", "real", "channel", "least_channel")
LOUD: Final = 1 / 4  # of a tensor's largest weight scale
RATE: Final = 0.001  # while static exponents are chosen
FACTOR: Final = 2  # of the float network's ratio: what QAS is held to
Example = tuple[NDArray[Any], int, Collection[int]]  # a window, its label, classes of the softmax
Part = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A network that still has something to learn, and what it is asked. others: to choose static exponents by."""

    graph: Graph
    examples: Sequence[Example]
    others: Sequence[Example]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One tensor and window. cosine, norm: against autograd. The others: ratios as said above, of weights only."""

    part: Part
    cosine: float
    norm: float
    raw: float = nan
    integer: float = nan
    loud: float = nan
    real: float = nan
    channel: float = nan
    least_channel: float = nan


def main(arguments: list[str] | None = None) -> int:
    """Prints a table per network and gradient format."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--net", nargs="+", choices=CASES, default=list(CASES))
    options.add_argument("--windows", type=int, default=40)
    options.add_argument("--static", action="store_true", help="also with static exponents, of 32 other windows")
    chosen = options.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in chosen.net:
        case = CASES[name](chosen.windows)
        for gradients in Gradients:
            scheme = build_scheme(case.graph, "full", recipe=Recipe(gradients=gradients))
            print_table(name, scheme.recipe, list(measured(case, scheme)))
        if chosen.static:
            scheme = calibrated_for(case)
            print_table(name, scheme.recipe, list(measured(case, scheme)))
    return 0


# --- networks --------------------------------------------------------------------------------------------------


def quickstart(count: int) -> Case:
    """The shipped model on windows of the quickstart's nodes."""
    party = assemble(load(scenarios_dir() / "quickstart.yaml", seed=0))
    shards = [client.shard for client in party.clients]

    def taken(each: slice) -> list[Example]:
        parts = [zip(shard.train.x[each], shard.train.y[each], repeat(shard.classes)) for shard in shards]
        return [(x, int(label), own) for part in parts for x, label, own in part]

    each = -(-count // len(shards))
    return Case(
        graph=party.graph,
        examples=taken(slice(each))[:count],
        others=taken(slice(each, each - (-STEPS // len(shards)))),
    )


def transfer(task: str) -> Callable[[int], Case]:
    """A task's network before it adapts."""

    def made(count: int) -> Case:
        data = TASKS[task](0)
        return case_of(start_of(data, 0).graph, data, count)

    return made


def published(*, fresh: bool) -> Callable[[int], Case]:
    """MCUNet-5FPS at its own resolution on clothes, with a drawn head or one that learned for 200 windows."""

    def made(count: int) -> Case:
        data = pictures(0, side=128)
        graph = load_mcunet(folder() / "mcunet/mcunet-5fps.json", classes=10)
        windows, labels = data.train.windows[:200], data.train.labels[:200]
        return case_of(with_drawn_head(graph) if fresh else with_learned_head(graph, windows, labels), data, count)

    return made


def case_of(graph: Graph, data: Transfer, count: int) -> Case:
    """The last windows of those to train on, and for static exponents those before them."""
    asked = zip(data.train.windows, data.train.labels.tolist(), repeat(range(data.classes)))
    examples: list[Example] = list(asked)
    return Case(graph=graph, examples=examples[-count:], others=examples[-count - STEPS : -count])


def with_learned_head(graph: Graph, windows: NDArray[np.int8], labels: NDArray[np.uint8]) -> Graph:
    """The network after one pass over these windows that trains nothing but its head."""
    node = Node(plan_of(graph, build_scheme(graph, "head")))
    node.train(windows, labels, np.arange(len(labels)), Course(key=0, rate=0.003, own=range(graph.classes)))
    return with_values(graph, node.plan.layout, node.values)


def with_drawn_head(graph: Graph) -> Graph:
    """The network with a head of drawn weights, uniform, of the size that a float layer starts with."""
    size = graph.head.weight.size
    drawn = rng.draws32(rng.key(0, Stream.START, 0), 0, size) % 255
    weight = drawn.astype(np.int16).reshape(graph.head.weight.shape) - 127
    scale = np.full(graph.classes, 1 / (127 * np.sqrt(graph.head.weight.shape[1])), dtype=np.float32)
    head = replace(graph.head, weight=weight.astype(np.int8), weight_scale=scale)
    return replace(graph, ops=(*graph.ops[:-1], head))


def calibrated_for(case: Case) -> Scheme:
    """All values, with static exponents of the case's other windows."""
    windows, labels, _ = zip(*case.others, strict=True)
    scheme = build_scheme(case.graph, "full")
    return reference.calibrated(case.graph, scheme, np.stack(windows), [*labels], rate=RATE)


CASES: Final[dict[str, Callable[[int], Case]]] = {
    "quickstart": quickstart,
    "speech": transfer("speech"),
    "motion": transfer("motion"),
    "mcunet-5fps": published(fresh=False),
    "mcunet-5fps-fresh": published(fresh=True),
}


# --- measuring -------------------------------------------------------------------------------------------------


def measured(case: Case, scheme: Scheme) -> Iterator[Seen]:
    """Every trained tensor of every window that leaves something to learn."""
    from fleet.node.model.torch.graph_twin import Twin, real_gradients

    twin = Twin(case.graph)
    for x, label, own in case.examples:
        trace = reference.forward(case.graph, x)
        grads = reference.gradients(case.graph, scheme, trace, label, own)
        if grads is None:
            continue
        loss, theirs = twin.gradients(trace, label, own, scheme)
        if loss > CONFIDENT:
            ours = real_gradients(case.graph, scheme, grads)
            yield from (compared(case.graph, part, ours[part], theirs[part]) for part in theirs)


def compared(graph: Graph, part: Part, ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Seen:
    """One tensor's gradient, in real units, against autograd's."""
    norms = np.linalg.norm(ours), np.linalg.norm(theirs)
    cosine = float((ours * theirs).sum() / (norms[0] * norms[1])) if norms[0] * norms[1] else 0.0
    seen = Seen(part=part, cosine=cosine, norm=float(norms[0] / norms[1]))
    return with_ratios(graph, seen, ours, theirs) if part[1] == "weight" and norms[0] else seen


def with_ratios(graph: Graph, seen: Seen, ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Seen:
    """What the size of a weight is to the size of its gradient, over the same in the float network."""
    op = graph.op(seen.part[0])
    assert isinstance(op, Weighted)
    scale = op.weight_scale.astype(np.float64)[:, None]
    w, g, truth = (by_channel(op, values) for values in (op.weight.astype(np.float64), ours, theirs))

    def over_float(weight: NDArray[Any], gradient: NDArray[Any], kept: NDArray[Any]) -> float:
        ratio = np.linalg.norm(weight[kept]) / np.linalg.norm(gradient[kept])
        return float(ratio / (np.linalg.norm((w * scale)[kept]) / np.linalg.norm(truth[kept])))

    live = op.weight_scale >= reference.DEAD_SCALE
    loud = live & (op.weight_scale >= LOUD * op.weight_scale.max())
    alive = np.where(live[:, None], scale, 1.0)
    mine, torchs = (np.linalg.norm(values, axis=1) for values in (g, truth))
    learning = live & (mine > 0) & (torchs > 0)
    channels = torchs[learning] / mine[learning]
    return replace(
        seen,
        raw=over_float(w, g * scale, np.full_like(live, True)),
        integer=over_float(w, g / alive, live),
        loud=over_float(w, g / alive, loud),
        real=over_float(w * scale, g, live),
        channel=float(np.median(channels)),
        least_channel=float(channels.min()),
    )


def by_channel(op: Weighted, values: NDArray[Any]) -> NDArray[Any]:
    """Values of a weight's shape as [outputs, others]."""
    return (np.moveaxis(values, -1, 0) if isinstance(op, Depthwise) else values).reshape(op.bias.size, -1)


def within(seen: Sequence[Seen], name: str) -> tuple[int, int]:
    """Weight tensors whose mean ratio lies within a factor of 2 of the float network's, and how many there are."""
    parts = [part for part in dict.fromkeys(one.part for one in seen) if part[1] == "weight"]
    means = [float(np.nanmean([getattr(one, name) for one in seen if one.part == part])) for part in parts]
    return sum(1 / FACTOR <= mean <= FACTOR for mean in means), len(means)


def print_table(net: str, recipe: Recipe, seen: list[Seen]) -> None:
    parts = dict.fromkeys(one.part for one in seen)
    exponents = f", {recipe.exponents.value} exponents" if recipe.gradients is Gradients.INT8 else ""
    windows = sum(one.part == seen[0].part for one in seen)
    print(f"\n{net}, {recipe.gradients.value} gradients{exponents} against autograd, {windows} windows")
    print(
        f"{'tensor':20}{'cosine':>9}{'least':>8}{'norm':>7}  W/G:{'raw':>9}{'integer':>9}{'loud':>7}{'real':>7}", end=""
    )
    print(f"{'channel':>9}{'least':>7}")
    for part in parts:
        rows = [one for one in seen if one.part == part]
        cosines = [one.cosine for one in rows]
        line = f"{' '.join(part):20}{np.mean(cosines):9.5f}{min(cosines):8.4f}"
        mean = {name: float(np.mean([getattr(one, name) for one in rows])) for name in RATIOS}
        print(f"{line}{mean['norm']:7.3f}" + (_ratios(mean) if part[1] == "weight" else ""))
    worst = {part: float(np.mean([one.cosine for one in seen if one.part == part])) for part in parts}
    least = min(worst, key=lambda part: worst[part])
    print(f"least mean cosine of a tensor: {worst[least]:.5f}, {' '.join(least)}")
    for name in RATIOS[1:6]:
        print(f"W/G {name}: {within(seen, name)[0]} of {within(seen, name)[1]} tensors within a factor of {FACTOR}")


def _ratios(mean: dict[str, float]) -> str:
    raw, integer, loud, real, channel, least = (mean[name] for name in RATIOS[1:])
    return f"{raw:15.3g}{integer:9.3f}{loud:7.3f}{real:7.3f}{channel:9.3f}{least:7.3f}"


if __name__ == "__main__":
    sys.exit(main())
