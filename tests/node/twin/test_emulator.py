"""Instructions of an emulated core, against a slow count by another way, and where they belong."""

from collections import Counter

import pytest
from capstone import CS_ARCH_ARM, CS_MODE_MCLASS, CS_MODE_THUMB, Cs
from unicorn import UC_HOOK_BLOCK, Uc

from fleet.node.export import export, random_trial
from fleet.node.export.record import read_project
from fleet.node.export.target import uses_of
from fleet.node.model.scheme import build_scheme
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.ledger import STACK_BYTES
from fleet.node.plan.steps import Code
from fleet.node.profile import load_profile
from fleet.node.twin.build import build
from fleet.node.twin.emulator import Core
from fleet.node.twin.image import read_image
from fleet.node.twin.round import Twin
from fleet.node.twin.running import Profiled
from tests.node.model.nets import residual_net


@pytest.fixture(scope="module")
def plan() -> Plan:
    graph = residual_net()
    return plan_of(graph, build_scheme(graph, "sparse"))


@pytest.fixture(scope="module")
def core(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Core:
    """A core in the middle of a round, its window in place."""
    board = load_profile("nrf52840")
    folder = export(plan, board, out=tmp_path_factory.mktemp("core") / "node", name="node")
    assert read_project(folder).core == board.core
    core = Core(read_image(build(folder, core=board.core, stack_bytes=STACK_BYTES, uses=uses_of(plan))), board)
    twin = Twin(core, plan, random_trial(plan))
    assert [fault for check in twin.checks() for fault in check.faults] == []
    return core


def infer(core: Core, plan: Plan) -> int:
    """One inference on the first window; a run overwrites it."""
    core.write(core.call("fe_client_input"), random_trial(plan).windows[0].tobytes())
    return core.call("fe_client_infer")


@pytest.fixture(scope="module")
def step(core: Core) -> Profiled:
    return core.profiled(lambda: core.call("fe_client_train", 0))


def test_the_hook_in_c_counts_what_a_hook_in_python_counts(core: Core, plan: Plan) -> None:
    quick = core.profiled(lambda: infer(core, plan))
    runs: Counter[tuple[int, int]] = Counter()

    def on_block(_uc: Uc, address: int, size: int, _data: object) -> None:
        runs[address, size] += 1

    core._uc.ctl_flush_tb()
    hook = core._uc.hook_add(UC_HOOK_BLOCK, on_block)
    infer(core, plan)
    core._uc.hook_del(hook)
    core._uc.ctl_flush_tb()
    thumb = Cs(CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_MCLASS)
    slow = sum(n * sum(1 for _ in thumb.disasm_lite(core.read(at, size), at)) for (at, size), n in runs.items())
    assert quick.instructions == slow == core.counted(lambda: infer(core, plan))


def test_every_instruction_is_in_one_function(step: Profiled, core: Core) -> None:
    assert sum(step.by_function.values()) == step.instructions
    assert step.by_function["fe_conv_s8_forward"] > step.by_function["fe_client_train"] > 0
    assert step.by_function.keys() <= core.image.functions.keys()


def test_every_step_of_the_plan_runs_and_little_is_left(step: Profiled, plan: Plan) -> None:
    assert len(step.by_step) == len(plan.steps)
    assert min(step.by_step) > 0
    between = step.instructions - sum(step.by_step)
    assert 0 < between < 100 * len(plan.steps)
    costs = Counter[Code]()
    for at, count in zip(plan.steps, step.by_step, strict=True):
        costs[at.code] += count
    loss = step.by_function["fe_softmax_ce"]
    assert loss < costs[Code.LOSS]


def test_an_inference_runs_the_steps_up_to_the_loss(core: Core, plan: Plan) -> None:
    seen = core.profiled(lambda: core.call("fe_client_infer")).by_step
    loss = next(i for i, at in enumerate(plan.steps) if at.code is Code.LOSS)
    assert min(seen[:loss]) > 0
    assert max(seen[loss:]) == 0


def test_a_count_repeats_when_others_were_taken_between(core: Core, plan: Plan) -> None:
    first = core.profiled(lambda: infer(core, plan))
    core.profiled(lambda: core.call("fe_client_train", 1))
    assert first.by_step != ()
    assert core.profiled(lambda: infer(core, plan)).by_step[0] == first.by_step[0]
