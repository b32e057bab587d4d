"""A node under each recipe against the plain formula: momentum, batches, drives, residuals, latents, both losses."""

from dataclasses import replace
from math import exp, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.node.model import fixed
from fleet.node.model import reference as ref
from fleet.node.model.graph import Graph
from fleet.node.model.recipe import EXTRA_BITS, Exponents, Gradients, Loss, Recipe, Rule
from fleet.node.model.reference import update
from fleet.node.model.scheme import Scheme, build_scheme
from tests.node.model.nets import WEIGHTED, Builder, graphs, imu_net, recipes, residual_net, schemes, windows

RATE = 0.02


def small(classes: int = 3) -> Graph:
    """A dense head over six numbers."""
    build = Builder(4)
    return build.head(build.input((1, 1, 6), zero=3, scale=0.05), classes)


def trained(graph: Graph, recipe: Recipe, count: int = 7, rate: float = RATE) -> tuple[ref.ReferenceNode, list[int]]:
    """A node after steps over windows in order, one call, with its labels' probabilities."""
    node = ref.ReferenceNode(graph, build_scheme(graph, "head", recipe=recipe))
    labels = [i % graph.classes for i in range(count)]
    return node, node.train(windows(graph, count), labels, range(count), course(rate, graph)).tolist()


def course(rate: float = RATE, graph: Graph | None = None) -> ref.Course:
    own = frozenset(range(graph.classes if graph is not None and graph.has_head else 0))
    return ref.Course(key=rng.key(1, rng.Stream.UPDATE, 2), rate=fixed.real(rate), own=own)


class Plain:
    """The head of `small` in Python: drives from the integer gradient, amounts from recipes, weights one by one."""

    def __init__(self, graph: Graph, recipe: Recipe) -> None:
        self.graph, self.recipe, self.course = graph, recipe, course(graph=graph)
        self.scheme = build_scheme(graph, "head", recipe=recipe)
        self.w = graph.head.weight.astype(int).ravel().tolist()
        self.b = graph.head.bias.astype(int).tolist()
        self.velocity, self.sum = [0] * (len(self.w) + len(self.b)), [0] * (len(self.w) + len(self.b))

    def step(self, x: NDArray[np.int8], label: int, *, ends: bool) -> None:
        amounts = self._drives(x, label)
        key = rng.absorb(rng.absorb(self.course.key, self.course.step), 0)
        self.course.step += 1
        if self.recipe.batch > 1:
            self.sum = amounts = [_within(a + b) for a, b in zip(self.sum, amounts, strict=True)]
            if not ends:
                return
            self.sum = [0] * len(amounts)
        if self.recipe.momentum:
            m = self.recipe.momentum_q15
            amounts = [_within(((v * m + 2**14) >> 15) + a) for v, a in zip(self.velocity, amounts, strict=True)]
            self.velocity = amounts
        for j, amount in enumerate(amounts[: len(self.w)]):
            stepped = self.w[j] - ((amount + (rng.draw32(key, j) >> 16)) >> 16)
            self.w[j] = max(-127, min(127, stepped))
        for c, amount in enumerate(amounts[len(self.w) :]):
            self.b[c] -= amount
        head = (np.array(self.w, np.int8).reshape(self.graph.head.weight.shape), np.array(self.b, np.int32))
        self.graph = self.graph.with_weights({"head": head})

    def _drives(self, x: NDArray[np.int8], label: int) -> list[int]:
        trace = ref.forward(self.graph, x)
        grads = ref.backward(self.graph, self.scheme, trace, label, range(3))
        if grads is None:
            return [0] * len(self.velocity)
        k, head = grads.outputs["head"].k, self.graph.head
        u, v = ([fixed.multiply(r, self.course.rate) for r in rates(self.graph, head, scaled=self.recipe.scaled)]
                for rates in (ref.weight_rates, ref.bias_rates))  # fmt: skip
        weights = [
            _rounded(int(g) * u[o].mant, 31 - u[o].exp + k - 16)
            for o, row in enumerate(grads.weights["head"])
            for g in row
        ]
        return weights + [_rounded(int(g) * v[o].mant, 31 - v[o].exp + k) for o, g in enumerate(grads.biases["head"])]


def _within(value: int) -> int:
    return max(-(2**30), min(2**30, value))


