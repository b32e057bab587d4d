"""A static project is the plan in calls: the same words, and on this computer the simulator's bytes."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from fleet.node.export import Kind, export, random_trial
from fleet.node.export.c_structs import initialiser, structs, words_of
from fleet.node.export.record import read_project
from fleet.node.export.steps import BACKWARD, FORWARD, LOSSES, UPDATES, described, steps_bytes, steps_source
from fleet.node.model.graph import Form, Graph
from fleet.node.model.recipe import Exponents, Gradients, Loss, Recipe, Rule
from fleet.node.model.scheme import build_scheme
from fleet.node.model.schemes.published import published_scheme
from fleet.node.model.zoo import zoo_net
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.choice import best_plan
from fleet.node.plan.ledger import frame_bytes
from fleet.node.plan.plan import HEADER_WORDS
from fleet.node.plan.steps import Code
from fleet.node.profile import load_profile
from fleet.node.twin.round import Twin
from tests.node.engine.runs import static
from tests.node.engine.segmented import longest
from tests.node.engine.test_rows import pooled_net
from tests.node.export.hosted import Host, library
from tests.node.model.map_nets import MapBuilder, edged, padded_net
from tests.node.model.nets import residual_net
from tests.node.model.schemes.bottlenecks import random_graph
from tests.node.twin.test_verify import every_operator, gated


def made(plan: Plan, folder: Path, kind: Kind = Kind.STATIC) -> Path:
    return export(plan, load_profile("stm32f746"), out=folder / kind.value, name="node", kind=kind)


def faults(plan: Plan, folder: Path, kind: Kind = Kind.STATIC, steps: int = 12) -> list[str]:
    """What differs between the exported client on this computer and the simulator, over a round."""
    sizes = {"fe_state": plan.state_bytes, "fe_frame": frame_bytes(plan)}
    host = Host(library(made(plan, folder, kind)), sizes)
    trial = replace(random_trial(plan), steps=steps)
    return [str(fault) for check in Twin(host, plan, trial).checks() for fault in check.faults]  # type: ignore[arg-type]


def by_rows() -> Plan:
    graph = pooled_net()
    scheme = build_scheme(graph, "sparse")
    return plan_of(graph, scheme, longest(graph, scheme, input_streamed=True, slices=True))


@cache
def by_channels() -> Plan:
    graph = random_graph(zoo_net("mcunet-5fps", 5, (32, 32, 3)))
    plan = best_plan(graph, static(graph, published_scheme(graph, "49kb"), 0.05))
    assert {Code.ROWS, Code.CHANNELS, Code.DEPTHWISE_IN_PLACE} <= {step.code for step in plan.steps}
    return plan


def shaped() -> Plan:
    """Moves, a resized map, means and pools, all with a way back."""
    build = MapBuilder(7)
    x = build.conv(build.input((4, 4, 4)), 4, (1, 1))
    x = build.resize(build.pad(x, (0, 1, 0), (1, 0, 0)), 8, 8)
    x = build.transpose(x, (1, 0, 2))
    graph = build.head(build.mean(build.add(x, x), (0,)), 3)
    return plan_of(graph, build_scheme(graph, "full"))


def of(net: Callable[[], Graph]) -> Callable[[], Plan]:
    def plan() -> Plan:
        graph = net()
        return plan_of(graph, build_scheme(graph, "full"))

    return plan


PLANS: dict[str, Callable[[], Plan]] = {
    "every operator with weights": every_operator,
    "residual": of(residual_net),
    "padded": of(padded_net),
    "shaped": shaped,
    "uint8 edges": of(lambda: edged(Form.UINT8)),
    "momentum, batches": lambda: gated(Recipe(rule=Rule.RESIDUAL4, momentum=0.9, batch=3)),
    "static exponents": lambda: gated(Recipe(exponents=Exponents.STATIC, rule=Rule.TRUNCATE)),
    "fp32": lambda: gated(Recipe(gradients=Gradients.FP32, rule=Rule.NEAREST, batch=4, loss=Loss.SQUARED_ERROR)),
    "rows": by_rows,
    "channels": by_channels,
}


@pytest.mark.parametrize("make", PLANS.values(), ids=PLANS.keys())
def test_calls_train_as_the_simulator_does(make: Callable[[], Plan], tmp_path: Path) -> None:
    assert faults(make(), tmp_path) == []


def test_a_table_trains_as_the_simulator_does(tmp_path: Path) -> None:
    assert faults(by_channels(), tmp_path, Kind.TABLE) == []


def test_another_seed_is_found_on_this_computer(tmp_path: Path) -> None:
    """That the comparison can fail: the fleet's seed decides every rounding."""
    plan = every_operator()
    project = made(plan, tmp_path)
    header = project / "data" / "fe_project.h"
    header.write_text(header.read_text().replace("FE_FLEET_SEED 0x0u", "FE_FLEET_SEED 0x1u"))
    sizes = {"fe_state": plan.state_bytes, "fe_frame": frame_bytes(plan)}
    twin = Twin(Host(library(project), sizes), plan, random_trial(plan))  # type: ignore[arg-type]
    assert "training: step 1: " in str(next(fault for check in twin.checks() for fault in check.faults))


