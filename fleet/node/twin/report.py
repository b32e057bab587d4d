"""What a verification found: checks with their differences, memory planned and linked, instructions by operator."""

from dataclasses import dataclass, field, replace

from fleet.base.errors import CheckFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first place where two sides differ. note: what else is to be known of it. remedy: what to do."""

    place: str
    expected: str
    got: str
    note: str = ""
    remedy: str = ""

    @property
    def said(self) -> str:
        """Place and both sides, without a remedy."""
        return f"{self.place}: expected {self.expected}, got {self.got}" + (f" ({self.note})" if self.note else "")

    def __str__(self) -> str:
        return self.said + (f"; {self.remedy}" if self.remedy else "")

    def within(self, place: str, remedy: str) -> "Difference":
        """The same, as a larger thing sees it."""
        whole = f"{place}: {self.place}" if self.place else place
        return replace(self, place=whole, remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One comparison that must be exact. against: what was compared. more: differences beyond those written out."""

    name: str
    against: str
    faults: tuple[Difference, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLine:
    """Bytes of one item. planned: None where there is only a measurement. symbol: the object of the image, or ''."""

    memory: str
    item: str
    planned_bytes: int | None
    linked_bytes: int
    symbol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionLine:
    """A section of the linked image, measured. bank: where it lies. flash_bytes: what of it the flash holds."""

    name: str
    bank: str
    address: int
    size_bytes: int
    flash_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCount:
    """Instructions of a step of the plan, all that it calls included; in a group of rows or channels the group's step
    has those of all. number: from 1, as in the project's data. train: None where nothing trains."""

    number: int
    kind: str
    operator: str
    infer: int
    train: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCount:
    """Instructions of a function, without what it calls."""

    name: str
    infer: int
    train: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """What compiled the image. said: its name, package and level in short. flags: all of them, in their order."""

    name: str
    version: str
    said: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """infer_instructions: of one inference. step_instructions: least and most of the training steps that were counted.

    operators, functions: of that inference and of the longest of these steps; () where nothing ran. Counts are 0 where
    the firmware did not run to its end. modelled_instructions: of a training step, by the kernel counts of the board's
    core; of an inference where nothing trains. steps is 0 then.
    """

    project: str
    board: str
    core: str
    kind: str
    toolchain: Toolchain
    emulator: str
    steps: int
    windows: int
    checks: tuple[Check, ...]
    memory: tuple[MemoryLine, ...]
    sections: tuple[SectionLine, ...]
    stack_bytes: int
    modelled_instructions: int
    stack_used_bytes: int = 0
    infer_instructions: int = 0
    step_instructions: tuple[int, int] = (0, 0)
    operators: tuple[OperatorCount, ...] = field(default=())
    functions: tuple[FunctionCount, ...] = field(default=())

    @property
    def faults(self) -> tuple[Difference, ...]:
        """The differences of all checks, in their order."""
        return tuple(fault for check in self.checks for fault in check.faults)

    @property
    def compiler(self) -> str:
        """Compiler and core in short."""
        return f"{self.toolchain.said}, {self.core}"


def refused(where: object, report: Report) -> CheckFailed:
    """All differences of a report, as an error says them."""
    failed = sum(1 for check in report.checks if check.faults)
    lines = [f"{where}: expected {len(report.checks)} checks without a difference, got {failed} with one"]
    for check in report.checks:
        lines += [f"  {fault}" for fault in check.faults]
        lines += [f"  {check.name}: and {check.more:,} more values"] if check.more else []
    return CheckFailed("\n".join(lines))
