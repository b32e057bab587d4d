"""What a node keeps to when flash fails, and when frames from before come again."""

import ctypes as c

import pytest

from fleet.node.wire import messages
from fleet.node.wire.seal import BY_NODE, seal, unseal
from fleet.node.wire.slots import Slot
from tests.node.engine.device import Device
from tests.node.engine.fleet_of_one import (
    NODE,
    delivered,
    device_of,
    new_model,
    offer_of,
    push_frame,
    restart,
    small_plan,
    told,
)

KEY = bytes(range(32))
BAD_SLOT = -10


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Device:
    return device_of(small_plan(), tmp_path_factory.mktemp("strangers"))


@pytest.fixture
def device(made: Device) -> Device:
    made.share(None)
    made.word("sim_worn", 0)
    made.erase()
    restart(made)
    return made


def offered(device: Device, slot: Slot) -> int:
    return told(device, offer_of(slot)).status


def test_a_counter_is_used_once_where_a_checkpoint_could_not_be_written(device: Device) -> None:
    """Nothing is sealed with a counter that a restart would give again."""
    device.share(KEY)
    get = messages.encode(messages.Message(kind=messages.GET, node=NODE))
    device.word("sim_worn", 1)
    assert [device.answer(seal(KEY, number, get)) for number in (2, 4)] == [None, None]
    device.word("sim_worn", 0)
    counters = []
    for number in (6, 8, 10):
        sent = device.answer(seal(KEY, number, get))
        assert sent is not None
        counters.append(unseal(KEY, BY_NODE, 0, sent)[1])
        restart(device)
    assert counters == sorted(set(counters))


def test_a_model_of_before_is_refused_though_power_was_lost_all_the_way(device: Device) -> None:
    """The node took model 5 and lost power before any checkpoint said so; the offer of 6 then erases its slot."""
    five, six = (new_model(device.plan, number, 4 + number) for number in (1, 2))
    delivered(device, five)
    for _ in range(2):  # on trial, then rejected
        restart(device)
    assert device.number == 0
    assert offered(device, five) == BAD_SLOT
    assert offered(device, six) == 0
    restart(device)
    assert offered(device, five) == BAD_SLOT
    assert offered(device, six) == 0
    assert device.word("sim_faults") == 0


def test_a_round_that_was_closed_by_values_has_no_update(device: Device) -> None:
    """Training goes on, but there is no push that it would be a difference to."""
    device.give(push_frame(device.plan, 1))
    device.turn()
    values = (c.c_uint8 * 4096)()
    size = device.lib.fe_client_get_values(values)
    assert device.lib.fe_client_set_values(values, size) == 0
    assert device.lib.fe_client_train(0) == 0
    assert device.lib.fe_client_deltas(values) == 0
    assert device.lib.fe_client_update(1) == 0
