"""The AVX-512 variant where no processor has it: the whole executor over an emulation of the instructions, SIMDe."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.node.engine import binding, host
from fleet.node.engine.build import compiler, headers, host_sources, sources
from fleet.node.engine.host import Variant
from fleet.node.model.graph import BIAS_LIMIT
from fleet.node.model.scheme import build_scheme
from tests.node.engine import executors
from tests.node.model.nets import imu_net, residual_net, schemes

SIMDE = Path("/usr/include/simde")  # Debian's libsimde-dev
FLAGS = ("-O1", "-std=gnu11", "-ffp-contract=off", "-fno-sanitize=all", "-shared", "-fPIC", "-mavx2", "-DFE_EMULATED")
CACHES = (binding.library, host.library, host.best_variant)


@pytest.fixture(scope="module", autouse=True)
def _emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The engine's library with every instruction emulated that this processor lacks, for the tests of this file."""
    if not SIMDE.is_dir():
        pytest.skip("the emulation needs SIMDe: apt install libsimde-dev")
    folder = tmp_path_factory.mktemp("emulated")
    (folder / "simde").symlink_to(SIMDE)
    library = folder / "engine.so"
    command = [*compiler(), *FLAGS, f"-I{folder}", f"-I{headers()[0].parent}"]
    done = subprocess.run(
        [*command, *map(str, (*sources(), *host_sources())), "-o", str(library)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        for module in (binding, host):
            patch.setattr(module, "host_library", lambda: library)
        _forget()
        assert host.best_variant() is Variant.AVX512
        yield
    _forget()


def _forget() -> None:
    for cached in CACHES:
        cached.cache_clear()


ONLY = (Variant.AVX512,)


@settings(max_examples=60)
@given(data=st.data())
def test_wide_networks_are_the_same_inside_every_step(data: st.DataObject) -> None:
    graph = data.draw(executors.wide_graphs())
    rate = data.draw(st.sampled_from([1e-4, 0.05, 8.0]))
    executors.assert_same_inside(graph, data.draw(schemes(graph)), ONLY, rate, seed=data.draw(st.integers(0, 99)))


@pytest.mark.parametrize("kind", ["sparse", "full"])
def test_long_runs_end_the_same(kind: str) -> None:
    for graph in (imu_net(skip=True), residual_net()):
        executors.assert_same_run(graph, build_scheme(graph, kind), ONLY, steps=52)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("bias", [-BIAS_LIMIT, 0, BIAS_LIMIT])
def test_sums_at_their_bounds_are_exact(sign: int, bias: int) -> None:
    executors.assert_exact_at_bounds(sign, bias, ONLY)


@pytest.mark.parametrize("outputs", [1, 16, 21])
def test_outputs_finer_than_their_sums_are_the_same(outputs: int) -> None:
    graph = executors.fine_net(outputs)
    executors.assert_same_inside(graph, build_scheme(graph, "full"), ONLY)
