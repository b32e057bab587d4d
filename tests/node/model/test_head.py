"""Imported classifiers made trainable."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fleet.base.errors import InputError
from fleet.base.rng import draws32, key, permutation
from fleet.node.engine.binding import Course, Node
from fleet.node.model.graph import (
    Activation,
    Conv2d,
    Curve,
    Dense,
    Dequantize,
    Form,
    FullyConnected,
    GlobalAveragePool,
    Graph,
    Op,
    Quantize,
    Reshape,
    Softmax,
    Tensor,
)
from fleet.node.model.graph_check import check
from fleet.node.model.head import trainable
from fleet.node.model.reference import forward
from fleet.node.model.scheme import build_scheme
from fleet.node.model.tflite import load_tflite
from fleet.node.plan import inference_plan, plan_of

SIDES = (4, 4, 2)


def draws(seed: int, *shape: int) -> Any:
    return (draws32(key(seed), 0, int(np.prod(shape))) % 251).astype(np.int64).reshape(shape) - 125


def tensor(name: str, *shape: int, scale: float = 0.05, zero: int = -128, form: Form = Form.INT8) -> Tensor:
    height, width, channels = shape
    exact = float(np.float32(scale))
    return Tensor(name=name, shape=(height, width, channels), scale=exact, zero_point=zero, form=form)


def conv(x: str, y: str, sides: tuple[int, ...], outputs: int, **more: Any) -> Conv2d:
    weight = draws(outputs, outputs, *sides).astype(np.int8)
    bias = draws(9, outputs).astype(np.int32)
    scales = np.full(outputs, 0.01, dtype=np.float32)
    return Conv2d(name=f"layer {y}", x=x, y=y, weight=weight, bias=bias, weight_scale=scales, **more)


def features(source: str = "x") -> tuple[list[Tensor], list[Op]]:
    tensors = [tensor("map", 4, 4, 6), tensor("pooled", 1, 1, 6), tensor("flat", 1, 1, 6)]
    ops: list[Op] = [
        conv(source, "map", (3, 3, 2), 6, pad=(1, 1, 1, 1)),
        GlobalAveragePool(name="pool", x="map", y="pooled"),
        Reshape(name="reshape", x="pooled", y="flat"),
    ]
    return tensors, ops


def connected(x: str, y: str) -> FullyConnected:
    weight = draws(5, 3, 6).astype(np.int8)
    weight[1, 2] = -128
    scales = np.full(3, 0.02, dtype=np.float32)
    return FullyConnected(name="fc", x=x, y=y, weight=weight, bias=draws(6, 3).astype(np.int32), weight_scale=scales)


def classifier() -> Graph:
    """Float in, float out: what a converter makes of a small Keras network."""
    maps, ops = features()
    answer = [
        tensor("logits", 1, 1, 3, scale=0.3, zero=4),
        tensor("shares", 1, 1, 3, scale=1 / 256),
        tensor("out", 1, 1, 3, scale=1.0, zero=0, form=Form.FLOAT32),
    ]
    tensors = (tensor("in", *SIDES, scale=1.0, zero=0, form=Form.FLOAT32), tensor("x", *SIDES, zero=3), *maps, *answer)
    tail = (
        connected("flat", "logits"),
        Softmax(name="softmax", x="logits", y="shares"),
        Dequantize(name="dequantize", x="shares", y="out"),
    )
    return Graph(name="net", tensors=tensors, ops=(Quantize(name="quantize", x="in", y="x"), *ops, *tail))


def test_the_head_has_the_weights_of_the_last_layer() -> None:
    graph = trainable(classifier())
    fc = classifier().op("fc")
    assert isinstance(fc, FullyConnected)
    assert graph.head.weight.tolist() == np.maximum(fc.weight, -127).tolist()
    assert (graph.head.bias.tolist(), graph.head.weight_scale.tolist()) == (fc.bias.tolist(), fc.weight_scale.tolist())
    assert [op.name for op in graph.ops] == ["layer map", "pool", "head"]


def test_its_logits_are_those_of_the_layer_on_a_finer_scale() -> None:
    whole, graph = classifier(), trainable(classifier())
    for seed in range(20):
        x = draws(seed, *SIDES).astype(np.int8)
        real = (x.astype(np.float32) - 3) * np.float32(0.05)
        maps = forward(whole, real).maps
        assert (maps["x"] == x).all()
        expected = (maps["logits"].ravel() - 4) * 0.3
        assert np.abs(forward(graph, x).logits / 256 - expected).max() <= 0.3


def test_the_input_is_the_first_int8_map() -> None:
    graph = trainable(classifier())
    assert (graph.inputs, graph.input.form, graph.input.shape) == (("x",), Form.INT8, SIDES)
    assert [t.name for t in graph.tensors] == ["x", "map", "pooled", "head"]


def test_a_trainable_graph_can_be_checked_and_planned() -> None:
    for graph in (trainable(classifier()), trainable(classifier(), 5)):
        check(graph)
        assert plan_of(graph, build_scheme(graph, "head")).arena_bytes > 0


def test_an_unsigned_input_is_left_out_like_a_real_one() -> None:
    whole = classifier()
    source = tensor("in", *SIDES, zero=131, form=Form.UINT8)
    first = Activation(name="requantize", x="in", y="x", curve=Curve.REQUANTIZE)
    graph = replace(whole, tensors=(source, *whole.tensors[1:]), ops=(first, *whole.ops[1:]))
    assert trainable(graph).inputs == ("x",)


def test_a_convolution_over_its_whole_input_is_a_head() -> None:
    maps, ops = features()
    logits = tensor("logits", 1, 1, 5, zero=0)
    last = conv("map", "logits", (4, 4, 6), 5)
    graph = trainable(Graph(name="net", tensors=(tensor("x", *SIDES), maps[0], logits), ops=(ops[0], last)))
    assert graph.head.weight.tolist() == last.weight.reshape(5, -1).tolist()
    assert graph.tensor(graph.head.x).name == "map"


def test_a_new_head_has_zeros_and_twice_the_range_of_the_old_one() -> None:
    graph = trainable(classifier(), 7)
    assert (graph.classes, graph.head.weight.any(), graph.head.bias.any()) == (7, np.False_, np.False_)
    assert graph.head.weight_scale.tolist() == [float(np.float32(2 * 128 * float(np.float32(0.02)) / 127))] * 7


def test_a_new_head_can_stand_on_any_features() -> None:
    maps, ops = features()
    graph = trainable(Graph(name="net", tensors=(tensor("x", *SIDES), *maps), ops=tuple(ops)), 4)
    assert (graph.head.x, graph.head.weight.shape) == ("pooled", (4, 6))
    assert 0.005 < graph.head.weight_scale[0] < 0.05


def test_a_graph_with_a_head_may_get_another() -> None:
    graph = trainable(trainable(classifier()), 2)
    assert ([op.name for op in graph.ops], graph.classes) == (["layer map", "pool", "head"], 2)


def test_a_head_that_is_there_stays() -> None:
    once = trainable(classifier())
    assert isinstance(once.ops[-1], Dense)
    assert trainable(once).ops[-1].weight.tolist() == once.head.weight.tolist()  # type: ignore[union-attr]


def digits(folder: Path, graph: Graph) -> tuple[Any, Any, Any]:
    """Spoken digits at the scale of the graph's input, their labels, and which belong to the official test."""
    with np.load(folder / "fsdd" / "fsdd_mfcc_int8.npz") as data:
        real = float(data["scale"]) * (data["x"].astype(np.float64) - int(data["zero_point"]))
        x = np.clip(np.rint(real / graph.input.scale) + graph.input.zero_point, -128, 127).astype(np.int8)
        return x, data["y"], data["index"] < 5


