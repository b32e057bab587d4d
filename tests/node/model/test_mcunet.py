"""Published int8 weights: read whole, made safe without a visible change, computed as an independent float sum does."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fleet.base.errors import InputError
from fleet.node.model.fixed import real, scale
from fleet.node.model.float_net import float_maps
from fleet.node.model.graph import BIAS_LIMIT, DEAD_SCALE, Add, Conv2d, Depthwise, Graph, macs
from fleet.node.model.graph_file import load_graph, save_graph
from fleet.node.model.quantize import dequantized
from fleet.node.model.reference import forward
from fleet.node.model.zoo import zoo_net
from fleet.node.model.zoo.mcunet import PUBLISHED, load_mcunet

TOO_LARGE = {"mcunet-5fps": 57, "mbv2-w0.35": 0, "proxyless-w0.3": 30}


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "mcunet"


@pytest.fixture(scope="module")
def graphs(folder: Path) -> dict[str, Graph]:
    return {name: load_mcunet(folder / f"{name}.json") for name in PUBLISHED}


def picture(folder: Path, side: int) -> np.ndarray:
    """A photograph of a person, grey in three channels, enlarged by repeating pixels."""
    file = (folder.parent / "tflm" / "person.bmp").read_bytes()
    grey = np.frombuffer(file[-96 * 96 :], np.uint8).reshape(96, 96)[::-1]
    at = np.arange(side) * 96 // side
    return np.repeat((grey[at][:, at].astype(np.int16) - 128).astype(np.int8)[..., None], 3, axis=2)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_graph_is_the_zoos_net_with_all_its_weights(graphs: dict[str, Graph], name: str) -> None:
    graph, net = graphs[name], zoo_net(name)
    assert graph.parameters == net.parameters
    assert sum(macs(graph, op) for op in graph.ops) == net.macs
    assert [(op.name, graph.tensor(op.y).shape) for op in graph.ops] == [
        (layer.name, net.shapes[layer.name]) for layer in net.layers
    ]


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_bias_leaves_an_accumulator_room(graphs: dict[str, Graph], name: str) -> None:
    assert max(int(np.abs(op.bias.astype(np.int64)).max()) for op in graphs[name].weighted) <= BIAS_LIMIT


Convolution = Conv2d | Depthwise


def convolutions(graph: Graph) -> list[Convolution]:
    return [op for op in graph.ops if isinstance(op, Convolution)]


def stored(folder: Path, name: str, op: Convolution) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight [O, rest], bias and scale as the file holds them."""
    block, _, part = op.name.partition(".")
    name_of = {"pw1": "pointwise1", "dw": "depthwise", "pw2": "pointwise2"}
    key = f"blocks.{block.removeprefix('block')}.{name_of[part]}" if part else "first_conv"
    with np.load(folder / f"{name}.npz") as arrays:
        weight, bias, scales = (arrays[f"{key}.params.{what}"] for what in ("weight", "bias", "w_scales"))
    return weight.reshape(len(weight), -1), bias, scales