def _rounded(value: int, shift: int) -> int:
    return _within((value + (1 << (shift - 1))) >> shift if shift > 0 else value << -shift)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe(scaled=False),
        Recipe(momentum=0.9),
        Recipe(batch=3),
        Recipe(batch=3, momentum=0.75),
    ],
)
def test_a_node_is_the_plain_formula_weight_by_weight(recipe: Recipe) -> None:
    """Seven steps in one call: the last ends a batch of its own."""
    graph = small()
    node, _ = trained(graph, recipe)
    plain = Plain(graph, recipe)
    for i, x in enumerate(windows(graph, 7)):
        plain.step(x, i % 3, ends=(i + 1) % recipe.batch == 0 or i == 6)
    assert node.graph.head.weight.ravel().tolist() == plain.w
    assert node.graph.head.bias.tolist() == plain.b
    assert (node.values != ref.ReferenceNode(graph, node.scheme).values).any() == recipe.scaled


def test_a_batch_of_equal_windows_is_one_step_of_the_summed_rate() -> None:
    """Up to the rounding of each window's part."""
    graph = small()
    x = np.repeat(windows(graph, 1), 4, axis=0)
    once, batch = (ref.ReferenceNode(graph, build_scheme(graph, "head", recipe=r)) for r in (Recipe(), Recipe(batch=4)))
    once.step(x[0], 1, course(0.02, graph))
    batch.train(x, [1] * 4, range(4), course(0.005, graph))
    assert np.abs(once.values - batch.values).max() <= 1
    assert (batch.values != ref.ReferenceNode(graph, batch.scheme).values).any()


def test_a_batch_begins_anew_with_the_step_counter_and_ends_with_its_call() -> None:
    graph = small()
    node = ref.ReferenceNode(graph, build_scheme(graph, "head", recipe=Recipe(batch=3)))
    path, before = course(graph=graph), node.values
    for last, moves in ((False, False), (False, False), (False, True), (False, False), (True, True)):
        node.step(windows(graph, 1)[0], 1, path, last=last)
        assert (node.values != before).any() == moves
        before = node.values
        assert any(s.any() for s in node.extras.sums.values()) != moves


def test_a_batch_that_ends_without_an_error_is_applied_all_the_same() -> None:
    graph = small()
    sure = replace(graph.head, weight=np.zeros_like(graph.head.weight), bias=np.array([2**30, 0, 0], np.int32))
    graph = replace(graph, ops=(sure,))
    node = ref.ReferenceNode(graph, build_scheme(graph, "head", recipe=Recipe(batch=2)))
    path, before = course(graph=graph), node.values
    node.step(windows(graph, 1)[0], 1, path, last=False)
    assert (node.values == before).all()
    node.step(windows(graph, 1)[0], 0, path, last=False)
    assert (node.values != before).any()


def test_momentum_alone_moves_nothing_in_a_step_without_an_error() -> None:
    graph = small()
    sure = replace(graph.head, weight=np.zeros_like(graph.head.weight), bias=np.array([2**30, 0, 0], np.int32))
    node = ref.ReferenceNode(replace(graph, ops=(sure,)), build_scheme(graph, "head", recipe=Recipe(momentum=0.9)))
    node.step(windows(graph, 1)[0], 1, course(graph=graph))
    before, velocity = node.values, node.extras.velocities["head"].copy()
    assert velocity.any()
    node.step(windows(graph, 1)[0], 0, course(graph=graph))
    assert (node.values == before).all()
    assert (node.extras.velocities["head"] == velocity).all()


def test_momentum_that_goes_on_in_one_direction_reaches_one_over_one_minus_itself() -> None:
    q = np.full(4, 70_000, dtype=np.int64)
    velocities = {"op": np.zeros(4, dtype=np.int64)}
    for _ in range(200):
        update._due(q, "op", {}, velocities, round(0.9 * 32768), ends=True)
    assert np.abs(velocities["op"] - 700_000).max() < 700


def test_velocities_and_sums_stop_at_2_to_the_30() -> None:
    q = np.array([2**30, -(2**30)], dtype=np.int64)
    kept = {"op": q.copy()}
    assert update._due(q, "op", kept, {}, 0, ends=False) is None
    assert kept["op"].tolist() == q.tolist()
    update._due(q, "op", {}, kept, 32767, ends=True)
    assert kept["op"].tolist() == q.tolist()


@given(mant=st.integers(2**30, 2**31 - 1), e=st.integers(-31, 12), g=st.floats(-1e4, 1e4, width=32))
def test_a_float_drive_is_the_product_to_the_nearest_step(mant: int, e: int, g: float) -> None:
    got = update._drive(np.array([g], np.float32), [fixed.Real(mant, e)], None, 16)
    exact = g * mant * 2.0 ** (e - 31 + 16)
    assert abs(int(got[0]) - max(-(2.0**30), min(2.0**30, exact))) <= 0.5 + abs(exact) * 2**-22


