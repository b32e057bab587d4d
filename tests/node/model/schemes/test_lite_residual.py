"""Lite residual modules: without effect at first, then trained by engine and reference alike."""

from itertools import pairwise

import numpy as np
import pytest

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.node.engine.binding import Course, Node
from fleet.node.model.graph import Add, AveragePool, Conv2d, GlobalAveragePool, Graph, ResizeNearest
from fleet.node.model.graph_check import check
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.reference import forward
from fleet.node.model.scheme import Trained
from fleet.node.model.schemes import lite_residual_scheme, tiny_training_count, with_lite_residuals
from fleet.node.model.schemes.lite_module import accumulators
from fleet.node.plan import inference_plan, plan_of
from tests.node.engine.runs import assert_trains_as_the_reference, targets_of
from tests.node.model.nets import imu_net, residual_net, windows
from tests.node.model.schemes.bottlenecks import published_graph, small_graph

NETS = {
    "small": small_graph(),
    "odd sides": small_graph(side=13),
    "signal": imu_net(),
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("measured", [True, False])
def test_every_map_of_the_network_stays_what_it_was_bit_for_bit(name: str, measured: bool) -> None:
    graph = NETS[name]
    x = windows(graph, 3, seed=7)
    made = with_lite_residuals(graph, windows=x[:2] if measured else None)
    check(made)
    assert len(made.ops) > len(graph.ops)
    for window in x:
        before, after = forward(graph, window), forward(made, window)
        assert (before.logits == after.logits).all()
        assert all((before.maps[name] == after.maps[name]).all() for name in before.maps)
        sums = [op for op in made.ops if op.name.endswith(".lite.sum")]
        assert all((after.maps[op.x] == after.maps[op.y]).all() and after.kept[op.name].all() for op in sums)


def test_the_engine_answers_as_before_and_trains_modules_as_the_reference_does() -> None:
    graph = NETS["small"]
    made = with_lite_residuals(graph)
    x = windows(graph, 4)
    before, after = Node(inference_plan(graph)), Node(inference_plan(made))
    assert (before.logits(x) == after.logits(x)).all()
    for recipe in (Recipe(), Recipe(gradients=Gradients.FP32)):
        assert_trains_as_the_reference(made, lite_residual_scheme(made, recipe=recipe), rate=0.02, steps=8)


@pytest.mark.parametrize("name", ["mcunet-5fps", "mbv2-w0.35", "proxyless-w0.3"])
def test_published_nets_answer_as_before(name: str) -> None:
    graph = published_graph(name)
    made, x = with_lite_residuals(graph), windows(graph, 3)
    modules = {op.name.split(".")[0] for op in made.ops if op.name.endswith(".lite.sum")}
    assert modules == {op.name.split(".")[0] for op in graph.ops if op.name.endswith(".pw1")}
    assert (Node(inference_plan(made)).logits(x) == Node(inference_plan(graph)).logits(x)).all()


def test_modules_learn_and_frozen_weights_stay() -> None:
    made = with_lite_residuals(NETS["small"], windows=windows(NETS["small"], 4))
    node = Node(plan_of(made, lite_residual_scheme(made)))
    x, first = windows(made, 12), node.values
    node.train(x, targets_of(made, 12), np.tile(np.arange(12), 4), Course(key=rng.key(3), rate=0.05, own=range(5)))
    changed = {
        part.op
        for part in node.plan.layout.slices
        if part.kind == "weight" and (node.values[part.values] != first[part.values]).any()
    }
    wanted = {f"block{n}.lite.conv{c}" for n in (1, 2, 3) for c in (1, 2)} | {"head"}
    assert changed == wanted
    assert {part.op for part in node.plan.layout.slices if part.kind == "weight"} == wanted


def test_a_module_is_a_pool_a_grouped_convolution_a_pointwise_one_a_resize_and_a_sum() -> None:
    made = with_lite_residuals(NETS["small"])
    module = [op for op in made.ops if op.name.startswith("block2.lite")]
    pool, conv1, conv2, resize, total = module
    assert isinstance(pool, AveragePool)
    assert (pool.x, pool.kernel, pool.stride) == ("block1.lite.sum", (2, 2), (2, 2))
    assert isinstance(conv1, Conv2d)
    assert (conv1.groups, conv1.weight.shape) == (2, (8, 1, 1, 4))
    assert isinstance(conv2, Conv2d)
    assert not conv2.weight.any()
    assert not conv2.bias.any()
    assert isinstance(resize, ResizeNearest)
    assert isinstance(total, Add)
    assert [op.name for op in made.ops if "block2" in op.name][2:4] == ["block2.pw2", "block2.lite.pool"]
    assert made.op("block2.add").x == "block2.lite.sum"


def test_kernels_shrink_with_the_pooled_map_and_strides_are_the_blocks() -> None:
    made = with_lite_residuals(small_graph(side=32))
    convs = [made.op(f"block{n}.lite.conv1") for n in (1, 2, 3)]
    assert all(isinstance(op, Conv2d) for op in convs)
    assert [(op.weight.shape[1:3], op.stride, op.pad) for op in convs if isinstance(op, Conv2d)] == [
        ((5, 5), (2, 2), (2, 2, 2, 2)),
        ((3, 3), (1, 1), (1, 1, 1, 1)),
        ((3, 3), (1, 1), (1, 1, 1, 1)),
    ]


def test_a_map_of_two_by_two_is_averaged_whole_and_its_module_repeated_by_the_sum() -> None:
    made = with_lite_residuals(small_graph(side=8))
    assert isinstance(made.op("block2.lite.pool"), GlobalAveragePool)
    assert made.tensor("block2.lite.conv2").shape == (1, 1, 8)
    assert all(op.name != "block2.lite.resize" for op in made.ops)
    assert_trains_as_the_reference(made, lite_residual_scheme(made), rate=0.02, steps=8)


def test_measured_modules_have_normalised_values_behind_their_first_convolution() -> None:
    """Half of a normal variable is cut off by the ReLU: its mean is 0.4, its mean square 0.5."""
    graph = small_graph(side=32)
    x = windows(graph, 4)
    made = with_lite_residuals(graph, windows=x)
    hidden = np.array([forward(made, window).maps["block1.lite.conv1"] + 128 for window in x]) * (6 / 255)
    assert hidden.mean() == pytest.approx(0.4, abs=0.05)
    assert (hidden**2).mean() == pytest.approx(0.5, abs=0.06)


def test_accumulators_are_those_that_the_reference_rounds() -> None:
    graph = residual_net()
    op = next(op for op in graph.ops if isinstance(op, Conv2d) and op.groups == 4)
    maps = forward(graph, windows(graph, 1)[0]).maps
    sums = accumulators(maps[op.x] - graph.tensor(op.x).zero_point, op) + op.bias
    real = sums * (op.weight_scale.astype(float) * graph.tensor(op.x).scale / graph.tensor(op.y).scale)
    wanted = np.clip(real + graph.tensor(op.y).zero_point, -128, 127)
    assert np.abs(wanted - maps[op.y]).max() < 0.51


def test_a_scheme_trains_modules_all_biases_and_the_head_and_counts_like_any_other() -> None:
    made = with_lite_residuals(NETS["small"])
    scheme = lite_residual_scheme(made)
    assert scheme.of("block1.lite.conv1") == Trained(op="block1.lite.conv1", channels=4, bias=True)
    assert scheme.of("block1.pw1") == Trained(op="block1.pw1", bias=True)
    names = [op.name for op in made.weighted]
    assert all(names.index(a.op) < names.index(b.op) for a, b in pairwise(scheme.trained))
    count = tiny_training_count(made, scheme)
    module1 = 4 * 4 * 8 + 2 * 2 * 8  # inputs of its two convolutions: half the map, then half of that
    assert count.saved_bytes == module1 + 2 * (2 * 2 * 8 + 2 * 2 * 8)


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: with_lite_residuals(with_lite_residuals(NETS["small"])), "expected a network without lite residual"),
        (lambda: with_lite_residuals(NETS["small"], blocks=["block9"]), "got block9; there are block1, block2, block3"),
        (lambda: with_lite_residuals(residual_net()), "expected blocks of two layers or more, got none"),
        (
            lambda: lite_residual_scheme(NETS["small"]),
            "expected a network with lite residual modules, got small without",
        ),
    ],
)
def test_what_cannot_be_is_refused(make: object, text: str) -> None:
    assert callable(make)
    with pytest.raises(InputError, match=text):
        make()


def test_some_blocks_alone_may_get_modules() -> None:
    made: Graph = with_lite_residuals(NETS["small"], blocks=["block3"])
    assert {op.name.split(".")[0] for op in made.ops if ".lite." in op.name} == {"block3"}
