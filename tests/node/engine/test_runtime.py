"""The runtime on a simulated board: lost and repeated frames, values in and out, seals, models on offer."""

import ctypes as c
from dataclasses import replace

import numpy as np
import pytest

from fleet.node.model.scheme import trained_values
from fleet.node.plan.slots import LAYOUT_BYTES, model_bytes, slots_of
from fleet.node.wire import messages
from fleet.node.wire.frames import base_of, decode_update
from fleet.node.wire.messages import Message, decode, encode, packed
from fleet.node.wire.seal import BY_NODE, seal, unseal
from fleet.node.wire.slots import CONFIRMED, REJECTED, TRIED, Slot, marked, read_slot
from tests.node.engine.device import FOREVER, Device
from tests.node.engine.fleet_of_one import (
    NODE,
    STEPS,
    Server,
    ack_frame,
    device_of,
    is_update,
    new_model,
    new_plan,
    offer_of,
    push_frame,
    restart,
    simulated_update,
    small_plan,
    values_of_round,
)

KEY = bytes(range(32))
NOT_NOW, BAD_FRAME, OTHER_FRAME, BAD_VALUES, BAD_SLOT = -8, -5, -6, -7, -10
GET = encode(Message(kind=messages.GET, node=NODE))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Device:
    return device_of(small_plan(), tmp_path_factory.mktemp("runtime"))


@pytest.fixture
def device(made: Device) -> Device:
    """Fresh from the factory, without a key, and started."""
    made.share(None)
    made.word("sim_time_ms", 0)
    made.power_on()
    made.erase()
    assert made.start() == 0
    return made


def wait_and_turn(device: Device) -> bytes | None:
    """The turn after the time that the node wants to wait has gone by."""
    wait, sent = device.turn()
    assert sent is None
    assert 0 < wait < FOREVER
    device.word("sim_time_ms", (device.word("sim_time_ms") + wait) % 2**32)
    return device.turn()[1]


def test_a_round_gives_the_update_of_the_simulator_and_blinks_when_it_is_acknowledged(device: Device) -> None:
    before = device.word("sim_rounds_done")
    assert device.answer(push_frame(device.plan, 1)) is None
    assert device.train() == simulated_update(device, 1, 0)
    assert device.word("sim_rounds_done") == before
    assert device.answer(ack_frame(device.plan, 1)) is None
    assert device.word("sim_rounds_done") == before + 1
    assert device.turn() == (FOREVER, None)


