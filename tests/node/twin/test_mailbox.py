"""A node with the runtime in an emulated core, over its mailbox: flash over a reset, SRAM against the ledger."""

import re
from pathlib import Path

import numpy as np
import pytest

from fleet.base import rng
from fleet.base.errors import DoesNotFit
from fleet.base.places import devices_dir, package_data
from fleet.node.engine.binding import Course, Node
from fleet.node.export import export
from fleet.node.export.kinds import Kind
from fleet.node.export.record import read_project
from fleet.node.export.trial import Trial
from fleet.node.model.fixed import real
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.scheme import build_scheme
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.code_size import RUNTIME, code_size
from fleet.node.plan.ledger import MAILBOX_BYTES
from fleet.node.plan.slots import slots_of
from fleet.node.profile import boards, load_profile
from fleet.node.twin import verify
from fleet.node.twin.build import build
from fleet.node.twin.emulator import ARCHITECTURES
from fleet.node.twin.image import read_image
from fleet.node.twin.mailbox import Board, Field
from fleet.node.wire.frames import Push, Update, base_of, deltas_of, encode_push, encode_update
from fleet.node.wire.slots import CHECKPOINT, read_slot
from tests.node.model.nets import imu_net

NODE, STEPS, OWN = 3, 4, tuple(range(7))
BOARDS = [
    b for b in boards() if (devices_dir() / b / "port" / "port.c").is_file() and load_profile(b).core in ARCHITECTURES
]


@pytest.fixture(scope="module")
def plan() -> Plan:
    graph = imu_net()
    return plan_of(graph, build_scheme(graph, "sparse"))


@pytest.fixture(scope="module")
def project(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mailbox") / "node"
    return export(plan, load_profile("nrf52840"), out=out, name="node", runtime=True)


def simulated(plan: Plan, trial: Trial, number: int) -> bytes:
    node = Node(plan)
    pushed = node.values
    course = Course(key=rng.key(trial.seed, rng.Stream.UPDATE, NODE), rate=real(1 / 16), own=OWN)
    node.train(trial.windows, trial.labels, np.arange(STEPS), course)
    deltas, clipped = deltas_of(plan.layout, node.values, pushed)
    return encode_update(plan.layout, Update(
        node=NODE, round=number, steps=STEPS, windows=20, base=base_of(plan.layout, pushed), own=OWN, clipped=clipped,
        deltas=deltas,
    ))  # fmt: skip


def next_turn(board: Board, trial: Trial) -> bytes | None:
    at = board.steps_in_round
    board.sense(trial.windows[at], int(trial.labels[at]), 20)
    return board.turn()[1]


@pytest.mark.parametrize("turns", [1, 2, STEPS])
def test_a_reset_in_the_middle_of_a_round_changes_no_byte_of_its_update(project: Path, plan: Plan, turns: int) -> None:
    found, profile = read_project(project), load_profile("nrf52840")
    image = read_image(build(project, core=found.core, stack_bytes=found.stack_bytes, uses=()))
    board = Board(image, profile, plan, NODE)
    values = Node(plan).values
    board.hear(encode_push(plan.layout, Push(
        node=NODE, round=1, steps=STEPS, rate=real(1 / 16), own=OWN, values=values,
    )))  # fmt: skip
    assert board.turn()[1] is None
    for _ in range(turns):
        assert next_turn(board, found.trial) is None
    assert board._core.call("fe_node_start") == 0
    sent = next((frame for _ in range(STEPS + 2) if (frame := next_turn(board, found.trial))), None)
    assert sent == simulated(plan, found.trial, 1)
    place = slots_of(plan, profile).checkpoints[0]
    assert read_slot(board._core.read(place.start, place.size_bytes)).kind == CHECKPOINT


def test_fields_of_the_mailbox_are_those_of_the_struct() -> None:
    header = (package_data("node", "engine", "runtime") / "fe_mailbox.h").read_text(encoding="utf-8")
    body = re.search(r"typedef struct \{(.*?)\} fe_mailbox;", header, re.DOTALL)
    assert body is not None
    names = re.findall(r"(\w+)(?:\[(\d)\])?[,;]", body[1])
    words = [name for name, size in names for _ in range(int(size or 1))]
    assert [words[field // 4] for field in Field] == [field.name.lower() for field in Field]
    assert 4 * len(words) == MAILBOX_BYTES


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("board", BOARDS)
def test_every_board_with_a_port_verifies_with_the_runtime(plan: Plan, board: str, kind: Kind, tmp_path: Path) -> None:
    project = export(plan, load_profile(board), out=tmp_path / "node", name="node", runtime=True, kind=kind)
    report = verify(project)
    assert [fault for check in report.checks for fault in check.faults] == []
    linked = next(line.linked_bytes for line in report.memory if line.item == "code")
    if kind is Kind.TABLE:
        assert code_size(plan, load_profile(board).core, runtime=True) == pytest.approx(linked, rel=0.06)


def test_the_ledger_has_the_lines_of_the_runtime_exactly_when_it_is_linked(plan: Plan, project: Path) -> None:
    text = (project / "README.md").read_text(encoding="utf-8")
    core = load_profile("nrf52840").core
    assert f"| flash | code | {code_size(plan, core, runtime=True):,} | modelled |" in text
    assert code_size(plan, core, runtime=True) == (code_size(plan, core) or 0) + RUNTIME[core]
    assert "| ram | session | 148 | planned |" in text
    assert "| flash | checkpoints | 36,864 | planned |" in text
    places = slots_of(plan, load_profile("nrf52840"))
    assert sum(p.size_bytes for p in places.checkpoints) == 36_864
    assert f"LENGTH = {places.first - 0x27000}" in (project / "port" / "link.ld").read_text(encoding="utf-8")


def test_a_plan_whose_image_would_not_link_beside_its_slots_is_refused(tmp_path: Path) -> None:
    """Of a board with sectors of 256 KB the slots leave 64 KB: with the runtime's code in the ledger that is known."""
    graph = imu_net()
    plan = plan_of(graph, build_scheme(graph, "full", recipe=Recipe(gradients=Gradients.FP32)))
    with pytest.raises(DoesNotFit, match="flash"):
        export(plan, load_profile("stm32f746"), out=tmp_path / "node", name="node", runtime=True)
