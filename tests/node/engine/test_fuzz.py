"""Plans and frames from strangers, by libFuzzer: what the checks let through runs inside its memories.

FLEET_FUZZ_RUNS=10000000 asks for a campaign; by default each target runs briefly: long enough to notice that the length
of a frame is no longer checked, not that any one check of a plan is gone. A finding ends libFuzzer with an error, and
what it says of its own executions is asserted. Sums that overflow are not looked for here: numbers without sense make
values without sense.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fleet.base.places import package_data
from fleet.node.engine.build import headers, sources
from fleet.node.export import export
from fleet.node.model.fixed import real
from fleet.node.model.graph import Dequantize, Form, Graph, Softmax
from fleet.node.model.recipe import Gradients, Loss, Recipe, Rule
from fleet.node.model.scheme import Layout, Scheme, Slice, build_scheme
from fleet.node.plan import Plan, inference_plan, plan_of
from fleet.node.plan.steps import Code
from fleet.node.plan.tactics import Tactics
from fleet.node.profile import load_profile
from fleet.node.wire import messages
from fleet.node.wire.frames import Push, encode_push
from fleet.node.wire.messages import encode
from fleet.node.wire.seal import seal
from fleet.node.wire.slots import Slot
from tests.node.engine.device import device_sources
from tests.node.engine.fleet_of_one import (
    BOARD,
    NODE,
    ack_frame,
    new_model,
    new_plan,
    push_frame,
    small_plan,
    values_of_round,
)
from tests.node.engine.runs import static
from tests.node.engine.segmented import longest
from tests.node.engine.test_channels import all_by_channels, narrow_net
from tests.node.model.map_nets import NETS, MapBuilder, autoencoder, edged
from tests.node.model.nets import Builder, imu_net, residual_net

Files = Sequence[str | Path]
RUNS = int(os.environ.get("FLEET_FUZZ_RUNS", "20000"))
SEED = 1
MOST_STATE_BYTES = 16384  # of plan.c
PIECE_BYTES = 128  # which the frame of a small node holds
DIGEST = b"\xa5" * 32  # of everything, in turn.c
LONGEST_S = 20  # of one input: a loop without end is a finding
SANITIZERS = ("-fsanitize=fuzzer,address,bounds,null,integer-divide-by-zero", "-fno-sanitize-coverage=trace-cmp")
FLAGS = ("-g", "-O1", "-ffp-contract=off", *SANITIZERS)  # comparisons take half of the time, and the mutators know them


@pytest.fixture(scope="session")
def clang(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A clang with libFuzzer; the packaged compiler has no runtime for it."""
    found = shutil.which("clang")
    if found is None:
        pytest.skip("libFuzzer needs clang with its runtime (Debian: clang, libclang-rt-dev)")
    folder = tmp_path_factory.mktemp("probe")
    (folder / "probe.c").write_text("int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n ? 0 : 0; }")
    done = subprocess.run([found, "-fsanitize=fuzzer,address", "probe.c"], cwd=folder, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"{found} has no runtime for libFuzzer (Debian: libclang-rt-dev)")
    return found


