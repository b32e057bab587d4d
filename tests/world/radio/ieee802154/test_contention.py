"""What senders do to each other: the table against a simulation of each, and the model against the same."""

from itertools import pairwise

import pytest

from fleet.base import rng
from fleet.world.radio.channel import CLEAR
from fleet.world.radio.ieee802154.contention import MOST, Contention, contention
from fleet.world.radio.ieee802154.hop import Hop
from tests.world.radio.ieee802154.crowd import FRAME, Course, Crowd

ATTEMPTS = 6_000
NODES = [2, 3, 4, 6, 8, 12, 20]


@pytest.fixture(scope="module")
def courses() -> dict[int, Course]:
    """Other chances than those that the table was counted with."""
    return {nodes: Crowd(nodes, rng.key(1, nodes)).run(ATTEMPTS) for nodes in NODES}


@pytest.mark.parametrize("nodes", NODES)
def test_the_table_is_what_a_simulation_counts(nodes: int, courses: dict[int, Course]) -> None:
    """6,000 attempts: a share of them is known to 2.6 points, four standard errors."""
    found, said = courses[nodes], contention(nodes)
    assert said.first_ppm / 1e6 == pytest.approx(found.taken[0], abs=0.026)
    assert said.later_ppm / 1e6 == pytest.approx(found.taken[1], abs=0.026)
    assert said.meets_ppm / 1e6 == pytest.approx(found.collided, abs=0.04)


@pytest.mark.parametrize("nodes", NODES)
def test_senders_of_the_model_get_through_as_those_of_the_simulation_do(nodes: int, courses: dict[int, Course]) -> None:
    """Frames delivered in a second by all together, within a tenth; in a great crowd, where few are, within a fifth."""
    hop = Hop(key=rng.key(5, nodes), channel=CLEAR, retries=0)
    hop.among(nodes)
    good = sum(hop.frame(FRAME, up=True) for _ in range(ATTEMPTS))
    assert nodes * good / hop.now_us * 1e6 == pytest.approx(courses[nodes].delivered, rel=0.1 if nodes <= 8 else 0.2)
    assert 1 - hop.attempts / ATTEMPTS == pytest.approx(courses[nodes].refused, abs=0.03)
    assert 1 - good / hop.attempts == pytest.approx(courses[nodes].collided, abs=0.04)


def test_one_sender_has_the_air_to_itself() -> None:
    assert contention(0) == contention(1) == Contention()
    assert Crowd(1, rng.key(1, 1)).run(2_000).delivered == pytest.approx(1e6 / 6_880, rel=0.01)


def test_more_senders_find_less_air_and_beyond_the_table_as_little_as_at_its_end() -> None:
    found = [contention(n) for n in range(1, MOST + 1)]
    for ppm in ("first_ppm", "later_ppm", "meets_ppm"):
        values = [getattr(each, ppm) for each in found]
        assert all(later >= earlier - 3_000 for earlier, later in pairwise(values))
    assert contention(MOST + 100) == contention(MOST)


def test_strangers_take_their_share_of_what_the_crowd_leaves() -> None:
    both = contention(2).beside(500_000)
    assert both.first_ppm == 500_000 + contention(2).first_ppm // 2
    assert contention(1).beside(300_000) == Contention(first_ppm=300_000, later_ppm=300_000)
