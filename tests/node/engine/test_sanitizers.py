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
from fleet.node.model.recipe import Gradients, Loss, Recipe
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.plan import inference_plan, plan_of
from fleet.node.plan.steps.program import output_size, size_bytes
from fleet.node.plan.tactics import LAYERWISE, Tactics
from tests.node.engine.runs import own_of, run, static, targets_of
from tests.node.model.map_nets import map_graphs
from tests.node.model.nets import WEIGHTED, graphs, imu_net, recipes, schemes, windows

CHECKED = (
    "-g",
    "-O1",
    "-ffp-contract=off",
    "-fsanitize=address,undefined,float-cast-overflow",
    "-fno-sanitize-recover=all",
)
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


def compiled(folder: Path, *more: str) -> Sanitized:
    """The engine and sanitized.c under the sanitizers, with more flags; skips where no compiler has them."""
    compiler = next((found for name in ("clang", "gcc") if (found := shutil.which(name))), None)
    if compiler is None:
        pytest.skip("the sanitizers need clang or gcc; the packaged compiler has no runtime for them")
    main = Path(__file__).parent / "sanitized.c"
    warnings = [flag for flag in WARNINGS if flag != "-pedantic"]
    command = [compiler, *CHECKED, *warnings, *more, f"-I{headers()[0].parent}", *map(str, sources()), str(main)]
    done = subprocess.run([*command, "-o", str(folder / "run")], capture_output=True, text=True, check=False)
    if "asan" in done.stderr and "cannot find" in done.stderr:
        pytest.skip(f"{compiler} has no runtime for the sanitizers")
    assert done.returncode == 0, done.stderr
    return Sanitized(folder / "run", folder)


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Sanitized:
    return compiled(tmp_path_factory.mktemp("sanitized"))


def head_of(node: Node, steps: int, count: int, rate: float) -> bytes:
    plan, fixed = node.plan, real(rate)
    sizes = (len(plan.content) // 4, len(plan.model), plan.state_bytes, plan.arena_bytes)
    graph = plan.graph
    edges = (size_bytes(graph.input), output_size(graph, graph.outputs[0]))
    return np.array((*sizes, count, *edges, steps, fixed.mant, fixed.exp), dtype="<i4").tobytes()


def assert_trains_clean(
    sanitized: Sanitized, graph: Graph, scheme: Scheme, rate: float, tactics: Tactics = LAYERWISE
) -> None:
    """No sanitizer complains, and the state is that of the host library."""
    node, x = Node(plan_of(graph, scheme, tactics)), windows(graph, STEPS)
    targets, order = targets_of(graph, STEPS), np.arange(STEPS, dtype="<i4")
    own = class_bits(range(graph.classes if graph.has_head else 0), 64)
    parts = (node.plan.content, node.plan.model, own.tobytes(), x.tobytes(), targets.tobytes(), order.tobytes())
    task = "train" if graph.has_head else "fit"
    state = sanitized.run(task, head_of(node, STEPS, STEPS, rate) + b"".join(parts))
    run(node, x, targets, order.astype(np.int64), Course(key=7, rate=rate, own=own_of(graph)))
    assert state == node.state


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


@settings(max_examples=80)
@given(data=st.data())
def test_any_recipe_trains_without_a_complaint(sanitized: Sanitized, data: st.DataObject) -> None:
    """Groups, multipliers, repeated sides, fp32, static exponents, every rule, batches, momentum, both losses."""
    head = data.draw(st.booleans())
    graph = data.draw(graphs(kinds=WEIGHTED, head=head))
    recipe = data.draw(recipes(loss=Loss.CROSS_ENTROPY if head else Loss.SQUARED_ERROR))
    scheme = data.draw(schemes(graph, recipe))
    if recipe.gradients is Gradients.INT8 and data.draw(st.booleans()):
        scheme = static(graph, scheme, 0.01)
    assert_trains_clean(sanitized, graph, scheme, data.draw(st.sampled_from([0.01, 8.0, 1e6])))


@settings(max_examples=60)
@given(data=st.data())
def test_operators_without_weights_train_and_infer_without_a_complaint(
    sanitized: Sanitized, data: st.DataObject
) -> None:
    graph = data.draw(map_graphs())
    recipe = Recipe(gradients=data.draw(st.sampled_from(Gradients)))
    scheme = data.draw(schemes(graph, recipe))
    if recipe.gradients is Gradients.INT8 and data.draw(st.booleans()):
        scheme = static(graph, scheme, 0.01)
    assert_trains_clean(sanitized, graph, scheme, 0.5)
    assert_infers_clean(sanitized, graph)


def assert_infers_clean(sanitized: Sanitized, graph: Graph, tactics: Tactics = LAYERWISE) -> None:
    """A plan without training: no complaint, and the outputs of the host library."""
    node, x = Node(inference_plan(graph, tactics)), windows(graph, 2)
    own = class_bits((), 64)
    parts = (node.plan.content, node.plan.model, own.tobytes(), x.tobytes())
    outputs = sanitized.run("infer", head_of(node, 0, 2, 0.0) + b"".join(parts))
    assert outputs == node.outputs(x)[graph.outputs[0]].tobytes()


def test_no_altered_plan_makes_the_check_read_beyond_its_memory(sanitized: Sanitized) -> None:
    graph = imu_net(skip=True)
    node = Node(plan_of(graph, build_scheme(graph, "full")))
    intact, refused = sanitized.run("check", head_of(node, 0, 0, 0.0) + node.plan.content).split()
    assert int(intact) == 1
    assert int(refused) > len(node.plan.content) // 4
