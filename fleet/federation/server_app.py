"""Running a Flower strategy over a Grid, in virtual time or a SuperLink's, and finding strategies by name."""

import importlib
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from flwr.app import ArrayRecord, Context, MetricRecord
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg, Strategy
from numpy.typing import NDArray

from fleet.base.errors import InputError
from fleet.federation import flower
from fleet.federation.client_app import train_config
from fleet.federation.forms import Form, RealUnits, WholeNumbers
from fleet.federation.strategy import MaskedFedAvg, Refused
from fleet.node.model.graph import Graph
from fleet.node.model.scheme import Layout
from fleet.scenario import Server, Training

STRATEGIES = ("masked-fedavg", "fedavg")
Observe = Callable[[int, NDArray[np.int32]], float | None]
App: TypeAlias = ServerApp
ServerGrid: TypeAlias = Grid


def strategy_of(name: str, graph: Graph, layout: Layout, nodes: int, refused: Refused) -> tuple[Strategy, Form]:
    """The strategy of a name, and the form it speaks. `module:Class` is imported and built with FedAvg's arguments.

    min_train_nodes is pinned: with Flower's default, a first round may start before all nodes are known.
    """
    if name == "masked-fedavg":
        return MaskedFedAvg(layout, refused=refused, min_train_nodes=nodes), WholeNumbers(layout)
    kind: Callable[..., Strategy] = FedAvg if name == "fedavg" else _imported(name)
    return _built(name, kind, nodes), RealUnits(graph, layout)


def run_strategy(
    strategy: Strategy,
    form: Form,
    grid: Grid,
    *,
    initial: NDArray[np.int32],
    server: Server,
    training: Training,
    seed: int,
    observe: Observe,
) -> NDArray[np.int32]:
    """int32 [size]: what would be pushed after the last round. observe(round, values) gives an accuracy, or None."""

    def evaluate(number: int, arrays: ArrayRecord) -> MetricRecord | None:
        accuracy = observe(number, form.values(arrays))
        return None if accuracy is None else MetricRecord({"accuracy": accuracy})

    start = form.arrays(initial)
    with flower.seeded(seed):
        result = strategy.start(
            grid=grid,
            initial_arrays=start,
            num_rounds=server.rounds,
            timeout=server.timeout_us / 1_000_000,
            train_config=train_config(training.steps_per_round, training.rate),
            evaluate_fn=evaluate,
        )
    return form.values(result.arrays or start)


def deployed(main: Callable[[Grid, dict[str, str]], None]) -> ServerApp:
    """A ServerApp for `flwr run`. main: given the Grid of a SuperLink and the run's configuration, as texts."""
    app = ServerApp()

    @app.main()
    def run(grid: Grid, context: Context) -> None:
        main(grid, {key: str(value) for key, value in context.run_config.items()})

    return app


def _built(name: str, kind: Callable[..., Strategy], nodes: int) -> Strategy:
    try:
        return kind(fraction_train=1.0, fraction_evaluate=0.0, min_train_nodes=nodes, min_available_nodes=nodes)
    except Exception as error:  # the user's class may raise anything while it is built
        text = (
            f"expected a strategy built from FedAvg's arguments alone, got '{name}' ({error}); "
            "give the others defaults in a class of your own"
        )
        raise InputError.one("server.strategy", text) from error


def _imported(path: str) -> Callable[..., Strategy]:
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # the user's module may raise anything while it is imported
        text = f"expected a class that can be imported, got '{path}' ({error}); check module, name and PYTHONPATH"
        raise InputError.one("server.strategy", text) from error
    if not (isinstance(found, type) and issubclass(found, Strategy)):
        raise InputError.one("server.strategy", f"expected a Flower Strategy, got '{path}'; derive it from flwr's")
    return found
