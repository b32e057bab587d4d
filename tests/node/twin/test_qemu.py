"""A Cortex-M55 in QEMU, and firmware that GNU's compiler built: the same bytes."""

import shutil
import socket
from pathlib import Path

import pytest

from fleet.base.errors import CheckFailed, InputError
from fleet.node.export import Kind, export
from fleet.node.model.graph import Graph
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.scheme import build_scheme
from fleet.node.plan import plan_of
from fleet.node.profile import load_profile
from fleet.node.twin import Compiler, Emulator, qemu, running, verify
from fleet.node.twin.gdb import Remote
from tests.node.model.nets import imu_net

needs_qemu = pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm on the path")


def project(graph: Graph, board: str, folder: Path, *, kind: Kind = Kind.TABLE, recipe: Recipe | None = None) -> Path:
    plan = plan_of(graph, build_scheme(graph, "full", recipe=recipe))
    return export(plan, load_profile(board), out=folder / "node", name="node", kind=kind)


@needs_qemu
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("gradients", Gradients)
def test_a_cortex_m55_trains_as_the_simulator_does(tmp_path: Path, kind: Kind, gradients: Gradients) -> None:
    report = verify(project(imu_net(skip=True), "alif_e8", tmp_path, kind=kind, recipe=Recipe(gradients=gradients)))
    assert report.emulator == "qemu"
    assert [check.name for check in report.checks if check.faults] == []
    assert report.step_instructions[0] > report.infer_instructions > 100_000
    assert 200 < report.stack_used_bytes < report.stack_bytes


@needs_qemu
def test_a_changed_weight_is_found_there_too(tmp_path: Path) -> None:
    folder = project(imu_net(), "alif_e8", tmp_path)
    source = folder / "data" / "model_data.c"
    text = source.read_text(encoding="utf-8")
    at = text.index("{", text.index(".stem")) if ".stem" in text else text.index("= {{") + 2
    digit = next(i for i in range(at, len(text)) if text[i].isdigit())
    source.write_text(text[:digit] + str((int(text[digit]) + 1) % 10) + text[digit + 1 :], encoding="utf-8")
    with pytest.raises(CheckFailed, match="expected") as failed:
        verify(folder)
    assert "data/model_data.c" in str(failed.value)


@needs_qemu
@pytest.mark.parametrize("kind", Kind)
def test_every_instruction_of_qemu_is_in_one_function_and_nearly_all_in_a_step(tmp_path: Path, kind: Kind) -> None:
    report = verify(project(imu_net(), "alif_e8", tmp_path, kind=kind))
    assert sum(count.train or 0 for count in report.functions) == report.step_instructions[1]
    assert sum(count.infer for count in report.functions) == report.infer_instructions
    assert "fe_client_train" in {count.name for count in report.functions}
    steps = [count.train or 0 for count in report.operators]
    assert min(steps) > 0
    assert 0 < report.step_instructions[1] - sum(steps) < 100 * len(steps) + 2000
    loss = next(i for i, count in enumerate(report.operators) if count.kind == "loss")
    assert [bool(count.infer) for count in report.operators] == [i < loss for i in range(len(steps))]


def sleeping(folder: Path) -> Path:
    """A project whose main waits for an interrupt that never comes."""
    source = folder / "node" / "fe_main.c"
    text = source.read_text(encoding="utf-8")
    start = "return fe_client_start"
    assert start in text
    source.write_text(text.replace(start, f'__asm__ volatile("wfi");\n    {start}'), encoding="utf-8")
    return folder


@needs_qemu
def test_a_firmware_that_sleeps_for_ever_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu, "PATIENCE_S", 0.2)
    with pytest.raises(CheckFailed, match=r"got a core that sleeps, with nothing to wake it, at main\+"):
        verify(sleeping(project(imu_net(), "alif_e8", tmp_path)))


