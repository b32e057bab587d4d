"""Firmware and simulation agree on every byte; a changed byte is found and named."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from fleet.base import rng
from fleet.base.errors import CheckFailed, InputError
from fleet.learning.data import load_set
from fleet.node.export import Trial, export, random_trial
from fleet.node.export.record import read_project
from fleet.node.export.target import clang_flags, uses_of
from fleet.node.model.fixed import Real, real
from fleet.node.model.graph import Curve, MaxPool
from fleet.node.model.recipe import Exponents, Gradients, Loss, Recipe, Rule
from fleet.node.model.reference import calibrated
from fleet.node.model.scheme import Scheme, Trained, build_scheme
from fleet.node.model.zoo import shipped_model
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.code_size import code_size
from fleet.node.plan.ledger import STACK_BYTES, Ledger, ledger
from fleet.node.profile import Profile, load_profile
from fleet.node.twin import Report, verify
from fleet.node.twin.build import build
from fleet.node.twin.emulator import Core
from fleet.node.twin.image import Image, read_image
from fleet.node.twin.memory import check_places, check_sram, check_whole_numbers
from fleet.node.twin.round import first_difference, value_name
from fleet.node.twin.tables import check_rows, closing, memory_rows
from fleet.node.twin.verify import original_plan
from fleet.node.wire.frames import Push, encode_push
from tests.node.model.map_nets import MapBuilder
from tests.node.model.nets import Builder, windows

NODE = 4


@pytest.fixture(scope="module")
def nrf() -> Profile:
    return load_profile("nrf52840")


@pytest.fixture(scope="module")
def quickstart(nrf: Profile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model, with real windows of a person it does not know."""
    graph = shipped_model("imu-ds-cnn", "seglearn-watch", 0)
    data = load_set("seglearn-watch")
    mine = np.flatnonzero(data.subject == data.people[-1])[::7][:60]
    labels = data.y[mine]
    trial = Trial(
        windows=data.x[mine],
        labels=labels,
        own=tuple(sorted(set(labels.tolist()))),
        rate=real(0.06),
        seed=2**40 + 7,
        node=NODE,
        steps=60,
    )
    plan = plan_of(graph, build_scheme(graph, "sparse"))
    return export(plan, nrf, out=tmp_path_factory.mktemp("quickstart") / "node", name="node", trial=trial)


@pytest.fixture(scope="module")
def report(quickstart: Path) -> Report:
    return verify(quickstart)


def every_operator() -> Plan:
    """All operators and all kinds of update, ten classes of which bits take two bytes, part of the head frozen."""
    build = Builder(11)
    x = build.input((6, 4, 3))
    y = build.conv(x, 4, (3, 3), (1, 1), (1, 1, 1, 1))
    z = build.add(build.depthwise(y, (3, 3), (1, 1), (1, 1, 1, 1)), y)
    graph = build.head(build.pool(z), 10)
    parts = (
        Trained(op="op0", channels=2, bias=True),
        Trained(op="op1", channels=3, bias=True),
        Trained(op="head", channels=3, bias=True),
    )
    return plan_of(graph, Scheme(name="mixed", trained=parts))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = every_operator()
    trial = random_trial(plan, seed=9)
    own = (1, 3, 8, 9)
    trial = replace(trial, own=own, labels=np.array(own, np.uint8)[trial.labels % 4])
    profile = load_profile("stm32f746")
    return export(plan, profile, out=tmp_path_factory.mktemp("small") / "small", name="small", trial=trial)


def image_of(project: Path) -> Image:
    found = read_project(project)
    uses = uses_of(original_plan(project, found))
    return read_image(build(project, core=found.core, stack_bytes=found.stack_bytes, uses=uses))


def planned(project: Path) -> Ledger:
    found = read_project(project)
    graph = shipped_model("imu-ds-cnn", "seglearn-watch", 0)
    return ledger(plan_of(graph, found.scheme), load_profile(found.board))


