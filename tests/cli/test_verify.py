"""`fleet verify`: what people read, what machines read, and how a changed byte ends it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from fleet.cli.app import app
from fleet.node.export import Kind, export
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.plan import plan_of
from fleet.node.plan.choice import best_plan
from fleet.node.profile import load_profile
from tests.node.model.nets import imu_net

KEYS = {
    "": {
        "schema", "mcufleet", "project", "board", "core", "profile", "emulator", "compiler", "passed", "training_steps",
        "windows", "checks", "refusal", "memory", "sections", "flash_bytes", "sram_bytes", "stack", "instructions",
    },
    "compiler": {"name", "version", "said", "flags"},
    "checks": {"name", "against", "passed", "differences", "more_differences"},
    "differences": {"place", "expected", "got", "note", "remedy"},
    "memory": {"memory", "item", "planned_bytes", "linked_bytes", "symbol"},
    "sections": {"name", "bank", "address", "size_bytes", "flash_bytes", "basis"},
    "stack": {"declared_bytes", "used_bytes"},
    "instructions": {
        "basis", "inference", "training_step_least", "training_step_most", "modelled", "by_operator", "by_kind",
        "by_function",
    },
    "by_operator": {"step", "kind", "operator", "inference", "training_step"},
    "by_kind": {"kind", "steps", "inference", "training_step"},
    "by_function": {"function", "inference", "training_step"},
}  # fmt: skip
"""Every key of every object that the document may hold."""


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["verify", *(str(word) for word in words)])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    graph = imu_net()
    plan = plan_of(graph, build_scheme(graph, "sparse"))
    return export(plan, load_profile("nrf52840"), out=tmp_path_factory.mktemp("json") / "node", name="node")


@pytest.fixture(scope="module")
def report(project: Path) -> dict[str, Any]:
    done = call(project, "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check_keys(found: Any, name: str = "") -> None:
    """Every object of the document has the keys of its name."""
    if isinstance(found, list):
        for each in found:
            check_keys(each, name)
    elif isinstance(found, dict):
        assert set(found) == KEYS[name], name
        for key, value in found.items():
            check_keys(value, key)


def test_every_object_has_its_keys(report: dict[str, Any]) -> None:
    check_keys(report)
    assert (report["schema"], report["passed"], report["refusal"]) == (1, True, None)
    assert (report["board"], report["core"], report["profile"]) == ("nrf52840", "cortex-m4f", "table")
    assert report["training_steps"] == 50


def test_the_checks_are_those_of_the_table(report: dict[str, Any]) -> None:
    names = [check["name"] for check in report["checks"]]
    assert names == [
        "sources", "model", "plan", "layout", "SRAM", "places", "whole numbers", "start", "inference", "push",
        "training", "update", "inference after", "stack",
    ]  # fmt: skip
    assert all(check["passed"] and not check["differences"] for check in report["checks"])


def test_sram_is_the_ledger_object_by_object(report: dict[str, Any]) -> None:
    sram = [line for line in report["memory"] if line["memory"] == "sram"]
    assert {line["symbol"] for line in sram} == {
        "fe_arena", "fe_state", "fe_pushed", "fe_frame", "fe_runtime", "fe_stack",
    }  # fmt: skip
    assert all(line["planned_bytes"] == line["linked_bytes"] for line in sram)
    assert report["sram_bytes"] == sum(line["linked_bytes"] for line in sram)
    assert report["stack"]["used_bytes"] < report["stack"]["declared_bytes"] == 1024


def test_flash_is_told_by_section_and_adds_up_to_its_objects(report: dict[str, Any]) -> None:
    sizes = {section["name"]: section for section in report["sections"]}
    assert {".text", ".rodata", ".bss", ".stack"} <= sizes.keys()
    assert {section["basis"] for section in report["sections"]} == {"measured"}
    in_flash = [line["linked_bytes"] for line in report["memory"] if line["memory"] == "flash"]
    assert sum(in_flash) == report["flash_bytes"]
    gap = report["flash_bytes"] - sizes[".text"]["size_bytes"] - sizes[".rodata"]["size_bytes"]
    assert gap == (sizes["gap"]["size_bytes"] if "gap" in sizes else 0) < 16
    model = next(line["linked_bytes"] for line in report["memory"] if line["symbol"] == "fe_model")
    assert model < sizes[".rodata"]["size_bytes"]
    assert (sizes[".bss"]["bank"], sizes[".bss"]["flash_bytes"]) == ("ram", 0)


def test_the_compiler_is_named_with_its_version_and_all_flags(report: dict[str, Any]) -> None:
    compiler = report["compiler"]
    assert compiler["name"] == "clang"
    assert compiler["version"].startswith("clang version ")
    assert {"-Os", "-mcpu=cortex_m4+vfp4d16sp", "-DFE_STACK_BYTES=1024", "-ffp-contract=off"} <= set(compiler["flags"])


def test_instructions_by_operator_kind_and_function_add_up(report: dict[str, Any]) -> None:
    counted = report["instructions"]
    assert sum(f["training_step"] for f in counted["by_function"]) == counted["training_step_most"]
    assert sum(f["inference"] for f in counted["by_function"]) == counted["inference"]
    for column in ("inference", "training_step"):
        assert sum(k[column] for k in counted["by_kind"]) == sum(o[column] for o in counted["by_operator"])
    first = counted["by_operator"][0]
    assert (first["step"], first["kind"], first["inference"] > 0) == (1, "conv", True)


@pytest.fixture(scope="module")
def broken(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with one weight of its model changed."""
    copy = Path(shutil.copytree(project, tmp_path_factory.mktemp("broken") / "node"))
    source = copy / "data" / "model_data.c"
    text = source.read_text(encoding="utf-8")
    at = text.index("{", text.index("_frozen = "))
    digit = next(i for i in range(at, len(text)) if text[i].isdigit())
    source.write_text(text[:digit] + str((int(text[digit]) + 1) % 10) + text[digit + 1 :], encoding="utf-8")
    return copy