def test_float_and_integer_gradients_train_alike() -> None:
    graph = imu_net()
    nodes = [trained(graph, Recipe(gradients=g, rule=Rule.RESIDUAL16), 6, 0.05)[0] for g in Gradients]
    moved = [node.values - trained(graph, Recipe(), 0)[0].values for node in nodes]
    cosine = float((moved[0] * moved[1]).sum() / np.linalg.norm(moved[0]) / np.linalg.norm(moved[1]))
    assert cosine > 0.99


@pytest.mark.parametrize("gradients", Gradients)
def test_latent_weights_are_float_sgd(gradients: Gradients) -> None:
    graph = small()
    node, _ = trained(graph, Recipe(rule=Rule.LATENT, gradients=gradients), 5)
    latent = graph.head.weight.astype(np.float64)
    now, scheme = graph, build_scheme(graph, "head", recipe=node.scheme.recipe)
    other = ref.ReferenceNode(graph, scheme)
    for i, x in enumerate(windows(graph, 5)):
        grads = other.gradients(other.forward(x), i % 3, range(3))
        assert grads is not None
        unit = 2.0 ** -grads.outputs["head"].k if isinstance(grads, ref.Backward) else 1.0
        rates = RATE * graph.input.scale / now.head.weight_scale.astype(np.float64)
        latent = np.clip(latent - rates[:, None] * grads.weights["head"] * unit, -127, 127)
        other.step(x, i % 3, replace(course(graph=graph), step=i))
    assert np.abs(node.extras.latents["head"] - latent).max() < 1e-3
    assert (node.graph.head.weight == np.rint(node.extras.latents["head"])).all()


