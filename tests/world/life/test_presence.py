import pytest

from fleet.base.errors import InputError
from fleet.world.life import Presence
from fleet.world.life.presence import NEVER

HOUR_US = 3_600_000_000


def test_a_node_that_is_always_there_is_there_at_once() -> None:
    assert Presence().next_us(0, 5, 123) == 123
    assert Presence().leaves_us(0, 5) == NEVER


def test_the_share_of_spells_in_reach_is_the_one_asked_for() -> None:
    presence = Presence(share=0.3, spell_us=HOUR_US)
    there = sum(presence.next_us(0, node, k * HOUR_US) == k * HOUR_US for node in range(50) for k in range(100))
    assert there / 5000 == pytest.approx(0.3, abs=0.02)


def test_a_node_out_of_reach_comes_back_at_the_start_of_a_spell() -> None:
    presence = Presence(share=0.2, spell_us=HOUR_US)
    for node in range(100):
        came_us = presence.next_us(1, node, 10 * HOUR_US + 7)
        assert came_us == 10 * HOUR_US + 7 or came_us % HOUR_US == 0
        assert presence.next_us(1, node, came_us) == came_us


def test_nodes_join_over_a_time_and_leave_after_a_mean_stay() -> None:
    presence = Presence(joining_us=10 * HOUR_US, stay_us=100 * HOUR_US)
    joined = [presence.joins_us(0, node) for node in range(4000)]
    stays = [presence.leaves_us(0, node) - joined[node] for node in range(4000)]
    assert 0 <= min(joined) < max(joined) < 10 * HOUR_US
    assert sum(joined) / 4000 == pytest.approx(5 * HOUR_US, rel=0.03)
    assert sum(stays) / 4000 == pytest.approx(100 * HOUR_US, rel=0.05)
    assert presence.next_us(0, 0, 0) == joined[0]
    assert presence.next_us(0, 0, joined[0] + stays[0]) == NEVER


def test_a_share_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="expected above 0 and up to 1, got 0"):
        Presence(share=0)
