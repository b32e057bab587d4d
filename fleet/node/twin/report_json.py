"""What `fleet verify --json` prints: stable keys with units in their names. New keys may come; none goes or changes."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from fleet import __version__
from fleet.node.twin.report import Check, FunctionCount, OperatorCount, Report

SCHEMA: Final = 1


def as_text(report: Report) -> str:
    """One object: every check with its differences, memory, stack and instructions."""
    content = {
        "schema": SCHEMA,
        "mcufleet": __version__,
        "project": report.project,
        "board": report.board,
        "core": report.core,
        "profile": report.kind,
        "emulator": report.emulator,
        "compiler": {**asdict(report.toolchain), "flags": list(report.toolchain.flags)},
        "passed": not report.faults,
        "training_steps": report.steps,
        "windows": report.windows,
        "checks": [_check(check) for check in report.checks],
        "refusal": None,
        "memory": [asdict(line) for line in report.memory],
        "sections": [{**asdict(line), "basis": "measured"} for line in report.sections],
        "flash_bytes": sum(line.flash_bytes for line in report.sections),
        "sram_bytes": sum(line.linked_bytes for line in report.memory if line.memory == "sram"),
        "stack": {"declared_bytes": report.stack_bytes, "used_bytes": report.stack_used_bytes},
        "instructions": _instructions(report),
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def refusal_text(said: str) -> str:
    """Where no report came about, since the project is not what it was exported as: why."""
    content = {"schema": SCHEMA, "mcufleet": __version__, "passed": False, "checks": [], "refusal": said}
    return json.dumps(content, indent=2, ensure_ascii=False)


def _check(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "against": check.against,
        "passed": not check.faults,
        "differences": [asdict(fault) for fault in check.faults],
        "more_differences": check.more,
    }


def _instructions(report: Report) -> dict[str, Any]:
    """Those that were counted, and what the profile's model says of a step."""
    least, most = report.step_instructions
    return {
        "basis": "counted",
        "inference": report.infer_instructions,
        "training_step_least": least if report.steps else None,
        "training_step_most": most if report.steps else None,
        "modelled": report.modelled_instructions,
        "by_operator": [_operator(count) for count in report.operators],
        "by_kind": _by_kind(report.operators),
        "by_function": [_function(count) for count in report.functions],
    }


def _operator(count: OperatorCount) -> dict[str, Any]:
    named = {"step": count.number, "kind": count.kind, "operator": count.operator}
    return {**named, "inference": count.infer, "training_step": count.train}


def _function(count: FunctionCount) -> dict[str, Any]:
    return {"function": count.name, "inference": count.infer, "training_step": count.train}


def _by_kind(counts: Sequence[OperatorCount]) -> list[dict[str, Any]]:
    """The same, added up by kind, in the order of the plan."""
    kinds = {count.kind: [c for c in counts if c.kind == count.kind] for count in counts}
    return [
        {
            "kind": kind,
            "steps": len(of),
            "inference": sum(c.infer for c in of),
            "training_step": None if of[0].train is None else sum(c.train or 0 for c in of),
        }
        for kind, of in kinds.items()
    ]
