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
from fleet.node.twin import Compiler, Emulator, qemu, verify
from fleet.node.twin.gdb import Remote
from tests.node.model.nets import imu_net

needs_qemu = pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm on the path")
needs_gcc = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc on the path")


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


@needs_gcc
@pytest.mark.parametrize("board", ["nrf52840", "stm32f746"])
def test_gcc_builds_the_same_node(tmp_path: Path, board: str) -> None:
    report = verify(project(imu_net(), board, tmp_path), compiler=Compiler.GCC)
    assert report.compiler.startswith("arm-none-eabi-gcc ")
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