def test_each_code_has_one_call() -> None:
    codes = [*FORWARD, *BACKWARD, *UPDATES, *LOSSES]
    assert sorted(codes) == sorted(Code)


def test_structs_are_those_of_the_headers() -> None:
    assert (words_of("fe_layer_step"), words_of("fe_grad_step"), words_of("fe_rows_step")) == (27, 36, 3)
    assert "fe_node" not in structs()  # addresses
    texts = ["FE_ADD", "26", *(str(i) for i in range(24))]
    assert initialiser("fe_add_step", texts)[:4] == [
        ".step = {.op = FE_ADD, .words = 26}",
        ".x2 = 1",
        ".y = 2",
        ".mask = 3",
    ]


@pytest.mark.parametrize("make", [every_operator, by_channels])
def test_the_constants_are_the_plans_words(make: Callable[[], Plan], tmp_path: Path) -> None:
    """Held as bytes on the host, where a word that went to another field would show."""
    plan = make()
    source = steps_source(plan, name="node")
    probe = source.replace("static const struct {", "const struct {")  # so that a test sees it
    project = made(plan, tmp_path)
    (project / "data" / "steps.c").write_text(probe)
    held = Host(library(project), {"fe_steps": len(steps_bytes(plan))}).object("fe_steps")
    assert held == plan.content[4 * HEADER_WORDS :]


def test_calls_stand_in_the_order_of_the_plan_with_shapes_and_scales() -> None:
    plan = every_operator()
    source = steps_source(plan, name="node")
    numbers = [int(n) for n in re.findall(r"&fe_steps\.step(\d+)_", source)]
    loss = next(i for i, step in enumerate(plan.steps, 1) if step.code is Code.LOSS)
    assert numbers == [*(n for n in range(1, len(plan.steps) + 1) if n != loss), loss]
    first = described(plan.graph, plan.steps[0])
    x, y = plan.graph.input, plan.graph.tensor(plan.graph.ops[0].y)
    assert f"6 x 4 x 3 (scale {x.scale:.6g}, zero {x.zero_point}) to 6 x 4 x 4 (scale {y.scale:.6g}" in first
    assert " ".join(first.split()) in " ".join(source.split())


def test_steps_in_a_group_are_named_but_called_once() -> None:
    source = steps_source(by_rows(), name="node")
    assert source.count("fe_run_rows(") == 1
    assert "/* with it 2: " in source


def test_a_static_project_has_no_plan_and_says_so(tmp_path: Path) -> None:
    project = made(every_operator(), tmp_path)
    texts = {path.name: path.read_text() for path in (project / "data").iterdir()}
    assert texts.keys() == {"fe_config.h", "fe_project.h", "model_data.c", "steps.c"}
    assert not [name for name, text in texts.items() if "fe_plan_words" in text or "FE_PLAN_WORDS" in text]
    assert read_project(project).kind is Kind.STATIC
    assert read_project(made(every_operator(), tmp_path, Kind.TABLE)).kind is Kind.TABLE
