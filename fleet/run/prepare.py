"""What a run starts from: the data of each node and the int8 model; and `fleet prepare`, which makes such a model.

The models that ship were made by `prepare` here, once, and are frozen: nothing about them was chosen by what a
federation does with them. The recipe's number of passes was chosen on people left out of pretraining, among those
who pretrain.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from fleet.base import rng
from fleet.base.errors import Fault, InputError
from fleet.learning.data import (
    DataSet,
    Draw,
    Parts,
    Shard,
    as_read_by,
    by_recording,
    check_split,
    draw,
    load_set,
    node_shards,
    pretraining_windows,
    split_within_recording,
)
from fleet.node.model.float_net import FloatNet
from fleet.node.model.graph import Graph, Int8
from fleet.node.model.graph_file import load_graph, save_graph
from fleet.node.model.own import OwnModel, own_model
from fleet.node.model.quantize import quantize
from fleet.node.model.recipe import Exponents
from fleet.node.model.reference import calibrated
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.model.schemes import Choice, named_scheme
from fleet.node.model.zoo import NetSpec, shipped_model, zoo_net
from fleet.run.progress import Progress, Silent
from fleet.scenario import Scenario, SchemeChoice, recipe_of, round_rate

CALIBRATION: Final = 32  # windows that static exponents are found on, spread evenly over all that pretrain
_TORCH_MISSING = "expected PyTorch to be installed, got none; run `pip install 'mcufleet[torch]'`"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeData:
    """shards: one per node, in order."""

    dataset: DataSet
    drawn: Draw
    shards: tuple[Shard, ...]

    @property
    def most_windows(self) -> int:
        """Training windows that the fullest node keeps in its flash."""
        return max(shard.train.size for shard in self.shards)


def node_data(scenario: Scenario) -> NodeData:
    """The data of every node of the scenario; InputError when the hold-out takes a class from one."""
    dataset, drawn = _drawn(scenario)
    if scenario.own_model is not None:
        dataset = as_read_by(own_network(scenario, dataset).graph.input, dataset)
    parts = _parts(scenario, dataset)
    if faults := check_split(dataset, parts):
        raise InputError(faults)
    return NodeData(dataset=dataset, drawn=drawn, shards=node_shards(dataset, parts, drawn))


def starting_model(scenario: Scenario, dataset: DataSet) -> Graph:
    """The int8 model that every node holds before the first round: a shipped one, or a file of the user's."""
    if scenario.own_model is not None:
        return own_network(scenario, dataset).graph
    wanted, file = _net(scenario, dataset), scenario.model_file
    graph = load_graph(file) if file else shipped_model(wanted.name, scenario.data.source, scenario.data.draw)
    if (graph.name, graph.input.shape, graph.classes) != (wanted.name, wanted.input_shape, wanted.classes):
        text = (
            f"expected {_described(wanted.name, wanted.classes, wanted.input_shape)}, "
            f"got {_described(graph.name, graph.classes, graph.input.shape)}; "
            "make one for this scenario with `fleet prepare`"
        )
        raise InputError.one("model.pretrained", text)
    return graph


def own_network(scenario: Scenario, dataset: DataSet) -> OwnModel:
    """The user's network of a scenario that names one, ready for the classes of the data."""
    assert scenario.own_model is not None, "asked only where `model` names a file"
    return own_model(scenario.own_model, dataset.classes, scenario.model.head)


def with_scheme(scenario: Scenario, graph: Graph, data: NodeData) -> Choice:
    """What a scenario trains, with its recipe, and the network as that needs it. Raises InputError as chosen_scheme."""
    made = chosen_scheme(scenario.training.scheme, graph, data)
    return replace(made, scheme=with_recipe(made.graph, made.scheme, scenario, data))


def chosen_scheme(choice: SchemeChoice, graph: Graph, data: NodeData) -> Choice:
    """A scheme on a network, into which a named one may put modules. InputError for a name that it cannot have."""
    if choice.kind == "named":
        try:
            return named_scheme(graph, choice.name, windows=_spread_windows(data)[0])
        except InputError as error:
            raise InputError([Fault("training.scheme.name", fault.text) for fault in error.faults]) from None
    scheme = build_scheme(graph, choice.kind, layers=choice.layers, ratio=choice.ratio, blocks=choice.blocks)
    return Choice(graph=graph, scheme=scheme)


