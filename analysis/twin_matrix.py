"""Every network on every core: is the firmware the simulation, byte for byte?

    python -m analysis.twin_matrix [--nets NAME ...] [--boards NAME ...] [--profiles NAME ...] [--gradients NAME ...]

Each row is a project that was exported, built, run in an emulator for 50 training steps, and held against the
simulator: what `fleet export` and `fleet verify` do. imu-ds-cnn is the quickstart's own model; ds-cnn and mcunet-5fps
are the published ones, found in the folder that FLEET_DATA names: through weights that are made up no gradient comes
back far enough to train more than the last layers. Windows are drawn, and static exponents fitted to them. Where a
board has no room for a network, a smaller input is taken; the row says which.
checks         those that hold, of all
moved          trained values that the trial's training moves at all
SRAM, code     linked: every object in SRAM; flash that is neither model nor plan
stack          bytes of the declared stack that were ever written
instructions   per training step, the most of those counted
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from analysis.gradient_fidelity import with_drawn_head
from analysis.memory_goals import CLASSES
from analysis.transfer import folder
from fleet.base.errors import CheckFailed, DoesNotFit, InputError
from fleet.node.engine.binding import Node
from fleet.node.export import Kind, Trial, export, random_trial
from fleet.node.model.graph import Graph
from fleet.node.model.head import trainable
from fleet.node.model.recipe import Exponents, Gradients, Recipe
from fleet.node.model.reference import calibrated
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.model.schemes import named_scheme
from fleet.node.model.tflite import import_tflite
from fleet.node.model.zoo import shipped_model
from fleet.node.model.zoo.mcunet import load_mcunet
from fleet.node.plan import Plan
from fleet.node.plan.choice import best_plan
from fleet.node.plan.draft import draft_of
from fleet.node.plan.ledger import ledger, over
from fleet.node.plan.plan import finished
from fleet.node.profile import Profile, load_profile
from fleet.node.twin import Report, verify
from fleet.node.twin.round import pushed_values

BOARDS: Final = ("rp2040", "nrf52840", "stm32f746", "stm32u585", "esp32c3", "alif_e8")
"""One of each core: Cortex-M0+, M4F, M7F, M33F, RV32IMC in Unicorn, M55 in QEMU."""
NETS: Final = {"imu-ds-cnn": "sparse", "ds-cnn": "sparse", "mcunet-5fps": "sparse:49kb"}
SIDES: Final = (128, 96, 64, 48)
"""Inputs of mcunet-5fps to try, in pixels, the largest first."""
RECIPES: Final = {
    "int8": Recipe(gradients=Gradients.INT8, exponents=Exponents.STATIC),
    "int8-dynamic": Recipe(gradients=Gradients.INT8, exponents=Exponents.DYNAMIC),
    "fp32": Recipe(gradients=Gradients.FP32),
}
RATE: Final = 1 / 16  # at which exponents are fitted: that of a trial on windows without meaning
FITTED_ON: Final = 8  # windows of the trial, for exponents


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A network with a scheme, planned once for all boards. moved: of its trained values, by the trial's training."""

    net: str
    form: str
    plan: Plan
    trial: Trial
    moved: int

    @property
    def label(self) -> str:
        return f"{self.net} {' x '.join(str(size) for size in self.plan.graph.input.shape)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of a case on a board. found: the report, or why there is none."""

    board: str
    case: Case
    kind: Kind
    found: Report | str

    @property
    def equal(self) -> bool:
        return isinstance(self.found, Report)

    def __str__(self) -> str:
        start = f"{self.board:10}{self.case.label:27}{self.case.form:13}{self.kind.value:7}"
        if isinstance(self.found, str):
            return f"{start} DIFFERS\n{self.found}"
        sram, code = linked(self.found)
        moved = f"{self.case.moved:,}/{self.case.plan.layout.size:,}"
        return (
            f"{start}{len(self.found.checks):3}/{len(self.found.checks):<3}{moved:>16}{sram:9,}{code:8,}"
            f"{self.found.stack_used_bytes:6,}{self.found.step_instructions[1]:13,}  {self.found.emulator}"
        )


HEAD: Final = (
    f"{'board':10}{'net':27}{'gradients':13}{'profile':7}{'checks':>7}{'moved':>16}{'SRAM':>9}{'code':>8}{'stack':>6}"
    f"{'instructions':>13}"
)


