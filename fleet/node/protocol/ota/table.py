"""An update as the node sees it: states and events, without clock or I/O. SPEC.md, "Over the air".

state, action = react(state, event)
"""

from enum import IntEnum
from typing import Final


class State(IntEnum):
    """Where a node is in an update. MANIFEST, VERIFY, CONFIRM and REVERT last as long as their work takes."""

    IDLE = 0
    MANIFEST = 1
    DOWNLOAD = 2
    VERIFY = 3
    INSTALL = 4
    TEST_BOOT = 5
    CONFIRM = 6
    REVERT = 7


class Event(IntEnum):
    """What can happen. OFFER: a manifest came; AGAIN: that of the update in work. LOW: the battery is below the floor.
    ADMITTED: it was checked and nothing speaks against it, also during a
    download: a newer one takes its place, a refused one changes nothing. INSTALLED: the bootloader started the new
    content; NOT_INSTALLED: it did not. LATE: nobody confirmed in time. RESTART: the node starts during the trial. DONE:
    what the state is for is in flash. WORN: flash failed."""

    OFFER = 0
    AGAIN = 1
    ADMITTED = 2
    REFUSED = 3
    FRAGMENT = 4
    COMPLETE = 5
    INTACT = 6
    BROKEN = 7
    INSTALLED = 8
    NOT_INSTALLED = 9
    HEALTHY = 10
    UNHEALTHY = 11
    LATE = 12
    RESTART = 13
    LOW = 14
    DONE = 15
    WORN = 16
    CANCEL = 17


class Action(IntEnum):
    """What a node does then. PREPARE: erase, write the manifest, persist. REPORT: say which fragments are missing. ASK:
    mark the content for the bootloader and start again. TRY: run it on trial. BUMP: raise the security counter. FORGET:
    the update is over. WAIT: until there is charge."""

    NOTHING = 0
    CHECK = 1
    REFUSE = 2
    PREPARE = 3
    STORE = 4
    REPORT = 5
    VERIFY = 6
    ASK = 7
    TRY = 8
    CONFIRM = 9
    BUMP = 10
    ROLL_BACK = 11
    FORGET = 12
    WAIT = 13


TABLE: Final = {
    (State.IDLE, Event.OFFER): (Action.CHECK, State.MANIFEST),
    (State.MANIFEST, Event.ADMITTED): (Action.PREPARE, State.DOWNLOAD),
    (State.MANIFEST, Event.REFUSED): (Action.REFUSE, State.IDLE),
    (State.MANIFEST, Event.WORN): (Action.FORGET, State.IDLE),
    (State.DOWNLOAD, Event.ADMITTED): (Action.PREPARE, State.DOWNLOAD),
    (State.DOWNLOAD, Event.AGAIN): (Action.REPORT, State.DOWNLOAD),
    (State.DOWNLOAD, Event.FRAGMENT): (Action.STORE, State.DOWNLOAD),
    (State.DOWNLOAD, Event.COMPLETE): (Action.VERIFY, State.VERIFY),
    (State.DOWNLOAD, Event.LOW): (Action.WAIT, State.DOWNLOAD),
    (State.DOWNLOAD, Event.CANCEL): (Action.FORGET, State.IDLE),
    (State.DOWNLOAD, Event.WORN): (Action.FORGET, State.IDLE),
    (State.VERIFY, Event.INTACT): (Action.ASK, State.INSTALL),
    (State.VERIFY, Event.BROKEN): (Action.FORGET, State.IDLE),
    (State.VERIFY, Event.WORN): (Action.FORGET, State.IDLE),
    (State.INSTALL, Event.INSTALLED): (Action.TRY, State.TEST_BOOT),
    (State.INSTALL, Event.NOT_INSTALLED): (Action.FORGET, State.IDLE),
    (State.INSTALL, Event.INTACT): (Action.ASK, State.INSTALL),
    (State.INSTALL, Event.WORN): (Action.FORGET, State.IDLE),
    (State.TEST_BOOT, Event.HEALTHY): (Action.CONFIRM, State.CONFIRM),
    (State.TEST_BOOT, Event.UNHEALTHY): (Action.ROLL_BACK, State.REVERT),
    (State.TEST_BOOT, Event.LATE): (Action.ROLL_BACK, State.REVERT),
    (State.TEST_BOOT, Event.RESTART): (Action.ROLL_BACK, State.REVERT),
    (State.CONFIRM, Event.DONE): (Action.BUMP, State.IDLE),
    (State.CONFIRM, Event.BROKEN): (Action.ROLL_BACK, State.REVERT),
    (State.REVERT, Event.DONE): (Action.FORGET, State.IDLE),
}
"""What does anything. A pair that is not in it changes nothing."""


def react(state: State, event: Event) -> tuple[State, Action]:
    """The next state, and what to do on the way."""
    action, following = TABLE.get((state, event), (Action.NOTHING, state))
    return following, action


def table_bytes() -> bytes:
    """The table as the node holds it: u8 [states][events], action << 4 | next state."""
    return bytes(action << 4 | state for state, action in (react(s, e) for s in State for e in Event))
