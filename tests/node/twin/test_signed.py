"""Models offered to firmware in an emulated core, which asks its host whether they are signed."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.node.export import export
from fleet.node.export.record import read_project
from fleet.node.model.scheme import build_scheme
from fleet.node.plan import Plan, inference_plan, plan_of
from fleet.node.plan.slots import plan_id
from fleet.node.plan.tactics import Tactics
from fleet.node.profile import load_profile
from fleet.node.protocol.signature import public_key, sign
from fleet.node.twin.build import build
from fleet.node.twin.firmware import LOG
from fleet.node.twin.image import Image, read_image
from fleet.node.twin.mailbox import Board
from fleet.node.twin.start import started
from fleet.node.wire import messages
from fleet.node.wire.messages import Message, decode, encode
from fleet.node.wire.slots import NEW_MODEL, Slot
from tests.node.model.nets import imu_net

NODE, SECRET, OTHER = 3, bytes(range(32)), bytes(range(1, 33))
BAD_FRAME, BAD_SLOT = -5, -10


@pytest.fixture(scope="module")
def plan() -> Plan:
    graph = imu_net()
    return plan_of(graph, build_scheme(graph, "sparse"))


@pytest.fixture(scope="module", params=["nrf52840", "esp32c3"])
def board(plan: Plan, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Board:
    profile = load_profile(request.param)
    project = export(plan, profile, out=tmp_path_factory.mktemp("signed") / "node", name="node", runtime=True)
    return Board(image_of(project), profile, plan, NODE, signer=public_key(SECRET))


def image_of(project: Path) -> Image:
    found = read_project(project)
    return read_image(build(project, core=found.core, stack_bytes=found.stack_bytes, uses=()))


def told(board: Board, message: Message) -> Message:
    board.hear(encode(message))
    said = board.turn()[1]
    assert said is not None
    return decode(said)


def slot_of(plan: Plan, sequence: int) -> Slot:
    return Slot(kind=NEW_MODEL, number=1, sequence=sequence, plan=plan_id(plan), content=plan.model)


def offer_of(slot: Slot, secret: bytes = SECRET) -> Message:
    return messages.offer(slot.description, sign(secret, slot.description), node=NODE)


def test_firmware_takes_a_model_with_the_signature_of_its_signer_only(board: Board, plan: Plan) -> None:
    slot, offer = slot_of(plan, 5), offer_of(slot_of(plan, 5))
    forged = replace(offer, body=offer.body[:-1] + bytes([offer.body[-1] ^ 1]))
    for refused in (
        forged,
        offer_of(slot, OTHER),
        replace(offer, body=offer_of(slot_of(plan, 6)).body[:64] + bytes(64)),
    ):
        assert told(board, refused).status == BAD_SLOT
    assert told(board, replace(offer, body=offer.body[:-1])).status == BAD_FRAME
    assert told(board, offer).status == 0
    size = len(slot.content)
    for at in range(0, size, 1024):
        ack = told(board, messages.piece(slot.content, at, 1024, node=NODE, sequence=5))
        assert (ack.status, ack.done) == (0, min(at + 1024, size))
    board.turn()  # starts into it
    assert told(board, Message(kind=messages.GET, node=NODE)).model == 1
    assert board._core.call("fe_model_confirm") == 0
    for sequence in (5, 4):  # once more, and an older one
        assert told(board, offer_of(replace(slot, number=2, sequence=sequence))).status == BAD_SLOT


def test_firmware_without_a_signer_takes_no_model(board: Board, plan: Plan) -> None:
    closed = Board(board._core.image, load_profile(profile_of(board)), plan, NODE)
    assert told(closed, offer_of(slot_of(plan, 5))).status == BAD_SLOT


def profile_of(board: Board) -> str:
    return {"cortex-m4f": "nrf52840", "rv32imc": "esp32c3"}[board._core.core]


@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm on the path")
def test_qemu_asks_its_host_as_well(plan: Plan, tmp_path: Path) -> None:
    """No board with a port runs there yet; any function will do, since nothing of it is run."""
    profile, asked = load_profile("alif_e8"), []
    core = started(image_of(export(plan, profile, out=tmp_path / "node", name="node")), profile)
    core.on("fe_client_infer", lambda: asked.append(core.word(core.image.object("fe_arena").address)))
    for _ in range(2):
        core.call("fe_client_infer")
    assert len(asked) == 2
    core.call("fe_client_start", 1)
    assert len(asked) == 2


@pytest.mark.parametrize("kind", ["trains", "infers"])
def test_a_client_that_streams_its_input_and_has_no_window_reads_none(kind: str, tmp_path: Path) -> None:
    """The core would read at address 0, where on many boards there is memory."""
    graph, streamed = imu_net(), Tactics(input_streamed=True)
    made = (
        inference_plan(graph, streamed) if kind == "infers" else plan_of(graph, build_scheme(graph, "bias"), streamed)
    )
    profile = load_profile("nrf52840")
    core = started(image_of(export(made, profile, out=tmp_path / "node", name="node")), profile)
    assert core.call("fe_client_start", 1) == 0
    assert core.call("fe_client_infer") == 0
    core.call("fe_client_window", LOG)
    assert core.call("fe_client_infer") != 0
