"""A node of emulated firmware as a Backend: the engine's bytes on every board that firmware is built for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fleet.base import rng
from fleet.base.errors import CheckFailed, InputError
from fleet.learning.client import Client
from fleet.node.backend import EngineBackend
from fleet.node.export import export, random_trial
from fleet.node.model.fixed import real
from fleet.node.model.recipe import Recipe, Rule
from fleet.node.plan.plan import plan_of
from fleet.node.profile import boards, load_profile
from fleet.node.twin.emulator import ARCHITECTURES
from fleet.node.twin.firmware import Firmware, firmware_image, project_image
from fleet.node.twin.node import EmulatedNode
from fleet.node.wire.frames import Push, encode_push
from tests.run.quickstart import Party

NODE = 4
BOARDS = [b for b in boards() if load_profile(b).can_build and load_profile(b).core in ARCHITECTURES]


def emulated(party: Party, board: str, *, seed: int = 0, node: int = NODE) -> EmulatedNode:
    profile = load_profile(board)
    return EmulatedNode(
        image=firmware_image(party.plan, profile, seed=seed), profile=profile, node=node, beside=party.backend
    )


def push(party: Party, number: int = 1) -> bytes:
    own = party.clients[NODE].shard.classes
    return encode_push(
        party.plan.layout, Push(node=NODE, round=number, steps=6, rate=real(0.06), own=own, values=party.initial)
    )


@pytest.mark.parametrize("board", BOARDS)
def test_frames_values_and_logits_are_the_engines_on_every_board(party: Party, board: str) -> None:
    simulated = party.clients[NODE]
    client = replace(simulated, backend=emulated(party, board))
    for first_step in (0, 6, 60):  # the last as after a reset
        assert client.answer(push(party), first_step) == simulated.answer(push(party), first_step)
    work = {"steps": 5, "rate": real(0.03), "own": range(7), "first_step": 12, "stream": rng.Stream.PERSONAL_ORDER}
    ours, theirs = (c.train(party.initial, first_window=0, **work) for c in (client, simulated))  # type: ignore[arg-type]
    assert (ours == theirs).all()
    x = simulated.shard.test.x[:4]
    assert (client.backend.logits(ours, x) == party.backend.logits(theirs, x)).all()


def test_a_batch_that_is_not_full_is_applied_at_the_end(party: Party) -> None:
    scheme = replace(party.plan.scheme, recipe=Recipe(rule=Rule.STOCHASTIC, batch=4))
    plan = plan_of(party.graph, scheme)
    profile, engine = load_profile(BOARDS[0]), EngineBackend(plan)
    node = EmulatedNode(image=firmware_image(plan, profile, seed=0), profile=profile, node=NODE, beside=engine)
    simulated = Client(shard=party.clients[NODE].shard, backend=engine, seed=0)
    client = replace(simulated, backend=node)
    assert client.answer(push(party), 0) == simulated.answer(push(party), 0)


def test_firmware_of_another_fleet_rounds_otherwise_and_is_found(party: Party) -> None:
    client = replace(party.clients[NODE], backend=emulated(party, BOARDS[0], seed=1))
    with pytest.raises(CheckFailed, match=rf"emulated node {NODE}, update of round 1: .*expected -?\d+, got -?\d+"):
        client.answer(push(party), 0)


def test_logits_that_differ_are_found(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    node = emulated(party, BOARDS[0])
    logits = Firmware.logits
    monkeypatch.setattr(Firmware, "logits", lambda self, windows: logits(self, windows) + np.eye(2, 7, dtype=np.int16))
    with pytest.raises(CheckFailed, match=rf"emulated node {NODE}, logit 0 of window 0: expected -?\d+, got -?\d+"):
        node.logits(party.initial, party.clients[NODE].shard.val.x[:2])


def test_a_frame_that_the_node_refuses_or_has_no_room_for_is_said_so(party: Party) -> None:
    profile = load_profile(BOARDS[0])
    firmware = Firmware(firmware_image(party.plan, profile, seed=0), profile, party.plan, NODE)
    with pytest.raises(CheckFailed, match=f"emulated node {NODE}: expected OK of fe_client_push, got BAD_FRAME"):
        firmware.push(push(party)[:-1])
    with pytest.raises(CheckFailed, match=r"expected a frame of at most 4,\d+ B, which fe_frame holds, got 5,000"):
        firmware.push(bytes(5000))
    with pytest.raises(CheckFailed, match="expected an update frame, got none; push first"):
        firmware.update(1)


def test_a_projects_firmware_is_run_as_its_owner_left_it(party: Party, tmp_path: Path) -> None:
    profile = load_profile("nrf52840")
    project = export(
        party.plan, profile, out=tmp_path / "node", name="node", trial=random_trial(party.plan), runtime=True
    )  # fmt: skip
    image, board = project_image(project, party.plan, seed=0)
    assert board == profile
    assert "fe_node_turn" in image.functions
    for seed, runtime in ((1, True), (0, False)):
        if not runtime:
            project = export(party.plan, profile, out=tmp_path / "bare", name="node", trial=random_trial(party.plan))
        with pytest.raises(InputError, match=rf"expected an export of plan \w+ and seed {seed}, got one of plan"):
            project_image(project, party.plan, seed=seed)
