"""The node's side of a round: one table in two languages, and what must hold of it whatever happens."""

import ctypes as c

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.node.protocol import Action, Event, State, push_event, react, table_bytes
from tests.node.engine.runtime_library import runtime_library

U16, U32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)


def test_the_table_of_the_node_is_this_one_byte_for_byte() -> None:
    size = len(State) * len(Event)
    assert bytes((c.c_uint8 * size).in_dll(runtime_library(), "fe_round_table")) == table_bytes()


@given(st.sampled_from(State), U16, U32, U16, U32, st.integers(-2, 2))
def test_both_sides_call_a_push_the_same(
    state: State, number: int, base: int, pushed: int, pushed_base: int, near: int
) -> None:
    for later, name in ((pushed, pushed_base), ((number + near) % 2**16, base), (number, pushed_base)):
        expected = push_event(state, (number, base), (later, name))
        assert runtime_library().fe_round_push(int(state), number, base, later, name) == expected


@pytest.mark.parametrize(
    "pushed, event",
    [((8, 1), Event.PUSH), ((7, 1), Event.AGAIN), ((7, 2), Event.STALE), ((6, 1), Event.STALE)],
)
def test_a_later_round_begins_and_an_earlier_one_does_not(pushed: tuple[int, int], event: Event) -> None:
    for state in (State.TRAINING, State.SENT, State.DONE):
        assert push_event(state, (7, 1), pushed) is event
    assert push_event(State.IDLE, (7, 1), pushed) is Event.PUSH
    assert push_event(State.DONE, (2**16 - 1, 1), (0, 1)) is Event.PUSH


@given(st.lists(st.sampled_from(Event), max_size=60))
def test_whatever_happens_an_update_is_sent_only_after_training_and_counted_once(events: list[Event]) -> None:
    """CLOSE and GIVE_UP follow a SEND of the same round, and come at most once for each time it became SENT."""
    state, trained, open_sends = State.IDLE, False, 0
    for event in events:
        before = state
        state, action = react(state, event)
        if action is Action.BEGIN:
            trained, open_sends = False, 0
        if event is Event.TRAINED and before is State.TRAINING:
            trained = True
        if action is Action.SEND:
            assert trained
            assert state is State.SENT
            open_sends = 1
        if action in (Action.CLOSE, Action.GIVE_UP):
            assert open_sends == 1
            open_sends = 0
        if action is Action.NOTHING:
            assert state is before


def test_a_set_and_a_later_push_are_taken_in_every_state() -> None:
    """Whatever a node waits for, the server has the last word."""
    for state in State:
        assert react(state, Event.PUSH) == (State.TRAINING, Action.BEGIN)
        assert react(state, Event.SET) == (State.IDLE, Action.FORGET)
