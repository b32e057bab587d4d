"""A campaign played with chances instead of nodes: how many see a bad update before it is stopped, and how long it
takes."""

from dataclasses import dataclass

import numpy as np

from fleet.base.rng import Stream, draws32, key
from fleet.world.campaign import NEVER, Campaign, Counts, Done, Halted, Nodes, Outcomes, Push, Result, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """Per push to a node, in parts of a million: too low to begin, not reached, then of what got there: goes back, is
    not heard of again. push_us: from the push to its outcome."""

    low_ppm: int = 0
    unreached_ppm: int = 0
    reverted_ppm: int = 0
    gone_ppm: int = 0
    push_us: int = 3600 * 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """end: Done or Halted. took_us: until then. pushes: to nodes, with repetitions. seen: nodes that had the update
    whole. stages: when each began."""

    end: Done | Halted
    took_us: int
    pushes: int
    seen: int
    stages: tuple[int, ...]

    @property
    def counts(self) -> Counts:
        """Of nodes at the end."""
        return self.end.counts


def rehearse(campaign: Campaign, chances: Chances, seed: int) -> Rehearsal:
    """Plays it to its end. The same seed, the same rehearsal."""
    outcomes, now_us, pushes = Outcomes(), 0, 0
    stages: list[int] = []
    while True:
        verdict: Verdict = campaign.next(outcomes, now_us)
        if isinstance(verdict, Done | Halted):
            seen = int(np.isin(outcomes.results, HAD_IT).sum())  # nobody has it whole twice
            return Rehearsal(end=verdict, took_us=now_us, pushes=pushes, seen=seen, stages=tuple(stages))
        stages += [now_us] * (verdict.stage + 1 - len(stages))
        if isinstance(verdict, Push):
            now_us += chances.push_us
            results = _drawn(verdict.nodes, chances, key(seed, Stream.CAMPAIGN, 1, pushes))
            outcomes = outcomes.plus(verdict.nodes, results, now_us)
            pushes += len(verdict.nodes)
        else:
            assert verdict.until_us != NEVER, "nothing is in flight, so somebody can be tried again"
            now_us = verdict.until_us


HAD_IT = (Result.DONE, Result.REVERTED, Result.GONE)


def _drawn(nodes: Nodes, chances: Chances, purpose: int) -> np.ndarray:
    """A Result for each node, int8."""
    below = {
        name: draws32(key(purpose, j), 0, len(nodes)).astype(np.int64) * 10**6 >> 32 < ppm
        for j, (name, ppm) in enumerate(
            (
                (Result.GONE, chances.gone_ppm),
                (Result.REVERTED, chances.reverted_ppm),
                (Result.UNREACHED, chances.unreached_ppm),
                (Result.LOW, chances.low_ppm),
            )
        )
    }
    results = np.full(len(nodes), Result.DONE, np.int8)
    for result, hit in below.items():  # what stands later comes first in time, and hides the rest
        results[hit] = result
    return results