def test_an_update_that_nobody_acknowledges_is_sent_seven_times_and_given_up(device: Device) -> None:
    device.give(push_frame(device.plan, 1))
    first = device.train()
    waits = []
    for _ in range(6):
        since = device.word("sim_time_ms")
        assert wait_and_turn(device) == first
        waits.append((device.word("sim_time_ms") - since) // 2000)
    assert waits == [1, 2, 4, 8, 16, 32]
    assert wait_and_turn(device) is None
    assert device.turn() == (FOREVER, None)
    assert device.answer(push_frame(device.plan, 1)) == first  # the push once more: it never heard of it


def test_a_push_that_comes_twice_or_late_changes_nothing(device: Device) -> None:
    device.give(push_frame(device.plan, 5))
    device.turn()
    device.turn()
    before = device.memory
    for frame in (push_frame(device.plan, 5), push_frame(device.plan, 4)):
        assert device.answer(frame) is None
        assert device.memory == before
    assert device.train() == simulated_update(device, 5, 0)
    assert device.answer(push_frame(device.plan, 4)) is None


def test_a_later_push_ends_the_round_and_no_step_is_counted_twice(device: Device) -> None:
    device.give(push_frame(device.plan, 1))
    for _ in range(3):
        device.turn()
    device.give(push_frame(device.plan, 2))
    assert device.train() == simulated_update(device, 2, 2)


def test_a_push_that_cannot_be_taken_is_answered_with_why(device: Device) -> None:
    bad = bytearray(push_frame(device.plan, 1))
    for frame, status in ((push_frame(device.plan, 1, model=3), OTHER_FRAME), (bytes(bad[:-1]), None)):
        sent = device.answer(frame)
        assert (decode(sent).status if sent else None) == status
    assert device.answer(push_frame(device.plan, 1, node=NODE + 1)) is None


def test_values_are_taken_out_and_put_in(device: Device) -> None:
    plan = device.plan
    device.give(push_frame(plan, 1))
    device.train()
    sent = device.answer(GET)
    assert sent is not None
    told = decode(sent)
    assert (told.kind, told.steps, told.round) == (messages.VALUES, STEPS, 0)
    assert (messages.values_of(plan.layout, told) == device.values).all()
    new = values_of_round(plan, 77)
    sent = device.answer(encode(messages.set_values(plan.layout, new, node=NODE)))
    assert sent is not None
    assert decode(sent).status == 0
    assert (device.values == new).all()
    restart(device)
    assert (device.values == new).all()
    for wrong in (replace(messages.set_values(plan.layout, new, node=NODE), base=1), Message(kind=3, node=NODE)):
        sent = device.answer(encode(wrong))
        assert sent is not None
        assert decode(sent).status == BAD_VALUES


def test_calls_give_values_and_deltas_as_frames_hold_them(device: Device) -> None:
    plan, lib = device.plan, device.lib
    size = plan.layout.weights + 4 * plan.layout.biases
    buffer = (c.c_uint8 * size)()
    assert lib.fe_client_get_values(buffer) == size
    assert bytes(buffer) == packed(plan.layout, trained_values(plan.graph, plan.layout))
    assert lib.fe_client_deltas(buffer) == 0  # no round is open
    device.give(push_frame(plan, 1))
    update = decode_update(plan.layout, device.train())
    assert lib.fe_client_deltas(buffer) == size
    everything = packed(plan.layout, device.values - values_of_round(plan, 1))
    assert bytes(buffer) == everything
    held = plan.layout.held((0, 1))
    assert (update.deltas[held] == (device.values - values_of_round(plan, 1))[held]).all()
    new = packed(plan.layout, values_of_round(plan, 4))
    assert lib.fe_client_set_values(new, size) == 0
    assert (device.values == values_of_round(plan, 4)).all()
    assert lib.fe_client_set_values(new, size - 1) == BAD_VALUES
    assert lib.fe_client_set_values(b"\x80" + new[1:], size) == BAD_VALUES
    assert (device.values == values_of_round(plan, 4)).all()
    assert lib.fe_client_deltas(buffer) == 0


@pytest.mark.parametrize("turns", range(1, STEPS + 3))
def test_a_node_that_was_off_in_the_middle_of_a_round_answers_as_if_it_had_not_been(device: Device, turns: int) -> None:
    device.give(push_frame(device.plan, 1))
    for _ in range(turns):
        device.turn()
    restart(device)
    assert device.train() == simulated_update(device, 1, 0)
    device.give(ack_frame(device.plan, 1))
    device.turn()
    restart(device)
    device.give(push_frame(device.plan, 2))
    assert device.train() == simulated_update(device, 2, STEPS)


def test_with_a_key_only_sealed_frames_are_taken_and_sent(device: Device) -> None:
    device.share(KEY)
    assert device.answer(GET) is None
    assert device.answer(seal(bytes(32), 2, GET)) is None
    assert device.answer(seal(KEY, 3, GET)) is None  # its own parity: sent back
    sent = device.answer(seal(KEY, 2, GET))
    assert sent is not None
    assert decode(unseal(KEY, BY_NODE, 0, sent)[0]).kind == messages.VALUES
    assert device.answer(seal(KEY, 2, GET)) is None
    assert device.answer(seal(KEY, 4, GET)) is not None


def test_no_counter_comes_twice_and_no_push_is_taken_twice_over_a_power_cut(device: Device) -> None:
    device.share(KEY)
    counters = []
    push = seal(KEY, 10, push_frame(device.plan, 1))
    device.give(push)
    counters.append(unseal(KEY, BY_NODE, 0, device.train())[1])
    for number in range(3):
        restart(device)
        assert device.answer(push) is None
        sent = device.answer(seal(KEY, 20 + 2 * number, GET))
        assert sent is not None
        counters.append(unseal(KEY, BY_NODE, counters[-1], sent)[1])
    assert counters == sorted(set(counters))


def load(device: Device, slot: Slot, *, size_bytes: int = 100) -> list[Message]:
    """What the node says to an offer and its pieces, up to the first refusal."""
    said = []
    pieces = [
        messages.piece(slot.content, at, size_bytes, node=NODE, sequence=slot.sequence)
        for at in range(0, len(slot.content), size_bytes)
    ]
    for message in (offer_of(slot), *pieces):
        sent = device.answer(encode(message))
        assert sent is not None
        said.append(decode(sent))
        if said[-1].status:
            break
    return said


def test_an_offered_model_arrives_in_pieces_and_runs_after_a_restart(device: Device) -> None:
    slot = new_model(device.plan, 1, 9)
    said = load(device, slot)
    assert [m.status for m in said] == [0] * len(said)
    assert [m.done for m in said] == [min(100 * i, len(slot.content)) for i in range(len(said))]
    assert device.turn() == (FOREVER, None)  # starts again
    place, first = slots_of(device.plan, device.profile).models[0], slots_of(device.plan, device.profile).first
    flash = device.flash[place.start - first :][: place.size_bytes]
    assert read_slot(flash) == slot
    assert (marked(flash, TRIED), marked(flash, CONFIRMED), marked(flash, REJECTED)) == (True, False, False)
    assert (device.number, (device.values == trained_values(small_plan(17).graph, device.plan.layout)).all()) == (
        1,
        True,
    )
    device.give(push_frame(device.plan, 3, model=1))
    assert device.train() == simulated_update(device, 3, 0)
    device.give(ack_frame(device.plan, 3, model=1))
    device.turn()
    assert marked(device.flash[place.start - first :], CONFIRMED)
    restart(device)
    assert device.number == 1


def test_a_model_that_was_tried_and_not_confirmed_is_not_tried_again(device: Device) -> None:
    before = device.condition
    load(device, new_model(device.plan, 1, 9))
    device.turn()
    assert device.number == 1
    restart(device)
    assert device.condition == before
    assert [m.status for m in load(device, new_model(device.plan, 1, 9))] == [BAD_SLOT]
    assert load(device, new_model(device.plan, 1, 10))[-1].status == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 0},
        {"sequence": 0},
        {"plan": 1},
        {"kind": 1},
        {"content": b""},
        {"content": bytes(1 << 20)},
    ],
)
def test_an_offer_that_does_not_fit_is_refused_and_erases_nothing(device: Device, changes: dict[str, object]) -> None:
    flash = device.flash
    slot = replace(new_model(device.plan, 1, 9), **changes)  # type: ignore[arg-type]
    assert [m.status for m in load(device, slot)] == [BAD_SLOT]
    assert device.flash == flash


