"""Kernels for cores without vectors: the bytes of the plain ones, here under the sanitizers and on every core.

Instructions on pairs are those of fe_pairs_in_c.h here, and the core's own in the emulator.
"""

import ctypes as c
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.node.engine.build import FLAGS, compiler, headers
from fleet.node.export import export, random_trial
from fleet.node.export.target import uses_of
from fleet.node.model import fixed
from fleet.node.model.fixed import Real
from fleet.node.model.graph import Conv2d, Depthwise, FullyConnected, Graph
from fleet.node.model.recipe import Gradients, Loss
from fleet.node.model.scheme import build_scheme
from fleet.node.plan import plan_of
from fleet.node.plan.ledger import STACK_BYTES
from fleet.node.profile import load_profile
from fleet.node.twin.build import build
from fleet.node.twin.emulator import Core
from fleet.node.twin.image import read_image
from fleet.node.twin.round import Twin
from tests.node.engine.runs import static
from tests.node.engine.segmented import row_tactics
from tests.node.engine.test_channels import bottleneck_nets, formats, tied
from tests.node.engine.test_primitives import CReal, one
from tests.node.engine.test_sanitizers import Sanitized, assert_infers_clean, assert_trains_clean, compiled
from tests.node.model.nets import WEIGHTED, graphs, imu_net, recipes, residual_net, schemes

KINDS = {
    "pairs": ("-DFE_PAIRS=1", "-DFE_LONG_PRODUCTS=1"),
    "long products": ("-DFE_PAIRS=0", "-DFE_LONG_PRODUCTS=1"),
    "short products": ("-DFE_PAIRS=0", "-DFE_LONG_PRODUCTS=0"),
}
SUMS = st.integers(-(2**30) + 1, 2**30 - 1) | st.sampled_from([s << n for n in range(29) for s in (-3, -1, 1, 3)])
CORES = ("cortex-m0plus", "cortex-m4f", "cortex-m7f", "cortex-m33f")
OFTEN = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="session", params=KINDS)
def tiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sanitized:
    """The engine as such a core has it."""
    here = f"-I{Path(__file__).parent}"
    return compiled(tmp_path_factory.mktemp("tiled"), here, "-DFE_TILES=1", *KINDS[request.param])


@pytest.fixture(scope="session", params=KINDS)
def narrowing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """tiles.c as such a core has it."""
    here = Path(__file__).parent
    built = tmp_path_factory.mktemp("narrowing") / "tiles.so"
    includes = (f"-I{here}", f"-I{headers()[0].parent}", "-DFE_TILES=1", *KINDS[request.param])
    command = [*compiler(), *FLAGS, *includes, str(here / "tiles.c"), "-o", str(built)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return c.CDLL(str(built))


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sum_=SUMS,
    mant=st.integers(2**30, 2**31 - 1) | st.sampled_from([2**30, 2**31 - 1]),
    exp=st.integers(-31, 3),
    zero=st.integers(-128, 127),
    bias=st.sampled_from([0, 2**29, -(2**30)]),
)
def test_a_prepared_scale_is_the_plain_one(
    narrowing: Any, sum_: int, mant: int, exp: int, zero: int, bias: int
) -> None:
    """Halves on both sides of zero come with sums and mantissas that are powers of two. No byte is beyond 2^29."""
    expected = int(fixed.scale(one(sum_), Real(mant, exp)).clip(-(2**29), 2**29)) + zero
    assert narrowing.t_scaled(sum_, CReal(mant, exp), bias, zero) == expected


@OFTEN
@given(data=st.data())
def test_any_network_trains_as_the_plain_kernels_do(tiled: Sanitized, data: st.DataObject) -> None:
    """Odd channels, maps of one place, kernels larger than the map, biases at their limits, all recipes."""
    head = data.draw(st.booleans())
    graph = data.draw(graphs(kinds=WEIGHTED, head=head))
    recipe = data.draw(recipes(loss=Loss.CROSS_ENTROPY if head else Loss.SQUARED_ERROR))
    scheme = data.draw(schemes(graph, recipe))
    if recipe.gradients is Gradients.INT8 and data.draw(st.booleans()):
        scheme = static(graph, scheme, 0.01)
    assert_trains_clean(tiled, graph, scheme, data.draw(st.sampled_from([0.01, 8.0, 1e6])))
    assert_infers_clean(tiled, graph)


@OFTEN
@given(data=st.data())
def test_any_network_trains_by_rows_as_the_plain_kernels_do(tiled: Sanitized, data: st.DataObject) -> None:
    graph = data.draw(graphs(kinds=WEIGHTED))
    scheme = data.draw(schemes(graph, data.draw(recipes())))
    assert_trains_clean(tiled, graph, scheme, 0.05, data.draw(row_tactics(graph, scheme)))


@settings(OFTEN, max_examples=10)
@given(data=st.data())
def test_any_bottleneck_trains_by_channels_as_the_plain_kernels_do(tiled: Sanitized, data: st.DataObject) -> None:
    graph = data.draw(bottleneck_nets())
    for scheme in formats(graph, data.draw(schemes(graph, data.draw(recipes())))):
        assert_trains_clean(tiled, graph, scheme, 0.05, tied(graph, scheme))


def test_a_whole_network_trains_as_the_plain_kernels_do(tiled: Sanitized) -> None:
    graph = imu_net(skip=True)
    assert_trains_clean(tiled, graph, build_scheme(graph, "sparse"), 0.06)


@pytest.mark.parametrize("core", CORES)
def test_each_core_trains_as_the_simulator(core: str, tmp_path: Path) -> None:
    """The instructions of the core itself; some outputs' biases need the plain way."""
    graph = far(residual_net())
    plan = plan_of(graph, build_scheme(graph, "full"))
    profile = replace(load_profile("stm32f746"), core=core)
    project = export(plan, profile, out=tmp_path / "node", name="node")
    image = read_image(build(project, core=core, stack_bytes=STACK_BYTES, uses=uses_of(plan)))
    assert "fe_conv_s8_tiles" in image.functions
    twin = Twin(Core(image, profile), plan, replace(random_trial(plan), steps=4))
    assert [fault for check in twin.checks() for fault in check.faults] == []


def far(graph: Graph) -> Graph:
    """Every third bias at its limit, and others above what a sum of prepared outputs may reach."""

    def moved(op: object) -> object:
        if not isinstance(op, Conv2d | Depthwise | FullyConnected):
            return op
        bias = op.bias.copy()
        bias[::3], bias[1::3] = 2**30, -(2**29)
        return replace(op, bias=bias.astype(np.int32))

    return replace(graph, ops=tuple(moved(op) for op in graph.ops))  # type: ignore[misc]