def outputs_at_ends(graph: Graph, op: Convolution, span: np.ndarray, bias: int, s_w: np.float32) -> set[int]:
    """What a channel gives when its weights add the least and the most they can."""
    x, y = graph.tensor(op.x), graph.tensor(op.y)
    ends = np.array([bias - span, bias + span], dtype=np.int64)
    factor = real(float(np.float32(x.scale)) * float(s_w) / float(np.float32(y.scale)))
    return set(np.clip(scale(ends, factor) + y.zero_point, -128, 127).tolist())


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_channel_whose_bias_was_too_large_gives_the_same_constant_as_before(
    graphs: dict[str, Graph], folder: Path, name: str
) -> None:
    """Whatever the input: |x - z| <= 255, so a channel's weights add at most 255 times the sum of their sizes."""
    graph, seen = graphs[name], 0
    for op in convolutions(graph):
        weight, bias, scales = stored(folder, name, op)
        for channel in np.flatnonzero(np.abs(bias.astype(np.int64)) > BIAS_LIMIT):
            ours = op.weight[..., channel] if isinstance(op, Depthwise) else op.weight[channel]
            spans = [255 * np.abs(w.astype(np.int64)).sum() for w in (weight[channel], ours)]
            before = outputs_at_ends(graph, op, spans[0], int(bias[channel]), scales[channel])
            after = outputs_at_ends(graph, op, spans[1], int(op.bias[channel]), op.weight_scale[channel])
            assert before == after
            assert len(after) == 1
            assert op.weight_scale[channel] < DEAD_SCALE  # still dead to training
            seen += 1
    assert seen == TOO_LARGE[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_other_channel_is_as_published(graphs: dict[str, Graph], folder: Path, name: str) -> None:
    for op in convolutions(graphs[name]):
        weight, bias, scales = stored(folder, name, op)
        kept = np.abs(bias.astype(np.int64)) <= BIAS_LIMIT
        ours = op.weight.transpose(2, 0, 1) if isinstance(op, Depthwise) else op.weight.transpose(0, 3, 1, 2)
        assert (ours.reshape(weight.shape)[kept] == weight[kept]).all()
        assert (op.bias[kept] == bias[kept]).all()
        assert (op.weight_scale[kept] == scales[kept]).all()


def in_floats(graph: Graph, op: Convolution | Add, maps: dict[str, np.ndarray]) -> np.ndarray:
    """An operator's int8 map from those it reads, in double precision, rounded once at the end."""
    real_x = [graph.tensor(x).scale * (maps[x] - graph.tensor(x).zero_point) for x in (op.x, getattr(op, "x2", op.x))]
    y = graph.tensor(op.y)
    if isinstance(op, Add):
        total = real_x[0] + real_x[1]
    else:
        total = convolved(op, real_x[0])
        total += op.bias * (graph.tensor(op.x).scale * op.weight_scale.astype(np.float64))
    return np.clip(np.rint(total / y.scale) + y.zero_point, -128, 127)


def convolved(op: Convolution, x: np.ndarray) -> np.ndarray:
    top, left, bottom, right = op.pad
    padded = np.pad(x, ((top, bottom), (left, right), (0, 0)))
    weight = (
        op.weight * op.weight_scale if isinstance(op, Depthwise) else op.weight.transpose(1, 2, 3, 0) * op.weight_scale
    )
    rows, columns = (
        (side - k) // step + 1 for side, k, step in zip(padded.shape, weight.shape, op.stride, strict=False)
    )
    total = np.zeros((rows, columns, op.bias.size))
    for i in range(weight.shape[0]):
        for j in range(weight.shape[1]):
            tap = padded[i : i + rows * op.stride[0] : op.stride[0], j : j + columns * op.stride[1] : op.stride[1]]
            tap = tap[:rows, :columns]
            total += tap * weight[i, j] if isinstance(op, Depthwise) else tap @ weight[i, j]
    return total


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_map_is_what_a_float_computation_of_the_same_operator_gives(
    graphs: dict[str, Graph], folder: Path, name: str
) -> None:
    """Two roundings in integers against one in double: one step apart at most, and rarely."""
    graph = graphs[name]
    maps = forward(graph, picture(folder, 128)).maps
    apart = []
    for op in graph.ops:
        if not isinstance(op, Convolution | Add):
            continue
        difference = np.abs(maps[op.y] - in_floats(graph, op, maps))
        assert difference.max() <= 1
        apart.append(float((difference > 0).mean()))
    assert max(apart) < 0.02


@pytest.mark.parametrize("name", PUBLISHED)
def test_logits_are_those_of_the_float_head(graphs: dict[str, Graph], folder: Path, name: str) -> None:
    graph = graphs[name]
    trace = forward(graph, picture(folder, 128))
    x = graph.tensor("pool")
    features = x.scale * (trace.maps["pool"].ravel() - x.zero_point)
    head = graph.head
    wanted = (head.weight * head.weight_scale[:, None].astype(np.float64)) @ features
    wanted += head.bias * (x.scale * head.weight_scale.astype(np.float64))
    assert np.abs(trace.logits / 256 - wanted).max() <= 1 / 256
    assert wanted.std() > 1  # the network has an opinion


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_network_sees_what_its_float_form_sees(graphs: dict[str, Graph], folder: Path, name: str) -> None:
    """End to end, 60 int8 layers against the same weights in double: logits correlate, the best class is shared."""
    graph, window = graphs[name], picture(folder, 128)
    net = dequantized(zoo_net(name), graph)
    wanted = float_maps(net, window[None] * graph.input.scale)["head"].ravel()
    got = forward(graph, window).logits / 256
    assert np.corrcoef(got, wanted)[0, 1] > 0.97
    assert got.argmax() in np.argsort(wanted)[-3:]


def test_a_fresh_head_says_nothing_yet_and_has_room(graphs: dict[str, Graph], folder: Path) -> None:
    graph = load_mcunet(folder / "mcunet-5fps.json", classes=10, shape=(64, 64, 3))
    assert graph.classes == 10
    assert not forward(graph, picture(folder, 64)).logits.any()
    assert set(graph.head.weight_scale.tolist()) == {float(2 * graphs["mcunet-5fps"].head.weight_scale.max())}
    assert [op.weight.tobytes() for op in graph.weighted[:-1]] == [
        op.weight.tobytes() for op in graphs["mcunet-5fps"].weighted[:-1]
    ]


def test_the_graph_survives_its_file(graphs: dict[str, Graph], tmp_path: Path) -> None:
    save_graph(graphs["proxyless-w0.3"], tmp_path / "net.npz")
    again = load_graph(tmp_path / "net.npz")
    assert again.tensors == graphs["proxyless-w0.3"].tensors
    assert [op.name for op in again.ops] == [op.name for op in graphs["proxyless-w0.3"].ops]


def broken(folder: Path, tmp_path: Path, change) -> Path:
    """The files with the structure changed."""
    shutil.copy(folder / "mcunet-5fps.npz", tmp_path)
    entries = json.loads((folder / "mcunet-5fps.json").read_text())
    change(entries)
    path = tmp_path / "mcunet-5fps.json"
    path.write_text(json.dumps(entries))
    return path


def test_files_of_another_structure_are_refused_with_the_layer(folder: Path, tmp_path: Path) -> None:
    def swap(entries: dict) -> None:
        entries["blocks"][3], entries["blocks"][4] = entries["blocks"][4], entries["blocks"][3]

    def louder(entries: dict) -> None:
        entries["blocks"][5]["depthwise"]["params"]["x_scale"] *= 2

    cases = [
        (swap, r"got (scale|weights|a stride).*block3"),
        (louder, "got scale 0.0457285 and zero point -128 for what block5.dw reads"),
        (lambda e: e["blocks"].pop(), "got 13 blocks"),
        (lambda e: e["blocks"][2].pop("depthwise"), "entries that cannot be read"),
        (lambda e: e["first_conv"]["params"].update(y_scale=-1), "got scale -1.0 and zero point -128"),
        (lambda e: e["first_conv"]["params"]["weight"].update(__array__="nowhere"), "none named nowhere"),
    ]
    for change, said in cases:
        with pytest.raises(InputError, match=said):
            load_mcunet(broken(folder, tmp_path, change))


def test_files_that_are_none_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a file of mcunet-5fps, .*, got other.json; name NAME.json"):
        load_mcunet(str(tmp_path / "other.json"))
    path = tmp_path / "mcunet-5fps.json"
    with pytest.raises(InputError, match="expected a JSON file, got none that can be read"):
        load_mcunet(path)
    path.write_text('{"first_conv": ')
    with pytest.raises(InputError, match="expected a JSON file, got none that can be read"):
        load_mcunet(path)
    path.write_text("[]")
    with pytest.raises(InputError, match="expected a mapping, got a list"):
        load_mcunet(path)
