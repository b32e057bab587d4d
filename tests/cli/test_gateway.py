"""`fleet gateway`, `fleet node`, `fleet keys`: what may be typed, and what is said about the rest."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fleet.base.errors import InputError
from fleet.base.places import scenarios_dir
from fleet.cli.app import app
from fleet.cli.gateway import parse_nodes, parse_patience, parse_superlink
from fleet.federation.links.sealed import read_keys
from fleet.federation.links.serial_line import BAUD
from fleet.run.gateway import Kind, Place

QUICKSTART = str(scenarios_dir() / "quickstart.yaml")


def test_places_are_read_in_the_order_of_the_nodes() -> None:
    found = parse_nodes("udp:10.0.0.3:7000, serial:/dev/ttyACM0,serial:/dev/ttyUSB0:921600,emulated:2,simulated")
    assert found == (
        Place(kind=Kind.UDP, host="10.0.0.3", port=7000),
        Place(kind=Kind.SERIAL, device="/dev/ttyACM0", baud=BAUD),
        Place(kind=Kind.SERIAL, device="/dev/ttyUSB0", baud=921600),
        Place(kind=Kind.EMULATED),
        Place(kind=Kind.EMULATED),
        Place(kind=Kind.SIMULATED),
    )
    assert [str(place) for place in found[:4]] == [
        "udp:10.0.0.3:7000", "serial:/dev/ttyACM0", "serial:/dev/ttyUSB0", "emulated",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "item", ["", "udp", "udp:10.0.0.3", "udp::7000", "udp:h:70000", "serial:", "serial:/d:x", "emulated:0", "lora:1"]
)
def test_a_place_that_is_none_is_a_fault(item: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_nodes(f"simulated,{item},bad")
    forms = "udp:HOST:PORT, serial:DEVICE[:BAUD], emulated[:COUNT] or simulated[:COUNT]"
    said = [str(fault) for fault in refused.value.faults]
    assert said == [f"--nodes: expected {forms}, got '{got}'; correct it" for got in (item, "bad")]


def test_where_a_superlink_is(tmp_path: Path) -> None:
    assert str(parse_superlink("127.0.0.1:8000", None)) == "127.0.0.1:8000"
    with pytest.raises(InputError, match=r"--superlink: expected HOST:PORT, got '127.0.0.1'; write 127.0.0.1:8000"):
        parse_superlink("127.0.0.1", None)
    with pytest.raises(InputError, match="--root-certificates: expected a file of certificates, got"):
        parse_superlink("127.0.0.1:8000", tmp_path / "none.pem")


def test_patience_is_a_duration() -> None:
    assert parse_patience("2 min") == 120_000_000
    for text in ("long", "-3 s", "0 s"):
        with pytest.raises(InputError, match=f"--patience: expected a duration, got '{text}'; write it like '90 s'"):
            parse_patience(text)


def test_keys_are_printed_as_they_are_read(tmp_path: Path) -> None:
    printed = CliRunner().invoke(app, ["keys", "3", "--first", "2"])
    path = tmp_path / "keys"
    path.write_text(printed.stdout)
    path.chmod(0o600)
    assert sorted(read_keys(path)) == [2, 3, 4]


@pytest.mark.parametrize(
    "arguments, said",
    [
        ([], "expected nodes to join, got none; write --nodes emulated:2"),
        (["--nodes", "simulated:13"], "expected nodes up to 11, got up to 12; name fewer, or lower --first"),
        (["--nodes", "udp:127.0.0.1:7000"], "expected a key of node 0, which is at udp:127.0.0.1:7000, got none"),
        (["--nodes", "simulated", "--superlink", "127.0.0.1:1"], "127.0.0.1:1: expected a SuperLink, got"),
    ],
)
def test_a_gateway_that_cannot_be_says_why_without_a_traceback(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["gateway", QUICKSTART, *arguments])
    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", " ").split())
    assert "Traceback" not in result.output


def test_a_node_that_cannot_be_says_why(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"0 {'00' * 32}\n")
    keys.chmod(0o600)
    for at, number, said in (
        ("emulated", "0", "--at: expected one udp:HOST:PORT or serial:DEVICE[:BAUD], got 'emulated'"),
        ("udp:127.0.0.1:7000", "12", "--node: expected 0 to 11, got 12"),
        ("udp:127.0.0.1:7000", "1", "--keys: expected a key of node 1, got none"),
    ):
        result = CliRunner().invoke(app, ["node", QUICKSTART, "--node", number, "--at", at, "--keys", str(keys)])
        assert result.exit_code == 2
        assert said in result.output


def test_the_app_for_flwr_run_is_written(tmp_path: Path) -> None:
    made = tmp_path / "app"
    result = CliRunner().invoke(app, ["gateway", QUICKSTART, "--app", str(made), "--model", str(tmp_path / "m.npz")])
    assert result.exit_code == 0
    assert sorted(path.name for path in made.iterdir()) == ["federation.py", "pyproject.toml", "scenario.yaml"]
    assert f'model = "{tmp_path / "m.npz"}"' in (made / "pyproject.toml").read_text()
    assert f"flwr run {made}" in result.output
