import numpy as np
import pytest

from fleet.learning.selection import POLICIES, Known, chosen


@pytest.mark.parametrize("policy", POLICIES)
def test_as_many_as_asked_ascending_and_the_same_again(policy: str) -> None:
    known = Known(nodes=1000)
    rounds = [chosen(policy, known, 0, number, 50) for number in range(1, 21)]
    for found in rounds:
        assert found.size == 50
        assert np.all(np.diff(found) > 0)
    assert len({tuple(found) for found in rounds}) == 20
    assert np.array_equal(rounds[0], chosen(policy, Known(nodes=1000), 0, 1, 50))


@pytest.mark.parametrize("policy", POLICIES)
def test_all_where_there_are_no_more(policy: str) -> None:
    assert chosen(policy, Known(nodes=12), 0, 1, 20).tolist() == list(range(12))


def test_every_node_is_as_likely() -> None:
    """Chi-square over 20 nodes of 2,000 rounds of 5: 19 degrees of freedom, the 99.9 % point is 43.8."""
    known = Known(nodes=20)
    times = np.bincount(np.concatenate([chosen("random", known, 7, number, 5) for number in range(2000)]), minlength=20)
    assert ((times - 500) ** 2 / 500).sum() < 43.8


def test_nodes_that_did_not_answer_come_last() -> None:
    known = Known(nodes=100)
    known.failures[:60] = 1
    known.failures[:10] = 5
    assert chosen("available", known, 0, 1, 40).tolist() == list(range(60, 100))
    assert not set(chosen("available", known, 0, 1, 90)) & set(range(10))


def test_books_of_energy_decide_for_the_fullest_and_the_sunniest() -> None:
    known = Known(nodes=100)
    known.left_nj[:] = np.arange(100)
    known.excess_nw[:] = -np.arange(100)
    assert chosen("battery", known, 0, 1, 10).tolist() == list(range(90, 100))
    assert chosen("energy-excess", known, 0, 1, 10).tolist() == list(range(10))


def test_oort_exploits_the_useful_in_time_and_explores_the_unknown() -> None:
    known = Known(nodes=100)
    known.asked[:50] = 1
    known.utility[:50] = 100
    known.utility[:5] = 1_000
    known.utility[5] = 10_000
    known.took_us[5] = 40  # four times the limit: a sixteenth of its utility, 625
    known.utility[6] = 10_000
    known.failures[6] = 1
    late = chosen("oort", known, 0, 100, 10, limit_us=10)  # by then a fifth explores
    assert {0, 1, 2, 3, 4, 5} <= set(late)
    assert 6 not in late
    assert sum(n >= 50 for n in late) == 2
    early = chosen("oort", known, 0, 1, 10, limit_us=10)
    assert sum(n >= 50 for n in early) == 9


def test_oort_asks_nobody_twice_once_everybody_was_asked() -> None:
    known = Known(nodes=20)
    known.asked[:] = 1
    known.utility[:] = np.arange(20)
    for number in range(1, 40):
        assert len(set(chosen("oort", known, 1, number, 10).tolist())) == 10


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of random, available"):
        chosen("best", Known(nodes=3), 0, 1, 2)
