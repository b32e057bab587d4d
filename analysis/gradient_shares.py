"""How many gradients are not 0, and what a training step would be modelled to take if that were known?

    python -m analysis.gradient_shares [--nets imu-ds-cnn,ds-cnn]

A gradient of 0 costs an operator next to nothing, so the cost model assumes how many are not: CLIPPED of a map that
ReLU clips, LINEAR of one that it does not (fleet/node/plan/counts.py). Here the networks of the matrix of twins train
on its real windows in an emulated core, layer by layer; the gradients that layers read are counted in every fifth step.
Weighted by the multiply-accumulates that they go through, since these are what the share decides. The last columns are
a training step's instructions by the core's table, with the counted shares over with the assumed ones.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from analysis.twin_cases import NETS, RATES, SEED, chosen_scheme, windows_of
from fleet.node.cost import core_table, instructions_of
from fleet.node.export import Trial
from fleet.node.export.trial import STEPS
from fleet.node.model.fixed import real
from fleet.node.model.recipe import Recipe
from fleet.node.model.schemes import named_scheme
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.choice import plannable
from fleet.node.plan.counts import CLIPPED, LINEAR, assumed_share, work_of
from fleet.node.twin.calibrate import bench_of

CORE: Final = "cortex-m4f"
EVERY: Final = 5  # steps; those between are trained and not looked at
SIDE: Final = 48  # pixels of mcunet-5fps
ALL: Final = {"imu-ds-cnn": ("sparse", "full"), "ds-cnn": ("sparse", "full"), "mcunet-5fps": ("sparse:49kb",)}

Shares = dict[int, Fraction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One network under one scheme. clipped, linear: shares over all steps looked at; None where no layer is such.

    first, last: the least and the largest ratio of a step's instructions; ratio: of all of them together.
    """

    net: str
    scheme: str
    clipped: Fraction | None
    linear: Fraction | None
    least: Fraction
    ratio: Fraction
    most: Fraction

    def __str__(self) -> str:
        shares = "".join("       –" if s is None else f"{float(s):>8.2f}" for s in (self.clipped, self.linear))
        ratios = "".join(f"{float(r):>8.2f}" for r in (self.least, self.ratio, self.most))
        return f"{self.net:14}{self.scheme:13}{shares}{ratios}"


def found(net: str, scheme: str) -> Found:
    """What a training of STEPS windows shows."""
    plan, trial = planned(net, scheme)
    looked = list(shares_of(plan, trial))
    table = core_table(CORE)
    assumed = instructions_of(table, [count for counts in work_of(plan) for count in counts])
    known = [instructions_of(table, [c for counts in work_of(plan, s) for c in counts]) for s in looked]
    return Found(
        net=net,
        scheme=scheme,
        clipped=_mean(plan, looked, CLIPPED),
        linear=_mean(plan, looked, LINEAR),
        least=Fraction(min(known), assumed),
        ratio=Fraction(sum(known), assumed * len(known)),
        most=Fraction(max(known), assumed),
    )


def planned(net: str, scheme: str) -> tuple[Plan, Trial]:
    """The plan layer by layer, and real windows to train on."""
    side = SIDE if net == "mcunet-5fps" else None
    graph, chosen = chosen_scheme(net, Recipe(), side)
    if scheme == "full":
        choice = named_scheme(graph, scheme, recipe=Recipe())
        graph, chosen = choice.graph, plannable(choice.graph, choice.scheme)
    data = windows_of(net, side)
    own = tuple(sorted({*data.labels.tolist()}))
    windows, labels = data.windows[:STEPS], data.labels[:STEPS]
    trial = Trial(windows=windows, labels=labels, own=own, rate=real(RATES[net]), seed=SEED, node=0)
    return plan_of(graph, chosen), trial


def shares_of(plan: Plan, trial: Trial) -> Iterator[Shares]:
    """Of every fifth step: by plan step, the share of the gradients that it reads which are not 0."""
    bench = bench_of(CORE)
    bench.load(plan, trial)
    for window in range(len(trial.labels)):
        if window % EVERY:
            bench.train(window)
        else:
            yield {count.step: count.share for count in bench.count(window) if count.share is not None}


def _mean(plan: Plan, looked: Sequence[Shares], kind: Fraction) -> Fraction | None:
    """Weighted by multiply-accumulates with every gradient, over the layers that the model takes to be of one kind."""
    every = work_of(plan, dict.fromkeys(range(len(plan.steps)), Fraction(1)))
    weight = {i: sum(count.macs for count in counts) for i, counts in enumerate(every)}
    steps = [i for i in looked[0] if assumed_share(plan, plan.steps[i]) == kind]
    total = sum(weight[i] for i in steps) * len(looked)
    return sum((shares[i] * weight[i] for shares in looked for i in steps), Fraction(0)) / total if total else None


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a row for each network and scheme."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nets", default=",".join(NETS), help="names, comma-separated")
    print(f"{'':27}{'not 0':>16}{'counted over assumed':>24}")
    print(f"{'network':14}{'scheme':13}{'clipped':>8}{'linear':>8}{'least':>8}{'all':>8}{'most':>8}")
    print(f"{'assumed':27}{float(CLIPPED):>8.2f}{float(LINEAR):>8.2f}")
    for net in parser.parse_args(argv).nets.split(","):
        for scheme in ALL[net]:
            print(found(net, scheme), flush=True)


if __name__ == "__main__":
    main()