def fuzz(clang: str, target: str, folder: Path, corpus: list[bytes], longest_bytes: int, files: Files = ()) -> None:
    """A run over these first inputs; the test fails where it found something. files: sources, or flags for them."""
    seeds = folder / "corpus"
    seeds.mkdir()
    for i, content in enumerate(corpus):
        (seeds / f"{i:03}").write_bytes(content)
    main = Path(__file__).parent / "fuzz" / f"{target}.c"
    program = folder / target
    parts = files or (f"-I{headers()[0].parent}", *sources())
    command = [clang, *FLAGS, *map(str, parts), str(main), "-o", str(program)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    limits = (f"-runs={RUNS}", f"-seed={SEED}", f"-max_len={longest_bytes}", f"-timeout={LONGEST_S}", "-entropic=0")
    done = subprocess.run(
        [program, *limits, "-print_final_stats=1", seeds], cwd=folder, capture_output=True, check=False
    )
    report = done.stderr.decode(errors="replace")
    assert done.returncode == 0, report[-6000:]
    executed = re.search(r"stat::number_of_executed_units: (\d+)", report)
    assert executed is not None, report[-6000:]
    assert int(executed[1]) >= RUNS


def content_of(plan: Plan) -> bytes:
    return (len(plan.content) // 4).to_bytes(4, "little") + plan.content + plan.model


def schemes(graph: Graph) -> Iterator[Scheme]:
    """Every format of gradients and every rule, some of them in batches with momentum."""
    loss = Loss.CROSS_ENTROPY if graph.has_head else Loss.SQUARED_ERROR
    for i, rule in enumerate(Rule):
        gradients = (Gradients.INT8, Gradients.FP32)[i % 2]
        recipe = Recipe(gradients=gradients, rule=rule, loss=loss, momentum=0.25 * (i % 3), batch=1 + i % 2)
        scheme = build_scheme(graph, "full", recipe=recipe)
        yield scheme if gradients is Gradients.FP32 or i % 4 else static(graph, scheme, 0.01)


def shares() -> Graph:
    """A softmax behind a layer, as real numbers."""
    build = MapBuilder(2)
    x = build.conv(build.input((1, 2, 5)), 6, (1, 1))
    y, real_y = build._tensor("shares", x.shape, 1 / 256, -128), replace(x, name="real", form=Form.FLOAT32, scale=1.0)
    build.tensors.append(replace(real_y, zero_point=0))
    build.ops += [Softmax(name="softmax", x=x.name, y=y.name), Dequantize(name="dequantize", x=y.name, y="real")]
    return build.graph()


def in_place() -> tuple[Graph, Scheme, Tactics]:
    """A depthwise layer whose output takes the place of its input, with a stride."""
    build = Builder(9)
    x = build.conv(build.input((6, 5, 3)), 7, (1, 1))
    y = build.depthwise(x, (3, 3), (2, 2), (1, 1, 1, 1), zero=-30)
    graph = build.head(build.pool(y), 3)
    return graph, build_scheme(graph, "head"), Tactics(over=((y.name, x.name),))


def plans() -> Iterator[Plan]:
    """Every kind of step there is."""
    nets = [*(build() for build in NETS.values()), autoencoder(), edged(Form.UINT8), residual_net(), imu_net(skip=True)]
    for graph in nets:
        for scheme in schemes(graph):
            yield plan_of(graph, scheme)
        yield plan_of(graph, scheme, longest(graph, scheme, input_streamed=True, slices=True))
        yield inference_plan(graph)
    yield inference_plan(edged(Form.FLOAT32))
    yield inference_plan(shares())
    yield plan_of(*in_place())
    narrow = narrow_net()
    for gradients in Gradients:
        scheme = build_scheme(narrow, "full", recipe=Recipe(gradients=gradients))
        scheme = scheme if gradients is Gradients.FP32 else static(narrow, scheme, 0.01)
        yield plan_of(narrow, scheme, all_by_channels(narrow, scheme))


def test_no_plan_leaves_its_memories(clang: str, tmp_path: Path) -> None:
    small = [plan for plan in plans() if plan.state_bytes <= MOST_STATE_BYTES]
    assert {step.code for plan in small for step in plan.steps} == set(Code)
    assert {plan.scheme.recipe.rule for plan in small} == set(Rule)
    corpus = [content_of(plan) for plan in small]
    fuzz(clang, "plan", tmp_path, corpus, max(map(len, corpus)))


SLICES = tuple(
    Slice(op=op, kind=kind, shape=shape, first=first)
    for op, kind, shape, first in (
        ("conv", "weight", (4,), 0),
        ("head", "weight", (3, 3), 4),
        ("conv", "bias", (2,), 13),
        ("head", "bias", (3,), 15),
    )
)
LAYOUT = Layout(slices=SLICES, weights=13, biases=5, head="head", classes=3)  # that of frame.c


def test_no_frame_leaves_its_memories(clang: str, tmp_path: Path) -> None:
    values = np.arange(LAYOUT.size, dtype=np.int32)
    push = encode_push(LAYOUT, Push(node=1, round=2, steps=3, rate=real(0.06), own=(0, 2), values=values))
    one = encode(messages.set_values(LAYOUT, values, node=1))
    corpus = [push, one, *(sealed(frame) for frame in (push, one))]
    runtime = package_data("node", "engine", "runtime")
    files: Files = (
        f"-I{headers()[0].parent}",
        f"-I{runtime}",
        runtime / "fe_seal.c",
        runtime / "fe_sha256.c",
        *sources(),
    )
    fuzz(clang, "frame", tmp_path, corpus, 128, files)


def sealed(frame: bytes) -> bytes:
    """Filled up to where frame.c looks for a seal, and sealed with its key."""
    return seal(bytes([1, 2, 3]).ljust(32, b"\0"), 6, frame + bytes(-len(frame) % 8))


def conversation(frames: Iterator[bytes]) -> bytes:
    """Frames, each behind its length; an empty one is a restart."""
    return b"".join(len(frame).to_bytes(2, "little") + frame for frame in frames)


def loaded(slot: Slot) -> list[bytes]:
    """A slot on offer and its pieces, as the node of turn.c takes them: every digest is of the same bytes there."""
    offer = messages.offer(slot.description[:32] + DIGEST, bytes(64), node=NODE)
    pieces = (
        messages.piece(slot.content, at, PIECE_BYTES, node=NODE, sequence=slot.sequence)
        for at in range(0, len(slot.content), PIECE_BYTES)
    )
    return [encode(offer), *map(encode, pieces)]


def conversations(plan: Plan) -> Iterator[list[bytes]]:
    """Rounds, values in and out, a model and a plan that come in, run and are kept."""
    values = messages.set_values(plan.layout, values_of_round(plan, 9), node=NODE)
    get = encode(messages.Message(kind=messages.GET, node=NODE))
    other = replace(new_plan(small_plan(17), 2, 3), plan=int.from_bytes(DIGEST[:4], "big"))
    again = [push_frame(plan, 3, model=2), ack_frame(plan, 3, model=2), b""]
    yield [push_frame(plan, 1), ack_frame(plan, 1), b"", push_frame(plan, 2), ack_frame(plan, 2)]
    yield [encode(values), get]
    yield [*loaded(new_model(plan, 1, 1)), b"", push_frame(plan, 3, model=1), b""]
    yield [*loaded(other), b"", get, b""]
    yield [
        push_frame(plan, 1),
        *loaded(other),
        ack_frame(plan, 1),
        *again,
        *loaded(replace(other, number=4, sequence=9)),
    ]


def test_no_frame_makes_a_node_leave_its_memories(clang: str, tmp_path: Path) -> None:
    plan, profile = small_plan(), load_profile(BOARD)
    project = export(plan, profile, out=tmp_path / "project", name="node", runtime=True)
    corpus = [conversation(iter(frames)) for frames in conversations(plan)]
    files = device_sources(project, plan, profile)
    fuzz(clang, "turn", tmp_path, corpus, max(map(len, corpus)), files)
