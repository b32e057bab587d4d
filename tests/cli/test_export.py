"""`fleet export`: of a scenario and of any network, in both profiles, and what it refuses."""

import os
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from fleet.base.places import scenarios_dir
from fleet.cli.app import app
from fleet.node.export import Kind
from fleet.node.export.record import read_project
from fleet.node.model.graph_file import save_graph
from fleet.node.model.recipe import Exponents, Gradients
from fleet.node.twin import verify
from fleet.node.twin.verify import original_plan
from tests.node.model.nets import imu_net

QUICKSTART = str(scenarios_dir() / "quickstart.yaml")
DS_CNN = ("--model", "ds-cnn", "--device", "nrf52840")
LENET = Path(os.environ.get("FLEET_DATA", ""), "tinyengine-lenet", "ptq_mnist_lenet-300-100.tflite")


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "my net.npz"
    save_graph(imu_net(), path)
    return path


def test_a_network_is_exported_under_a_scheme_and_verified(net: Path, tmp_path: Path) -> None:
    out, static = tmp_path / "made", ("--profile", "static")
    done = call("export", "--model", net, "--scheme", "last_k:2", "--device", "nrf52840", "--out", out, *static)
    assert done.exit_code == 0, done.output
    assert "trial: windows without meaning, drawn" in done.stdout
    assert "static exponents: fitted to these windows" in done.stdout
    assert f"project: {out}\nnext: fleet verify {out}" in done.stdout
    found = read_project(out)
    assert (found.name, found.kind, found.scheme.name) == ("my-net", Kind.STATIC, "last_k:2")
    assert found.scheme.recipe.exponents is Exponents.STATIC
    assert any(shift for _, shift in found.scheme.recipe.shifts)
    assert verify(out).faults == ()


def test_gradients_and_the_windows_place_are_those_asked_for(net: Path, tmp_path: Path) -> None:
    out = tmp_path / "made"
    how = ("--gradients", "fp32", "--input", "resident")
    done = call("export", "--model", net, "--scheme", "bias:2", "--device", "stm32f746", "--out", out, *how)
    assert done.exit_code == 0, done.output
    assert "static exponents" not in done.stdout
    found = read_project(out)
    assert found.scheme.recipe.gradients is Gradients.FP32
    assert found.kind is Kind.TABLE
    assert not found.tactics.input_streamed


def test_a_network_that_only_infers_has_no_training_in_it(net: Path, tmp_path: Path) -> None:
    out = tmp_path / "made"
    done = call("export", "--model", net, "--inference", "--device", "nrf52840", "--out", out)
    assert done.exit_code == 0, done.output
    plan = original_plan(out, read_project(out))
    assert not plan.trains
    client = (out / "node" / "fe_client.h").read_text()
    assert "fe_client_infer" in client
    assert "fe_client_train" not in client
    done = call("verify", out)
    assert done.exit_code == 0, done.output
    assert "agree on every byte of 50 inferences" in done.stdout
    assert "fe_pushed" not in done.stdout


@pytest.mark.skipif(not LENET.is_file(), reason="FLEET_DATA holds no LeNet-300-100")
def test_a_tflite_is_exported_as_it_is(tmp_path: Path) -> None:
    done = call("export", "--model", LENET, "--inference", "--device", "nrf52840", "--out", tmp_path / "made")
    assert done.exit_code == 0, done.output
    assert "left out: operator 6 LOG_SOFTMAX" in done.stdout


def test_what_does_not_fit_is_refused_as_the_plan_refuses_it(tmp_path: Path) -> None:
    words = ("--model", "mcunet-5fps", "--scheme", "full", "--device", "nrf52840")
    planned, exported = call("plan", *words, "--json"), call("export", *words, "--out", tmp_path / "made")
    assert (planned.exit_code, exported.exit_code) == (2, 2)
    refusal = next(line for line in planned.stderr.splitlines() if line.startswith("nrf52840, ram: expected at most"))
    assert refusal in exported.stderr.splitlines()
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "words, said",
    [
        ((), "expected a scenario FILE or --model NET, one of the two"),
        (("--model", "ds-cnn", "--device", "nrf52840"), "expected --scheme TEXT or --inference, one of the two"),
        (("--model", "ds-cnn", "--scheme", "head"), "expected a board; `fleet devices` lists them"),
        (("--model", "ds-cnn", "--scheme", "head", "--inference", "--device", "x"), "one of the two"),
        ((QUICKSTART, "--scheme", "head"), "expected --model beside it, got a scenario, which has its own"),
        ((QUICKSTART, "--profile", "tabel"), "--profile: expected one of table, static, got 'tabel'; did you mean"),
        (("net.tflite",), "expected a scenario, got a network; write --model net.tflite"),
        (("--model", "ds-cnn", "--scheme", "head", "--device", "nrf5284"), "--device: expected"),
        (("--model", "ds-cnn", "--scheme", "haed", "--device", "nrf52840"), "did you mean 'head'"),
        ((*DS_CNN, "--inference", "--budget", "1 KiB"), "--budget: expected at most 1,024 B"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_said(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = call("export", *words, "--out", tmp_path / "made")
    assert done.exit_code == 2, done.output
    assert said in " ".join(done.stderr.replace("│", " ").split())
