"""What a verification found: checks with their faults, memory planned and linked, instructions counted."""

from dataclasses import dataclass

CHECK_HEADINGS = ("check", "held against", "result")
MEMORY_HEADINGS = ("memory", "item", "planned", "linked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One comparison that must be exact. against: what was compared. faults: 'where: expected, got; what to do'."""

    name: str
    against: str
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLine:
    """Bytes of one item. planned: None where there is only a measurement."""

    memory: str
    item: str
    planned_bytes: int | None
    linked_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """infer_instructions: of one inference. step_instructions: least and most of the training steps that were counted.

    modelled_instructions: of a training step, by the kernel counts of the board's core; of an inference where nothing
    trains. steps is 0 then.
    """

    project: str
    board: str
    compiler: str
    emulator: str
    steps: int
    windows: int
    checks: tuple[Check, ...]
    memory: tuple[MemoryLine, ...]
    stack_bytes: int
    stack_used_bytes: int
    infer_instructions: int
    step_instructions: tuple[int, int]
    modelled_instructions: int

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(fault for check in self.checks for fault in check.faults)


def check_rows(report: Report) -> list[tuple[str, str, str]]:
    """A line per check, for people."""
    return [(check.name, check.against, "differs" if check.faults else "equal") for check in report.checks]


def memory_rows(report: Report) -> list[tuple[str, str, str, str]]:
    """A line per item, for people; '-' where nothing was planned."""
    return [
        (
            line.memory,
            line.item,
            "-" if line.planned_bytes is None else f"{line.planned_bytes:,}",
            f"{line.linked_bytes:,}",
        )
        for line in report.memory
    ]


def closing(report: Report) -> str:
    """Stack and instructions in a sentence, with what they were measured with."""
    least, most = report.step_instructions
    off = round(100 * (report.modelled_instructions / (most or report.infer_instructions) - 1))
    counted = (
        f"{least:,} to {most:,} instructions per training step, {report.infer_instructions:,} per inference"
        if report.steps
        else f"{report.infer_instructions:,} instructions per inference"
    )
    each = "step" if report.steps else "inference"
    modelled = f"the profile's model says {report.modelled_instructions:,} per {each} ({off:+d} %)"
    return (
        f"{report.stack_used_bytes:,} of {report.stack_bytes:,} B of stack used; "
        f"{counted} (counted in {report.emulator}; {report.compiler}); {modelled}"
    )


def agreement(report: Report) -> str:
    """What of the project and the simulation is equal."""
    what = f"{report.steps} training steps" if report.steps else f"{report.windows} inferences"
    return f"agree on every byte of {what}"
