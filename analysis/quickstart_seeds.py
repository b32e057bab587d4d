"""Does the quickstart's story hold over ten draws of people and exercises, and with which margins?

A plain loop over the public parts: no world, no radio, no Flower, every node takes part in every round. Prints the
table by draw and checks the gates. Run: python -m analysis.quickstart_seeds [--draws 10]
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray

from fleet.base.places import scenarios_dir
from fleet.base.rng import Stream
from fleet.learning import aggregate, scores
from fleet.learning.aggregate import Contribution
from fleet.learning.client import Client
from fleet.node.model.fixed import real
from fleet.node.wire.frames import Push, decode_update, encode_push
from fleet.run.assemble import Assembly, assemble
from fleet.scenario import load

LINES = ("pretrained", "alone 640", "alone 960", "FedAvg plain", "masked", "masked + personal")
EXPECTED = {
    "pretrained": (59.7, 42.6),
    "alone 640": (76.4, 60.6),
    "alone 960": (78.5, 62.9),
    "FedAvg plain": (68.3, 50.9),
    "masked": (71.8, 52.6),
    "masked + personal": (80.3, 64.6),
}
Values = NDArray[np.int32]


@dataclass(frozen=True)
class Result:
    """One line of one draw, in per cent. groups: did/old, did/new, never/old, never/new."""

    mean: float
    worst: float
    groups: tuple[float, float, float, float]


def main() -> int:
    """Prints the table; 1 when a gate is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--draws", type=int, default=10, help="draws 0 to this, less one")
    count = options.parse_args().draws
    table = {draw: one_draw(draw) for draw in range(count)}
    print_lines(table)
    print_draws(table)
    return print_gates(table)


def one_draw(draw: int) -> dict[str, Result]:
    """All lines of one draw, with seed = draw."""
    scenario = load(scenarios_dir() / "quickstart.yaml", seed=draw)
    party = assemble(replace(scenario, data=replace(scenario.data, draw=draw)))
    start = party.initial
    every = tuple(range(party.graph.classes))
    training = party.scenario.training
    steps = training.steps_per_round * party.scenario.server.rounds
    own = {c.shard.node: c.shard.classes for c in party.clients}
    alike = {c.shard.node: every for c in party.clients}
    alone = each(
        party,
        lambda c: c.train(start, steps=steps, rate=real(training.rate), own=every, first_step=0, stream=Stream.ORDER),
    )
    masked = federated(party, own)
    plain = federated(party, alike)
    return {
        "pretrained": measure(party, [start] * len(party.clients)),
        "alone 640": measure(party, alone),
        "alone 960": measure(party, personal(party, alone, steps, alike)),
        "FedAvg plain": measure(party, [plain] * len(party.clients)),
        "masked": measure(party, [masked] * len(party.clients)),
        "masked + personal": measure(party, personal(party, [masked] * len(party.clients), steps, own)),
    }


def each(party: Assembly, work: Callable[[Client], Values]) -> list[Values]:
    """The work of every node, on two threads."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, party.clients))


def federated(party: Assembly, own: Mapping[int, Sequence[int]]) -> Values:
    """The shared values after all rounds."""
    training, layout = party.scenario.training, party.plan.layout
    master = aggregate.master_of(party.initial)
    for number in range(party.scenario.server.rounds):
        values = aggregate.pushed(master, layout.weights)
        first = number * training.steps_per_round

        def answer(client: Client, values: Values = values, first: int = first) -> Contribution:
            push = Push(
                node=client.shard.node,
                round=first // training.steps_per_round + 1,
                steps=training.steps_per_round,
                rate=real(training.rate),
                own=tuple(own[client.shard.node]),
                values=values,
            )
            update = decode_update(layout, client.answer(encode_push(layout, push), first))
            return Contribution(windows=update.windows, deltas=update.deltas, held=layout.held(update.own))

        with ThreadPoolExecutor(2) as pool:
            master = aggregate.holder_averaged(master, pool.map(answer, party.clients))
    return aggregate.pushed(master, layout.weights)


def personal(party: Assembly, starts: list[Values], first: int, own: Mapping[int, Sequence[int]]) -> list[Values]:
    """Every node's values after its personal steps."""
    training = party.scenario.training

    def work(client: Client) -> Values:
        return client.train(
            starts[client.shard.node],
            steps=training.personal_steps,
            rate=real(training.personal_rate),
            own=own[client.shard.node],
            first_step=first,
            stream=Stream.PERSONAL_ORDER,
            first_window=0,
        )

    return each(party, work)


