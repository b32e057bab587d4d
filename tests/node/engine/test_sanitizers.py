"""The engine under the address and undefined-behaviour sanitizers, in memories of exactly the declared sizes."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.node.engine.binding import Course, Node, class_bits
from fleet.node.engine.build import WARNINGS, headers, sources
from fleet.node.model.fixed import real
from fleet.node.model.graph import Graph
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.plan import plan_of
from tests.node.model.nets import graphs, imu_net, schemes, windows

CHECKED = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
STEPS = 6


@dataclass(frozen=True, slots=True)
class Sanitized:
    """The program of sanitized.c, and a folder for its inputs."""

    program: Path
    folder: Path

    def run(self, task: str, content: bytes) -> bytes:
        given_to = self.folder / "input"
        given_to.write_bytes(content)
        done = subprocess.run([self.program, task, given_to], capture_output=True, check=False)
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr.decode()}"
        return done.stdout


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Sanitized:
    compiler = next((found for name in ("clang", "gcc") if (found := shutil.which(name))), None)
    if compiler is None:
        pytest.skip("the sanitizers need clang or gcc; the packaged compiler has no runtime for them")
    folder = tmp_path_factory.mktemp("sanitized")
    main = Path(__file__).parent / "sanitized.c"
    warnings = [flag for flag in WARNINGS if flag != "-pedantic"]
    command = [compiler, *CHECKED, *warnings, f"-I{headers()[0].parent}", *map(str, sources()), str(main)]
    done = subprocess.run([*command, "-o", str(folder / "run")], capture_output=True, text=True, check=False)
    if "asan" in done.stderr and "cannot find" in done.stderr:
        pytest.skip(f"{compiler} has no runtime for the sanitizers")
    assert done.returncode == 0, done.stderr
    return Sanitized(folder / "run", folder)


def head_of(node: Node, steps: int, count: int, rate: float) -> bytes:
    plan, fixed = node.plan, real(rate)
    sizes = (len(plan.content) // 4, len(plan.model), plan.state_bytes, plan.arena_bytes)
    numbers = (*sizes, count, plan.graph.input.size, steps, fixed.mant, fixed.exp)
    return np.array(numbers, dtype="<i4").tobytes()


def assert_trains_clean(sanitized: Sanitized, graph: Graph, scheme: Scheme, rate: float) -> None:
    """No sanitizer complains, and the state is that of the host library."""
    node, x = Node(plan_of(graph, scheme)), windows(graph, STEPS)
    labels = (np.arange(STEPS) % graph.classes).astype(np.uint8)
    order = np.arange(STEPS, dtype="<i4")
    own = class_bits(range(graph.classes), 64)
    parts = (node.plan.content, node.plan.model, own.tobytes(), x.tobytes(), labels.tobytes(), order.tobytes())
    state = sanitized.run("train", head_of(node, STEPS, STEPS, rate) + b"".join(parts))
    node.train(x, labels, order.astype(np.int64), Course(key=7, rate=rate, own=range(graph.classes)))
    assert state == node._state.tobytes()


@pytest.mark.parametrize("kind", ["sparse", "full"])
@pytest.mark.parametrize("skip", [False, True])
def test_the_quickstart_net_trains_without_a_complaint(sanitized: Sanitized, kind: str, skip: bool) -> None:
    graph = imu_net(skip=skip)
    assert_trains_clean(sanitized, graph, build_scheme(graph, kind), rate=0.06)


@settings(max_examples=40)
@given(data=st.data())
def test_any_small_network_trains_without_a_complaint(sanitized: Sanitized, data: st.DataObject) -> None:
    """Dead channels, biases at their limits and rates that send everything to its limit included."""
    graph = data.draw(graphs())
    rate = data.draw(st.sampled_from([0.01, 8.0, 1e6]))
    assert_trains_clean(sanitized, graph, data.draw(schemes(graph)), rate)


def test_no_altered_plan_makes_the_check_read_beyond_its_memory(sanitized: Sanitized) -> None:
    graph = imu_net(skip=True)
    node = Node(plan_of(graph, build_scheme(graph, "full")))
    intact, refused = sanitized.run("check", head_of(node, 0, 0, 0.0) + node.plan.content).split()
    assert int(intact) == 1
    assert int(refused) > len(node.plan.content) // 4