@needs_qemu
def test_a_firmware_that_never_comes_back_is_stopped_after_so_many_instructions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qemu, "PATIENCE_S", 0.2)
    monkeypatch.setattr(running, "MOST_INSTRUCTIONS", 10**6)
    folder = sleeping(project(imu_net(), "alif_e8", tmp_path))
    source = folder / "node" / "fe_main.c"
    source.write_text(source.read_text(encoding="utf-8").replace('"wfi"', '"b ."'), encoding="utf-8")
    with pytest.raises(CheckFailed, match=r"got no return within 1,000,000 instructions at main\+"):
        verify(folder)


@pytest.mark.parametrize("board", ["rp2040", "nrf52840", "esp32c3"])
def test_a_firmware_that_sleeps_has_not_come_back_in_unicorn_either(tmp_path: Path, board: str) -> None:
    with pytest.raises(CheckFailed, match=r"expected the firmware to come back, got a core that sleeps or stopped at"):
        verify(sleeping(project(imu_net(), board, tmp_path)))


def has(compiler: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(compiler) is None, reason=f"no {compiler} on the path")


ARM, RISCV = has("arm-none-eabi-gcc"), has("riscv64-unknown-elf-gcc")


@pytest.mark.parametrize(
    "board, gradients",
    [
        pytest.param("nrf52840", Gradients.INT8, marks=ARM),
        pytest.param("stm32f746", Gradients.INT8, marks=ARM),
        pytest.param("esp32c3", Gradients.INT8, marks=RISCV),
        pytest.param("esp32c3", Gradients.FP32, marks=RISCV),
    ],
)
@pytest.mark.parametrize("kind", Kind)
def test_gcc_builds_the_same_node(tmp_path: Path, board: str, gradients: Gradients, kind: Kind) -> None:
    recipe = Recipe(gradients=gradients)
    report = verify(project(imu_net(), board, tmp_path, kind=kind, recipe=recipe), compiler=Compiler.GCC)
    named = "riscv64-unknown-elf-gcc " if board == "esp32c3" else "arm-none-eabi-gcc "
    assert report.compiler.startswith(named)
    assert report.toolchain.name == "gcc"
    assert report.toolchain.version.startswith(named)
    assert [check.name for check in report.checks if check.faults] == []


def test_a_core_that_qemu_stands_in_for_by_no_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a core that qemu knows .*, got cortex-m4f; try --backend unicorn"):
        verify(project(imu_net(), "nrf52840", tmp_path), emulator=Emulator.QEMU)


def test_a_core_that_unicorn_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got cortex-m55f; try --backend qemu"):
        verify(project(imu_net(), "alif_e8", tmp_path), emulator=Emulator.UNICORN)


def test_an_emulator_that_ends_is_a_failed_check_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = tmp_path / "qemu-system-arm"
    ends.write_text("#!/bin/sh\necho no such machine >&2\nexit 1\n")
    ends.chmod(0o755)
    monkeypatch.setattr(qemu, "_program", lambda: str(ends))
    monkeypatch.setattr(qemu, "_plugin", lambda: tmp_path / "none")
    with pytest.raises(CheckFailed, match="expected it to start mps3-an547, got no such machine; install"):
        verify(project(imu_net(), "alif_e8", tmp_path))


def test_an_emulator_that_is_gone_is_no_broken_pipe_of_ours() -> None:
    """A BrokenPipeError would end the command with exit code 0, as `fleet devices | head` does."""
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours, pytest.raises(CheckFailed, match="got the end of its connection"):
        Remote(ours)


@pytest.mark.parametrize("program", ["qemu-system-arm", "arm-none-eabi-gcc"])
def test_a_program_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    folder = project(imu_net(), "alif_e8" if program.startswith("qemu") else "nrf52840", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(InputError, match=f"expected {program} on the path, got none; install it"):
        verify(folder, compiler=Compiler.CLANG if program.startswith("qemu") else Compiler.GCC)
