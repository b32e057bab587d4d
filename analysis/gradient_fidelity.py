"""How close are the engine's gradients to float ones, layer by layer, and what does QAS do to their size?

Torch's autograd on the same int8 network, its maps rounded as the network rounds them, is the truth: what is left is
the rounding of gradients. Cosine and ratio of norms are means over windows with a loss above 0.1. `W/G` is the ratio
of the norms of a weight tensor and its gradient, divided by the float network's: as the int8 graph has it (raw); with
quantisation-aware scaling, both in steps of the weights (QAS), where channels of small scale count as much as others;
the same by output channel, the median and the least of all channels.
Run: python -m analysis.gradient_fidelity [--net quickstart speech motion mcunet-5fps] [--windows 40]
"""

import argparse
import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.transfer import TASKS
from analysis.update_rules import start_of
from fleet.base.places import scenarios_dir
from fleet.node.engine.binding import Course, Node
from fleet.node.model import reference
from fleet.node.model.graph import Depthwise, Graph, Weighted
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.scheme import Scheme, build_scheme, with_values
from fleet.node.plan import plan_of
from fleet.run.assemble import assemble
from fleet.scenario import load

CONFIDENT: Final = 0.1  # nats
RATIOS: Final = ("norm", "raw", "scaled", "channel", "least_channel")
Example = tuple[NDArray[Any], int, Collection[int]]  # a window, its label, classes of the softmax
Part = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A network that still has something to learn, and what it is asked."""

    graph: Graph
    examples: Sequence[Example]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One tensor and window. cosine, norm: against autograd. The others: W/G over the float network's."""

    part: Part
    cosine: float
    norm: float
    raw: float = float("nan")
    scaled: float = float("nan")
    channel: float = float("nan")
    least_channel: float = float("nan")


def main(arguments: list[str] | None = None) -> int:
    """Prints a table per network and gradient format."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--net", nargs="+", choices=CASES, default=list(CASES))
    options.add_argument("--windows", type=int, default=40)
    chosen = options.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in chosen.net:
        case = CASES[name](chosen.windows)
        for gradients in Gradients:
            scheme = replace(build_scheme(case.graph, "full"), recipe=Recipe(gradients=gradients))
            print_table(name, gradients, list(measured(case, scheme)))
    return 0


# --- networks --------------------------------------------------------------------------------------------------


def quickstart(count: int) -> Case:
    """The shipped model on windows of the quickstart's nodes."""
    party = assemble(load(scenarios_dir() / "quickstart.yaml", seed=0))
    shards = [client.shard for client in party.clients]
    each = -(-count // len(shards))
    examples = [
        (x, int(label), shard.classes)
        for shard in shards
        for x, label in zip(shard.train.x[:each], shard.train.y[:each], strict=True)
    ]
    return Case(graph=party.graph, examples=examples[:count])


def transfer(task: str) -> Callable[[int], Case]:
    """A task's network before it adapts; one whose head starts at zero learns its head for 200 windows first."""

    def made(count: int) -> Case:
        data = TASKS[task](0)
        graph = start_of(data, 0).graph
        if not graph.head.weight.any():
            graph = with_learned_head(graph, data.train.windows[:200], data.train.labels[:200])
        asked = zip(data.train.windows[-count:], data.train.labels[-count:].tolist(), strict=True)
        return Case(graph=graph, examples=[(x, label, range(data.classes)) for x, label in asked])

    return made


def with_learned_head(graph: Graph, windows: NDArray[np.int8], labels: NDArray[np.uint8]) -> Graph:
    """The network after one pass over these windows that trains nothing but its head."""
    node = Node(plan_of(graph, build_scheme(graph, "head")))
    node.train(windows, labels, np.arange(len(labels)), Course(key=0, rate=0.003, own=range(graph.classes)))
    return with_values(graph, node.plan.layout, node.values)


CASES: Final[dict[str, Callable[[int], Case]]] = {
    "quickstart": quickstart,
    "speech": transfer("speech"),
    "motion": transfer("motion"),
    "mcunet-5fps": transfer("pictures"),
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
    scale, steps = by_output(op), np.linalg.norm(op.weight.astype(np.float64))
    float_ratio = np.linalg.norm(op.weight * scale) / np.linalg.norm(theirs)
    axes = tuple(range(ours.ndim - 1)) if isinstance(op, Depthwise) else tuple(range(1, ours.ndim))
    mine, torchs = (np.sqrt((g * g).sum(axis=axes)) for g in (ours, theirs))
    channels = (torchs / mine)[(mine > 0) & (torchs > 0)]  # the scale of a channel drops out
    return replace(
        seen,
        raw=float(steps / np.linalg.norm(ours * scale) / float_ratio),  # d/dw_q = s_w d/dw
        scaled=float(steps / np.linalg.norm(ours / scale) / float_ratio),  # times s_w^-2
        channel=float(np.median(channels)),
        least_channel=float(channels.min()),
    )


def by_output(op: Weighted) -> NDArray[np.float64]:
    """The weight scales in a shape that fits the weight; dead channels count as 1, so that they drop out of norms."""
    scale = np.where(op.weight_scale < reference.DEAD_SCALE, 1.0, op.weight_scale.astype(np.float64))
    return scale if isinstance(op, Depthwise) else scale.reshape(-1, *[1] * (op.weight.ndim - 1))


def print_table(net: str, gradients: Gradients, seen: list[Seen]) -> None:
    parts = dict.fromkeys(one.part for one in seen)
    print(f"\n{net}, {gradients.value} gradients against autograd")
    print(
        f"{'tensor':24} {'cosine':>8} {'least':>8} {'norm':>7} {'W/G raw':>10} {'QAS':>7} {'channel':>8} {'least':>7}"
    )
    for part in parts:
        rows = [one for one in seen if one.part == part]
        cosines = [one.cosine for one in rows]
        means = {name: float(np.mean([getattr(one, name) for one in rows])) for name in RATIOS}
        print(
            f"{' '.join(part):24} {np.mean(cosines):8.5f} {min(cosines):8.4f} {means['norm']:7.3f} "
            f"{means['raw']:10.3g} {means['scaled']:7.3f} {means['channel']:8.3f} {means['least_channel']:7.3f}"
        )
    worst = min(float(np.mean([one.cosine for one in seen if one.part == part])) for part in parts)
    print(f"least mean cosine of a tensor: {worst:.5f}")


if __name__ == "__main__":
    sys.exit(main())
