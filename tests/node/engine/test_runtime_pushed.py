"""Pushed models and plans against the image that they meet: its windows, its weights, its frames, its flash."""

import ctypes as c
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.node.model.graph import Conv2d, Graph
from fleet.node.model.scheme import build_scheme, trained_values
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.ledger import frame_bytes
from fleet.node.plan.slots import plan_id, slots_of
from fleet.node.plan.tactics import Tactics
from fleet.node.wire.seal import SEAL_BYTES, seal
from fleet.node.wire.slots import CONFIRMED, NEW_MODEL, REJECTED, Slot, marked
from tests.node.engine.device import Device
from tests.node.engine.fleet_of_one import (
    RECIPE,
    ack_frame,
    delivered,
    device_of,
    new_model,
    new_plan,
    offer_of,
    push_frame,
    restart,
    small_net,
    small_plan,
    told,
)
from tests.node.model.nets import Builder

KEY = bytes(range(32))
BAD_SLOT = -10


def fresh(device: Device) -> Device:
    device.share(None)
    device.erase()
    device.word("sim_faults", 0)
    restart(device)
    return device


def place_of(device: Device, number: int) -> bytes:
    """What lies in one of the two slots for models."""
    slots = slots_of(device.plan, device.profile)
    place = slots.models[number]
    return device.flash[place.start - slots.first :][: place.size_bytes]


