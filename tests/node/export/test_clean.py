"""What is exported is clean C99 for every compiler at hand, and its image calls nobody: no malloc, no I/O, no libm."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fleet.base.errors import CheckFailed
from fleet.base.places import package_data
from fleet.node.engine.build import WARNINGS
from fleet.node.export import Kind, export
from fleet.node.export.target import uses_of
from fleet.node.plan import Plan, inference_plan
from fleet.node.plan.ledger import STACK_BYTES
from fleet.node.profile import load_profile
from fleet.node.twin.build import build
from fleet.node.twin.code import RUNTIME, functions_of
from tests.node.export.hosted import library
from tests.node.export.test_static import by_rows
from tests.node.model.nets import imu_net
from tests.node.twin.test_verify import every_operator

COMPILERS = [(name,) for name in ("gcc", "clang") if shutil.which(name)]
CALLS = (
    "malloc",
    "calloc",
    "free",
    "printf",
    "puts",
    "expf",
    "exp",
    "logf",
    "log",
    "sqrt",
    "sqrtf",
    "pow",
    "powf",
    "roundf",
)


def inferring() -> Plan:
    return inference_plan(imu_net())


def made(plan: Plan, folder: Path, kind: Kind) -> Path:
    return export(plan, load_profile("nrf52840"), out=folder / kind.value, name="node", kind=kind)


@pytest.mark.parametrize("command", COMPILERS, ids=str)
@pytest.mark.parametrize("make", [every_operator, by_rows, inferring])
@pytest.mark.parametrize("kind", Kind)
def test_warnings_are_errors_and_there_are_none(  # of the packaged compiler: test_static.py
    kind: Kind, make: Callable[[], Plan], command: Sequence[str], tmp_path: Path
) -> None:
    assert {"-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror"} <= set(WARNINGS)
    assert library(made(make(), tmp_path, kind), command=command).is_file()


@pytest.mark.parametrize("make", [every_operator, inferring])
@pytest.mark.parametrize("kind", Kind)
def test_an_image_holds_no_function_but_its_own_and_the_compilers(
    kind: Kind, make: Callable[[], Plan], tmp_path: Path
) -> None:
    plan = make()
    image = build(made(plan, tmp_path, kind), core="cortex-m4f", stack_bytes=STACK_BYTES, uses=uses_of(plan))
    functions = functions_of(image)
    assert {f.folder for f in functions} <= {"engine", "node", "data", "port", RUNTIME}
    assert not {f.name for f in functions} & set(CALLS)
    theirs = [f.name for f in functions if f.folder == RUNTIME]
    assert [name for name in theirs if not name.startswith(("__", "mem"))] == []


@pytest.mark.parametrize("make", [every_operator, inferring])
@pytest.mark.parametrize("kind", Kind)
def test_files_are_the_same_twice_with_a_licence_and_without_a_date(
    kind: Kind, make: Callable[[], Plan], tmp_path: Path
) -> None:
    first, second = made(make(), tmp_path / "a", kind), made(make(), tmp_path / "b", kind)
    files = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(second) for p in second.rglob("*") if p.is_file())
    assert [f for f in files if (first / f).read_bytes() != (second / f).read_bytes()] == []
    texts = {f: (first / f).read_text() for f in files if f.suffix in (".c", ".h", ".ld", ".cmake")}
    assert [
        f for f, text in texts.items() if "SPDX-License-Identifier: Apache-2.0" not in text.partition("\n")[0]
    ] == []
    assert [f for f, text in texts.items() if "__DATE__" in text or "__TIME__" in text] == []


@pytest.mark.parametrize("make, client", [(every_operator, "node"), (inferring, "infer")])
def test_sources_are_the_packages_own_byte_for_byte(make: Callable[[], Plan], client: str, tmp_path: Path) -> None:
    project = made(make(), tmp_path, Kind.STATIC)
    for folder, own in (("engine", "src"), ("node", client)):
        expected = {p.name: p.read_bytes() for p in package_data("node", "engine", own).glob("*.[ch]")}
        assert {p.name: p.read_bytes() for p in (project / folder).iterdir()} == expected


def test_a_call_of_the_c_library_would_be_seen(tmp_path: Path) -> None:
    """That the check can fail: what the compiler does not bring does not link."""
    plan = inferring()
    project = made(plan, tmp_path, Kind.STATIC)
    client = project / "node" / "fe_client.c"
    call = "extern void *malloc(unsigned); return malloc(4) ? FE_OK : FE_BAD_PLAN;"
    client.write_text(client.read_text().replace("return FE_OK;", call))
    with pytest.raises(CheckFailed, match="malloc"):
        build(project, core="cortex-m4f", stack_bytes=STACK_BYTES, uses=uses_of(plan))
