"""Every network on every core: is the firmware the simulation, byte for byte?

    python -m analysis.twin_matrix [--nets NAME ...] [--boards NAME ...] [--profiles NAME ...] [--gradients NAME ...]
                                   [--compiler gcc] [--steps N] [--journal FILE] [--json]

Each cell is a project that was exported, built, run in an emulator for 50 (or --steps) training steps on real
windows, and held against the simulator: what `fleet export` and `fleet verify` do. `analysis.twin_cases` says which
networks and data. Where a board has no room for a network, a smaller input is taken; the row says which. With
--journal each finished cell is a line of the file, and the same command goes on where it was stopped; cells of
another engine, compiler or plan are made again. The whole matrix takes hours, nearly all of them for mcunet-5fps; the
other two networks some minutes.
checks         those that hold, of all
moved          trained values that 50 steps of the trial move at all
SRAM, code     linked: every object in SRAM, equal to the ledger's lines; flash that is neither model nor plan
stack          bytes of the declared stack that were ever written
float          no: no function of floating point in software in the image; -: its plan has some
instructions   per training step, the most of those counted
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from analysis.twin_cases import MCUNET, NETS, RECIPES, SIDES, Case, fitting
from fleet.base.errors import CheckFailed, InputError
from fleet.node.export import Kind, export
from fleet.node.export.project import engine_sources
from fleet.node.export.trial import STEPS
from fleet.node.profile import load_profile
from fleet.node.twin import Compiler, Report, verify
from fleet.node.twin.build import compiler_name

BOARDS: Final = ("rp2040", "nrf52840", "stm32f746", "stm32u585", "esp32c3", "alif_e8")
"""One of each core: Cortex-M0+, M4F, M7F, M33F, RV32IMC in Unicorn, M55 in QEMU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The cells to make. sides: of the input of mcunet-5fps, to try."""

    nets: Sequence[str]
    boards: Sequence[str]
    kinds: Sequence[Kind]
    forms: Sequence[str]
    sides: Sequence[int]
    compiler: Compiler = Compiler.CLANG
    steps: int = STEPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What came of a case on a board. of: what it was made with. differs: why there is no report, or ''."""

    net: str
    input: str
    gradients: str
    board: str
    core: str
    profile: str
    of: str
    moved: int
    values: int
    differs: str = ""
    steps: int = 0
    checks: int = 0
    sram_bytes: int = 0
    ledger_bytes: int = 0
    flash_bytes: int = 0
    code_bytes: int = 0
    stack_bytes: int = 0
    stack_used_bytes: int = 0
    soft_float: str = ""
    infer_instructions: int = 0
    step_instructions: int = 0
    emulator: str = ""
    compiler: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What no other cell has."""
        return (self.net, self.input, self.gradients, self.board, self.profile, self.of, f"{self.steps} steps")

    def __str__(self) -> str:
        start = f"{self.board:10}{f'{self.net} {self.input}':27}{self.gradients:13}{self.profile:7}"
        if self.differs:
            return f"{start} DIFFERS\n{self.differs}"
        return (
            f"{start}{self.checks:3}/{self.checks:<3}{self.steps:6}{f'{self.moved:,}/{self.values:,}':>16}"
            f"{self.sram_bytes:9,}{self.code_bytes:8,}{self.stack_used_bytes:6,}{self.soft_float:>6}"
            f"{self.step_instructions:13,}  {self.emulator}"
        )


HEAD: Final = (
    f"{'board':10}{'net':27}{'gradients':13}{'profile':7}{'checks':>7}{'steps':>6}{'moved':>16}{'SRAM':>9}{'code':>8}"
    f"{'stack':>6}{'float':>6}{'instructions':>13}"
)


def main(arguments: list[str] | None = None) -> int:
    """Prints the table, row by row, or one JSON list at the end; 1 when anything differs."""
    chosen = _options().parse_args(arguments)
    wanted = Wanted(
        nets=chosen.nets, boards=chosen.boards, kinds=[Kind(name) for name in chosen.profiles], forms=chosen.gradients,
        sides=[side for side in SIDES if side <= chosen.most_pixels], compiler=Compiler(chosen.compiler),
        steps=chosen.steps,
    )  # fmt: skip
    known = read_journal(chosen.journal) if chosen.journal else {}
    cells = []
    if not chosen.json:
        print(HEAD, flush=True)
    for cell in verified(wanted, known):
        cells.append(cell)
        if chosen.journal and cell.key not in known:
            note(chosen.journal, cell)
        if not chosen.json:
            print(cell, flush=True)
    differ = sum(bool(cell.differs) for cell in cells)
    closing = f"{len(cells) - differ} of {len(cells)} equal in every byte"
    print(json.dumps([asdict(cell) for cell in cells], indent=1) if chosen.json else closing)
    return int(differ > 0)


def _options() -> argparse.ArgumentParser:
    kinds = [kind.value for kind in Kind]
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    options.add_argument("--boards", nargs="+", choices=BOARDS, default=list(BOARDS))
    options.add_argument("--profiles", nargs="+", choices=kinds, default=kinds)
    options.add_argument("--gradients", nargs="+", choices=RECIPES, default=list(RECIPES))
    options.add_argument("--most-pixels", type=int, choices=SIDES, default=SIDES[0], help="a side of mcunet-5fps")
    options.add_argument("--compiler", choices=[each.value for each in Compiler], default=Compiler.CLANG.value)
    options.add_argument("--steps", type=int, default=STEPS, help=f"of training; {STEPS} unless there is no time")
    options.add_argument("--journal", type=Path, help="a line for each finished cell; those of the file are not redone")
    options.add_argument("--json", action="store_true", help="a list of all cells on standard output")
    return options


def note(path: Path, cell: Cell) -> None:
    """A line more in the journal; one that was cut off before stays alone."""
    with path.open("a+b") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 1))
        whole = file.read(1) in (b"", b"\n")
        file.write(f"{'' if whole else chr(10)}{json.dumps(asdict(cell))}\n".encode())


def read_journal(path: Path) -> dict[tuple[str, ...], Cell]:
    """The finished cells of a file that may be absent. Lines that were cut off and cells that differ are left out."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    cells = [Cell(**json.loads(line)) for line in text.split("\n") if line.endswith("}")]
    return {cell.key: cell for cell in cells if not cell.differs}


