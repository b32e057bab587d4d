"""How many training steps per second: our engine, and torch on the same nets, windows and trained tensors.

One run, one thread, all in turns. The engine makes a step per window, as a node does; torch is timed at batch 1 and at
batch 32, each per window, twice: recomputing everything, and with the maps before the first layer that trains kept per
window. It keeps whichever memory layout and way of training a slice is faster.
Run: python -m analysis.bench.steps [--repetitions 7] [--seconds 0.5] [--case NAME]
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from itertools import cycle, product
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.bench.cases import Case, keyword_case, quickstart_case
from analysis.bench.contest import Run, alternated, processor, ratio, table
from fleet import __version__
from fleet.base import rng
from fleet.base.errors import InputError
from fleet.learning.orders import sample_order
from fleet.node.engine.binding import Course, Node
from fleet.node.engine.host import Variant, best_variant
from fleet.node.engine.memo import Memo
from fleet.node.model.fixed import real
from fleet.node.model.scheme import trained_values
from fleet.node.plan.plan import plan_of

if TYPE_CHECKING:
    from analysis.bench.torch_step import TorchStep

CASES: dict[str, Callable[[], Case]] = {
    "quickstart": quickstart_case,
    "full": lambda: keyword_case("full"),
    "sparse": lambda: keyword_case("sparse"),
    "head": lambda: keyword_case("head"),
}
CALL = 64  # windows between two looks at the clock: a local round of the quickstart
BATCHES = (1, 32)
ENGINE, REMEMBERING, INTERPRETER = "engine", "engine, prefix remembered", "interpreter"


def main(arguments: list[str] | None = None) -> int:
    """Prints windows per second and all ratios; 1 when torch is not installed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repetitions", type=int, default=7, help="turns of each contestant")
    options.add_argument("--seconds", type=float, default=0.5, help="length of a turn")
    options.add_argument("--case", choices=CASES, action="append", help="one of them only; may be repeated")
    chosen = options.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        print(versions())
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for name in chosen.case or CASES:
        time_case(CASES[name](), chosen.repetitions, chosen.seconds)
    return 0


def versions() -> str:
    """What a reader must know of the machine. Raises InputError without torch, which from here on has one thread."""
    try:
        import torch
    except ImportError:
        raise InputError.one("torch", "expected it, found none; pip install 'mcufleet[torch]'") from None
    torch.set_num_threads(1)
    return (
        f"{processor()}, one thread, Python {platform.python_version()}, engine variant {best_variant().name}\n"
        f"mcufleet {__version__}, torch {torch.__version__}, numpy {np.__version__}"
    )


def time_case(case: Case, repetitions: int, seconds: float) -> None:
    """One table with its ratios."""
    contestants, notes = built(case, seconds)
    turns = alternated(contestants, repetitions, seconds)
    print(f"\n{case.name}: {notes}\n{table('windows per second', turns)}")
    for ours, theirs in product(engines(case), [name for name in turns if name.startswith("torch")]):
        print(ratio(turns, ours, theirs))


def engines(case: Case) -> tuple[str, ...]:
    """Names of our contestants that are compared."""
    return (ENGINE, REMEMBERING) if case.remembers else (ENGINE,)


def torch_name(batch: int, cached: bool) -> str:
    return f"torch batch {batch}, {'frozen prefix cached' if cached else 'all recomputed'}"


def built(case: Case, seconds: float) -> tuple[dict[str, Run], str]:
    """Everyone's CALL windows, and what trains how."""
    plan = plan_of(case.graph, case.scheme)
    contestants = {
        ENGINE: engine_steps(case, Node(plan)),
        INTERPRETER: engine_steps(case, Node(plan, variant=Variant.PLAIN)),
    }
    if case.remembers:
        contestants[REMEMBERING] = engine_steps(case, Node(plan, memo=Memo(plan)))
    notes = f"{plan.layout.size} values train"
    for batch in BATCHES:
        ways = {f"{s}, {layout}": rival for (s, layout), rival in rivals(case).items()}
        assert {rival.trained for rival in ways.values()} == {plan.layout.size}
        tried = {way: torch_steps(case, rival, batch, cached=False) for way, rival in ways.items()}
        rates = {way: median(speeds) for way, speeds in alternated(tried, 3, seconds).items()}
        best = max(rates, key=lambda way: rates[way])
        notes += f"; torch batch {batch}: {best}"
        for cached in (False, True):
            contestants[torch_name(batch, cached)] = torch_steps(case, ways[best], batch, cached=cached)
    return contestants, notes


def rivals(case: Case) -> dict[tuple[str, str], "TorchStep"]:
    """Torch's ways to do it that can differ in speed."""
    from analysis.bench.torch_step import LAYOUTS, SPLITS, TorchStep

    sliced = any(0 < case.scheme.of(op.name).channels < op.weight.shape[-1] for op in case.graph.weighted)
    flat = all(t.shape[1] == 1 for t in case.graph.tensors)
    ways = product(SPLITS if sliced else SPLITS[:1], LAYOUTS[:1] if flat else LAYOUTS)
    return {
        (s, layout): TorchStep(case.graph, case.scheme, case.own, case.rate, split=s, layout=layout)
        for s, layout in ways
    }


def engine_steps(case: Case, node: Node) -> Run:
    """CALL steps of the engine, from the starting values each time; putting them back is timed too.

    Training on and on, it would know its windows by heart, and a step with nothing left to learn ends early.
    """
    course = Course(key=rng.key(0, rng.Stream.UPDATE, 0), rate=real(case.rate), own=case.own)
    orders, initial = endless_orders(case), trained_values(case.graph, node.plan.layout)

    def run() -> int:
        node.values = initial
        node.train(case.windows, case.labels, next(orders), course)
        return CALL

    return run


def torch_steps(case: Case, rival: "TorchStep", batch: int, *, cached: bool) -> Run:
    """CALL windows of torch in batches, gathered here, once; cached: the frozen part's maps as well."""
    inputs, targets = rival.inputs(case.windows), rival.targets(case.labels)
    maps = rival.frozen_part(inputs) if cached else inputs
    orders = endless_orders(case)
    chosen = [next(orders).reshape(-1, batch) for _ in range(4)]
    batches = cycle([[(maps[i], targets[i]) for i in order] for order in chosen])

    def run() -> int:
        for x, target in next(batches):
            rival.step(x if cached else rival.frozen_part(x), target)
        return CALL

    return run


def endless_orders(case: Case) -> Iterator[NDArray[np.int64]]:
    """Which windows come next, CALL at a time; over and over the first passes' order."""
    size = len(case.windows)
    order = sample_order(0, rng.Stream.ORDER, 0, size, 0, CALL * size)
    return cycle(np.split(order, size))


if __name__ == "__main__":
    sys.exit(main())
