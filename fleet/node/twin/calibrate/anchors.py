"""What published figures say of boards: one factor per board and runtime, and how far it carries.

Two different questions, two different numbers. *Does the count of instructions foretell time and energy?* One factor,
published cycles per instruction of ours, is fitted to one network of a board and foretells its others (`time_misses`,
`energy_misses`). It is no speed of the board: a runtime that needs fewer instructions than our engine has a smaller
factor. *How fast is the board with our engine?* The same runtime on two boards tells how many cycles one takes for the
other's (`cycle_ratio`), and what a board draws for a network tells its power over its data sheet's (`power_factor`);
these two are in the profiles.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from fleet.node.cost import energy_nj
from fleet.node.profile import Profile
from fleet.node.twin.calibrate.published import NETWORKS, PUBLISHED, Submission

BASE: Final = "stm32l4r5"
BASE_CYCLES: Final = Fraction(156, 100)
"""Cycles per instruction of a Cortex-M4, which the ratios of other boards start from: an instruction mix of int8
kernels with 2 cycles a load, 2.5 a taken branch, 1 any other; taken to be known within 30 %."""

Counts = Mapping[str, int]
"""Instructions of one inference by our engine, by network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A number fitted to several published ones. spread: the largest relative distance of one of them from it."""

    value: Fraction
    spread: Fraction
    of: int

    @classmethod
    def mean(cls, values: Iterable[Fraction]) -> "Fitted":
        """Their arithmetic mean. ValueError for none."""
        found = tuple(values)
        if not found:
            raise ValueError("expected published figures, got none; take a board that has some")
        value = sum(found, Fraction(0)) / len(found)
        return cls(value=value, spread=max(abs(each / value - 1) for each in found), of=len(found))


def factor(submission: Submission, counts: Counts, network: str) -> Fraction:
    """Published cycles per instruction that our engine takes for the same network."""
    return submission.cycles(network) / counts[network]


def time_misses(submission: Submission, counts: Counts, on: str) -> dict[str, Fraction]:
    """How far above the published latency the others' are foretold, relatively, by the factor of network `on`."""
    own = factor(submission, counts, on)
    return {n: own * counts[n] / submission.cycles(n) - 1 for n in NETWORKS if n != on}


def energy_misses(submission: Submission, counts: Counts, on: str) -> dict[str, Fraction]:
    """The same for energy: time foretold by the factor of network `on`, times the power it was measured with."""
    own, power_nw = factor(submission, counts, on), submission.power_nw(on)
    found = {}
    for network in NETWORKS:
        if network != on:
            foretold_nj = own * counts[network] / submission.clock_hz * power_nw
            found[network] = foretold_nj / submission.energy[network][0] - 1
    return found


def cycle_ratio(board: str, base: str = BASE) -> Fitted:
    """Cycles of a board for one of the base's, over every runtime and network that both were measured with."""
    ratios = []
    for one in (s for s in PUBLISHED if s.board == board):
        others = (s for s in PUBLISHED if s.board == base and (s.submitter, s.runtime) == (one.submitter, one.runtime))
        ratios += [one.cycles(network) / other.cycles(network) for other in others for network in NETWORKS]
    return Fitted.mean(ratios)


def cycles_per_instruction(board: str) -> Fitted:
    """Of our engine on a board: the base's, times the ratio of cycles; its spread is the ratio's alone."""
    ratio = cycle_ratio(board)
    return Fitted(value=ratio.value * BASE_CYCLES, spread=ratio.spread, of=ratio.of)


def power_factor(profile: Profile) -> Fitted:
    """Power for networks over that of `currents.run`, as ST measured both. ValueError for a board that it did not."""
    measured = [s for s in PUBLISHED if s.board == profile.board and s.energy]
    return Fitted.mean(s.power_nw(network) / run_nw(profile, s) for s in measured for network in NETWORKS)


def run_nw(profile: Profile, submission: Submission) -> Fraction:
    """Power of `currents.run` at the published supply, in nanowatts: an LDO keeps the current, an SMPS the power."""
    supply_mv = submission.supply_mv if submission.linear else profile.supply_mv
    return Fraction(energy_nj(supply_mv, profile.currents.run_na, 10**6))
