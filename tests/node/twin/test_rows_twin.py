"""Firmware of a plan that runs row by row over a window in external memory, beside the simulator, byte for byte."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.node.export import export, random_trial
from fleet.node.export.target import uses_of
from fleet.node.model.graph import Graph
from fleet.node.model.scheme import build_scheme
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.code_size import code_size
from fleet.node.plan.ledger import STACK_BYTES, ledger
from fleet.node.plan.steps import Code
from fleet.node.plan.tactics import LAYERWISE, Tactics
from fleet.node.profile import Profile, load_profile
from fleet.node.twin.build import build
from fleet.node.twin.emulator import Core
from fleet.node.twin.image import Image, read_image
from fleet.node.twin.memory import check_sram, memory_lines
from fleet.node.twin.round import Twin
from tests.node.engine.segmented import longest
from tests.node.engine.test_rows import pooled_net
from tests.node.model.nets import residual_net


@pytest.fixture(scope="module")
def nrf() -> Profile:
    return load_profile("nrf52840")


def image_of(plan: Plan, nrf: Profile, folder: Path) -> Image:
    project = export(plan, nrf, out=folder / "node", name="node")
    return read_image(build(project, core=nrf.core, stack_bytes=STACK_BYTES, uses=uses_of(plan)))


@pytest.mark.parametrize("net", [pooled_net, residual_net])
def test_firmware_by_rows_is_the_simulator(net: Callable[[], Graph], nrf: Profile, tmp_path: Path) -> None:
    graph = net()
    scheme = build_scheme(graph, "sparse")
    plan = plan_of(graph, scheme, longest(graph, scheme, input_streamed=True, slices=True))
    image = image_of(plan, nrf, tmp_path)
    core, book = Core(image, nrf), ledger(plan, nrf)
    assert [fault for check in Twin(core, plan, random_trial(plan)).checks() for fault in check.faults] == []
    assert check_sram(image, book).faults == ()
    assert 200 < core.stack_used() < STACK_BYTES - 104  # an interrupt's frame has room
    linked = next(line.linked_bytes for line in memory_lines(image, book) if line.item == "code")
    assert code_size(plan, nrf.core) == pytest.approx(linked, rel=0.06)


@pytest.mark.parametrize("tactics", [LAYERWISE, Tactics(input_streamed=True)])
def test_an_image_without_groups_has_nothing_of_them(tactics: Tactics, nrf: Profile, tmp_path: Path) -> None:
    graph = residual_net()
    plan = plan_of(graph, build_scheme(graph, "head"), tactics)
    assert Code.ROWS not in {step.code for step in plan.steps}
    elf = image_of(plan, nrf, tmp_path)
    assert not [name for name in elf.functions if "roll" in name or "rows" in name]