@pytest.fixture
def changed(quickstart: Path, tmp_path: Path) -> Callable[[str, str, str], Path]:
    """Copies the project with one text of one file replaced."""

    def change(place: str, old: str, new: str) -> Path:
        copy = tmp_path / "changed"
        shutil.copytree(quickstart, copy)
        text = (copy / place).read_text()
        assert old in text
        (copy / place).write_text(text.replace(old, new, 1))
        return copy

    return change


def test_the_quickstart_node_equals_the_simulator_in_every_byte(report: Report) -> None:
    assert report.faults == ()
    assert report.steps == 60
    assert {check.name for check in report.checks} >= {
        "sources",
        "model",
        "plan",
        "SRAM",
        "training",
        "update",
        "stack",
    }


def test_a_net_with_every_operator_equals_the_simulator_on_another_core(small: Path) -> None:
    report = verify(small)
    assert (report.board, report.faults) == ("stm32f746", ())


@pytest.mark.parametrize("board", ["rp2040", "stm32u585", "esp32c3"])
def test_a_net_with_every_operator_equals_the_simulator_on_other_instruction_sets(board: str, tmp_path: Path) -> None:
    plan = every_operator()
    project = export(plan, load_profile(board), out=tmp_path / "node", name="node", trial=random_trial(plan, seed=3))
    report = verify(project)
    assert (report.board, report.faults) == (board, ())
    assert 200 < report.stack_used_bytes < report.stack_bytes - 104  # an interrupt's frame has room


@pytest.mark.parametrize("board", ["rp2040", "esp32c3"])
def test_floating_point_in_software_is_found_where_a_plan_has_it_and_only_there(board: str, tmp_path: Path) -> None:
    for gradients in Gradients:
        plan = gated(Recipe(gradients=gradients, rule=Rule.NEAREST))
        project = export(plan, load_profile(board), out=tmp_path / gradients.value, name="node")
        faults = check_whole_numbers(image_of(project)).faults
        assert len(faults) == int(gradients is Gradients.FP32)
        assert all("__mulsf3" in fault.got or "__aeabi_fmul" in fault.got for fault in faults)


def gated(recipe: Recipe) -> Plan:
    """A net with a gate, a curve, moves and a pool, which learns classes or answers by a recipe."""
    build = MapBuilder(4)
    x = build.conv(build.input((5, 4, 4)), 6, (3, 3), (1, 1), (1, 1, 1, 1), zero=-20)
    x = build.mul(x, build.conv(build.mean(x, (0, 1)), 6, (1, 1), zero=3))
    x = build.concat((x, build.curve(x, Curve.HARD_SWISH)), 2)
    x = build.window(MaxPool, x, (2, 2), (2, 2), (0, 0, 1, 0))
    if recipe.loss is Loss.CROSS_ENTROPY:
        graph = build.head(x, 4)
    else:
        build.fully_connected(x, 7, zero=-9)
        graph = build.graph()
    scheme = build_scheme(graph, "full", recipe=replace(recipe, exponents=Exponents.DYNAMIC))
    if recipe.exponents is Exponents.STATIC:
        scheme = calibrated(graph, scheme, windows(graph, 8), np.arange(8) % graph.classes, rate=0.06)
    return plan_of(graph, scheme)


