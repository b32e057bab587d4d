"""An update's table: one in two languages and in the specification, and what holds whatever happens."""

import re

from hypothesis import given
from hypothesis import strategies as st

from fleet.base.places import package_data
from fleet.node.protocol.ota.table import TABLE, Action, Event, State, react, table_bytes
from tests.node.protocol.ota.patch_device import library


def test_the_node_in_c_has_the_same_table() -> None:
    found = bytes(library().fe_ota_react(int(s), int(e)) & 0xFF for s in State for e in Event)
    assert found == table_bytes()


def test_the_specification_lists_the_same_table() -> None:
    text = package_data("node", "engine", "SPEC.md").read_text(encoding="utf-8")
    section = text.partition("\n## Over the air\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| ([a-z ]+) \| ([a-z ]+) \| ([a-z ]+) \| ([a-z ]+) \|$", section, re.MULTILINE)
    rows = [tuple(cell.replace(" ", "_").upper() for cell in row) for row in cells]
    assert rows[1:] == [(s.name, e.name, a.name, n.name) for (s, e), (a, n) in TABLE.items()]


@given(st.lists(st.sampled_from(Event), max_size=80))
def test_whatever_happens_nothing_runs_unchecked_and_only_what_was_tried_raises_the_counter(
    events: list[Event],
) -> None:
    state, admitted, intact, tried, confirmed = State.IDLE, False, False, False, False
    for event in events:
        before = state
        state, action = react(state, event)
        if state is State.IDLE and before is not State.IDLE:
            assert action in (Action.BUMP, Action.FORGET, Action.REFUSE)
        if action is Action.PREPARE:
            admitted, intact, tried, confirmed = True, False, False, False
        intact |= event is Event.INTACT and before is State.VERIFY
        if action is Action.STORE:
            assert admitted
        if action is Action.ASK:
            assert intact
        if action is Action.TRY:
            assert intact
            tried = True
        if action is Action.CONFIRM:
            assert tried
            confirmed = True
        if action is Action.BUMP:
            assert confirmed
        if action is Action.NOTHING:
            assert state is before


def test_every_state_can_be_left_for_idle() -> None:
    ends = {State.IDLE}
    for _ in State:
        ends |= {state for (state, _), (_, following) in TABLE.items() if following in ends}
    assert ends == set(State)
