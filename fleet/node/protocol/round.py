"""A round as the node sees it: states and events, without clock or I/O. SPEC.md, "Round"; the table of fe_round.c.

state, action = react(state, event)
"""

from enum import IntEnum
from typing import Final


class State(IntEnum):
    """Where a node is in a round."""

    IDLE = 0
    TRAINING = 1
    SENT = 2
    DONE = 3


class Event(IntEnum):
    """What can happen. AGAIN: the push of this round once more. STALE: one of an earlier round, or of this one with
    other values. SPENT: no answer in time, and this was the last try."""

    PUSH = 0
    AGAIN = 1
    STALE = 2
    TRAINED = 3
    ACK = 4
    OTHER_ACK = 5
    TIMEOUT = 6
    SPENT = 7
    SET = 8


class Action(IntEnum):
    """What a node does then. BEGIN: take the push. SEND: write the update and send it. CLOSE: the round counts.
    GIVE_UP: it may not. FORGET: no round is open any more."""

    NOTHING = 0
    BEGIN = 1
    SEND = 2
    CLOSE = 3
    GIVE_UP = 4
    FORGET = 5


ALWAYS: Final = {
    Event.PUSH: (Action.BEGIN, State.TRAINING),
    Event.SET: (Action.FORGET, State.IDLE),
}
"""What an event does in every state."""

TABLE: Final = {
    (State.TRAINING, Event.TRAINED): (Action.SEND, State.SENT),
    (State.SENT, Event.AGAIN): (Action.SEND, State.SENT),
    (State.SENT, Event.ACK): (Action.CLOSE, State.DONE),
    (State.SENT, Event.TIMEOUT): (Action.SEND, State.SENT),
    (State.SENT, Event.SPENT): (Action.GIVE_UP, State.DONE),
    (State.DONE, Event.AGAIN): (Action.SEND, State.SENT),
}
"""What else does anything. A pair that is in neither changes nothing."""


def react(state: State, event: Event) -> tuple[State, Action]:
    """The next state, and what to do on the way."""
    action, following = ALWAYS.get(event) or TABLE.get((state, event)) or (Action.NOTHING, state)
    return following, action


def push_event(state: State, current: tuple[int, int], pushed: tuple[int, int]) -> Event:
    """Which event a push is. current, pushed: (round, base). Rounds are modulo 2^16, later ones up to 32767 ahead."""
    ahead = (pushed[0] - current[0]) % 2**16
    if state is State.IDLE:
        return Event.PUSH
    if ahead == 0:
        return Event.AGAIN if pushed[1] == current[1] else Event.STALE
    return Event.PUSH if ahead < 2**15 else Event.STALE


def table_bytes() -> bytes:
    """The table as the node holds it: u8 [states][events], action << 4 | next state."""
    entries = (react(state, event) for state in State for event in Event)
    return bytes(action << 4 | state for state, action in entries)
