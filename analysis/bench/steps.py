"""How many training steps per second: our engine, and torch at batch 1 on the same net, windows and trained tensors.

One run, one thread, the three alternating. Torch is timed twice: recomputing everything, as our engine always does, and
with the map before the first layer that trains kept per window. It keeps whichever way of training a slice is faster.
Run: python -m analysis.bench.steps [--repetitions 7] [--seconds 0.5]
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from fleet import __version__
from fleet.base import rng
from fleet.base.errors import InputError
from fleet.base.places import scenarios_dir
from fleet.learning.client import Client
from fleet.learning.orders import sample_order
from fleet.node.engine.binding import Course, Node
from fleet.node.model.fixed import real
from fleet.run.assemble import Assembly, assemble
from fleet.scenario import load

if TYPE_CHECKING:
    from analysis.bench.torch_step import TorchStep

ENGINE, RECOMPUTED, CACHED = "engine", "torch, all recomputed", "torch, frozen prefix cached"
CALL = 32  # steps between two looks at the clock
Steps = Callable[[], None]


def main(arguments: list[str] | None = None) -> int:
    """Prints steps per second and both ratios; 1 when torch is not installed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repetitions", type=int, default=7, help="turns of each contestant")
    options.add_argument("--seconds", type=float, default=0.5, help="length of a turn")
    chosen = options.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        contestants, notes = built(chosen.seconds)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    turns = alternated(contestants, chosen.repetitions, chosen.seconds)
    report(turns, notes)
    return 0


def built(seconds: float) -> tuple[dict[str, Steps], list[str]]:
    """Everyone's CALL steps, and what a reader must know. Raises InputError without torch."""
    try:
        import torch
    except ImportError:
        raise InputError.one("torch", "expected it, found none; pip install 'mcufleet[torch]'") from None
    from analysis.bench.torch_step import SPLITS, TorchStep

    torch.set_num_threads(1)
    party = assemble(load(scenarios_dir() / "quickstart.yaml"))
    client, rate = party.clients[0], float(party.scenario.training.rate)
    own = client.shard.classes
    rivals = {s: TorchStep(party.graph, party.plan.scheme, own, rate, split=s) for s in SPLITS}
    assert {rival.trained for rival in rivals.values()} == {party.plan.layout.size}
    tried = {s: torch_steps(party, client, rival, cached=False) for s, rival in rivals.items()}
    rates = {s: median(speeds) for s, speeds in alternated(tried, 3, seconds).items()}
    best = max(rates, key=lambda s: rates[s])
    notes = [
        f"{processor()}, one thread, Python {platform.python_version()}",
        f"mcufleet {__version__}, torch {torch.__version__}, numpy {np.__version__}",
        f"{party.graph.name}, scheme {party.plan.scheme.name}: {party.plan.layout.size} values train, batch 1",
        "torch's trained slices: " + ", ".join(f"{s} {r:,.0f}/s" for s, r in rates.items()) + f"; timed below: {best}",
    ]
    contestants = {
        ENGINE: engine_steps(party, client),
        RECOMPUTED: torch_steps(party, client, rivals[best], cached=False),
        CACHED: torch_steps(party, client, rivals[best], cached=True),
    }
    return contestants, notes


def engine_steps(party: Assembly, client: Client) -> Steps:
    """CALL steps of the engine, from the shipped model each time; putting it back is timed too.

    Training on and on, it would know its windows by heart, and a step with nothing left to learn ends early.
    """
    train, key = client.shard.train, rng.key(client.seed, rng.Stream.UPDATE, client.shard.node)
    course = Course(key=key, rate=real(party.scenario.training.rate), own=client.shard.classes)
    node, orders = Node(party.plan), endless_orders(client)

    def run() -> None:
        node.values = party.initial
        node.train(train.x, train.y, next(orders), course)

    return run


def torch_steps(party: Assembly, client: Client, rival: "TorchStep", *, cached: bool) -> Steps:
    """CALL steps of torch on the same windows. cached: the frozen part's maps are made here, once."""
    from analysis.bench.torch_step import real_windows

    inputs = real_windows(party.graph, client.shard.train.x)
    maps = [rival.frozen_part(x) for x in inputs]
    targets = [rival.target_of[int(label)] for label in client.shard.train.y]
    orders = ([int(i) for i in order] for order in endless_orders(client))

    def run() -> None:
        for i in next(orders):
            rival.step(maps[i] if cached else rival.frozen_part(inputs[i]), targets[i])

    return run


def endless_orders(client: Client) -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """Which windows come next, CALL at a time; over and over the first passes' order."""
    size = client.shard.train.size
    order = sample_order(client.seed, rng.Stream.ORDER, client.shard.node, size, 0, CALL * size)
    return cycle(np.split(order, size))


def alternated(contestants: dict[str, Steps], repetitions: int, seconds: float) -> dict[str, list[float]]:
    """Steps per second of each turn; one unmeasured call first."""
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    for run in contestants.values():
        run()
    for _ in range(repetitions):
        for name, run in contestants.items():
            speeds[name].append(speed(run, seconds))
    return speeds


def speed(run: Steps, seconds: float) -> float:
    """Steps per second over at least this time."""
    steps, start = 0, perf_counter()
    while True:
        run()
        steps += CALL
        taken = perf_counter() - start
        if taken >= seconds:
            return steps / taken


def report(turns: dict[str, list[float]], notes: list[str]) -> None:
    """Medians, spread, and how many times faster the engine is."""
    print("\n".join(notes))
    print(f"\n{'steps per second':<30}{'median':>10}{'least':>10}{'most':>10}")
    for name, speeds in turns.items():
        print(f"{name:<30}{median(speeds):>10,.0f}{min(speeds):>10,.0f}{max(speeds):>10,.0f}")
    print()
    for name in (RECOMPUTED, CACHED):
        by_turn = [ours / theirs for ours, theirs in zip(turns[ENGINE], turns[name], strict=True)]
        print(f"engine / {name}: {median(by_turn):.1f} (turn by turn {min(by_turn):.1f} to {max(by_turn):.1f})")


def processor() -> str:
    """The processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