def test_a_changed_byte_of_a_model_is_found_before_it_runs(device: Device) -> None:
    slot = new_model(device.plan, 1, 9)
    lying = replace(slot, content=slot.content[:-1] + bytes([slot.content[-1] ^ 1]))
    device.answer(encode(offer_of(slot)))
    sent = b""
    for at in range(0, len(slot.content), 64):
        sent = device.answer(encode(messages.piece(lying.content, at, 64, node=NODE, sequence=9))) or b""
    assert decode(sent).status == BAD_SLOT
    assert device.turn() == (FOREVER, None)
    restart(device)
    assert device.number == 0


def test_pieces_that_come_twice_or_too_early_leave_what_is_there(device: Device) -> None:
    slot = new_model(device.plan, 1, 9)
    piece = messages.piece(slot.content, 0, 50, node=NODE, sequence=9)
    sent = device.answer(encode(piece))
    assert sent is not None
    assert decode(sent).status == NOT_NOW  # nothing was offered
    device.answer(encode(offer_of(slot)))
    for at, sequence, status, done in ((0, 9, 0, 50), (0, 9, 0, 50), (60, 9, BAD_VALUES, 50), (50, 8, BAD_VALUES, 50)):
        sent = device.answer(encode(messages.piece(slot.content, at, 50, node=NODE, sequence=sequence)))
        assert sent is not None
        assert (decode(sent).status, decode(sent).done) == (status, done)


def test_a_plan_comes_with_its_layout_and_model_and_is_checked_before_it_runs(device: Device) -> None:
    other = small_plan(17)
    slot = new_plan(other, 2, 5)
    assert len(slot.content) == model_bytes(other)
    assert load(device, slot)[-1].status == 0
    device.turn()
    assert device.number == 2
    assert (device.values == trained_values(other.graph, other.layout)).all()
    restart(device)
    broken = bytearray(slot.content)
    broken[LAYOUT_BYTES + 4 + 24] ^= 0xFF  # a word of the plan's header
    load(device, replace(slot, sequence=6, content=bytes(broken)))
    device.turn()
    assert device.number == 0


def test_a_checkpoint_of_another_node_is_none_of_ours(device: Device) -> None:
    device.give(push_frame(device.plan, 1))
    device.train()
    device.word("sim_node", NODE + 1)
    restart(device)
    assert device.step == 0
    device.word("sim_node", NODE)
    restart(device)
    assert device.step == STEPS


def test_the_server_of_the_sweep_ends_with_three_rounds(device: Device) -> None:
    server = Server(device)
    assert server.run()
    assert all(is_update(frame, number) for number, frame in server.updates.items())
    assert base_of(device.plan.layout, values_of_round(device.plan, 3)) == int.from_bytes(
        server.updates[3][16:20], "little"
    )


def test_bytes_of_any_kind_never_leave_the_rules_of_flash(device: Device) -> None:
    rng = np.random.default_rng(0)
    device.word("sim_faults", 0)
    for _ in range(3000):
        kind = int(rng.integers(0, 10))
        body = rng.integers(0, 256, int(rng.integers(0, 300))).astype(np.uint8).tobytes()
        device.answer(encode(Message(kind=kind, node=NODE, base=int(rng.integers(0, 3)), body=body)))
    assert device.word("sim_faults") == 0
    assert device.number == 0
