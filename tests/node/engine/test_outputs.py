"""Plans that only infer, of any inputs, outputs, constants, reshaped maps, float edges: the maps of the reference."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base import rng
from fleet.base.errors import EngineError
from fleet.node.engine.binding import Course, Node
from fleet.node.model import reference as ref
from fleet.node.model.graph import Dequantize, Form, Graph, Quantize, Reshape, Tensor
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.plan import inference_plan, plan_of
from fleet.node.plan.choice import best_plan
from fleet.node.plan.tactics import LAYERWISE
from tests.node.model.map_nets import map_graphs
from tests.node.model.nets import WEIGHTED, Builder, graphs, imu_net, windows


def bytes_of(shape: tuple[int, ...], seed: int) -> Any:
    """int8 of a shape over the whole range."""
    return rng.draws32(rng.key(seed), 0, int(np.prod(shape))).astype(np.uint8).view(np.int8).reshape(shape)


def many_ended() -> Graph:
    """Two inputs, a constant, a reshaped map between convolutions, three outputs of which one is reshaped as well."""
    build = Builder(8)
    x, other = build.input((4, 3, 5), zero=3), build._tensor("other", (4, 3, 1), 0.03, -7)
    build.tensors.append(Tensor(name="offset", shape=(1, 1, 5), scale=0.02, zero_point=4, value=bytes_of((1, 1, 5), 6)))
    gated = build.add(build.add(x, other), build.tensors[-1])
    flat = build._tensor("flat", (2, 6, 5), gated.scale, gated.zero_point)
    build.ops.append(Reshape(name="reshape", x=gated.name, y="flat"))
    wide = build.conv(flat, 4, (2, 2), zero=-20)
    line = build._tensor("line", (1, 1, wide.size), wide.scale, wide.zero_point)
    build.ops.append(Reshape(name="line", x=wide.name, y="line"))
    last = build.fully_connected(line, 6, zero=2)
    made = build.graph()
    return replace(made, inputs=("input", "other"), outputs=(last.name, "line", gated.name))


def test_every_output_is_the_map_of_the_reference() -> None:
    graph = many_ended()
    given_in = {name: bytes_of((5, *graph.tensor(name).shape), seed) for seed, name in enumerate(graph.inputs)}
    found = Node(inference_plan(graph)).outputs(given_in)
    assert list(found) == list(graph.outputs)
    for i in range(5):
        maps = ref.forward(graph, {name: array[i] for name, array in given_in.items()}).maps
        for name in graph.outputs:
            assert (found[name][i] == maps[name]).all(), name


@settings(max_examples=60)
@given(data=st.data())
def test_a_network_infers_without_training_as_it_does_with_it(data: st.DataObject) -> None:
    graph = data.draw(graphs(kinds=WEIGHTED) | map_graphs())
    node, x = Node(inference_plan(graph)), windows(graph, 3)
    trained = Node(plan_of(graph, build_scheme(graph, "full")))
    assert (node.outputs(x)["logits"] == trained.logits(x)).all()
    assert (node.logits(x) == trained.outputs(x)["logits"]).all()
    assert node.state == b""


def test_a_node_that_trains_gives_its_outputs_before_and_after() -> None:
    graph = replace(imu_net(), outputs=("map3", "logits"))
    node, x = Node(plan_of(graph, build_scheme(graph, "full"))), windows(graph, 6)
    before = node.outputs(x)
    assert (before["map3"] == [ref.forward(graph, one).maps["map3"] for one in x]).all()
    node.train(x, np.arange(6, dtype=np.uint8), np.arange(6), Course(key=1, rate=0.1, own=range(7)))
    after = node.outputs(x)
    assert (after["map3"] != before["map3"]).any()
    assert (after["logits"] == node.logits(x)).all()


def with_float_edges() -> Graph:
    """A network that takes and gives floats."""
    build = Builder(2)
    raw = Tensor(name="raw", shape=(3, 2, 4), scale=1.0, zero_point=0, form=Form.FLOAT32)
    x = build.input((3, 2, 4), scale=0.05, zero=-3)
    build.ops.append(Quantize(name="in", x="raw", y="input"))
    y = build.conv(x, 3, (2, 2), zero=5)
    build.ops.append(Dequantize(name="out", x=y.name, y="answer"))
    answer = replace(raw, name="answer", shape=y.shape)
    made = build.graph()
    return replace(made, tensors=(raw, *made.tensors, answer), inputs=("raw",), outputs=("answer",))


def test_float_edges_take_and_give_floats() -> None:
    graph = with_float_edges()
    plan = inference_plan(graph)
    assert plan.floats
    x = (bytes_of((4, 3, 2, 4), 1) * np.float32(0.07)).astype(np.float32)
    found = Node(plan).outputs(x)["answer"]
    assert found.dtype == np.float32
    assert (found == [ref.forward(graph, one).maps["answer"] for one in x]).all()


def test_inputs_are_given_by_name_and_as_many_of_each() -> None:
    node = Node(inference_plan(many_ended()))
    one, two = np.zeros((2, 4, 3, 5), np.int8), np.zeros((2, 4, 3, 1), np.int8)
    with pytest.raises(EngineError, match="windows: expected input, other, got input; name each input"):
        node.outputs({"input": one})
    with pytest.raises(EngineError, match="expected 2 of every input, got other counts"):
        node.outputs({"input": one, "other": two[:1]})
    with pytest.raises(EngineError, match="windows: expected int8"):
        node.outputs({"input": one, "other": one})


@pytest.mark.parametrize("streamed", [True, False])
def test_inputs_and_reshaped_maps_may_be_outputs_of_the_smallest_plan(streamed: bool) -> None:
    """A streamed input lies outside the arena, under whatever name it is asked for."""
    made = many_ended()
    line = Tensor(name="window", shape=(1, 1, 60), scale=made.input.scale, zero_point=made.input.zero_point)
    ops = (*made.ops[:-1], Reshape(name="as line", x="input", y="window"), made.ops[-1])
    graph = replace(made, tensors=(*made.tensors, line), ops=ops, outputs=(*made.outputs, "input", "window"))
    plan = best_plan(graph, Scheme(name="inference", trained=()), input_streamed=streamed)
    x = {"input": bytes_of((3, 4, 3, 5), 1), "other": bytes_of((3, 4, 3, 1), 2)}
    found, expected = Node(plan).outputs(x), Node(inference_plan(graph)).outputs(x)
    assert {name: array.tobytes() for name, array in found.items()} == {
        name: array.tobytes() for name, array in expected.items()
    }
    assert (found["window"].reshape(x["input"].shape) == x["input"]).all()
    assert plan.tactics != LAYERWISE


def test_a_plan_without_a_loss_refuses_to_train() -> None:
    graph = imu_net()
    node, x = Node(inference_plan(graph)), windows(graph, 1)
    with pytest.raises(EngineError, match="BAD_PLAN"):
        node.train(x, np.zeros(1, np.uint8), np.array([0]), Course(key=1, rate=0.1, own=(0,)))
