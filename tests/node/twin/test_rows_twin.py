"""Firmware of a plan that runs row by row over a window in external memory, beside the simulator, byte for byte."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.node.export import export, random_trial
from fleet.node.export.record import read_project
from fleet.node.export.target import uses_of
from fleet.node.model.graph import Graph
from fleet.node.model.scheme import build_scheme
from fleet.node.model.schemes.published import published_scheme
from fleet.node.model.zoo import zoo_net
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.choice import best_plan
from fleet.node.plan.code_size import code_size
from fleet.node.plan.ledger import STACK_BYTES, ledger
from fleet.node.plan.placement import Effort
from fleet.node.plan.steps import Code
from fleet.node.plan.tactics import LAYERWISE, Tactics
from fleet.node.profile import Profile, load_profile
from fleet.node.twin.build import build
from fleet.node.twin.emulator import Core
from fleet.node.twin.image import Image, read_image
from fleet.node.twin.memory import check_sram, memory_lines
from fleet.node.twin.round import Twin
from fleet.node.twin.verify import original_plan
from tests.node.engine.runs import static
from tests.node.engine.segmented import longest
from tests.node.engine.test_rows import pooled_net
from tests.node.model.map_nets import fork_net
from tests.node.model.nets import residual_net
from tests.node.model.schemes.bottlenecks import random_graph


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


@pytest.mark.parametrize("effort", [Effort.QUICK, Effort.SEARCH])
def test_verify_plans_an_exported_project_again_with_its_tactics(effort: Effort, nrf: Profile, tmp_path: Path) -> None:
    graph = random_graph(zoo_net("mcunet-5fps", 5, (32, 32, 3)))
    scheme = static(graph, published_scheme(graph, "49kb"), 0.05)
    plan = best_plan(graph, scheme, effort=effort)
    assert plan.tactics.by_channels
    assert plan.tactics.over
    project = export(plan, nrf, out=tmp_path / "node", name="node")
    again = original_plan(project, read_project(project))
    assert again.tactics == plan.tactics
    assert again.content == plan.content


def test_verify_plans_a_reordered_project_again(nrf: Profile, tmp_path: Path) -> None:
    graph = fork_net()
    plan = best_plan(graph, build_scheme(graph, "head"))
    assert plan.tactics.order
    project = export(plan, nrf, out=tmp_path / "node", name="node")
    again = original_plan(project, read_project(project))
    assert again.tactics == plan.tactics
    assert again.content == plan.content