def measure(party: Assembly, values: list[Values]) -> Result:
    """Accuracy on the test part."""
    new = party.draw.new_classes
    counted = [
        scores.count(c.shard, "test", party.backend.logits(values[c.shard.node], c.shard.test.x), new)
        for c in party.clients
    ]
    by_node = [100 * scores.accuracy(s) for s in counted]
    groups = [
        100 * fmean(scores.accuracy([s for s in counted[c.shard.node] if s.classes == name]) for c in group)
        for group in ([c for c in party.clients if c.shard.did_new is did] for did in (True, False))
        for name in ("old", "new")
    ]
    return Result(fmean(by_node), min(by_node), (groups[0], groups[1], groups[2], groups[3]))


def print_lines(table: dict[int, dict[str, Result]]) -> None:
    """Mean over draws, beside what the prototype found."""
    print(f"{'line':<20}{'mean':>12}{'worst node':>14}   {'did old/new':>14}{'never old/new':>16}   prototype")
    for line in LINES:
        rows = [results[line] for results in table.values()]
        groups = [fmean(r.groups[i] for r in rows) for i in range(4)]
        print(
            f"{line:<20}{spread([r.mean for r in rows]):>12}{spread([r.worst for r in rows]):>14}   "
            f"{groups[0]:>8.1f}/{groups[1]:.1f}{groups[2]:>10.1f}/{groups[3]:.1f}   "
            f"{EXPECTED[line][0]} / {EXPECTED[line][1]}"
        )


def spread(values: Sequence[float]) -> str:
    """mean±sd over draws."""
    return f"{fmean(values):.1f}±{stdev(values) if len(values) > 1 else 0:.1f}"


def print_draws(table: dict[int, dict[str, Result]]) -> None:
    """Mean (worst) and groups by draw."""
    for line in LINES:
        print(f"\n{line}: draw, mean (worst node), did old/new, never old/new")
        for draw, results in table.items():
            r = results[line]
            print(f"  {draw:>2}  {r.mean:5.1f} ({r.worst:5.1f})   " + "  ".join(f"{g:5.1f}" for g in r.groups))


def print_gates(table: dict[int, dict[str, Result]]) -> int:
    """The claims of the quickstart; the number of those that fail."""
    rows = list(table.values())
    own, before, alone = ([row[name] for row in rows] for name in ("masked + personal", "pretrained", "alone 960"))
    means = [a.mean - b.mean for a, b in zip(own, before, strict=True)]
    worsts = [a.worst - b.worst for a, b in zip(own, before, strict=True)]
    never = fmean(r.groups[3] for r in own)
    lead = fmean(a.mean - b.mean for a, b in zip(own, alone, strict=True))
    gain = fmean(row["masked"].groups[3] - row["FedAvg plain"].groups[3] for row in rows)
    count, better, worst = len(rows), sum(m > 0 for m in means), sum(m > 0 for m in worsts)
    print(f"\nmasked + personal above pretrained: mean {better} of {count}, worst node {worst} of {count}")
    print("margins, mean:       " + " ".join(f"{m:+.1f}" for m in means))
    print("margins, worst node: " + " ".join(f"{m:+.1f}" for m in worsts))
    print(
        f"nodes that never did the new exercises recognise {never:.1f} % of them "
        f"(alone: {fmean(r.groups[3] for r in alone):.1f} %)"
    )
    print(f"masked above plain FedAvg on these by {gain:+.1f}")
    print(f"masked + personal above alone at equal work by {lead:+.1f} in the mean")
    gates = (better == count, worst >= 0.9 * count, never >= 35)
    print("gates: " + ", ".join("pass" if g else "MISSED" for g in gates))
    return int(not all(gates))


if __name__ == "__main__":
    sys.exit(main())