def test_a_broken_byte_is_in_the_document_with_its_place(broken: Path) -> None:
    done = call(broken, "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    check_keys(found)
    assert not found["passed"]
    [model] = [check for check in found["checks"] if check["name"] == "model"]
    [difference] = model["differences"]
    assert difference["place"].endswith("weight [0, 0, 0, 0]")
    assert int(difference["expected"]) != int(difference["got"])
    line = f"{difference['place']}: expected {difference['expected']}, got {difference['got']}; "
    assert line in done.stderr


def test_people_are_told_the_same_on_standard_error_alone(broken: Path) -> None:
    done = call(broken)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "weight [0, 0, 0, 0]: expected" in done.stderr


def test_sources_that_do_not_compile_are_a_failed_check(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "node")
    (copy / "node" / "fe_main.c").write_text("retrun\n", encoding="utf-8")
    done = call(copy, "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    check_keys(found)
    failed = {check["name"]: check["differences"] for check in found["checks"] if not check["passed"]}
    assert failed.keys() == {"sources", "build"}
    assert "retrun" in failed["build"][0]["got"]
    assert found["memory"] == found["sections"] == []


def test_another_model_is_a_refusal(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "node")
    description = copy / "verify" / "project.json"
    said = json.loads(description.read_text(encoding="utf-8"))
    description.write_text(json.dumps(said | {"plan_sha256": "0" * 64}), encoding="utf-8")
    done = call(copy, "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert (found["passed"], found["checks"]) == (False, [])
    assert "expected plan 000000000000, got" in found["refusal"]


def test_bad_input_prints_nothing_on_standard_output(tmp_path: Path) -> None:
    done = call(tmp_path, "--json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "expected a project made by `fleet export`" in done.stderr


def test_a_node_that_only_infers_has_no_training_step(tmp_path: Path) -> None:
    plan = best_plan(imu_net(), Scheme(name="inference", trained=()))
    out = export(plan, load_profile("rp2040"), out=tmp_path / "node", name="node", kind=Kind.STATIC)
    done = call(out, "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    check_keys(found)
    counted = found["instructions"]
    assert (found["training_steps"], counted["training_step_most"]) == (0, None)
    assert {operator["training_step"] for operator in counted["by_operator"]} == {None}
    assert "-  " in call(out).stdout


def test_people_read_flash_by_section_and_instructions_by_operator(project: Path) -> None:
    done = call(project)
    assert done.exit_code == 0
    words = [line.split() for line in done.stdout.splitlines()]
    assert ["section", "in", "bytes", "of", "flash"] in words
    assert any(line[:2] == [".rodata", "flash"] for line in words)
    assert ["operator", "steps", "per", "inference", "per", "training", "step", "share"] in words
    assert any(line[:1] == ["conv"] for line in words)
    assert "compiled by clang version" in done.stdout
    assert done.stdout.endswith("agree on every byte of 50 training steps\n")
