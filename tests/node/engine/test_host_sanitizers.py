"""The host's executor under the address and undefined-behaviour sanitizers, in memories of exactly its own sizes."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.node.engine.binding import Course, Node, class_bits
from fleet.node.engine.build import WARNINGS, headers, host_headers, host_sources, sources
from fleet.node.engine.host import Variant, best_variant
from fleet.node.engine.memo import Memo
from fleet.node.model.fixed import real
from fleet.node.model.graph import Graph
from fleet.node.model.reference.calibrate import calibrated
from fleet.node.model.scheme import KINDS, Scheme, build_scheme
from fleet.node.plan import plan_of
from fleet.node.plan.tactics import LAYERWISE, Tactics
from tests.node.engine.executors import fine_net, wide_graphs
from tests.node.model.nets import WEIGHTED, graphs, imu_net, recipes, residual_net, schemes, windows

CHECKED = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
STEPS = 6
VARIANTS = [v for v in Variant if v <= best_variant()]


@dataclass(frozen=True, slots=True)
class Sanitized:
    """The program of sanitized_host.c, and a folder for its inputs."""

    program: Path
    folder: Path

    def run(self, variant: Variant, content: bytes) -> bytes:
        given_to = self.folder / "input"
        given_to.write_bytes(content)
        done = subprocess.run([self.program, str(int(variant)), given_to], capture_output=True, check=False)
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr.decode()}"
        return done.stdout


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Sanitized:
    compiler = next((found for name in ("clang", "gcc") if (found := shutil.which(name))), None)
    if compiler is None:
        pytest.skip("the sanitizers need clang or gcc; the packaged compiler has no runtime for them")
    folder = tmp_path_factory.mktemp("sanitized_host")
    main = Path(__file__).parent / "sanitized_host.c"
    warnings = [flag for flag in WARNINGS if flag not in ("-pedantic", "-std=c99")]
    include = [f"-I{headers()[0].parent}", f"-I{host_headers()[0].parent}"]
    files = map(str, (*sources(), *host_sources(), main))
    command = [compiler, "-std=gnu11", *CHECKED, *warnings, *include, *files, "-o", str(folder / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "asan" in done.stderr and "cannot find" in done.stderr:
        pytest.skip(f"{compiler} has no runtime for the sanitizers")
    assert done.returncode == 0, done.stderr
    return Sanitized(folder / "run", folder)


def assert_clean(sanitized: Sanitized, graph: Graph, scheme: Scheme, rate: float, tactics: Tactics = LAYERWISE) -> None:
    """No sanitizer complains of any variant, and each ends as the library's interpreter does."""
    plan = plan_of(graph, scheme, tactics)
    node, memo, x = Node(plan, variant=Variant.PLAIN), Memo(plan), windows(graph, STEPS)
    labels = (np.arange(STEPS) % graph.classes).astype(np.uint8)
    order = np.arange(2 * STEPS, dtype="<i4") % STEPS
    own, fixed = class_bits(range(graph.classes), 64), real(rate)
    sizes = (len(plan.content) // 4, len(plan.model), plan.state_bytes, plan.arena_bytes, STEPS, graph.input.size)
    spans = (len(memo.spans), memo.steps, memo.window_bytes)
    head = np.array((*sizes, order.size, fixed.mant, fixed.exp, 2 * graph.classes, *spans), dtype="<i4")
    content = head.tobytes() + plan.content + plan.model
    content += own.tobytes() + x.tobytes() + labels.tobytes() + order.tobytes() + memo.spans.tobytes()
    course = Course(key=7, rate=rate, own=range(graph.classes))
    losses = (node.train(x, labels, order.astype(np.int64), course) * 32768).astype("<u4")
    expected = node.state + losses.tobytes() + node.logits(x).tobytes()
    for variant in VARIANTS:
        assert sanitized.run(variant, content) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_whole_networks_train_without_a_complaint(sanitized: Sanitized, kind: str) -> None:
    for graph in (imu_net(skip=True), residual_net()):
        assert_clean(sanitized, graph, build_scheme(graph, kind), rate=0.06)


@settings(max_examples=40)
@given(data=st.data())
def test_any_wide_network_trains_without_a_complaint(sanitized: Sanitized, data: st.DataObject) -> None:
    """Dead channels, biases at their limits and rates that send everything to its limit included."""
    graph = data.draw(wide_graphs())
    rate = data.draw(st.sampled_from([0.01, 8.0, 1e6]))
    assert_clean(sanitized, graph, data.draw(schemes(graph)), rate)


@settings(max_examples=30)
@given(data=st.data())
def test_any_recipe_trains_without_a_complaint(sanitized: Sanitized, data: st.DataObject) -> None:
    graph = data.draw(graphs(kinds=WEIGHTED))
    assert_clean(sanitized, graph, data.draw(schemes(graph, data.draw(recipes()))), rate=0.05)


def test_fixed_exponents_train_without_a_complaint(sanitized: Sanitized) -> None:
    graph = residual_net()
    labels = (np.arange(STEPS) % graph.classes).astype(np.uint8)
    scheme = calibrated(graph, build_scheme(graph, "full"), windows(graph, STEPS), labels, rate=0.05, key=7)
    assert_clean(sanitized, graph, scheme, rate=0.05)


def test_scales_of_one_and_more_train_without_a_complaint(sanitized: Sanitized) -> None:
    graph = fine_net(21)
    assert_clean(sanitized, graph, build_scheme(graph, "full"), rate=0.1)
