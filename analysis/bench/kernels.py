"""How close a pointwise layer comes to the processor's peak of multiply-accumulates, forward, requantisation included.

The peak is measured in the same run, in turns with the layers: twelve independent sums of the instructions that the
variant's products use, with nothing to load or store. A layer is one step of the executor as training runs it: inputs
laid out, products, two roundings, clipping and the mask of what was kept. Frozen weights are packed beforehand, trained
ones in the step.
Run: python -m analysis.bench.kernels [--repetitions 15] [--seconds 0.05]
"""

import argparse
import sys
from dataclasses import replace
from itertools import product
from math import sqrt
from statistics import median
from typing import Final

import numpy as np

from analysis.bench.contest import Run, Speeds, alternated, processor
from fleet import __version__
from fleet.base import rng
from fleet.node.engine.binding import Node
from fleet.node.engine.host import Variant, best_variant, peak
from fleet.node.model.graph import Conv2d, Dense, GlobalAveragePool, Graph, Tensor
from fleet.node.model.scheme import Scheme, Trained
from fleet.node.plan import plan_of

CHANNELS: Final = (16, 32, 64, 96, 128, 256)
POSITIONS: Final = ((25, 5), (16, 16))
PEAK, ROUNDS, TIMES = "peak", 200_000, 50


def main(arguments: list[str] | None = None) -> int:
    """Prints multiply-accumulates per second and their part of the peak; 1 on a processor without a fast variant."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repetitions", type=int, default=15, help="turns of each layer")
    options.add_argument("--seconds", type=float, default=0.05, help="length of a turn")
    chosen = options.parse_args(arguments)
    variant = best_variant()
    if variant is Variant.PLAIN:
        sys.stderr.write("variant: expected a processor with AVX2, got none; the executor is the interpreter there\n")
        return 1
    print(f"{processor()}, one thread, variant {variant.name}, mcufleet {__version__}")
    layers = {
        name_of(side, channels, trained): layer_run(side, channels, trained=trained)
        for side, channels, trained in product(POSITIONS, CHANNELS, (False, True))
    }
    turns = alternated({PEAK: lambda: peak(variant, ROUNDS), **layers}, chosen.repetitions, chosen.seconds)
    print(report(turns))
    return 0


def report(turns: Speeds) -> str:
    """A line per layer: 10^9 multiply-accumulates per second, and percent of the peak of its own turns."""
    lines = [f"{'pointwise int8, forward':<42}{'10^9 MAC/s':>12}{'of the peak':>13}"]
    lines.append(f"{PEAK:<42}{median(turns[PEAK]) / 1e9:>12.1f}{'':>13}")
    for name, speeds in turns.items():
        if name != PEAK:
            part = median(a / b for a, b in zip(speeds, turns[PEAK], strict=True))
            lines.append(f"{name:<42}{median(speeds) / 1e9:>12.1f}{100 * part:>11.0f} %")
    return "\n".join(lines)


def name_of(side: tuple[int, int], channels: int, trained: bool) -> str:
    weights = "trained" if trained else "frozen"
    return f"{side[0]} x {side[1]}, {channels} -> {channels}, weights {weights}"


def layer_run(side: tuple[int, int], channels: int, *, trained: bool) -> Run:
    """TIMES runs of the layer's own step; returns multiply-accumulates."""
    graph = pointwise(side, channels)
    parts = (Trained(op="layer", channels=channels if trained else 0, bias=True), Trained(op="head", bias=True))
    node = Node(plan_of(graph, Scheme(name="one layer", trained=parts)))
    node.logits(graph_window(graph))
    work = TIMES * side[0] * side[1] * channels * channels

    def run() -> int:
        node.host.repeat(0, TIMES)
        return work

    return run


def graph_window(graph: Graph) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
    """int8 [1, H, W, C] over the whole range."""
    draws = rng.draws32(rng.key(1), 0, graph.input.size) >> np.uint32(24)
    return draws.astype(np.uint8).view(np.int8).reshape(1, *graph.input.shape)


def pointwise(side: tuple[int, int], channels: int) -> Graph:
    """One pointwise layer, a pool and a head of two classes; weights random, half of the outputs clipped."""
    x = Tensor(name="input", shape=(*side, channels), scale=1 / 64, zero_point=-128)
    y = replace(x, name="map", scale=float(np.float32(sqrt(channels) / 16)))
    mean = replace(y, name="mean", shape=(1, 1, channels))
    logits = Tensor(name="logits", shape=(1, 1, 2), scale=1 / 256, zero_point=0)
    layer = Conv2d(
        name="layer",
        x="input",
        y="map",
        weight=_whole(2, channels * channels).reshape(channels, 1, 1, channels),
        bias=np.zeros(channels, dtype=np.int32),
        weight_scale=np.full(channels, 2.0**-8, dtype=np.float32),
    )
    head = Dense(
        name="head",
        x="mean",
        y="logits",
        weight=_whole(3, 2 * channels).reshape(2, channels),
        bias=np.zeros(2, dtype=np.int32),
        weight_scale=np.full(2, 2.0**-8, dtype=np.float32),
    )
    pool = GlobalAveragePool(name="pool", x="map", y="mean")
    return Graph(name="pointwise", tensors=(x, y, mean, logits), ops=(layer, pool, head))


def _whole(part: int, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
    """int8 [count] from -127 to 127."""
    return ((rng.draws32(rng.key(part), 0, count) % np.uint32(255)).astype(np.int16) - 127).astype(np.int8)


if __name__ == "__main__":
    sys.exit(main())
