"""Firmware of a static project: the simulator's bytes, less code than the interpreter's, and no word of a plan."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.base.errors import CheckFailed
from fleet.node.export import Kind, export
from fleet.node.export.record import read_project
from fleet.node.export.target import uses_of
from fleet.node.plan import Plan
from fleet.node.profile import load_profile
from fleet.node.twin import verify
from fleet.node.twin.build import build
from fleet.node.twin.image import Image, read_image
from fleet.node.twin.verify import original_plan
from tests.node.export.test_static import by_rows
from tests.node.twin.test_verify import every_operator


def made(plan: Plan, folder: Path, kind: Kind = Kind.STATIC) -> Path:
    return export(plan, load_profile("nrf52840"), out=folder / kind.value, name="node", kind=kind)


def image_of(project: Path) -> Image:
    found = read_project(project)
    uses = uses_of(original_plan(project, found))
    return read_image(build(project, core=found.core, stack_bytes=found.stack_bytes, uses=uses))


@pytest.mark.parametrize("make", [every_operator, by_rows])
def test_static_firmware_equals_the_simulator_in_every_byte(make: Callable[[], Plan], tmp_path: Path) -> None:
    report = verify(made(make(), tmp_path))
    assert report.faults == ()
    assert {"steps", "layout", "SRAM", "training", "update"} <= {check.name for check in report.checks}
    assert "plan" not in {check.name for check in report.checks}


@pytest.mark.parametrize("make", [every_operator, by_rows])
def test_instructions_belong_to_the_same_steps_in_both_profiles(make: Callable[[], Plan], tmp_path: Path) -> None:
    table, static = (verify(made(make(), tmp_path, kind)) for kind in (Kind.TABLE, Kind.STATIC))
    assert [(c.number, c.kind, c.operator) for c in table.operators] == [
        (c.number, c.kind, c.operator) for c in static.operators
    ]
    for ours, theirs in zip(table.operators, static.operators, strict=True):
        assert (ours.train is None, bool(ours.train)) == (False, bool(theirs.train))
        assert theirs.train == pytest.approx(ours.train, rel=0.05, abs=400)
    for report in (table, static):
        most = report.step_instructions[1]
        assert sum(count.train or 0 for count in report.functions) == most
        assert 0 < most - sum(count.train or 0 for count in report.operators) < most // 10


def test_the_interpreter_is_not_in_a_static_image(tmp_path: Path) -> None:
    plan = every_operator()
    table, static = (image_of(made(plan, tmp_path, kind)) for kind in (Kind.TABLE, Kind.STATIC))
    interpreter = {"fe_check_plan", "fe_run_step"}
    assert interpreter <= table.functions.keys()
    assert not static.functions.keys() & {*interpreter, "fe_run_operator", "fe_run_map", "fe_run_update"}
    assert "fe_plan_words" not in static.objects
    code = [sum(f.size_bytes for f in image.functions.values()) for image in (table, static)]
    assert code[1] < code[0] - 1000


def test_operators_that_no_step_calls_are_not_in_a_static_image(tmp_path: Path) -> None:
    functions = image_of(made(every_operator(), tmp_path)).functions
    assert {"fe_run_layer", "fe_run_weights", "fe_depthwise_s8_forward"} <= functions.keys()
    others = ("mul", "window", "mean", "moving", "resize", "table", "rows", "channels", "apply", "in_place", "grad_add")
    assert not functions.keys() & {f"fe_run_{name}" for name in others}
    assert [name for name in functions if "f32" in name or "roll" in name] == []


def test_a_changed_constant_of_a_step_is_found(tmp_path: Path) -> None:
    project = made(every_operator(), tmp_path)
    steps = project / "data" / "steps.c"
    text = steps.read_text()
    assert ".low = -128, " in text
    steps.write_text(text.replace(".low = -128, ", ".low = -127, ", 1))
    with pytest.raises(CheckFailed, match=r"fe_steps: expected the original steps, got -127 for -128 in word 25"):
        verify(project)
