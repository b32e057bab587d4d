"""Campaigns: canaries first, a halt before many see a bad update, nobody forgotten."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.world.campaign import NEVER, Campaign, Done, Halted, Outcomes, Push, Result, Rules, Wait
from fleet.world.rehearsal import Chances, rehearse

RULES = Rules(canaries=5, shares=(Fraction(1, 10), Fraction(1, 2), Fraction(1)), least_decided=10)
HOUR = 3600 * 10**6


def pushed(campaign: Campaign, outcomes: Outcomes, now_us: int = 0) -> list[int]:
    verdict = campaign.next(outcomes, now_us)
    assert isinstance(verdict, Push)
    return [int(node) for node in verdict.nodes]


def all_done(nodes: list[int], at_us: int = 0) -> Outcomes:
    return Outcomes().plus(nodes, [Result.DONE] * len(nodes), at_us)


def test_stages_grow_as_the_rules_say_and_end_with_everybody() -> None:
    campaign, outcomes = Campaign(RULES, range(100), seed=1), Outcomes()
    sizes: list[int] = []
    while not isinstance(verdict := campaign.next(outcomes, 0), Done):
        assert isinstance(verdict, Push)
        assert verdict.stage == len(sizes)
        sizes.append(len(verdict.nodes))
        outcomes = outcomes.plus(verdict.nodes, [Result.DONE] * len(verdict.nodes), 0)
    assert sizes == [5, 5, 40, 50]
    assert (verdict.counts.done, verdict.counts.open) == (100, 0)
    assert sorted(outcomes.nodes) == list(range(100))


def test_one_canary_that_goes_back_stops_everything() -> None:
    campaign = Campaign(RULES, range(100), seed=1)
    canaries = pushed(campaign, Outcomes())
    halted = campaign.next(Outcomes().plus(canaries[:1], [Result.REVERTED], 0), 0, canaries[1:])
    assert isinstance(halted, Halted)
    assert halted.reason.startswith("campaign: expected at most 0 of 5 canaries to fail, got 1; ")
    assert (halted.counts.failed, halted.counts.open) == (1, 99)


@pytest.mark.parametrize("failures, stops", [(1, False), (2, True)])
def test_later_stages_stop_above_the_share_of_failures(failures: int, stops: bool) -> None:
    """50 decided: 2 per cent is one."""
    campaign = Campaign(RULES, range(100), seed=1)
    first = campaign.order[:50]
    results = [Result.DONE] * (50 - failures) + [Result.GONE] * failures
    verdict = campaign.next(Outcomes().plus(first, results, 0), 0)
    assert isinstance(verdict, Halted) == stops


def test_nodes_in_flight_are_not_pushed_again() -> None:
    campaign = Campaign(RULES, range(100), seed=1)
    canaries = pushed(campaign, Outcomes())
    assert campaign.next(Outcomes(), 0, canaries) == Wait(NEVER, 0)
    verdict = campaign.next(Outcomes(), 0, canaries[:2])
    assert isinstance(verdict, Push)
    assert sorted(verdict.nodes) == sorted(canaries[2:])


@pytest.mark.parametrize("result, tries", [(Result.UNREACHED, 4), (Result.LOW, 31)])
def test_a_node_that_could_not_be_pushed_is_tried_again_later_and_given_up_in_the_end(
    result: Result, tries: int
) -> None:
    campaign, outcomes, now = Campaign(Rules(canaries=1), [7], seed=1), Outcomes(), 0
    for _ in range(tries):
        assert pushed(campaign, outcomes, now) == [7]
        outcomes = outcomes.plus([7], [result], now)
        waits = campaign.next(outcomes, now)
        now += 6 * HOUR
        if isinstance(waits, Done):
            break
        assert waits == Wait(now, 0)
    else:
        raise AssertionError("expected an end")
    assert (waits.counts.given_up, waits.counts.failed) == (1, 0)
    assert len(outcomes.nodes) == tries


def test_stragglers_do_not_hold_up_the_next_stage_but_stay_in_it() -> None:
    rules = Rules(canaries=2, shares=(Fraction(1, 5), Fraction(1)), enough=Fraction(9, 10))
    campaign = Campaign(rules, range(100), seed=3)
    first = [int(node) for node in campaign.order[:20]]
    outcomes = all_done(first[:19]).plus(first[19:], [Result.LOW], 0)
    verdict = campaign.next(outcomes, 0)
    assert isinstance(verdict, Push)
    assert (verdict.stage, len(verdict.nodes)) == (2, 80)
    later = campaign.next(outcomes, 6 * HOUR)
    assert isinstance(later, Push)
    assert first[19] in later.nodes


def test_every_class_of_boards_has_a_canary() -> None:
    classes = {node: ("common", "rare", "rarest")[(node >= 90) + (node >= 99)] for node in range(100)}
    campaign = Campaign(Rules(canaries=2), range(100), seed=5, classes=classes)
    canaries = pushed(campaign, Outcomes())
    assert len(canaries) == 3
    assert {classes[node] for node in canaries} == {"common", "rare", "rarest"}


def test_who_comes_first_hangs_on_the_seed_alone() -> None:
    assert pushed(Campaign(RULES, range(100), seed=1), Outcomes()) == pushed(
        Campaign(RULES, reversed(range(100)), seed=1), Outcomes()
    )
    assert pushed(Campaign(RULES, range(100), seed=1), Outcomes()) != pushed(
        Campaign(RULES, range(100), seed=2), Outcomes()
    )


@pytest.mark.parametrize("nodes", [[], [-1, 3], [10**8]])
def test_a_campaign_of_nobody_or_of_strange_numbers_is_refused(nodes: list[int]) -> None:
    with pytest.raises(InputError, match="expected numbers of 0 to 99999999, got"):
        Campaign(RULES, nodes, seed=1)


def test_numbers_need_not_be_one_after_the_other() -> None:
    campaign = Campaign(RULES, [5, 70, 5, 9000], seed=1)
    assert sorted(pushed(campaign, Outcomes())) == [5, 70, 9000]
    with pytest.raises(InputError, match="got 6"):
        campaign.next(all_done([6]), 0)


def test_an_outcome_of_a_stranger_is_refused() -> None:
    with pytest.raises(InputError, match="expected nodes of this campaign, got 100"):
        Campaign(RULES, range(100), seed=1).next(all_done([3, 100]), 0)


@pytest.mark.parametrize(
    "rules, count",
    [({"canaries": 0}, 1), ({"shares": ()}, 1), ({"shares": (Fraction(1, 2),)}, 1), ({"enough": 0, "retries": -1}, 2),
     ({"shares": (Fraction(1), Fraction(1))}, 1), ({"most_failures": Fraction(3, 2)}, 1)],
)  # fmt: skip
def test_rules_that_cannot_be_are_refused_all_at_once(rules: dict[str, Any], count: int) -> None:
    with pytest.raises(InputError) as raised:
        Rules(**rules)
    assert len(raised.value.faults) == count


@given(
    seed=st.integers(0, 1000), size=st.integers(1, 300), bad=st.integers(0, 10**6), lost=st.integers(0, 900_000),
    low=st.integers(0, 900_000),
)  # fmt: skip
def test_a_rehearsal_ends_and_counts_every_node_once(seed: int, size: int, bad: int, lost: int, low: int) -> None:
    campaign = Campaign(RULES, range(size), seed)
    played = rehearse(campaign, Chances(low_ppm=low, unreached_ppm=lost, reverted_ppm=bad), seed)
    counts = played.counts
    assert counts.done + counts.failed + counts.given_up + counts.open == size
    assert played.seen == counts.done + counts.failed
    if isinstance(played.end, Done):
        assert counts.open == 0
    else:
        assert played.seen <= campaign.limits[played.end.stage]


def test_an_update_that_fails_everywhere_is_seen_by_canaries_alone() -> None:
    for seed in range(20):
        played = rehearse(Campaign(RULES, range(1000), seed), Chances(reverted_ppm=10**6), seed)
        assert isinstance(played.end, Halted)
        assert played.seen == 5


def test_an_update_that_fails_on_one_node_in_twenty_never_reaches_everybody() -> None:
    reached = [rehearse(Campaign(RULES, range(1000), s), Chances(reverted_ppm=50_000), s) for s in range(20)]
    assert all(isinstance(played.end, Halted) for played in reached)
    assert max(played.seen for played in reached) <= 500


def test_a_million_nodes_are_a_campaign_too() -> None:
    """The same seed, the same rehearsal."""
    ends = [
        rehearse(Campaign(Rules(), range(10**6), 1), Chances(unreached_ppm=10_000, reverted_ppm=1000), 4)
        for _ in range(2)
    ]
    assert ends[0] == ends[1]
    assert ends[0].counts.done > 990_000
    assert np.all(np.diff(ends[0].stages) > 0)
