"""The reference against real numbers: each rule of SPEC.md as what it is meant to compute."""

from math import exp, log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.node.model import reference as ref
from fleet.node.model.graph import Graph
from fleet.node.model.scheme import build_scheme
from tests.node.model.nets import Builder, imu_net, windows

LOGITS = st.lists(st.integers(-32768, 32767), min_size=2, max_size=12)


@given(logits=LOGITS, data=st.data())
def test_probabilities_are_the_softmax_over_the_own_classes(logits: list[int], data: st.DataObject) -> None:
    """Tables in Q8 and Q15 leave an error below 0.002 (largest over 5,000 random logits: 0.0013)."""
    own = data.draw(st.sets(st.integers(0, len(logits) - 1), min_size=1))
    got = ref.probabilities(np.array(logits, dtype=np.int64), own)
    top = max(logits[c] for c in own)
    powers = [exp((z - top) / 256) if c in own else 0.0 for c, z in enumerate(logits)]
    assert np.abs(got / 32768 - np.array(powers) / sum(powers)).max() < 0.002
    assert all(got[c] == 0 for c in range(len(logits)) if c not in own)


def test_the_table_of_powers_is_the_one_in_the_specification() -> None:
    assert [int(ref.EXP2_TABLE[i]) for i in (0, 1, 64, 128, 255)] == [65535, 65358, 55108, 46340, 32856]


def test_a_certain_answer_leaves_no_gradient() -> None:
    graph = imu_net()
    trace = ref.Trace(maps={}, kept={}, logits=np.array([9000, 0, 0, 0, 0, 0, 0], dtype=np.int64))
    assert ref.backward(graph, build_scheme(graph, "head"), trace, 0, range(7)) is None


@given(acc=st.lists(st.integers(-(2**31) + 1, 2**31 - 1), min_size=1, max_size=9), k=st.integers(-10, 60))
def test_a_block_keeps_seven_bits_of_the_largest_value(acc: list[int], k: int) -> None:
    values = np.array(acc, dtype=np.int64)
    g = ref.block(values, k)
    assert np.abs(g.e).max() <= 127
    largest = int(np.abs(values).max())
    assert largest <= 127 or np.abs(g.e).max() >= 64
    lost = np.abs(g.e * 2.0 ** (k - g.k) - values)
    assert (lost <= 2.0 ** (k - g.k)).all()  # half a step of rounding, a whole one where +127.5 and more is clipped


@given(e=st.integers(-127, 127), k=st.integers(0, 60), acc=st.integers(-(2**24), 2**24), k_acc=st.integers(0, 60))
def test_two_uses_of_a_map_add_their_gradients(e: int, k: int, acc: int, k_acc: int) -> None:
    """Real values add up to within a step of the result, or of the smaller operand where it is lost in the larger."""
    joined = ref.block(*ref.merged(np.array([acc]), k_acc, ref.Gradient(np.array([e]), k)))
    exact = acc * 2.0**-k_acc + e * 2.0**-k
    assert abs(int(joined.e[0]) * 2.0**-joined.k - exact) <= 2.0**-joined.k + max(
        2.0**-k_acc, 2.0 ** -min(k_acc, k + 22)
    )


def averaged(values: list[int]) -> list[int]:
    """What the global average pool makes of one channel."""
    build = Builder(1)
    build.pool(build.input((len(values), 1, 1)))
    graph = Graph(name="pool", tensors=tuple(build.tensors), ops=tuple(build.ops))
    return ref.forward(graph, np.array(values, dtype=np.int8).reshape(-1, 1, 1)).maps["map0"].ravel().tolist()


@given(values=st.lists(st.integers(-128, 127), min_size=1, max_size=40))
def test_an_average_rounds_halves_away_from_zero(values: list[int]) -> None:
    mean = sum(values) / len(values)
    expected = int(abs(mean) + 0.5) * (1 if mean >= 0 else -1)
    assert averaged(values) == [expected]


@pytest.mark.parametrize("positions", [1, 2, 7, 13, 25, 1000])
def test_the_factor_of_a_pool_is_one_over_its_positions(positions: int) -> None:
    factor, e = ref.pool_factor(positions)
    assert 2**14 <= factor <= 2**15
    assert abs(factor * 2.0 ** (e - 15) * positions - 1) < 2**-14


def test_the_sum_of_two_maps_is_right_to_half_a_step() -> None:
    build = Builder(3)
    x = build.input((4, 4, 8), zero=-5)
    y = build.conv(x, 8, (1, 1), zero=17)
    z = build.add(x, y)
    graph = build.head(z, 2)
    maps = ref.forward(graph, windows(graph, 1)[0]).maps
    real = sum(graph.tensor(n).scale * (maps[n] - graph.tensor(n).zero_point) for n in (x.name, y.name))
    steps = real / z.scale + z.zero_point
    assert np.abs(np.clip(steps, -128, 127) - maps[z.name]).max() < 0.5 + 1e-4


def test_logits_are_256_per_natural_unit() -> None:
    graph = imu_net()
    trace = ref.forward(graph, windows(graph, 1)[0])
    head, pooled = graph.head, graph.tensor("map9")
    x = pooled.scale * (trace.maps["map9"].ravel() - pooled.zero_point)
    bias = head.bias * pooled.scale * head.weight_scale.astype(np.float64)
    real = (head.weight * head.weight_scale.astype(np.float64)[:, None]) @ x + bias
    assert np.abs(trace.logits / 256 - real).max() <= 0.5 / 256 + 1e-6


@given(outputs=st.integers(1, 4000), taps=st.integers(1, 9), stride=st.integers(1, 3))
def test_sums_of_input_gradients_stay_within_32_bits(outputs: int, taps: int, stride: int) -> None:
    """With a waiting gradient of 127 * 2^22 on top. SPEC.md, "Bounds"."""
    build = Builder(1)
    x = build.input((9, 1, 1))
    build.conv(x, 1, (taps, 1), (stride, 1))
    op, graph = build.ops[0], Graph(name="one", tensors=tuple(build.tensors), ops=tuple(build.ops))
    products = -(-taps // stride) * outputs
    spare = max(0, -(-products // 782) - 1).bit_length()
    largest_t = (127 * 32768 + (1 << (7 + spare))) >> (8 + spare)
    assert products * largest_t * 127 + (127 << 22) < 2**31
    assert ref.products_per_input(graph, op) == -(-taps // stride)  # type: ignore[arg-type]


def test_only_maps_above_something_that_trains_get_a_gradient() -> None:
    graph = imu_net()
    names = {op.name: op.y for op in graph.ops}
    needed = ref.tensors_with_gradient(graph, build_scheme(graph, "sparse"))
    assert needed == {names[n] for n in ("block3.dw", "block3.pw", "block4.dw", "block4.pw", "pool", "head")}


def test_rates_undo_the_scales_so_that_one_learning_rate_fits_all_layers() -> None:
    graph = imu_net()
    stem = graph.weighted[0]
    for c, (rate, bias_rate) in enumerate(zip(ref.weight_rates(graph, stem), ref.bias_rates(graph, stem), strict=True)):
        s_x, s_w = graph.input.scale, float(stem.weight_scale[c])
        assert rate.mant * 2.0 ** (rate.exp - 31) == pytest.approx(s_x / s_w, rel=2**-30)
        assert bias_rate.mant * 2.0 ** (bias_rate.exp - 31) == pytest.approx(1 / (s_x * s_w), rel=2**-30)
        assert rate.exp == int(np.floor(log2(s_x / s_w))) + 1
