"""A user's recipe and network through the commands: check, plan, run, export, verify."""

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from fleet.base.places import scenarios_dir
from fleet.cli.app import app
from fleet.node.model.graph_file import save_graph
from fleet.node.model.zoo import shipped_model
from fleet.scenario import dump, load, loads

RECIPE = "gradients: int8\n  momentum: 0.9\n  batch: 4\n  schedule: {kind: cosine, lowest: 5 %}"
HOW = "int8 gradients, static exponents, residual8, momentum 0.9, batch 4, cosine schedule, lowest 0.05"
ZOO = "zoo: imu-ds-cnn                 # 17,359 parameters, 154 k MAC\n  pretrained: shipped "


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def written(path: Path, *edits: tuple[str, str]) -> Path:
    text = (scenarios_dir() / "quickstart.yaml").read_text(encoding="utf-8")
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    edits = [("gradients: int8", RECIPE), ("exponents: dynamic", "exponents: static")]
    return written(tmp_path / "recipe.yaml", *edits, ("update: stochastic", "update: residual8"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    save_graph(shipped_model("imu-ds-cnn", "seglearn-watch", 0), tmp_path / "mine.npz")
    return written(tmp_path / "own.yaml", (ZOO, "file: mine.npz "))


def test_check_and_plan_say_the_recipe_and_what_it_needs(recipe: Path) -> None:
    checked, planned, usual = (
        call("check", recipe),
        call("plan", recipe),
        call("plan", scenarios_dir() / "quickstart.yaml"),
    )
    assert (checked.exit_code, planned.exit_code) == (0, 0), checked.output + planned.output
    assert re.search(rf"^how +{re.escape(HOW)}", checked.output, re.MULTILINE)
    assert f"every scheme with {HOW}" in planned.output
    assert "every scheme with int8 gradients, dynamic exponents, stochastic\n" in usual.output
    sram = [
        int(next(line for line in done.output.splitlines() if line.startswith("sparse")).split()[8].replace(",", ""))
        for done in (planned, usual)
    ]
    assert sram[0] > sram[1] + 2 * 4 * 3527  # velocities and sums, an int32 each per trained value


def test_a_node_of_any_recipe_is_exported_and_equals_the_simulation(recipe: Path, tmp_path: Path) -> None:
    made = call("export", recipe, "--out", tmp_path / "node")
    assert made.exit_code == 0, made.output
    verified = call("verify", tmp_path / "node")
    assert verified.exit_code == 0, verified.output
    assert "and the simulation agree on every byte of 50 training steps" in verified.output


def test_a_network_from_a_file_is_the_same_fleet_as_the_shipped_one(own: Path) -> None:
    checked = call("check", own)
    assert checked.exit_code == 0, checked.output
    assert re.search(r"^model +imu-ds-cnn, 17,359 parameters, mine\.npz", checked.output, re.MULTILINE)
    assert re.search(r"^head +that of the file", checked.output, re.MULTILINE)
    assert re.search(
        r"^reads +windows int8 \[50, 1, 6\] of scale 0\.015625, zero point 0", checked.output, re.MULTILINE
    )
    scenario = load(own)
    assert "pretrained" not in dump(scenario).replace("compare: [pretrained", "")
    (own.parent / "again.yaml").write_text(dump(scenario), encoding="utf-8")
    assert load(own.parent / "again.yaml") == scenario


def test_prepare_has_nothing_to_do_for_a_network_with_weights(own: Path) -> None:
    done = call("prepare", own)
    assert done.exit_code == 2
    assert "expected a network of the zoo to pretrain, got the file mine.npz; its weights are its own" in done.stderr


def test_a_network_that_cannot_read_the_windows_is_refused_beside_all_else(own: Path, shared_data: Path) -> None:
    kws = shared_data / "mlperf-tiny" / "kws_ref_model.tflite"
    text = own.read_text().replace("file: mine.npz", f"file: {kws}").replace("rate: 0.06", "rate: 6")
    own.write_text(text)
    done = call("check", own)
    assert done.exit_code == 2
    assert (
        "model.file: expected a network for windows of [50, 1, 6], as seglearn-watch has, got one for [49, 10, 1]"
        in (done.stderr)
    )
    assert "training.rate: expected a number above 0 up to 1, got 6" in done.stderr


@pytest.fixture
def digits(tmp_path: Path, shared_data: Path) -> Path:
    """Spoken digits by speaker, as a user's data set for the published keyword spotter."""
    with np.load(shared_data / "fsdd" / "fsdd_mfcc_int8.npz") as found:
        order = np.lexsort((found["index"], found["y"], found["speaker"]))
        x, y, speaker = found["x"][order], found["y"][order], found["speaker"][order]
    recording, labels = (speaker.astype(np.int64) * 10 + y).astype(np.uint8), np.array([str(n) for n in range(10)])
    side = np.zeros_like(speaker)
    np.savez(tmp_path / "digits.npz", x=x, y=y, subject=speaker, side=side, recording=recording, labels=labels)
    file = shared_data / "mlperf-tiny" / "kws_ref_model.tflite"
    text = f"""\
# Do four speakers teach a keyword spotter digits?
schema: 1
name: digits
data: {{source: digits, path: digits.npz, pretrain_people: 2}}
model: {{file: {file}}}
training: {{scheme: head, rate: 0.05, steps_per_round: 128, gradients: fp32, update: latent, batch: 4}}
fleet: [{{board: nrf52840, count: 4, energy: {{store: cr2032}}, radio: {{kind: ble}}, every: 1 h}}]
server: {{strategy: masked-fedavg, rounds: 2, timeout: 30 min}}
compare: []
"""
    (tmp_path / "digits.yaml").write_text(text, encoding="utf-8")
    return tmp_path / "digits.yaml"


def test_a_tflite_file_and_a_data_set_of_ones_own_make_a_fleet(digits: Path) -> None:
    checked = call("check", digits)
    assert checked.exit_code == 0, checked.output
    assert re.search(r"^head +new, of zeros", checked.output, re.MULTILINE)
    done = call("run", digits, "--out", digits.parent / "run")
    assert done.exit_code == 0, done.output
    rows = {
        line.split()[0]: float(line.split()[1])
        for line in done.output.splitlines()
        if line.startswith("federated  ") and "round" not in line
    }
    assert rows["federated"] > 20  # chance is 10 %
    assert "could not be checked" in (digits.parent / "run" / "report.html").read_text()


def test_a_net_of_the_zoo_is_built_for_the_windows_of_the_data(digits: Path) -> None:
    text = digits.read_text()
    start = text.index("model:")
    other = text[:start] + "model: {zoo: ds-cnn, pretrained: made.npz}\n" + text[text.index("training:") :]
    digits.write_text(other)
    with pytest.raises(Exception, match=r"model\.pretrained: expected a file, got none"):
        load(digits)
    assert load(digits, preparing=True).model.zoo == "ds-cnn"
    with pytest.raises(
        Exception, match=r"model\.zoo: expected a signal over time, \(H, 1, C\), got an input \[49, 10, 1\]"
    ):
        loads(other.replace("ds-cnn", "imu-ds-cnn").replace("path: digits.npz", f"path: {digits.parent}/digits.npz"))
