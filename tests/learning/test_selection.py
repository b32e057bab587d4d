import numpy as np

from fleet.learning.selection import by_chance


def test_as_many_as_asked_ascending_and_different_each_round():
    rounds = [by_chance(0, number, 1000, 50) for number in range(1, 41)]
    for chosen in rounds:
        assert chosen.size == 50
        assert np.all(np.diff(chosen) > 0)
    assert len({tuple(chosen) for chosen in rounds}) == 40
    assert np.array_equal(rounds[0], by_chance(0, 1, 1000, 50))


def test_all_where_there_are_no_more():
    assert by_chance(0, 1, 12, 20).tolist() == list(range(12))


def test_every_node_is_as_likely():
    """Chi-square over 20 nodes of 2,000 rounds of 5: 19 degrees of freedom, the 99.9 % point is 43.8."""
    times = np.bincount(np.concatenate([by_chance(7, number, 20, 5) for number in range(2000)]), minlength=20)
    assert ((times - 500) ** 2 / 500).sum() < 43.8
