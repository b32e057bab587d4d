"""Every operator alone against TensorFlow Lite Micro: all bytes of its output, over drawn shapes and scales."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.node.model.graph import Add, AveragePool, Curve, Form, Graph, MaxPool, Mul
from fleet.node.model.reference import clip_of, raw_output
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


def reference_output(graph: Graph, values: list[Any]) -> Any:
    """The flat output of the only operator, in NumPy."""
    op = graph.ops[0]
    whole = [v if v.dtype == np.float32 else v.astype(np.int64) for v in values]
    raw = raw_output(graph, op, dict(zip(graph.inputs, whole, strict=True)))
    return (np.clip(raw, *clip_of(graph, op)) if graph.tensor(op.y).form is Form.INT8 else raw).ravel()


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_gives_the_bytes_of_tflite_micro(name: str) -> None:
    @settings(max_examples=150, deadline=None)
    @given(graph=OPERATORS[name], seed=st.integers(0, 99))
    def agrees(graph: Graph, seed: int) -> None:
        values = single.feeds(graph, seed)
        expected = Micro(graph).maps(*values)[graph.outputs[0]]
        assert (reference_output(graph, values) == expected).all()

    agrees()