@pytest.mark.parametrize("recipe", [Recipe(rule=rule, momentum=0.5, batch=2) for rule in Rule])
def test_extras_lie_behind_each_other_at_multiples_of_four(recipe: Recipe) -> None:
    graph = imu_net()
    node = ref.ReferenceNode(graph, build_scheme(graph, "sparse", recipe=recipe))
    weights = [s.size for s in node.layout.slices if s.kind == "weight"]
    biases = [s.size for s in node.layout.slices if s.kind == "bias"]
    residuals = [-(-size * EXTRA_BITS[recipe.rule] // 8) for size in weights if EXTRA_BITS[recipe.rule]]
    sizes = [*residuals, *(2 * [4 * size for size in weights + biases])]
    assert len(node.extras_bytes) == sum(-(-size // 4) * 4 for size in sizes)


def test_two_residuals_of_four_bits_share_a_byte_the_first_in_the_low_half() -> None:
    graph = small(1)
    node = ref.ReferenceNode(graph, build_scheme(graph, "head", recipe=Recipe(rule=Rule.RESIDUAL4)))
    node.extras.residuals["head"] = np.array([[1, -1, 7, -8, 0, 2]])
    assert node.extras_bytes == bytes([0xF1, 0x87, 0x20, 0])


def test_values_that_are_set_clear_what_was_remembered() -> None:
    graph = small()
    node, _ = trained(graph, Recipe(rule=Rule.LATENT, momentum=0.9))
    assert node.extras.velocities["head"].any()
    node.values = np.arange(node.layout.size, dtype=np.int32)
    assert not node.extras.velocities["head"].any()
    assert (node.extras.latents["head"] == node.graph.head.weight).all()


def test_rates_without_scaling_are_those_of_the_integer_graph() -> None:
    graph = imu_net()
    op = graph.weighted[1]
    for rates in (ref.weight_rates, ref.bias_rates):
        for rate, s_w in zip(rates(graph, op, scaled=False), op.weight_scale, strict=True):
            expected = graph.tensor(op.x).scale * float(s_w)
            assert rate.mant * 2.0 ** (rate.exp - 31) == pytest.approx(expected, rel=2**-30)


@settings(max_examples=40)
@given(data=st.data())
def test_any_recipe_trains_any_network_without_leaving_its_range(data: st.DataObject) -> None:
    loss = data.draw(st.sampled_from(Loss))
    graph = data.draw(graphs(kinds=WEIGHTED, head=loss is Loss.CROSS_ENTROPY))
    scheme = data.draw(schemes(graph, data.draw(recipes(loss=loss))))
    node = ref.ReferenceNode(graph, scheme)
    size = graph.tensor(graph.ops[-1].y).size
    targets = [0, 1, 0] if loss is Loss.CROSS_ENTROPY else [np.full(size, t, np.int8) for t in (-100, 3, 90)]
    node.train(windows(graph, 3), targets, range(3), course(0.3, graph))
    assert np.abs(node.values[: node.layout.weights]).max() <= 127
    assert np.abs(node.values[node.layout.weights :].astype(np.int64)).max() <= 2**30
    assert len(node.extras_bytes) % 4 == 0


@pytest.mark.parametrize("gradients", Gradients)
@pytest.mark.parametrize("rule", [rule for rule in Rule if rule is not Rule.TRUNCATE])
def test_squared_errors_fall(rule: Rule, gradients: Gradients) -> None:
    graph = residual_net(head=False)
    recipe = Recipe(rule=rule, gradients=gradients, loss=Loss.SQUARED_ERROR, momentum=0.5)
    node = ref.ReferenceNode(graph, build_scheme(graph, "head", recipe=recipe))
    x, target = windows(graph, 1), np.arange(-100, -60, 2, dtype=np.int8)
    errors = node.train(np.repeat(x, 12, axis=0), [target] * 12, range(12), course(0.01))
    assert errors[0] == ((ref.forward(graph, x[0]).maps[graph.ops[-1].y].ravel() - target) ** 2).sum()
    assert errors[-1] < errors[0] / 4


def test_an_output_on_its_target_changes_nothing() -> None:
    graph = residual_net(head=False)
    recipe = Recipe(loss=Loss.SQUARED_ERROR)
    node = ref.ReferenceNode(graph, build_scheme(graph, "full", recipe=recipe))
    x, before = windows(graph, 1)[0], node.values
    target = ref.forward(graph, x).maps[graph.ops[-1].y].astype(np.int8)
    assert node.step(x, target, course(1.0)) == 0
    assert (node.values == before).all()


def test_the_loss_gradient_is_the_slope_of_the_loss_in_real_outputs() -> None:
    """Finite differences of both losses, a small way up and down from where the outputs are."""
    graph, h = small(), 1e-4
    trace = ref.forward(graph, windows(graph, 1)[0])
    logits = trace.logits / ref.LOGIT_STEPS

    def cross_entropy(z: NDArray[np.float64]) -> float:
        return log(sum(exp(v) for v in z)) - z[1]

    wrong = ref.loss.error(graph, Loss.CROSS_ENTROPY, trace, 1, range(3))
    for c, unit in enumerate(np.eye(3) * h):
        slope = (cross_entropy(logits + unit) - cross_entropy(logits - unit)) / (2 * h)
        assert abs(wrong[c] * ref.error_unit(graph, Loss.CROSS_ENTROPY) - slope) < 0.002
    net = residual_net(head=False)
    y, steps = net.tensor(net.ops[-1].y), np.arange(-10, 10)
    for i in (0, 7, 19):
        losses = [float((((steps + sign * h * (np.arange(20) == i)) * y.scale) ** 2).mean()) for sign in (1, -1)]
        slope = (losses[0] - losses[1]) / (2 * h * y.scale)
        assert steps[i] * ref.error_unit(net, Loss.SQUARED_ERROR) == pytest.approx(slope, rel=1e-5, abs=1e-9)
        e, factor = ref.square_factor(net)
        assert factor * 2.0 ** (e - 15) == pytest.approx(ref.error_unit(net, Loss.SQUARED_ERROR), rel=2**-14)


def test_static_exponents_without_shifts_are_refused_with_the_maps_that_lack_one() -> None:
    graph = imu_net()
    scheme = build_scheme(graph, "sparse", recipe=Recipe(exponents=Exponents.STATIC))
    with pytest.raises(InputError, match=r"got none for map9, map8, map7, map6, map5; take them from calibrated"):
        ref.ReferenceNode(graph, scheme)


def test_every_blocked_map_gets_a_shift_and_no_other() -> None:
    graph = residual_net()
    for kind in ("full", "sparse", "head"):
        scheme = build_scheme(graph, kind)
        found = ref.calibrated(graph, scheme, windows(graph, 8), [i % 5 for i in range(8)], rate=0.01)
        assert {name for name, _ in found.recipe.shifts} == set(ref.blocked_maps(graph, scheme))
        assert all(0 <= shift <= 31 for _, shift in found.recipe.shifts)
        assert found.trained == scheme.trained


def test_a_head_that_begins_at_zero_can_be_calibrated() -> None:
    """Its first step passes nothing on; shifts come from the later ones, 0 where none ever does."""
    graph = residual_net()
    head = replace(graph.head, weight=np.zeros_like(graph.head.weight))
    graph = replace(graph, ops=(*graph.ops[:-1], head))
    scheme = build_scheme(graph, "full")
    x, labels = windows(graph, 3), [0, 1, 2]
    assert not any(shift for _, shift in ref.calibrated(graph, scheme, x[:1], [0], rate=0.01).recipe.shifts)
    assert all(shift for _, shift in ref.calibrated(graph, scheme, x, labels, rate=0.1).recipe.shifts)


def test_static_gradients_saturate_where_a_dynamic_exponent_would_have_moved() -> None:
    graph = residual_net()
    scheme = ref.calibrated(graph, build_scheme(graph, "full"), windows(graph, 4), [0, 1, 2, 3], rate=0.01)
    tight = replace(scheme.recipe, shifts=tuple((name, max(0, shift - 4)) for name, shift in scheme.recipe.shifts))
    trace = ref.forward(graph, windows(graph, 1)[0])
    grads = ref.backward(graph, replace(scheme, recipe=tight), trace, 1, range(5))
    assert grads is not None
    largest = max(int(np.abs(g.e).max()) for g in grads.outputs.values())
    assert largest == 127


def test_a_calibration_without_anything_to_learn_is_refused() -> None:
    graph = residual_net(head=False)
    scheme = build_scheme(graph, "full", recipe=Recipe(loss=Loss.SQUARED_ERROR))
    x = windows(graph, 1)
    reached = [ref.forward(graph, x[0]).maps[graph.ops[-1].y].astype(np.int8)]
    with pytest.raises(InputError, match="expected one at least with an error to learn from"):
        ref.calibrated(graph, scheme, x, reached, rate=0.01)


def test_the_default_recipe_is_that_of_version_1() -> None:
    assert Scheme(name="any", trained=()).recipe == Recipe(
        gradients=Gradients.INT8, exponents=Exponents.DYNAMIC, rule=Rule.STOCHASTIC, loss=Loss.CROSS_ENTROPY, batch=1
    )


def test_every_fault_of_a_recipe_is_named() -> None:
    with pytest.raises(InputError) as caught:
        Recipe(momentum=1.0, batch=0, shifts=(("map1", 32), ("map1", 3)))
    assert [fault.where for fault in caught.value.faults] == ["momentum", "batch", "shifts", "shifts"]
    with pytest.raises(InputError, match="expected 0 to below 1, got nan"):
        Recipe(momentum=float("nan"))


@pytest.mark.parametrize(
    "field, value, said",
    [
        ("rule", "nearest", r"rule: expected one of Rule\.\{STOCHASTIC, .*\}, got 'nearest'; write Rule\.NEAREST"),
        ("rule", 1, r"rule: expected one of Rule\..*, got 1; choose one of them"),
        ("gradients", "fp32", r"got 'fp32'; write Gradients\.FP32"),
        ("gradients", Rule.LATENT, r"gradients: expected one of Gradients\.\{INT8, FP32\}, got <Rule\.LATENT"),
        ("exponents", "static", r"got 'static'; write Exponents\.STATIC"),
        ("loss", None, r"loss: expected one of Loss\..*, got None"),
        ("scaled", "no", "scaled: expected True or False, got 'no'"),
        ("scaled", 1, "scaled: expected True or False, got 1"),
        ("momentum", "0.9", "momentum: expected 0 to below 1, got '0.9'"),
        ("momentum", None, "momentum: expected 0 to below 1, got None"),
        ("momentum", False, "momentum: expected 0 to below 1, got False"),
        ("batch", "4", "batch: expected a whole number from 1 to 2147483647, got '4'"),
        ("shifts", {"map1": 3}, r"shifts: expected a tuple of \(map's name, whole number\), got \{'map1': 3\}; take"),
        ("shifts", (3,), r"shifts: expected a tuple of .*, got \(3,\)"),
        ("shifts", (("map1", "3"),), "shifts: expected a tuple of .*, got"),
        ("shifts", None, "shifts: expected a tuple of .*, got None"),
    ],
)
def test_a_value_of_another_type_is_refused_by_its_field(field: str, value: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Recipe(**{field: value})


def test_momentum_never_reaches_one() -> None:
    assert Recipe(momentum=0.999999).momentum_q15 == 32767
    assert Recipe(momentum=0.9).momentum_q15 == 29491


@pytest.mark.parametrize("batch", [0, -3, 1.5, 2**31])
def test_a_batch_is_a_whole_number_that_a_plan_can_hold(batch: Any) -> None:
    with pytest.raises(InputError, match="batch: expected a whole number from 1 to 2147483647, got"):
        Recipe(batch=batch)
