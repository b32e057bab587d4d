"""Nodes through `fleet gateway` and a real SuperLink of Flower on loopback: the model of the simulated federation."""

import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread

import pytest

from fleet.base.errors import InputError
from fleet.federation.links.fragments import LinkError
from fleet.federation.links.keys import key_lines
from fleet.federation.links.sealed import Counters, read_keys
from fleet.federation.supernode import SuperLink
from fleet.node.model.graph_file import load_graph
from fleet.node.model.scheme import trained_values
from fleet.node.plan.state import state_bytes
from fleet.record import ValueRow, open_run
from fleet.run import execute
from fleet.run.flower_app import write_app
from fleet.run.gateway import Kind, Party, Place, join, party_of, serve
from fleet.scenario import Scenario, loads
from tests.run.quickstart import SHORT, quickstart_text

LOOPBACK = "127.0.0.1"
LONG_S = 80  # nothing here takes so long, but on a machine that does something else
BIN = Path(sys.executable).parent


def scenario() -> Scenario:
    """Two short rounds and nothing beside them: what a run ends with is the shared model."""
    text = quickstart_text().replace("  personal_rate: 0.03\n", "")
    return loads(text, overrides=SHORT | {"training.personal_steps": 0, "compare": []})


def places(*kinds: tuple[Kind, int]) -> tuple[Place, ...]:
    return tuple(Place(kind=kind) for kind, count in kinds for _ in range(count))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def flower(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of Flower's programs: a home of their own, and nothing said to anybody."""
    home = tmp_path_factory.mktemp("flower")
    quiet = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1", "FLWR_HOME": str(home)}
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    return {**os.environ, **quiet, "PATH": path, "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def superlink(flower: dict[str, str]) -> Iterator[SuperLink]:
    """A SuperLink that is ready; skips where one cannot be started on loopback."""
    home, found = Path(flower["FLWR_HOME"]), SuperLink(host=LOOPBACK, port=free_port())
    command = [str(BIN / "flower-superlink"), "--insecure", "--host", found.host, "--port", str(found.port)]
    with (home / "superlink.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--disable-runtime-dependency-installation"], env=flower, stdout=log, stderr=log
        )
        try:
            if not is_ready(process, found):
                pytest.skip(f"flower-superlink does not listen here: {(home / 'superlink.log').read_text()[-300:]}")
            config = f'[superlink]\ndefault = "here"\n[superlink.here]\naddress = "{found}"\ninsecure = true\n'
            (home / "config.toml").write_text(config, encoding="utf-8")
            yield found
        finally:
            process.terminate()
            process.wait(LONG_S)


def is_ready(process: subprocess.Popen[bytes], superlink: SuperLink) -> bool:
    """Whether it listens before it ends, or before the patience of this file does."""
    for _ in range(10 * LONG_S):
        try:
            superlink.check()
        except LinkError:
            if process.poll() is not None:
                return False
            Event().wait(0.1)
        else:
            return True
    return False


def flwr_run(app: Path, environment: dict[str, str]) -> str:
    """What a run says from its beginning to its end."""
    done = subprocess.run(
        [BIN / "flwr", "run", app, "here", "--stream"], env=environment, capture_output=True, text=True,
        timeout=LONG_S, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@contextmanager
def joined(party: Party, superlink: SuperLink) -> Iterator[None]:
    """The party at the SuperLink, on a thread, until the run is over."""
    faults: list[BaseException] = []

    def run() -> None:
        try:
            join(party, superlink, jobs=2, once=True)
        except BaseException as fault:  # noqa: BLE001 (raised again on the test's own thread)
            faults.append(fault)

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(LONG_S)
        party.stop.set()
        thread.join()
    if faults:
        raise faults[0]


def simulated_digest(tmp_path: Path) -> str:
    """SHA-256 of the trained values that the simulated federation ends with."""
    rows = open_run(execute(scenario(), out=tmp_path / "run", jobs=2)).read(ValueRow)
    (digest,) = {row.value for row in rows if row.key.startswith("digest:federated:end:")}
    return digest


def test_a_federation_through_a_superlink_ends_with_the_model_of_the_simulated_one(
    superlink: SuperLink, flower: dict[str, str], tmp_path: Path
) -> None:
    """Node 0 is emulated behind a UDP socket and a key file, 1 and 2 beside the gateway, nine are simulated."""
    made, said = scenario(), list[str]()
    keys = tmp_path / "fleet.keys"
    keys.write_text(key_lines(1))
    keys.chmod(0o600)
    stop, port = Event(), free_port()
    at = Place(kind=Kind.UDP, host=LOOPBACK, port=port)
    node = Thread(
        target=serve, args=(made, 0, at),
        kwargs={"keys": read_keys(keys), "told": said.append, "stop": stop},
    )  # fmt: skip
    node.start()
    party = party_of(
        made, (at, *places((Kind.EMULATED, 2), (Kind.SIMULATED, 9))), first=0, keys=read_keys(keys),
        counters=Counters(tmp_path / "gateway"), waits=200, told=said.append, stop=Event(),
    )  # fmt: skip
    app = write_app(made, tmp_path / "app", tmp_path / "model.npz")
    try:
        with joined(party, superlink):
            log = flwr_run(app, flower)
    finally:
        stop.set()
        node.join()
    assert f"model: {tmp_path / 'model.npz'}" in log, log
    layout = party.draft.plan.layout
    values = trained_values(load_graph(tmp_path / "model.npz"), layout)
    assert sha256(state_bytes(layout, values)).hexdigest() == simulated_digest(tmp_path)
    assert sorted(line for line in said if "has answered" in line) == sorted(
        f"round {number}: node {node} has answered" for number in (1, 2) for node in range(12)
    )
    assert re.search(r"^0 \d+$", (tmp_path / "gateway").read_text(), re.MULTILINE)


def test_a_superlink_that_is_not_there_is_said_so_before_anything_is_built() -> None:
    nowhere = SuperLink(host=LOOPBACK, port=free_port())
    party = party_of(
        scenario(), places((Kind.SIMULATED, 1)), first=0, keys={}, counters=None, waits=1, told=print, stop=Event()
    )  # fmt: skip
    with pytest.raises(
        LinkError, match=rf"{nowhere}: expected a SuperLink, got .*; start one there \(flower-superlink"
    ):
        join(party, nowhere, jobs=1, once=True)


def test_nodes_that_the_scenario_lacks_or_that_have_no_key_are_all_said_at_once() -> None:
    udp = Place(kind=Kind.UDP, host=LOOPBACK, port=7000)
    party = party_of(
        scenario(), (udp, *places((Kind.SIMULATED, 2))), first=10, keys={}, counters=None, waits=1, told=print,
        stop=Event(),
    )  # fmt: skip
    with pytest.raises(InputError) as refused:
        party.check()
    assert [str(fault) for fault in refused.value.faults] == [
        "--nodes: expected nodes up to 11, got up to 12; name fewer, or lower --first",
        "--keys: expected a key of node 10, which is at udp:127.0.0.1:7000, got none; add a line to the file",
    ]


def test_a_folder_that_is_there_is_no_new_app(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a new folder, got one that is there; name another"):
        write_app(scenario(), tmp_path, tmp_path / "model.npz")


def test_an_app_is_not_written_where_no_folder_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="expected a place to write to, got Not a directory; name another"):
        write_app(scenario(), tmp_path / "file" / "app", tmp_path / "model.npz")


def test_a_model_of_any_name_is_written_as_toml(tmp_path: Path) -> None:
    model = tmp_path / 'a "good" \\ one.npz'
    app = write_app(scenario(), tmp_path / "app", model)
    written = tomllib.loads((app / "pyproject.toml").read_text(encoding="utf-8"))
    assert written["tool"]["flwr"]["app"]["config"]["model"] == str(model)
