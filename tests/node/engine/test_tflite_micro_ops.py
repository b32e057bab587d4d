"""Every operator alone against TensorFlow Lite Micro: all bytes of its output, over drawn shapes and scales."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.node.engine.binding import Node
from fleet.node.model.graph import Add, AveragePool, Curve, Form, Graph, MaxPool, Mul, Quantize, Softmax
from fleet.node.model.reference import forward
from fleet.node.plan import inference_plan
from tests.node.engine import single_ops as single
from tests.node.engine.micro import Micro

OPERATORS: dict[str, st.SearchStrategy[Graph]] = {
    "mul": single.broadcast(Mul),
    "add": single.broadcast(Add),
    "average pool": single.pools(AveragePool),
    "max pool": single.pools(MaxPool),
    "mean": single.means(),
    "moves": single.moves(),
    "concat": single.concats(),
    "resize": single.resizes(),
    "softmax": single.softmaxes(),
    "edges": single.edges(),
    **{curve.value: single.activations_alone(curve) for curve in Curve},
}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_gives_the_bytes_of_tflite_micro(name: str) -> None:
    """In NumPy and in C."""

    @settings(max_examples=150, deadline=None)
    @given(graph=OPERATORS[name], seed=st.integers(0, 99))
    def agrees(graph: Graph, seed: int) -> None:
        values = dict(zip(graph.inputs, single.feeds(graph, seed), strict=True))
        expected = Micro(graph).maps(*values.values())[graph.outputs[0]]
        assert (reference_output(graph, values) == expected).all()
        assert (engine_output(graph, values) == expected).all()

    agrees()


@pytest.mark.parametrize("form", [Form.INT8, Form.UINT8])
def test_numbers_that_are_none_or_too_large_are_quantised_alike(form: Form) -> None:
    """What TensorFlow Lite Micro makes of them is left to its compiler, and of uint8 it makes nothing."""
    odd = [
        np.nan,
        np.inf,
        -np.inf,
        3e38,
        -3e38,
        0.49999997,
        -0.49999997,
        0.5,
        -0.5,
        1.5,
        -0.0,
        1e-45,
        2.0**23 + 1,
        126.5,
    ]
    x = single.tensor("x", (1, len(odd), 1), 1.0, 0, Form.FLOAT32)
    y = single.tensor("y", x.shape, 1.0, 3, form)
    graph = single.alone(Quantize(name="op", x="x", y="y"), x, y)
    values = {"x": np.array(odd, dtype=np.float32).reshape(x.shape)}
    low, high = (-128, 127) if form is Form.INT8 else (0, 255)
    expected = np.clip([3, 999, -999, 999, -999, 3, 3, 4, 2, 5, 3, 3, 999, 130], low, high)
    assert reference_output(graph, values).tolist() == expected.tolist()
    assert engine_output(graph, values).tolist() == expected.tolist()


@pytest.mark.parametrize("channels", [511, 512, 513, 1000, 4095])
def test_many_channels_of_equal_shares_are_rounded_to_none(channels: int) -> None:
    """Below half a step. There TensorFlow Lite Micro shifts by more than 31, which its own assertion refuses."""
    x, y = single.tensor("x", (1, 1, channels), 0.05, 0), single.tensor("y", (1, 1, channels), 1 / 256, -128)
    graph = single.alone(Softmax(name="op", x="x", y="y"), x, y)
    values = {"x": np.zeros(x.shape, dtype=np.int8)}
    expected = [-127 if channels < 512 else -128] * channels
    assert reference_output(graph, values).tolist() == expected
    assert engine_output(graph, values).tolist() == expected


def reference_output(graph: Graph, values: dict[str, Any]) -> Any:
    """The flat output in NumPy."""
    return forward(graph, values).maps[graph.outputs[0]].ravel()


def engine_output(graph: Graph, values: dict[str, Any]) -> Any:
    """The flat output in C."""
    windows = {name: value[None] for name, value in values.items()}
    return Node(inference_plan(graph)).outputs(windows)[graph.outputs[0]].ravel()
