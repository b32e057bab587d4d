"""The benchmark of small images: the goal of the project, and that bytes are counted where they belong."""

import json
import os
from pathlib import Path

import pytest

from analysis.bench import smallest
from analysis.bench.smallest import GOAL_BYTES, GOAL_CORE, MODEL, measured
from fleet.node.export import Kind
from fleet.node.model.scheme import Scheme
from fleet.node.plan.choice import best_plan
from fleet.node.twin.code import RUNTIME
from tests.node.model.nets import Builder

LENET = Path(os.environ.get("FLEET_DATA", "")) / MODEL
needs_lenet = pytest.mark.skipif(not LENET.is_file(), reason=f"FLEET_DATA holds no {MODEL}")


def test_each_function_is_counted_once_where_it_was_written() -> None:
    build = Builder(5)
    graph = build.head(build.input((1, 1, 12)), 3)
    image = measured(best_plan(graph, Scheme(name="inference", trained=())), GOAL_CORE, Kind.STATIC)
    folders = {f.name: f.folder for f in image.functions}
    assert (folders["fe_dense_s8_logits"], folders["fe_client_infer"]) == ("engine", "node")
    assert (folders["fe_forward_steps"], folders["fe_reset_handler"]) == ("data", "port")
    assert folders["__aeabi_lmul"] == RUNTIME
    assert "fe_conv_s8_forward" not in folders
    whole = image.engine_bytes + image.runtime_bytes + image.start_bytes
    assert whole == sum(f.size_bytes for f in image.functions)


@needs_lenet
def test_a_lenet_that_only_infers_is_smaller_than_the_goal(capsys: pytest.CaptureFixture[str]) -> None:
    assert smallest.main(["--core", GOAL_CORE, "--json"]) == 0
    images = {image["profile"]: image for image in json.loads(capsys.readouterr().out)["images"]}
    assert images["static"]["engine_bytes"] < GOAL_BYTES
    assert images["static"]["engine_bytes"] < images["table"]["engine_bytes"]
    assert images["static"]["sram_bytes"] == 404  # an arena of 400 bytes and the window's address


@needs_lenet
def test_it_prints_a_line_for_each_image_and_its_functions(capsys: pytest.CaptureFixture[str]) -> None:
    assert smallest.main(["--core", GOAL_CORE, "--functions"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith(GOAL_CORE)] == [
        [GOAL_CORE, "table"],
        [GOAL_CORE, "static"],
    ]
    assert any("fe_dense_s8_forward" in line for line in lines)


def test_a_model_that_is_not_there_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert smallest.main(["--model", "no.tflite"]) == 2
    assert "no.tflite: expected a .tflite, got none" in capsys.readouterr().err
