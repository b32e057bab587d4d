"""What a node keeps to when flash fails, and when frames from before come again."""

import ctypes as c
from dataclasses import replace

import pytest

from fleet.node.model.scheme import build_scheme
from fleet.node.plan import plan_of
from fleet.node.plan.tactics import Tactics
from fleet.node.wire import messages
from fleet.node.wire.seal import BY_NODE, seal, unseal
from fleet.node.wire.slots import NEW_PLAN, Slot
from tests.node.engine.device import Device
from tests.node.engine.fleet_of_one import (
    NODE,
    RECIPE,
    SIGNATURE,
    ack_frame,
    device_of,
    new_model,
    push_frame,
    small_net,
    small_plan,
)

KEY = bytes(range(32))
BAD_SLOT = -10


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Device:
    device = device_of(small_plan(), tmp_path_factory.mktemp("strangers"))
    device.trust(b"k" * 32, lambda _signer, _message, signature: signature == SIGNATURE)
    return device


@pytest.fixture
def device(made: Device) -> Device:
    made.share(None)
    made.word("sim_worn", 0)
    made.erase()
    restart(made)
    return made


def restart(device: Device) -> None:
    device.power_on()
    assert device.start() == 0


def told(device: Device, message: messages.Message) -> messages.Message:
    sent = device.answer(messages.encode(message))
    assert sent is not None
    return messages.decode(sent)


def offered(device: Device, slot: Slot) -> int:
    return told(device, messages.offer(slot.description, SIGNATURE, node=NODE)).status


def delivered(device: Device, slot: Slot) -> None:
    assert offered(device, slot) == 0
    for at in range(0, len(slot.content), 96):
        piece = messages.piece(slot.content, at, 96, node=NODE, sequence=slot.sequence)
        assert told(device, piece).status == 0


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


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """A node whose plan reads its window where it lies."""
    device = device_of(plan_in(streamed=True), tmp_path_factory.mktemp("streaming"))
    device.trust(b"k" * 32, lambda _signer, _message, signature: signature == SIGNATURE)
    return device


def plan_in(*, streamed: bool):
    graph = small_net()
    return plan_of(graph, replace(build_scheme(graph, "full"), recipe=RECIPE), Tactics(input_streamed=streamed))


def new_plan(*, streamed: bool, sequence: int) -> Slot:
    plan = plan_in(streamed=streamed)
    l = plan.layout
    words = (l.weights, l.biases, l.classes, *head_of(l))
    content = b"".join(word.to_bytes(4, "little", signed=True) for word in (*words, len(plan.content) // 4))
    return Slot(kind=NEW_PLAN, number=3, sequence=sequence, plan=0, content=content + plan.content + plan.model)


def head_of(layout) -> tuple[int, int, int]:
    weight = next(s for s in layout.slices if s.op == "head" and s.kind == "weight")
    bias = next(s for s in layout.slices if s.op == "head" and s.kind == "bias")
    return weight.values.start, weight.shape[1], bias.values.start - layout.weights


@pytest.mark.parametrize("streamed", [True, False])
def test_a_pushed_plan_reads_its_window_as_the_image_gives_it(streaming: Device, streamed: bool) -> None:
    """The firmware of a plan that streams its input copies none: one that waits for a copy is rejected."""
    streaming.erase()
    restart(streaming)
    delivered(streaming, new_plan(streamed=streamed, sequence=1))
    restart(streaming)
    assert streaming.number == (3 if streamed else 0)
    sent = streaming.answer(push_frame(streaming.plan, 1, model=streaming.number))
    assert (sent or streaming.train())[2] == 2
    assert streaming.answer(ack_frame(streaming.plan, 1, model=streaming.number)) is None
    restart(streaming)
    assert streaming.number == (3 if streamed else 0)