def verified(wanted: Wanted, known: dict[tuple[str, ...], Cell]) -> Iterator[Cell]:
    """A cell for every combination; those that are known are not made again."""
    for net in wanted.nets:
        for form in wanted.forms:
            made: dict[int | None, Case | None] = dict.fromkeys(wanted.sides if net == MCUNET else [None])
            for board in wanted.boards:
                case = shortened(fitting(net, form, load_profile(board), made), wanted.steps)
                for kind in wanted.kinds:
                    start = begun(case, board, kind, wanted.compiler)
                    yield known.get(start.key) or held(start, case, wanted.compiler)


def shortened(case: Case, steps: int) -> Case:
    """The case with so many steps of its trial."""
    return replace(case, trial=replace(case.trial, steps=steps))


def begun(case: Case, board: str, kind: Kind, compiler: Compiler) -> Cell:
    """A cell of which nothing is known but what it is of."""
    core = load_profile(board).core
    said = hashlib.sha256(f"{compiler_name(core, compiler)} {case.plan.digest}".encode())
    for place, content in engine_sources(trains=True, runtime=False).items():
        said.update(place.encode() + b"\0" + content)
    return Cell(
        net=case.net, input=case.label.removeprefix(f"{case.net} "), gradients=case.form, board=board, core=core,
        profile=kind.value, of=said.hexdigest()[:16], moved=case.moved, values=case.plan.layout.size,
        steps=case.trial.steps,
    )  # fmt: skip


def held(start: Cell, case: Case, compiler: Compiler = Compiler.CLANG) -> Cell:
    """The cell of a project that is exported, built, run and compared; or with what was different, or refused."""
    kind, profile = Kind(start.profile), load_profile(start.board)
    with tempfile.TemporaryDirectory() as folder:
        try:
            out = Path(folder) / "node"
            project = export(case.plan, profile, out=out, name=case.net, trial=case.trial, kind=kind)
            return _filled(start, verify(project, compiler=compiler, least_steps=min(case.trial.steps, STEPS)))
        except (CheckFailed, InputError) as fault:
            return Cell(**{**asdict(start), "differs": str(fault)})


def _filled(start: Cell, report: Report) -> Cell:
    sram = [line for line in report.memory if line.memory == "sram"]
    whole = {check.name for check in report.checks}
    found = {
        "checks": len(report.checks),
        "sram_bytes": sum(line.linked_bytes for line in sram),
        "ledger_bytes": sum(line.planned_bytes or 0 for line in sram),
        "flash_bytes": sum(section.flash_bytes for section in report.sections),
        "code_bytes": next(line.linked_bytes for line in report.memory if line.item == "code"),
        "stack_bytes": report.stack_bytes,
        "stack_used_bytes": report.stack_used_bytes,
        "soft_float": "no" if "whole numbers" in whole else "-",
        "infer_instructions": report.infer_instructions,
        "step_instructions": report.step_instructions[1],
        "emulator": report.emulator,
        "compiler": report.compiler,
    }
    return Cell(**{**asdict(start), **found})


if __name__ == "__main__":
    sys.exit(main())