def main(arguments: list[str] | None = None) -> int:
    """Prints the table, row by row; 1 when anything differs."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    options.add_argument("--boards", nargs="+", choices=BOARDS, default=list(BOARDS))
    options.add_argument(
        "--profiles", nargs="+", choices=[kind.value for kind in Kind], default=[k.value for k in Kind]
    )
    options.add_argument("--gradients", nargs="+", choices=RECIPES, default=list(RECIPES))
    options.add_argument("--most-pixels", type=int, choices=SIDES, default=SIDES[0], help="a side of mcunet-5fps")
    chosen = options.parse_args(arguments)
    print(HEAD, flush=True)
    rows = []
    kinds = [Kind(name) for name in chosen.profiles]
    sides = [side for side in SIDES if side <= chosen.most_pixels]
    for row in verified(chosen.nets, chosen.boards, kinds, chosen.gradients, sides):
        print(row, flush=True)
        rows.append(row)
    differ = sum(not row.equal for row in rows)
    print(f"{len(rows) - differ} of {len(rows)} equal in every byte")
    return int(differ > 0)


def verified(
    nets: Sequence[str], boards: Sequence[str], kinds: Sequence[Kind], forms: Sequence[str], sides: Sequence[int]
) -> Iterator[Row]:
    """A row for every combination. sides: of the input of mcunet-5fps, to try."""
    for net in nets:
        for form in forms:
            made: dict[int | None, Case | None] = dict.fromkeys(sides if net == "mcunet-5fps" else [None])
            for board in boards:
                case = fitting(net, form, load_profile(board), made)
                for kind in kinds:
                    yield Row(board=board, case=case, kind=kind, found=held(case, board, kind))


def fitting(net: str, form: str, profile: Profile, made: dict[int | None, Case | None]) -> Case:
    """The case with the largest input that a board has room for. made: by side, those that were planned before."""
    for side, known in made.items():
        made[side] = case = known or case_of(net, form, side)
        if not over(ledger(case.plan, profile)):
            return case
    raise DoesNotFit(f"{net} {form}: expected room on {profile.board}, got none for any input; leave the board out")


def case_of(net: str, form: str, side: int | None) -> Case:
    """A network, its scheme, the plan of least memory and drawn windows. side: of the input, in pixels."""
    graph, scheme = chosen_scheme(net, RECIPES[form], side)
    plan = best_plan(graph, scheme, input_streamed=True)
    trial = random_trial(plan)
    if scheme.recipe.exponents is Exponents.STATIC and scheme.recipe.gradients is Gradients.INT8:
        windows, labels = trial.windows[:FITTED_ON], trial.labels[:FITTED_ON]
        fitted = calibrated(plan.graph, plan.scheme, windows, labels, rate=RATE, own=frozenset(trial.own))
        plan = finished(draft_of(plan.graph, fitted, plan.tactics), plan.placement)
    moved = int(np.count_nonzero(pushed_values(plan, trial) != Node(plan).values))
    return Case(net=net, form=form, plan=plan, trial=trial, moved=moved)


def chosen_scheme(net: str, recipe: Recipe, side: int | None) -> tuple[Graph, Scheme]:
    """The network with its scheme."""
    graph = graph_of(net, side)
    if ":" not in NETS[net]:
        return graph, build_scheme(graph, NETS[net], recipe=recipe)
    choice = named_scheme(graph, NETS[net], recipe=recipe)
    return choice.graph, choice.scheme


def graph_of(net: str, side: int | None) -> Graph:
    """The quickstart's own model, or a published one; a new head is drawn, for gradients come back through it."""
    match net:
        case "imu-ds-cnn":
            return shipped_model(net, "seglearn-watch", 0)
        case "ds-cnn":
            return trainable(import_tflite(folder() / "mlperf-tiny" / "kws_ref_model.tflite").graph)
        case _:
            shape = None if side is None else (side, side, 3)
            return with_drawn_head(load_mcunet(folder() / "mcunet" / f"{net}.json", classes=CLASSES, shape=shape))


def held(case: Case, board: str, kind: Kind) -> Report | str:
    """The report of a project that is exported, built, run and compared; or what was different, or refused."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            project = export(
                case.plan, load_profile(board), out=Path(folder) / "node", name=case.net, trial=case.trial, kind=kind
            )
            return verify(project)
        except (CheckFailed, InputError) as fault:
            return str(fault)


def linked(report: Report) -> tuple[int, int]:
    """Bytes of SRAM and of code in the image."""
    sram = sum(line.linked_bytes for line in report.memory if line.memory == "sram")
    return sram, next(line.linked_bytes for line in report.memory if line.item == "code")


if __name__ == "__main__":
    sys.exit(main())
