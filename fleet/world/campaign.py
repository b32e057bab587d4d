"""A push to a fleet in stages: a few canaries, then shares of it, and a halt where too many nodes go back to the old
content.

    campaign = Campaign(rules, nodes, seed)
    verdict = campaign.next(outcomes, now_us, in_flight)      Push, Wait, Done or Halted

Pure: the same outcomes, time and nodes in flight give the same verdict. Who drives it pushes, and brings outcomes.
Arrays throughout, so that a million nodes cost what their arrays cost.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import Fault, InputError
from fleet.base.rng import Stream, key, permutation

Nodes = NDArray[np.int64]
NEVER: Final = -1
MOST_NODES: Final = 10**8


class Result(IntEnum):
    """What became of one push to one node. DONE: runs the new content, confirmed. REVERTED: tried it and went back.
    REFUSED: took it for wrong. GONE: was not heard of after it. UNREACHED: never had all of it. LOW: its battery was
    below the floor."""

    DONE = 0
    REVERTED = 1
    REFUSED = 2
    GONE = 3
    UNREACHED = 4
    LOW = 5


FAILURES: Final = (Result.REVERTED, Result.REFUSED, Result.GONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """canaries: nodes of the first stage; more if there are more classes of boards. shares: of the fleet, cumulative,
    for the stages behind; the last is 1. most_failures: share of failures among decided nodes above which all stops,
    looked at from least_decided on; among the canaries, canary_failures may fail. enough: share of a stage that has to
    be decided before the next one begins. retries: of a node that was not reached; low_retries: of one that was too
    low; both after retry_us. least_charge_permille: the floor, which the node holds itself against."""

    canaries: int = 10
    canary_failures: int = 0
    shares: tuple[Fraction, ...] = (Fraction(1, 100), Fraction(1, 10), Fraction(1))
    most_failures: Fraction = Fraction(2, 100)
    least_decided: int = 20
    enough: Fraction = Fraction(95, 100)
    retries: int = 3
    low_retries: int = 30
    retry_us: int = 6 * 3600 * 10**6
    least_charge_permille: int = 300

    def __post_init__(self) -> None:
        faults = [Fault(f"campaign.{name}", text) for name, holds, text in self._conditions() if not holds]
        if faults:
            raise InputError(faults)

    def _conditions(self) -> tuple[tuple[str, bool, str], ...]:
        rising = all(a < b for a, b in zip(self.shares, self.shares[1:], strict=False))
        shares = ", ".join(map(str, self.shares))
        limits = (self.canary_failures, self.retries, self.low_retries, self.retry_us)
        return (
            ("canaries", self.canaries >= 1, f"expected at least 1, got {self.canaries}; somebody has to be first"),
            (
                "shares",
                bool(self.shares) and rising and self.shares[0] > 0 and self.shares[-1] == 1,
                f"expected rising shares that end with 1, got {shares or 'none'}; end with the whole fleet",
            ),
            ("most_failures", 0 <= self.most_failures <= 1, f"expected 0 to 1, got {self.most_failures}; give a share"),
            ("enough", 0 < self.enough <= 1, f"expected above 0 to 1, got {self.enough}; give a share"),
            ("retries", min(limits) >= 0, f"expected no negative limits, got {limits}; 0 is the least"),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Of pushes, in the order in which they became known: number of the node, Result, when in microseconds."""

    nodes: Nodes = field(default_factory=lambda: np.zeros(0, np.int64))
    results: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    at_us: Nodes = field(default_factory=lambda: np.zeros(0, np.int64))

    def plus(self, nodes: Iterable[int] | Nodes, results: Iterable[int] | NDArray[np.int8], at_us: int) -> "Outcomes":
        """With those of some nodes, known at one time."""
        more = np.asarray(list(nodes) if not isinstance(nodes, np.ndarray) else nodes, np.int64)
        said = np.asarray(list(results) if not isinstance(results, np.ndarray) else results, np.int8)
        return Outcomes(
            np.concatenate([self.nodes, more]),
            np.concatenate([self.results, said]),
            np.concatenate([self.at_us, np.full(len(more), at_us, np.int64)]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Nodes of the fleet. given_up: not reached or too low, too often."""

    done: int
    failed: int
    given_up: int
    open: int


@dataclass(frozen=True, slots=True, eq=False)
class Push:
    """These nodes now. stage: 0 for the canaries."""

    nodes: Nodes
    stage: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Nobody now. until_us: when to ask again if no outcome comes before; NEVER if only one can change anything."""

    until_us: int
    stage: int


@dataclass(frozen=True, slots=True)
class Done:
    """Every node is decided."""

    counts: Counts


@dataclass(frozen=True, slots=True)
class Halted:
    """Too many failed; nobody else is pushed. reason: where: expected, got; what to do."""

    reason: str
    stage: int
    counts: Counts


Verdict = Push | Wait | Done | Halted


@dataclass(frozen=True, slots=True, eq=False)
class _Fleet:
    """Every node's state, by its place in the order of the campaign."""

    done: NDArray[np.bool_]
    failed: NDArray[np.bool_]
    given_up: NDArray[np.bool_]
    ready_us: Nodes  # of the next try; NEVER before the first

    @property
    def decided(self) -> NDArray[np.bool_]:
        return self.done | self.failed | self.given_up

    @property
    def counts(self) -> Counts:
        done, failed, given_up = (int(part.sum()) for part in (self.done, self.failed, self.given_up))
        return Counts(done=done, failed=failed, given_up=given_up, open=len(self.done) - done - failed - given_up)


class Campaign:
    """One push. nodes: their numbers, each once. classes: of boards by node; each has a canary."""

    def __init__(self, rules: Rules, nodes: Iterable[int], seed: int, classes: Mapping[int, str] | None = None) -> None:
        self.rules = rules
        numbers = np.sort(np.fromiter(nodes, np.int64))
        numbers = numbers[np.diff(numbers, prepend=numbers[:1] - 1) > 0]
        if not len(numbers) or numbers[0] < 0 or numbers[-1] >= MOST_NODES:
            got = f"{numbers[0]} to {numbers[-1]}" if len(numbers) else "none"
            raise InputError.one(
                "campaign.nodes", f"expected numbers of 0 to {MOST_NODES - 1}, got {got}; number the fleet"
            )
        drawn = numbers[permutation(key(seed, Stream.CAMPAIGN), len(numbers))]
        self.order = _one_of_each_first(drawn, classes or {})
        kinds = len(set((classes or {}).values()))
        first = min(len(drawn), max(rules.canaries, kinds))
        rest = (max(first, -(-share.numerator * len(drawn) // share.denominator)) for share in rules.shares)
        self.limits = (first, *rest)
        self._place = np.full(int(numbers[-1]) + 1, NEVER, np.int64)
        self._place[self.order] = np.arange(len(numbers))

    def next(self, outcomes: Outcomes, now_us: int, in_flight: Iterable[int] | Nodes = ()) -> Verdict:
        """What to do now. in_flight: nodes that were pushed and of which nothing is known yet."""
        fleet = self._fold(outcomes)
        stage = self._stage(fleet)
        if reason := self._too_many(fleet):
            return Halted(reason, stage, fleet.counts)
        busy = np.zeros(len(self.order), np.bool_)
        busy[self._places(np.fromiter(in_flight, np.int64))] = True
        waiting = ~fleet.decided & ~busy
        waiting[self.limits[stage] :] = False
        ready = waiting & (fleet.ready_us <= now_us)
        if ready.any():
            return Push(self.order[ready], stage)
        if fleet.decided.all():
            return Done(fleet.counts)
        return Wait(int(fleet.ready_us[waiting].min()) if waiting.any() else NEVER, stage)

    def _fold(self, outcomes: Outcomes) -> _Fleet:
        size, places = len(self.order), self._places(outcomes.nodes)

        def count(*results: Result) -> Nodes:
            return np.bincount(places[np.isin(outcomes.results, results)], minlength=size)

        last = np.full(size, NEVER, np.int64)
        np.maximum.at(last, places, outcomes.at_us)
        done = count(Result.DONE) > 0
        failed = (count(*FAILURES) > 0) & ~done
        spent = (count(Result.UNREACHED) > self.rules.retries) | (count(Result.LOW) > self.rules.low_retries)
        ready = np.where(last == NEVER, NEVER, last + self.rules.retry_us)
        return _Fleet(done, failed, spent & ~done & ~failed, ready)

    def _stage(self, fleet: _Fleet) -> int:
        """The first stage of which not enough is decided."""
        for stage, limit in enumerate(self.limits[:-1]):
            enough = self.rules.enough if stage else Fraction(1)
            if int(fleet.decided[:limit].sum()) < enough * limit:
                return stage
        return len(self.limits) - 1

    def _too_many(self, fleet: _Fleet) -> str:
        """Why all stops, or nothing."""
        rules, first = self.rules, self.limits[0]
        canaries = int(fleet.failed[:first].sum())
        if canaries > rules.canary_failures:
            limit = f"expected at most {rules.canary_failures} of {first} canaries to fail"
            return f"campaign: {limit}, got {canaries}; mend the update and push it under a higher sequence"
        failed, done = int(fleet.failed.sum()), int(fleet.done.sum())
        if failed + done >= rules.least_decided and failed > rules.most_failures * (failed + done):
            limit = f"expected at most {rules.most_failures} of decided nodes to fail"
            got = f"{failed} of {failed + done}"
            return f"campaign: {limit}, got {got}; mend the update and push it under a higher sequence"
        return ""

    def _places(self, nodes: Nodes) -> Nodes:
        """Of nodes in the order; InputError for a node that is not of this campaign."""
        inside = np.clip(nodes, 0, len(self._place) - 1)
        places = self._place[inside]
        strange = nodes[(places == NEVER) | (inside != nodes)]
        if len(strange):
            raise InputError.one("outcomes", f"expected nodes of this campaign, got {int(strange[0])}; push it first")
        return places


def _one_of_each_first(order: Nodes, classes: Mapping[int, str]) -> Nodes:
    """The same order, but with the first node of every class before all others."""
    seen: set[str] = set()
    first = []
    for node in order if classes else ():
        kind = classes.get(int(node))
        if kind is not None and kind not in seen:
            seen.add(kind)
            first.append(int(node))
    chosen = np.array(first, np.int64)
    return np.concatenate([chosen, order[~np.isin(order, chosen)]])