@pytest.mark.parametrize(
    "board, recipe",
    [
        ("nrf52840", Recipe(rule=Rule.RESIDUAL4, momentum=0.9, batch=3)),
        ("nrf52840", Recipe(exponents=Exponents.STATIC, rule=Rule.TRUNCATE)),
        ("nrf52840", Recipe(gradients=Gradients.FP32, rule=Rule.NEAREST, batch=4, loss=Loss.SQUARED_ERROR)),
        ("stm32f746", Recipe(gradients=Gradients.FP32, rule=Rule.LATENT, momentum=0.5)),
        ("stm32f746", Recipe(rule=Rule.RESIDUAL16, scaled=False, loss=Loss.SQUARED_ERROR)),
        ("rp2040", Recipe(gradients=Gradients.FP32, rule=Rule.LATENT, momentum=0.5)),
        ("rp2040", Recipe(gradients=Gradients.FP32, rule=Rule.NEAREST, batch=4, loss=Loss.SQUARED_ERROR)),
        ("esp32c3", Recipe(gradients=Gradients.FP32, rule=Rule.LATENT, momentum=0.5)),
        ("esp32c3", Recipe(exponents=Exponents.STATIC, rule=Rule.TRUNCATE)),
    ],
)
def test_a_firmware_trains_by_any_recipe_as_the_simulator_does(board: str, recipe: Recipe, tmp_path: Path) -> None:
    """Values after each step, everything that is remembered at the end; floating point in hardware and in software."""
    plan = gated(recipe)
    project = export(plan, load_profile(board), out=tmp_path / "gated", name="gated")
    found = read_project(project)
    assert found.scheme == plan.scheme
    report = verify(project)
    assert report.faults == ()
    linked = next(line.linked_bytes for line in report.memory if line.item == "code")
    assert code_size(plan, load_profile(board).core) == pytest.approx(linked, rel=0.1)


def test_every_object_in_sram_is_a_line_of_the_ledger_to_the_byte(quickstart: Path, nrf: Profile) -> None:
    image, lines = image_of(quickstart), planned(quickstart).symbols("sram")
    ram = [section for section in image.sections if section.address >= nrf.banks[0].start]
    linked = {o.name: o.size_bytes for section in ram for o in image.objects_in(section)}
    assert linked == {symbol: line.size_bytes for symbol, line in lines.items()}
    bss = next(section for section in ram if section.name == ".bss")
    assert bss.size_bytes == sum(size for name, size in linked.items() if name != "fe_stack")


def test_an_object_that_no_line_plans_is_found(quickstart: Path) -> None:
    image, book = image_of(quickstart), planned(quickstart)
    arena = image.objects["fe_arena"]
    grown = replace(image, objects=image.objects | {"fe_arena": replace(arena, size_bytes=arena.size_bytes + 4)})
    stray = replace(arena, name="buffer", size_bytes=16)
    extra = replace(image, objects=image.objects | {"buffer": stray})
    assert check_sram(image, book).faults == ()
    assert "fe_arena: expected" in str(check_sram(grown, book).faults[0])
    assert "SRAM, buffer: expected none, got 16 B" in str(check_sram(extra, book).faults[0])


def short_of(plan: Plan, short_bytes: int) -> Profile:
    """An stm32f746 whose first bank lacks so many bytes for all of a plan."""
    board = load_profile("stm32f746")
    sram, *rest = board.banks
    return replace(board, banks=(replace(sram, size_bytes=ledger(plan, board).taken("sram") - short_bytes), *rest))


SPREAD = {1: {"fe_stack"}, 1025: {"fe_stack", "fe_runtime"}, 1300: {"fe_stack", "fe_runtime", "fe_state", "fe_pushed"}}
"""Bytes that the first bank lacks, and what lies in the other one then."""


