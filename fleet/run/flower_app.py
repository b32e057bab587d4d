"""A scenario as a Flower app: the folder that `flwr run` takes, and what the ServerApp in it does.

The folder holds the scenario and a few lines; the work is this package's, which must be installed where the SuperLink
runs its ServerApps.
"""

import json
import sys
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleet import __version__
from fleet.base.errors import InputError
from fleet.federation.server_app import App, ServerGrid, deployed, run_strategy, strategy_of
from fleet.node.model.graph_file import graph_bytes
from fleet.node.model.scheme import with_values
from fleet.record import write_whole
from fleet.run.assemble import Drafted, drafted
from fleet.scenario import Scenario, dump, load

SCENARIO: Final = "scenario.yaml"
MODEL: Final = "model"  # key of the app's configuration: the file that the trained model becomes

_APP: Final = '''"""Made by `fleet gateway --app`. Nodes join through `fleet gateway`: no client is here."""

from pathlib import Path

from flwr.clientapp import ClientApp

from fleet.run.flower_app import server_app

server = server_app(Path(__file__).parent{origin})
client = ClientApp()
'''
_PROJECT: Final = """[project]
name = "{name}"
version = "{version}"
description = "A federation of microcontrollers: the server's side of {scenario}"
license = "Apache-2.0"

[tool.flwr.app]
publisher = "mcufleet"

[tool.flwr.app.components]
serverapp = "federation:server"
clientapp = "federation:client"

[tool.flwr.app.config]
model = {model}
"""


def write_app(scenario: Scenario, out: Path, model: Path) -> Path:
    """Writes the app into a new folder and returns it. model: the file that the trained model becomes, an .npz.

    Files that the scenario names are read again where the ServerApp runs, at the same places.
    """
    if out.exists():
        raise InputError.one(str(out), "expected a new folder, got one that is there; name another")
    named = (scenario.data_file, scenario.own_model, scenario.model_file)
    origin = f", origin=Path({str((scenario.path or Path()).resolve())!r})" if any(named) else ""
    texts = {
        SCENARIO: dump(scenario),
        "federation.py": _APP.format(origin=origin),
        "pyproject.toml": _PROJECT.format(
            name=f"mcufleet-{scenario.name}",
            version=__version__,
            scenario=scenario.name,
            model=json.dumps(str(model.resolve()), ensure_ascii=False),
        ),
    }
    try:
        out.mkdir(parents=True)
        for name, text in texts.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as fault:
        raise InputError.one(str(out), f"expected a place to write to, got {fault.strerror}; name another") from fault
    return out


def server_app(folder: Path, *, origin: Path | None = None) -> App:
    """The ServerApp of an app's folder."""
    scenario = load(folder / SCENARIO, origin=origin, allow_code=True)  # the folder's own Python runs already

    def main(grid: ServerGrid, config: dict[str, str]) -> None:
        draft = drafted(scenario)
        values = federate(scenario, draft, grid)
        path = Path(config[MODEL])
        write_whole(path, graph_bytes(with_values(draft.graph, draft.plan.layout, values)))
        _say(f"model: {path}")

    return deployed(main)


def federate(scenario: Scenario, draft: Drafted, grid: ServerGrid) -> NDArray[np.int32]:
    """int32 [size]: what the scenario's strategy ends with over the Grid of a SuperLink, once all nodes have joined."""
    layout, server = draft.plan.layout, scenario.server

    def refused(number: int, node: int, why: str) -> None:
        _say(f"round {number}: answer of node {node} not used, {why}")

    strategy, form = strategy_of(server.strategy, draft.graph, layout, scenario.nodes, refused)
    return run_strategy(
        strategy, form, grid, initial=draft.initial, server=server, training=scenario.training, seed=scenario.seed,
        observe=lambda number, _: _say(f"round {number} of {server.rounds}"),
    )  # fmt: skip


def _say(text: str) -> None:
    """A line for Flower's log, which is what a ServerApp prints."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