def slim(channels: int, shape: tuple[int, int, int] = (4, 4, 2), kernel: tuple[int, int] = (3, 3)) -> Graph:
    build = Builder(3)
    pad = (kernel[0] // 2, kernel[1] // 2, (kernel[0] - 1) // 2, (kernel[1] - 1) // 2)
    return build.head(build.pool(build.conv(build.input(shape), channels, kernel, pad=pad)), 3)


# Windows


def plan_in(graph: Graph, *, streamed: bool) -> Plan:
    scheme = replace(build_scheme(graph, "full"), recipe=RECIPE)
    return plan_of(graph, scheme, Tactics(input_streamed=streamed))


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """A node whose plan reads its window where it lies."""
    return device_of(plan_in(small_net(), streamed=True), tmp_path_factory.mktemp("streaming"))


@pytest.fixture(scope="module")
def copying(tmp_path_factory: pytest.TempPathFactory) -> Device:
    return device_of(plan_in(small_net(), streamed=False), tmp_path_factory.mktemp("copying"))


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("board", ["streaming", "copying"])
def test_a_pushed_plan_reads_its_window_as_the_image_gives_it(
    board: str, channels: int, streamed: bool, request: pytest.FixtureRequest
) -> None:
    """An image that hands over addresses copies no window: a plan that waits for a copy would run on what is there."""
    device = fresh(request.getfixturevalue(board))
    plan = plan_in(slim(channels), streamed=streamed)
    alike = streamed == device.plan.tactics.input_streamed
    delivered(device, new_plan(plan, 3, 1))
    restart(device)
    assert device.number == (3 if alike else 0)
    running = plan if alike else device.plan
    assert device.answer(push_frame(running, 1, model=device.number)) is None
    assert device.train()[2] == 2
    assert device.answer(ack_frame(running, 1, model=device.number)) is None
    restart(device)
    assert device.number == (3 if alike else 0)


def test_a_small_plan_that_copies_would_have_room_in_an_image_that_streams() -> None:
    image, pushed = plan_in(small_net(), streamed=True), plan_in(slim(2), streamed=False)
    assert pushed.arena_bytes <= image.arena_bytes
    assert pushed.state_bytes <= image.state_bytes


# Weights


def headed(*, negated: bool) -> Plan:
    """A frozen layer before a head that trains: two of one plan's words, and of other weights."""
    graph = small_net()
    if negated:
        (conv, *others) = graph.ops
        assert isinstance(conv, Conv2d)
        graph = replace(graph, ops=(replace(conv, weight=-conv.weight), *others))
    return plan_of(graph, build_scheme(graph, "head"))


@pytest.fixture(scope="module")
def headed_device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    return device_of(headed(negated=False), tmp_path_factory.mktemp("headed"))


def test_two_networks_of_the_same_words_are_not_the_same_to_a_slot() -> None:
    one, other = headed(negated=False), headed(negated=True)
    assert one.content == other.content
    assert one.model != other.model
    assert plan_id(one) != plan_id(other)


def test_a_plan_over_the_weights_of_another_is_rejected(headed_device: Device) -> None:
    device, plan, other = fresh(headed_device), headed(negated=False), headed(negated=True)
    delivered(device, new_plan(plan, 2, 5, model=other.model))
    restart(device)
    assert device.number == 0
    assert marked(place_of(device, 0), REJECTED)
    delivered(device, new_plan(other, 3, 6))
    restart(device)
    assert device.number == 3


def test_a_model_for_an_image_of_other_weights_is_refused(headed_device: Device) -> None:
    device, other = fresh(headed_device), headed(negated=True)
    slot = Slot(kind=NEW_MODEL, number=1, sequence=1, plan=plan_id(other), content=other.model)
    assert told(device, offer_of(slot)).status == BAD_SLOT
    assert told(device, offer_of(replace(slot, plan=plan_id(device.plan)))).status == 0


def test_an_image_of_other_weights_does_not_go_on_with_what_the_last_one_learned(
    headed_device: Device, tmp_path: Path
) -> None:
    """Firmware of the same plan was flashed in the middle of a round: only counters and steps are the board's."""
    first, second = fresh(headed_device), device_of(headed(negated=True), tmp_path)
    first.give(push_frame(first.plan, 1))
    for _ in range(3):
        first.turn()
    second.flash = first.flash
    restart(second)
    assert second.turn() == (2**32 - 1, None)
    assert (second.values == trained_values(second.plan.graph, second.plan.layout)).all()
    first.share(KEY)
    restart(first)
    assert first.turn() == (0, None)  # its own image trains on


# Frames


def test_the_frame_of_an_image_has_room_for_a_push_of_any_plan_that_fits(tmp_path: Path) -> None:
    """One whose weights fill up the word that the image's leave open: its push is longer by up to three bytes."""
    graphs = slim(7, (8, 4, 1), (5, 4)), slim(6, (8, 4, 1), (5, 5))
    image, pushed = (plan_of(graph, build_scheme(graph, "full")) for graph in graphs)
    assert (image.layout.weights % 4, pushed.layout.weights % 4) == (1, 0)
    assert image.value_bytes == pushed.value_bytes
    frame = push_frame(pushed, 1, model=2)
    assert len(frame) > -(-len(push_frame(image, 1)) // 4) * 4
    assert len(frame) + SEAL_BYTES <= frame_bytes(image, runtime=True)
    device = fresh(device_of(image, tmp_path))
    delivered(device, new_plan(pushed, 2, 1))
    device.share(KEY)
    restart(device)
    assert device.number == 2
    assert device.answer(seal(KEY, 2, frame)) is None
    assert len(device.train()) > SEAL_BYTES


def test_a_layout_whose_push_has_no_room_is_rejected(tmp_path: Path) -> None:
    """A frame that is longer than its buffer never reaches the node: it would be silent for ever."""
    device = fresh(device_of(small_plan(), tmp_path, sizes={"FE_FRAME_BYTES": 168}))
    delivered(device, new_plan(small_plan(17), 2, 1))
    restart(device)
    assert device.number == 0


# Flash


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    return device_of(small_plan(), tmp_path_factory.mktemp("pushed"))


def acknowledged(device: Device, number: int) -> int:
    """A round of model 1; flash operations of the turn that takes its acknowledgement."""
    device.give(push_frame(device.plan, number, model=1))
    device.train()
    before = device.word("sim_operations")
    device.give(ack_frame(device.plan, number, model=1))
    device.turn()
    return device.word("sim_operations") - before


def on_trial(device: Device) -> Device:
    fresh(device)
    delivered(device, new_model(device.plan, 1, 9))
    device.turn()
    assert device.number == 1
    return device


def test_a_mark_that_flash_took_in_part_is_not_programmed_again(device: Device) -> None:
    """Flash with a code for errors refuses it; the model stays on trial, and does not outlive the next start."""
    programs = acknowledged(on_trial(device), 3)
    assert marked(place_of(device, 0), CONFIRMED)
    on_trial(device)
    pages = slots_of(device.plan, device.profile).checkpoints[0].size_bytes // device.profile.flash.page_bytes
    device.give(push_frame(device.plan, 3, model=1))
    device.train()
    device.word("sim_weak", programs - pages)  # of the units alone: the last one is the mark
    device.give(ack_frame(device.plan, 3, model=1))
    device.turn()
    assert not marked(place_of(device, 0), CONFIRMED)
    assert place_of(device, 0)[CONFIRMED * 32] == 0
    for number in (4, 5):
        acknowledged(device, number)
    assert device.lib.fe_model_confirm() == BAD_SLOT
    assert device.word("sim_faults") == 0
    restart(device)
    assert device.number == 0


def test_a_model_may_be_rejected_or_confirmed_twice(device: Device) -> None:
    on_trial(device)
    for _ in range(2):
        assert device.lib.fe_model_reject() == 0
    restart(device)
    assert device.number == 0
    delivered(device, new_model(device.plan, 1, 10))
    restart(device)
    for _ in range(2):
        assert device.lib.fe_model_confirm() == 0
    restart(device)
    assert device.number == 1
    assert device.word("sim_faults") == 0


def test_the_flash_of_these_tests_takes_no_unit_twice(device: Device) -> None:
    """Even where the bytes would allow it: the code of the unit would not."""
    fresh(device)
    at, unit = slots_of(device.plan, device.profile).first, b"\xff" * 32
    program = device.lib.fe_port_flash_program
    assert [program(c.c_uint32(at), unit, c.c_uint32(32)) for _ in range(2)] == [0, 1]
    assert device.word("sim_faults") == 1
    assert device.lib.fe_port_flash_erase(c.c_uint32(at), c.c_uint32(device.profile.flash.page_bytes)) == 0
    assert program(c.c_uint32(at), unit, c.c_uint32(32)) == 0