def with_recipe(graph: Graph, scheme: Scheme, scenario: Scenario, data: NodeData) -> Scheme:
    """The scheme trained as the scenario says; static exponents found on windows of the people who pretrain."""
    made = replace(scheme, recipe=recipe_of(scenario.training))
    if made.recipe.exponents is not Exponents.STATIC:
        return made
    x, y = _spread_windows(data)
    return calibrated(graph, made, x, y, rate=round_rate(scenario, 1), key=rng.key(data.drawn.number, rng.Stream.START))


def _spread_windows(data: NodeData) -> tuple[Int8, list[int]]:
    """Some windows and labels of the people who pretrain."""
    windows = pretraining_windows(data.dataset, data.drawn)
    spread = np.arange(min(CALIBRATION, windows.size), dtype=np.int64) * windows.size // CALIBRATION
    return windows.x[spread], windows.y[spread].tolist()


def softmax_classes(scenario: Scenario, shards: Sequence[Shard], classes: int) -> list[tuple[int, ...]]:
    """The classes that each node's softmax runs over, as the scenario chooses. classes: of the network."""
    if scenario.training.loss_classes == "all":
        return [tuple(range(classes)) for _ in shards]
    return [shard.classes for shard in shards]


def _described(name: str, classes: int, shape: tuple[int, ...]) -> str:
    return f"{name} for {classes} classes and windows of {list(shape)}"


def _net(scenario: Scenario, dataset: DataSet) -> NetSpec:
    """The zoo's network for the windows and classes of the data."""
    if scenario.model.zoo is None:
        text = f"expected a network of the zoo to pretrain, got the file {scenario.model.file}; its weights are its own"
        raise InputError.one("model.file", text)
    height, width, channels = dataset.x.shape[1:]
    return zoo_net(scenario.model.zoo, dataset.classes, (height, width, channels))


def prepare(scenario: Scenario, *, out: Path | None = None, progress: Progress | None = None) -> Path:
    """Pretrains, folds and quantises the scenario's model and writes it. Returns the file.

    out: None for a file in the working directory, named by net, data set and draw. The same scenario gives the same
    bytes; fleet.node.model.torch.pretrain says how far that holds from one machine to another.
    """
    path = out or Path(f"{scenario.net_name}.{scenario.data.source}.{scenario.data.draw}.npz")
    graph = pretrained_graph(scenario, progress or Silent())
    try:
        save_graph(graph, path)
    except OSError as fault:
        text = f"expected a place to write to, got {fault}; name another with --out"
        raise InputError.one(str(path), text) from fault
    return path


def pretrained_graph(scenario: Scenario, progress: Progress) -> Graph:
    """The int8 model that `prepare` writes. Its softmax and its activation ranges come from the old classes only."""
    dataset, drawn = _drawn(scenario)
    spec, windows = _net(scenario, dataset), pretraining_windows(dataset, drawn)
    try:
        from fleet.node.model.torch.pretrain import Recipe, pretrain
    except ModuleNotFoundError as fault:
        if fault.name != "torch":
            raise
        raise InputError.one("fleet prepare", _TORCH_MISSING) from fault
    recipe = Recipe()
    progress.line("pretrain", recipe.passes)

    def passed(number: int, accuracy: float) -> None:
        progress.update(virtual_us=0, round=number, alive=len(drawn.pretrain_people), accuracy=accuracy)

    net: FloatNet = pretrain(
        spec,
        windows.x,
        windows.y,
        seed=drawn.number,
        input_scale=dataset.input_scale,
        recipe=recipe,
        progress=passed,
    )
    progress.done()
    return quantize(net, windows.x, input_scale=dataset.input_scale, input_zero=dataset.input_zero)


def _drawn(scenario: Scenario) -> tuple[DataSet, Draw]:
    data = scenario.data
    dataset = load_set(data.source, scenario.data_file)
    return dataset, draw(dataset, data.draw, data.pretrain_people, data.new_classes, data.holders)


def _parts(scenario: Scenario, dataset: DataSet) -> Parts:
    held = scenario.data.hold_out
    if held.kind == "by_recording":
        return by_recording(dataset, held.train, held.val)
    return split_within_recording(dataset, held.train, held.val, held.gap)
