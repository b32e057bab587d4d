"""What every test may rely on: no network, no telemetry, one thread per library, the same examples each time."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder that holds pyproject.toml."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets named by $FLEET_DATA (set by `make test` when there is one)."""
    folder = os.environ.get("FLEET_DATA")
    if folder is None:
        pytest.skip("FLEET_DATA names no folder of data sets")
    return Path(folder)


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Any:
    """Refuses every connection that leaves this machine."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"tests reach no network, got a connection to {address[0]}; use what ships or $FLEET_DATA")
        real(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield


@pytest.fixture(scope="session")
def party() -> Any:
    """The quickstart of draw 0, assembled: data, shipped model, plan, one client per node."""
    from fleet.run.assemble import assemble
    from tests.run.quickstart import quickstart

    return assemble(quickstart())