@pytest.mark.parametrize("short_bytes", SPREAD)
def test_a_node_spread_over_two_banks_trains_as_the_simulator_does(
    short_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = every_operator()
    board = short_of(plan, short_bytes)
    monkeypatch.setattr(import_module("fleet.node.twin.verify"), "load_profile", lambda _: board)
    project = export(plan, board, out=tmp_path / "spread", name="spread")
    assert verify(project).faults == ()
    core = Core(image_of(project), board)
    dtcm = board.banks[1]
    lies_there = {o.name for o in core.image.objects.values() if dtcm.start <= o.address < dtcm.end and o.size_bytes}
    assert lies_there == SPREAD[short_bytes]
    assert not any(core.object("fe_pushed") + core.object("fe_frame"))
    assert core.image.object("fe_stack").address == dtcm.start


def test_an_object_in_another_bank_than_its_line_says_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = every_operator()
    monkeypatch.setattr(import_module("fleet.node.twin.verify"), "load_profile", lambda _: short_of(plan, 1025))
    project = export(plan, load_profile("stm32f746"), out=tmp_path / "whole", name="whole")
    with pytest.raises(CheckFailed) as failed:
        verify(project)
    assert "SRAM, fe_stack: expected it in dtcm, got sram; see port/link.ld" in str(failed.value)
    assert "SRAM, fe_runtime: expected it in dtcm, got sram; see port/link.ld" in str(failed.value)


def test_an_image_that_reaches_into_reserved_memory_is_found(quickstart: Path, nrf: Profile) -> None:
    image = image_of(quickstart)
    assert check_places(image, nrf).faults == ()
    larger = replace(nrf, reserved=(*nrf.reserved, replace(nrf.reservations[0], size_bytes=64)))
    assert ".stack: expected a place in ram" in str(check_places(image, larger).faults[0])


@pytest.mark.parametrize("board, project", [("nrf52840", "quickstart"), ("stm32f746", "small")])
def test_the_modelled_code_size_is_that_of_an_image(board: str, project: str, request: pytest.FixtureRequest) -> None:
    """If this fails, `fleet verify` prints the number to hold code_size.py against."""
    memory = verify(request.getfixturevalue(project)).memory
    linked = next(line.linked_bytes for line in memory if line.item == "code")
    plan = original_plan(request.getfixturevalue(project), read_project(request.getfixturevalue(project)))
    assert code_size(plan, load_profile(board).core) == pytest.approx(linked, rel=0.06)


def test_the_stack_was_painted_and_most_of_it_never_used(report: Report) -> None:
    assert 200 < report.stack_used_bytes < report.stack_bytes == STACK_BYTES


def test_a_stack_that_is_used_up_fails(tmp_path: Path) -> None:
    """Below the declared stack lies unmapped or reserved memory, so the run stops there or the paint is gone."""
    plan = every_operator()
    project = export(plan, load_profile("stm32f746"), out=tmp_path / "tight", name="tight", stack_bytes=128)
    with pytest.raises(CheckFailed, match=r"stack: expected at most 128 B|expected the firmware to run"):
        verify(project)


def test_instructions_are_counted_and_the_count_repeats(report: Report, quickstart: Path, nrf: Profile) -> None:
    least, most = report.step_instructions
    assert 500_000 < report.infer_instructions < least <= most < 10_000_000
    core = Core(image_of(quickstart), nrf)
    core.write(core.call("fe_client_input"), read_project(quickstart).trial.windows[0].tobytes())
    assert core.counted(lambda: core.call("fe_client_infer")) == report.infer_instructions


def test_a_changed_frozen_weight_is_named_by_tensor_and_index(
    changed: Callable[[str, str, str], Path], quickstart: Path
) -> None:
    op = next(o for o in shipped_model("imu-ds-cnn", "seglearn-watch", 0).weighted if o.name == "stem")
    row = ", ".join(str(v) for v in op.weight[0, 0, 0])
    old = int(op.weight[0, 0, 0, 0])
    new = old - 1 if old > 0 else old + 1
    project = changed("data/model_data.c", f"{{{row}}}", f"{{{row.replace(str(old), str(new), 1)}}}")
    with pytest.raises(CheckFailed) as failed:
        verify(project)
    text = str(failed.value)
    assert (
        f"stem weight [0, 0, 0, 0]: expected {old}, got {new}; export again, or undo the change in data/model_data.c"
        in text
    )
    assert failed.value.exit_code == 1
    assert "logit of class" in text


def test_a_changed_engine_source_is_named_with_its_line(changed: Callable[[str, str, str], Path]) -> None:
    project = changed("engine/fe_update.c", "if (sum != 0 ||", "if (sum > 0 ||")
    line = (project / "engine" / "fe_update.c").read_text().split("if (sum > 0 ||")[0].count("\n") + 1
    with pytest.raises(CheckFailed, match=rf"fe_update\.c:{line}: expected the package's file") as failed:
        verify(project)
    assert "training: step 1: " in str(failed.value)


def test_a_source_that_does_not_compile_is_shown_with_the_compilers_words(
    changed: Callable[[str, str, str], Path],
) -> None:
    project = changed("node/fe_main.c", "return fe_client_start", "retrun fe_client_start")
    with pytest.raises(CheckFailed, match=r"expected it to compile, got[\s\S]*retrun"):
        verify(project)


def test_a_loop_that_never_ends_is_not_waited_for(
    changed: Callable[[str, str, str], Path], nrf: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = changed("node/fe_main.c", "return fe_c", "for (volatile int i = 0; i >= 0;) {}\n    return fe_c")
    monkeypatch.setattr("fleet.node.twin.running.MOST_INSTRUCTIONS", 250_000)
    with pytest.raises(CheckFailed, match=r"to come back, got none within 250,000 instructions, at main\+"):
        Core(image_of(project), nrf)


def test_a_firmware_without_what_the_check_needs_is_said(quickstart: Path, nrf: Profile) -> None:
    image = image_of(quickstart)
    lost = replace(image, functions={n: f for n, f in image.functions.items() if n != "fe_halt"})
    with pytest.raises(CheckFailed, match="fe_halt: expected it in the image, got none; restore the project's sources"):
        Core(lost, nrf)
    with pytest.raises(CheckFailed, match="fe_stack: expected it in the image, got none"):
        Core(replace(image, objects={}), nrf)


def test_an_image_outside_the_boards_memory_is_said_with_its_place(quickstart: Path, nrf: Profile) -> None:
    image = image_of(quickstart)
    away = tuple(replace(segment, load=segment.load + 0x1000_0000) for segment in image.segments)
    with pytest.raises(
        CheckFailed, match=r"cortex-m4f: expected memory for [\d,]+ B from 0x1\w+ on, got none; see port"
    ):
        Core(replace(image, segments=away), nrf)


def test_a_run_that_stops_is_said_with_the_sources_that_differ(changed: Callable[[str, str, str], Path]) -> None:
    first = "    const fe_plan *plan = fe_header(node);\n    copy_bytes"
    project = changed("engine/fe_node.c", first, f"    *(volatile int *)0x90000000 = 1;\n{first}")
    with pytest.raises(
        CheckFailed, match=r"fe_node\.c:\d+: expected the package[\s\S]*expected the firmware to run, got "
    ):
        verify(project)


def test_another_model_in_the_verify_folder_is_refused(quickstart: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other"
    shutil.copytree(quickstart, copy)
    shipped = shipped_model("imu-ds-cnn", "seglearn-watch", 1)
    other = export(plan_of(shipped, read_project(copy).scheme), load_profile("nrf52840"), out=tmp_path / "x", name="x")
    shutil.copy(other / "verify" / "model.npz", copy / "verify" / "model.npz")
    with pytest.raises(CheckFailed, match=r"verify: expected plan \w+, got \w+; another model"):
        verify(copy)


def test_a_folder_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="path: expected a path or its text, got 3; name a project made by"):
        verify(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"nowhere: expected a project made by `fleet export`"):
        verify("nowhere")


def test_another_core_than_the_boards_is_refused(changed: Callable[[str, str, str], Path]) -> None:
    with pytest.raises(InputError, match="expected cortex-m4f, the core of nrf52840, got cortex-m7f; export again"):
        verify(changed("verify/project.json", '"cortex-m4f"', '"cortex-m7f"'))


def test_fewer_steps_than_promised_are_refused(changed: Callable[[str, str, str], Path]) -> None:
    with pytest.raises(InputError, match="expected 50 steps or more"):
        verify(changed("verify/project.json", '"steps": 60', '"steps": 49'))


class Client:
    """The client's calls on an emulated core."""

    def __init__(self, project: Path, profile: Profile) -> None:
        self.core = Core(image_of(project), profile)
        self.layout = planned(project).plan.layout
        self.frame = self.core.image.objects["fe_frame"].address
        self.values = np.arange(self.layout.size, dtype=np.int32) % 100
        assert self.core.call("fe_client_start", NODE) == 0

    def push(self, **changes: object) -> int:
        given: dict[str, object] = {
            "node": NODE,
            "round": 3,
            "steps": 5,
            "rate": real(0.5),
            "own": (0, 1),
            "values": self.values,
        }
        frame = encode_push(self.layout, Push(**(given | changes)))  # type: ignore[arg-type]
        self.core.write(self.frame, frame)
        return self.core.call("fe_client_push", self.frame, len(frame))


@pytest.fixture
def client(quickstart: Path, nrf: Profile) -> Client:
    return Client(quickstart, nrf)


def test_before_the_first_push_nothing_trains_and_nothing_is_sent(client: Client) -> None:
    before = client.core.object("fe_state")
    assert client.core.call("fe_client_train", 0) == -4
    assert client.core.call("fe_client_update", 1) == 0
    assert client.core.object("fe_state") == before


@pytest.mark.parametrize(
    "changes, status",
    [
        ({"node": NODE + 1}, -6),
        ({"rate": Real(12345, 0)}, -7),
        ({"rate": Real(2**30, 60)}, -7),
        ({"values": np.full(3527, 2**30 + 1, np.int32)}, -7),
    ],
)
def test_a_push_that_is_refused_changes_nothing(client: Client, changes: dict[str, object], status: int) -> None:
    assert client.push() == 0
    before = [client.core.object(name) for name in ("fe_state", "fe_pushed", "fe_runtime")]
    assert client.push(**changes) == status
    assert [client.core.object(name) for name in ("fe_state", "fe_pushed", "fe_runtime")] == before


def test_the_course_goes_on_over_a_second_push(client: Client) -> None:
    """The step that keys the rounding must never restart; the steps of the round must."""
    assert client.push() == 0
    client.core.call("fe_client_train", 0)
    client.core.call("fe_client_train", 1)
    assert client.push(round=4) == 0
    runtime = client.core.object("fe_runtime")
    course_step, steps = int.from_bytes(runtime[16:20], "little"), int.from_bytes(runtime[36:38], "little")
    assert (course_step, steps) == (2, 0)
    assert int.from_bytes(runtime[:8], "little") == rng.key(2**40 + 7, rng.Stream.UPDATE, NODE)


def test_a_refused_label_is_no_step(client: Client) -> None:
    assert client.push() == 0
    assert client.core.call("fe_client_train", 2) == -4
    assert client.core.object("fe_runtime")[16:20] == bytes(4)


def test_people_are_told_what_was_compared(report: Report) -> None:
    assert ("model", "24,704 bytes of the original, 68 arrays", "equal") in check_rows(report)
    assert ("sram", "trained values", "4,412", "4,412") in memory_rows(report)
    assert "counted in unicorn; clang of ziglang" in closing(report)
    assert "-Os, cortex-m4f" in closing(report)


def test_a_difference_of_values_is_named(quickstart: Path) -> None:
    layout = planned(quickstart).plan.layout
    expected = np.zeros(layout.size, np.int32)
    got = expected.copy()
    assert first_difference(layout, expected, got) is None
    head = next(part for part in layout.slices if part.op == "head" and part.kind == "weight")
    got[head.first + 2 * 96 + 31] = 5
    assert first_difference(layout, expected, got) == "head weight [2, 31]: expected 0, got 5"
    assert value_name(layout, layout.size - 1) == "head bias [6]"


def test_the_compiler_is_told_of_the_fpu_and_of_no_contraction() -> None:
    flags = clang_flags("cortex-m4f", 1024, ("-DFE_FLOAT=0",))
    told = {"-mcpu=cortex_m4+vfp4d16sp", "-ffp-contract=off", "-Werror", "-DFE_STACK_BYTES=1024", "-DFE_FLOAT=0"}
    assert told <= set(flags)
