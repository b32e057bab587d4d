"""Gradients of operators without weights against torch's autograd, alone and inside networks."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.node.model import reference as ref
from fleet.node.model.graph import Activation, Curve, Graph, Op, inputs
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.reference import operators
from fleet.node.model.reference.activation import slopes, table, values_by_byte
from fleet.node.model.scheme import build_scheme
from tests.node.model.map_nets import KINDS, NETS, map_graphs
from tests.node.model.nets import windows

pytest.importorskip("torch", reason="torch is an extra: pip install 'mcufleet[torch]'")
import torch  # after the check that it is there

from fleet.node.model.torch.graph_twin import real_gradients
from tests.node.model.torch_map_twin import CURVES, MapTwin, map_value

Floats = NDArray[np.float64]


def real_maps(graph: Graph, trace: ref.Trace) -> dict[str, Floats]:
    """What the int8 maps stand for."""
    tensors = [t for t in graph.tensors if t.name in trace.maps]
    return {t.name: float(np.float32(t.scale)) * (trace.maps[t.name] - t.zero_point) for t in tensors}


def autograd(graph: Graph, op: Op, reals: dict[str, Floats], g: NDArray[Any], name: str) -> Floats:
    """The gradient of one input under torch."""
    leaves = {n: torch.tensor(reals[n], requires_grad=n == name) for n in inputs(op)}
    value = map_value(graph, op, leaves)
    assert value is not None, "an operator that the twin knows"
    return torch.autograd.grad(value, leaves[name], torch.tensor(g))[0].numpy()


def assert_gradients_are_autograds(graph: Graph, op: Op, trace: ref.Trace, seed: int) -> None:
    """int8 within half a step of its sums and 2^-12 of the largest; fp32 within 2^-18 of it."""
    rng = np.random.default_rng(seed)
    e, k = rng.integers(-127, 128, graph.tensor(op.y).shape), int(rng.integers(-3, 9))
    reals = real_maps(graph, trace)
    for name in dict.fromkeys(inputs(op)):
        times = inputs(op).count(name)  # a square has two factors
        expected = autograd(graph, op, reals, e * 2.0**-k, name)
        top = np.abs(autograd(graph, op, {n: np.abs(v) for n, v in reals.items()}, np.abs(e) * 2.0**-k, name)).max()
        acc, acc_k = operators.input_sums(graph, op, name, ref.Gradient(e, k), trace.maps)
        assert (np.abs(times * acc * 2.0**-acc_k - expected) <= times * (2.0**-acc_k + top * 2**-12)).all(), name
        zeros = np.zeros(graph.tensor(name).shape, dtype=np.float32)
        g = (e * 2.0**-k).astype(np.float32)
        floats = operators.input_floats(graph, op, name, g, trace.maps, zeros)
        assert np.abs(times * floats - expected).max() <= times * top * 2**-18, name


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "curve"])
def test_the_gradient_of_an_operator_is_autograds(kind: str) -> None:
    @settings(max_examples=40, deadline=None)
    @given(graph=map_graphs(kinds=(kind,)), seed=st.integers(0, 99))
    def agrees(graph: Graph, seed: int) -> None:
        trace = ref.forward(graph, windows(graph, 1, seed)[0])
        for op in graph.ops:
            if not hasattr(op, "weight") and not isinstance(op, Activation):
                assert_gradients_are_autograds(graph, op, trace, seed)

    agrees()


@pytest.mark.parametrize("curve", Curve)
def test_the_slopes_of_a_curve_are_autograds(curve: Curve) -> None:
    """Away from its bends, where a derivative is a matter of taste; of the logistic within a step of its output."""

    @settings(max_examples=60, deadline=None)
    @given(graph=map_graphs(kinds=("curve",)))
    def agrees(graph: Graph) -> None:
        for op in graph.ops:
            if isinstance(op, Activation) and op.curve is curve:
                assert_slopes_are_autograds(graph, op)

    agrees()


def assert_slopes_are_autograds(graph: Graph, op: Activation) -> None:
    x, y, curve = graph.tensor(op.x), graph.tensor(op.y), op.curve
    reals = float(np.float32(x.scale)) * (values_by_byte(x) - x.zero_point)
    leaf = torch.tensor(reals, requires_grad=True)
    value = {Curve.RELU: torch.relu, Curve.RELU6: torch.nn.functional.relu6}.get(curve, CURVES[curve])(leaf)
    expected = torch.autograd.grad(value.sum(), leaf)[0].numpy()
    slope = slopes(graph, op)
    found = slope.d * 2.0 ** (slope.exp - 15)
    real = value.detach().numpy() / y.scale + y.zero_point
    inside = (real > -127.4) & (real < 126.4)  # where output and its clipping are beyond doubt
    straight = np.min([np.abs(reals - bend) for bend in (-3, 0, 3, 6)], axis=0) > x.scale
    apart = np.abs(found - expected)[inside & straight]
    assert apart.size == 0 or apart.max() <= (1 / 128 if curve is Curve.LOGISTIC else 2**-13)
    saturated = (table(graph, op).outputs == 127) & (real > 128)
    assert not found[saturated].any()


@pytest.mark.parametrize("form, least", [(Gradients.INT8, 0.99), (Gradients.FP32, 0.999)])
@pytest.mark.parametrize("name", NETS)
def test_gradients_of_a_network_point_where_autograds_point(name: str, form: Gradients, least: float) -> None:
    graph = NETS[name]()
    scheme = build_scheme(graph, "full", recipe=Recipe(gradients=form))
    own = range(graph.classes)
    cosines: dict[tuple[str, str], list[float]] = {}
    for i, x in enumerate(windows(graph, 12)):
        trace = ref.forward(graph, x)
        grads = ref.gradients(graph, scheme, trace, i % graph.classes, own)
        loss, theirs = MapTwin(graph).gradients(trace, i % graph.classes, own, scheme)
        if grads is not None and loss > 0.1:
            for part, ours in real_gradients(graph, scheme, grads).items():
                cosines.setdefault(part, []).append(cosine(ours, theirs[part]))
    assert len(cosines) == 2 * len(graph.weighted)
    means = {part: sum(values) / len(values) for part, values in cosines.items()}
    assert min(len(values) for values in cosines.values()) >= 4
    assert min(means.values()) >= least, means


def cosine(a: Floats, b: Floats) -> float:
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / norms if norms else 1.0
