"""Does our collision scan deliver what LoRaSim delivers? Its traffic, its disc, its path loss, our `delivered`.

LoRaSim (Bor, Roedig, Voigt, Alonso, "Do LoRa low-power wide-area networks scale?", MSWiM 2016; loraDir.py): nodes lie
uniformly in a disc around one gateway and send 20 bytes, each waiting exponentially long, 10^6 ms on average, after
each frame. `published` are figures of its code, re-implemented with seed 0 and about 100 frames a node; the row of 120
nodes on 3 channels is the 0.9 of the paper.

Its path loss takes natural logarithms where the model says base 10. Both are here: with base 10 nodes are closer
together in power, and fewer frames survive by capture.
Run: python -m analysis.lorasim_curves [--frames 1000000] [--seed 0]
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np

from fleet.world.radio.lora.airtime import Modem, airtime_us
from fleet.world.radio.lora.aloha import pure_aloha
from fleet.world.radio.lora.collisions import MODELS, Frames, delivered

INTERVAL_US: Final = 1_000_000_000
PAYLOAD: Final = 20  # bytes
SLOPE_DB: Final = 20.8  # 10 gamma, gamma = 2.08
FRAMES_A_NODE: Final = 100
TOLERANCE: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row. simple, capture: published shares delivered."""

    name: str
    modem: Modem
    channels: int
    nodes: int
    simple: float
    capture: float


def _cases() -> tuple[Case, ...]:
    settings = {
        "exp 0, SF12 CR4/8": (Modem(sf=12, cr=4), 1),
        "exp 4, SF12 CR4/5": (Modem(sf=12), 1),
        "SF12 CR4/5": (Modem(sf=12), 3),
        "SF7 CR4/5": (Modem(sf=7), 1),
    }
    rows = [
        ("exp 0, SF12 CR4/8", 100, 0.711, 0.797),
        ("exp 0, SF12 CR4/8", 500, 0.183, 0.369),
        ("exp 0, SF12 CR4/8", 1000, 0.034, 0.183),
        ("exp 4, SF12 CR4/5", 100, 0.764, 0.838),
        ("exp 4, SF12 CR4/5", 500, 0.268, 0.457),
        ("exp 4, SF12 CR4/5", 1600, 0.015, 0.148),
        ("SF12 CR4/5", 120, 0.899, 0.930),
        ("SF12 CR4/5", 1000, 0.413, 0.571),
        ("SF7 CR4/5", 1000, 0.894, 0.926),
        ("SF7 CR4/5", 1600, 0.837, 0.886),
    ]
    return tuple(
        Case(name=name, modem=settings[name][0], channels=settings[name][1], nodes=n, simple=simple, capture=capture)
        for name, n, simple, capture in rows
    )


CASES: Final = _cases()


def main(arguments: list[str] | None = None) -> int:
    """Prints the table; 1 if a row is more than a point off."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--frames", type=int, default=1_000_000, help="least frames a row is measured on")
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args(arguments)
    rows = [(case, *measured(case, chosen.frames, chosen.seed)) for case in CASES]
    print_table(rows)
    return int(any(off(case, simple, capture) > TOLERANCE for case, simple, capture, _, _ in rows))


def off(case: Case, simple: float, capture: float) -> float:
    """The larger distance from what is published."""
    return max(abs(simple - case.simple), abs(capture - case.capture))


def measured(case: Case, frames: int, seed: int) -> tuple[float, float, float, int]:
    """Shares delivered with simple, with capture, with capture and base 10, and the frames they are shares of."""
    placements = -(-frames // (case.nodes * FRAMES_A_NODE))
    generator = np.random.default_rng([seed, case.nodes, case.modem.sf, case.modem.cr, case.channels])
    sent, got = 0, np.zeros(3)
    for _ in range(placements):
        natural, decimal = traffic(case, generator)
        sent += len(natural.sf)
        got += [
            delivered(natural, MODELS["simple"]).sum(),
            delivered(natural, MODELS["capture"]).sum(),
            delivered(decimal, MODELS["capture"]).sum(),
        ]
    simple, capture, base_10 = (got / sent).tolist()
    return simple, capture, base_10, sent


def traffic(case: Case, generator: np.random.Generator) -> tuple[Frames, Frames]:
    """One placement and what it sends; the same frames with power by natural and by decimal logarithms."""
    duration_us = airtime_us(case.modem, PAYLOAD)
    gaps = generator.exponential(INTERVAL_US, (case.nodes, 2 * FRAMES_A_NODE)) + duration_us
    starts = np.cumsum(gaps, axis=1) - duration_us
    node, frame = np.nonzero(starts < FRAMES_A_NODE * INTERVAL_US)
    channel = generator.integers(0, case.channels, case.nodes)
    distance = np.sqrt(generator.random(case.nodes))  # as a share of the radius: only differences of power count
    loss_db = SLOPE_DB * np.log(distance)

    def heard(level_db: np.ndarray) -> Frames:
        return Frames(
            start_us=starts[node, frame].astype(np.int64),
            duration_us=np.full(len(node), duration_us, dtype=np.int64),
            channel=channel[node],
            sf=np.full(len(node), case.modem.sf, dtype=np.int64),
            rssi_cdbm=np.round(-100 * level_db).astype(np.int64)[node],
        )

    return heard(loss_db), heard(loss_db / log(10))


def print_table(rows: Sequence[tuple[Case, float, float, float, int]]) -> None:
    print(f"{'':18}{'ch':>3}{'nodes':>6}{'ALOHA':>7}   {'simple':>7}{'publ.':>7}   {'capture':>7}{'publ.':>7}", end="")
    print(f"{'off':>8}{'base 10':>9}{'frames':>9}")
    for case, simple, capture, base_10, sent in rows:
        aloha = pure_aloha(case.nodes, airtime_us(case.modem, PAYLOAD), INTERVAL_US, case.channels)
        print(f"{case.name:18}{case.channels:3}{case.nodes:6}{aloha:7.3f}   {simple:7.3f}{case.simple:7.3f}", end="   ")
        print(f"{capture:7.3f}{case.capture:7.3f}{off(case, simple, capture):8.3f}{base_10:9.3f}{sent:9}")


if __name__ == "__main__":
    sys.exit(main())
