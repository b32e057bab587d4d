"""What a run starts from: the data of each node and the int8 model; and `fleet prepare`, which makes such a model.

The models that ship were made by `prepare` here, once, and are frozen: nothing about them was chosen by what a
federation does with them. The recipe's number of passes was chosen on people left out of pretraining, among those
who pretrain.
"""

from dataclasses import dataclass
from pathlib import Path

from fleet.base.errors import InputError
from fleet.learning.data import (
    DataSet,
    Draw,
    Parts,
    Shard,
    by_recording,
    check_split,
    draw,
    load_set,
    node_shards,
    pretraining_windows,
    split_within_recording,
)
from fleet.node.model.float_net import FloatNet
from fleet.node.model.graph import Graph
from fleet.node.model.graph_file import load_graph, save_graph
from fleet.node.model.quantize import quantize
from fleet.node.model.zoo import shipped_model, zoo_net
from fleet.run.progress import Progress, Silent
from fleet.scenario.schema import Scenario

_TORCH_MISSING = "expected PyTorch to be installed, got none; run `pip install 'mcufleet[torch]'`"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeData:
    """shards: one per node, in order."""

    dataset: DataSet
    drawn: Draw
    shards: tuple[Shard, ...]


def node_data(scenario: Scenario) -> NodeData:
    """The data of every node of the scenario; InputError when the hold-out takes a class from one."""
    dataset, drawn = _drawn(scenario)
    parts = _parts(scenario, dataset)
    if faults := check_split(dataset, parts):
        raise InputError(faults)
    return NodeData(dataset=dataset, drawn=drawn, shards=node_shards(dataset, parts, drawn))


def starting_model(scenario: Scenario, dataset: DataSet) -> Graph:
    """The int8 model that every node holds before the first round: the shipped one or the user's file."""
    file = scenario.model_file
    graph = load_graph(file) if file else shipped_model(scenario.model.zoo, scenario.data.source, scenario.data.draw)
    wanted = zoo_net(scenario.model.zoo, dataset.classes)
    if (graph.name, graph.input.shape, graph.classes) != (wanted.name, wanted.input_shape, wanted.classes):
        text = (
            f"expected {wanted.name} for {wanted.classes} classes, got {graph.name} for {graph.classes}; "
            "make one for this scenario with `fleet prepare`"
        )
        raise InputError.one("model.pretrained", text)
    return graph


def prepare(scenario: Scenario, *, out: Path | None = None, progress: Progress | None = None) -> Path:
    """Pretrains, folds and quantises the scenario's model and writes it. Returns the file.

    out: None for a file in the working directory, named by net, data set and draw. The same scenario gives the same
    bytes; fleet.node.model.torch.pretrain says how far that holds from one machine to another.
    """
    path = out or Path(f"{scenario.model.zoo}.{scenario.data.source}.{scenario.data.draw}.npz")
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
    windows = pretraining_windows(dataset, drawn)
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
        zoo_net(scenario.model.zoo, dataset.classes),
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