def test_a_keyword_model_keeps_its_answers(shared_data: Path) -> None:
    whole = load_tflite(shared_data / "mlperf-tiny" / "kws_ref_model.tflite")
    graph = trainable(whole)
    x, _, _ = digits(shared_data, graph)
    shares = Node(inference_plan(whole)).outputs(x[:300])[whole.outputs[0]].reshape(300, -1)
    logits = Node(plan_of(graph, build_scheme(graph, "head"))).logits(x[:300])
    largest = np.take_along_axis(shares, logits.argmax(axis=1)[:, None], axis=1)[:, 0]
    assert (largest == shares.max(axis=1)).mean() > 0.99  # 8-bit shares have ties that logits do not


def test_a_keyword_model_learns_digits(shared_data: Path) -> None:
    """One pass over 2,700 recordings, in integers: ten words that the model has never heard."""
    graph = trainable(load_tflite(shared_data / "mlperf-tiny" / "kws_ref_model.tflite"), 10)
    x, y, test = digits(shared_data, graph)
    node = Node(plan_of(graph, build_scheme(graph, "full")))
    order = permutation(key(1), int((~test).sum()))
    node.train(x[~test], y[~test], order, Course(key=key(2), rate=0.002, own=range(10)))
    assert (node.logits(x[test]).argmax(axis=1) == y[test]).mean() > 0.85


def refusal(graph: Graph, classes: int | None = None) -> str:
    with pytest.raises(InputError) as caught:
        trainable(graph, classes)
    return str(caught.value)


def test_a_network_that_ends_in_no_such_layer_says_what_to_do() -> None:
    maps, ops = features()
    graph = Graph(name="net", tensors=(tensor("x", *SIDES), *maps), ops=tuple(ops))
    assert refusal(graph) == (
        "net: expected a fully connected layer, or a convolution over its whole input, without activation at the end, "
        "got GlobalAveragePool 'pool'; say how many classes a new head shall have"
    )


def test_a_last_layer_with_an_activation_is_no_head() -> None:
    whole = classifier()
    clipped = replace(connected("flat", "logits"), clip=(4, 127))
    graph = replace(whole, ops=tuple(clipped if op.name == "fc" else op for op in whole.ops))
    assert "got FullyConnected 'fc'; say how many classes" in refusal(graph)
    assert trainable(graph, 4).head.x == "logits"


def test_a_network_of_two_outputs_is_refused() -> None:
    graph = replace(classifier(), outputs=("out", "map"))
    assert refusal(graph) == "net: expected one output, got 2: out, map; train a classifier"


def test_one_class_is_too_few() -> None:
    assert refusal(classifier(), 1) == "net, classes: expected at least 2, got 1; name how many there are"
