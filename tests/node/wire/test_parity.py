"""TS004's parity rows against those of LoRaMac-node, and that the data come back from any fragments that suffice."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base import rng
from fleet.node.wire.parity import Decoder, cut, fragment, row

# FragGetParityMatrixRow(n, M): worked out with LoRaMac-node's FragDecoder.c.
ROWS = {
    (1, 10): {2, 5},
    (2, 10): {0, 2, 4, 5, 9},
    (1, 16): {0, 1, 2, 4, 5, 10, 13, 15},
    (1, 21): {6, 9, 10, 13, 19},
}


def content_of(count: int, key: int = 5) -> bytes:
    return rng.draws32(key, 0, count).astype("<u4").tobytes()[:count]


def kept(key: int, number: int, percent: int) -> bool:
    return rng.below(key, number, 100) >= percent


@pytest.mark.parametrize("asked, expected", ROWS.items())
def test_rows_are_those_of_loramac_node(asked: tuple[int, int], expected: set[int]) -> None:
    assert {i for i in range(asked[1]) if row(*asked) >> i & 1} == expected


def test_the_data_come_first_as_they_are_and_then_sums() -> None:
    pieces = cut(content_of(95), 10)
    assert [len(piece) for piece in pieces] == [10] * 10
    assert pieces[-1].endswith(b"\0" * 5)
    assert [fragment(pieces, number) for number in range(1, 11)] == pieces
    two_and_five = bytes(a ^ b for a, b in zip(pieces[2], pieces[5], strict=True))
    assert fragment(pieces, 11) == two_and_five


@settings(max_examples=60, deadline=None)
@given(
    fragments=st.integers(1, 60),
    size=st.integers(1, 12),
    percent=st.integers(0, 60),
    key=st.integers(0, 2**32),
    shuffled=st.booleans(),
)
def test_the_data_come_back_from_what_arrived_in_any_order(
    fragments: int, size: int, percent: int, key: int, shuffled: bool
) -> None:
    content = content_of(fragments * size, key)
    pieces, decoder = cut(content, size), Decoder(fragments, size, room=fragments)
    numbers = [n for n in range(1, 4 * fragments + 60) if kept(key, n, percent)]
    if shuffled:
        numbers = [numbers[i] for i in rng.permutation(key, len(numbers))]
    for number in numbers:
        if decoder.take(number, fragment(pieces, number)):
            break
    if decoder.done:
        assert decoder.content() == content
    else:
        assert decoder.lost > 0


def overhead(fragments: int, percent: int, trial: int) -> int:
    """Coded fragments beyond the number lost until one session is solved; loss on the data only."""
    key = rng.key(trial, fragments, percent)
    decoder = Decoder(fragments, 1, room=fragments)
    for number in range(1, fragments + 1):
        if kept(key, number, percent):
            decoder.take(number, b"\0")
    lost, coded = decoder.lost, 0
    while not decoder.done:
        coded += 1
        decoder.take(fragments + coded, b"\0")
    return coded - lost if lost else 0


@pytest.mark.parametrize("fragments, percent, mean", [(40, 10, 3.8), (100, 10, 2.1), (100, 20, 1.3), (200, 10, 1.6)])
def test_a_few_sums_more_than_what_was_lost_suffice(fragments: int, percent: int, mean: float) -> None:
    """Published means of 40 to 150 sessions; here of 150, three standard errors of both apart at most (sd about 3)."""
    trials = [overhead(fragments, percent, trial) for trial in range(150)]
    assert abs(sum(trials) / len(trials) - mean) < 3 * 3 * (1 / 150 + 1 / 40) ** 0.5


def test_sums_are_dropped_while_more_is_missing_than_there_is_room_for() -> None:
    pieces, decoder = cut(content_of(80), 8), Decoder(10, 8, room=2)
    for number in range(1, 8):
        decoder.take(number, pieces[number - 1])
    assert not decoder.take(11, fragment(pieces, 11))
    assert (decoder.rank, decoder.missing) == (0, [])
    decoder.take(8, pieces[7])
    numbers = iter(range(12, 40))
    while not decoder.take(number := next(numbers), fragment(pieces, number)):
        pass
    assert decoder.content() == content_of(80)


def test_a_late_fragment_of_the_data_counts_after_the_first_sum() -> None:
    pieces, decoder = cut(content_of(80), 8), Decoder(10, 8, room=10)
    for number in range(1, 9):
        decoder.take(number, pieces[number - 1])
    decoder.take(12, fragment(pieces, 12))  # holds 0, 2, 4, 5 and 9: one equation in the last
    assert (decoder.missing, decoder.rank) == ([8, 9], 1)
    assert decoder.take(9, pieces[8])
    assert decoder.content() == content_of(80)


def test_repeats_and_strangers_change_nothing() -> None:
    pieces, decoder = cut(content_of(80), 8), Decoder(10, 8, room=10)
    for number, content in ((3, pieces[2]), (3, pieces[2]), (0, b"\1" * 8), (2**14, b"\1" * 8), (4, b"\1" * 7)):
        assert not decoder.take(number, content)
    assert decoder.lost == 9


def test_what_is_not_there_is_not_handed_out() -> None:
    with pytest.raises(ValueError, match="expected all 10, 10 are missing"):
        Decoder(10, 8, room=10).content()


@pytest.mark.parametrize("content, size", [(b"", 8), (b"x", 0), (bytes(16_384), 1)])
def test_sessions_that_cannot_be_are_refused(content: bytes, size: int) -> None:
    with pytest.raises(ValueError, match="expected at"):
        cut(content, size)
