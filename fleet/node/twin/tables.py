"""A report as tables for people."""

from collections import Counter
from typing import Final

from fleet.node.twin.report import Report

CHECK_HEADINGS: Final = ("check", "held against", "result")
MEMORY_HEADINGS: Final = ("memory", "item", "planned", "linked")
SECTION_HEADINGS: Final = ("section", "in", "bytes", "of flash")
COUNT_HEADINGS: Final = ("steps", "per inference", "per training step", "share")
SHOWN: Final = 12  # functions


def check_rows(report: Report) -> list[tuple[str, str, str]]:
    """A line per check."""
    return [(check.name, check.against, "differs" if check.faults else "equal") for check in report.checks]


def memory_rows(report: Report) -> list[tuple[str, str, str, str]]:
    """A line per item; '-' where nothing was planned."""
    return [
        (
            line.memory,
            line.item,
            "-" if line.planned_bytes is None else f"{line.planned_bytes:,}",
            f"{line.linked_bytes:,}",
        )
        for line in report.memory
    ]


def section_rows(report: Report) -> list[tuple[str, str, str, str]]:
    """A line per section of the image, and the flash that all of them take."""
    rows = [(s.name, s.bank, f"{s.size_bytes:,}", f"{s.flash_bytes:,}") for s in report.sections]
    return [*rows, ("in all", "", "", f"{sum(s.flash_bytes for s in report.sections):,}")]


def count_headings(report: Report) -> tuple[str, ...]:
    """Headings of count_rows."""
    return ("operator" if report.operators else "function", *COUNT_HEADINGS)


def count_rows(report: Report) -> list[tuple[str, str, str, str, str]]:
    """Instructions by kind of operator, the most first; by function where the emulator tells no operators.

    share: of the training step, or of the inference where nothing trains; the rest is client and interpreter.
    """
    steps: Counter[str] = Counter()
    infer: Counter[str] = Counter()
    train: Counter[str] = Counter()
    for operator in report.operators:
        kind = operator.kind.replace("_", " ")
        steps[kind] += bool(operator.infer or operator.train)
        infer[kind] += operator.infer
        train[kind] += operator.train or 0
    if not report.operators:
        for function in report.functions:
            infer[function.name] += function.infer
            train[function.name] += function.train or 0
    whole = report.step_instructions[1] or report.infer_instructions
    weight = train if report.step_instructions[1] else infer
    return [
        (
            name, f"{steps[name]}" if report.operators else "", f"{infer[name]:,}",
            f"{train[name]:,}" if report.steps else "-", f"{100 * weight[name] / whole:.1f} %",
        )
        for name, _ in weight.most_common(None if report.operators else SHOWN)
        if weight[name]
    ]  # fmt: skip


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


def flags(report: Report) -> str:
    """The compiler with all of its flags."""
    return f"compiled by {report.toolchain.version}: {' '.join(report.toolchain.flags)}"


def agreement(report: Report) -> str:
    """What of the project and the simulation is equal."""
    what = f"{report.steps} training steps" if report.steps else f"{report.windows} inferences"
    return f"agree on every byte of {what}"
