"""Counted instructions by operator and by function, of an inference and of a training step."""

from itertools import repeat

from fleet.node.plan.plan import Plan
from fleet.node.twin.report import FunctionCount, OperatorCount
from fleet.node.twin.running import Profiled


def operator_counts(plan: Plan, infer: Profiled | None, train: Profiled | None) -> tuple[OperatorCount, ...]:
    """One for each step of the plan; () where nothing was counted by step."""
    if infer is None or not infer.by_step:
        return ()
    trained = train.by_step if train else repeat(None, len(plan.steps))
    return tuple(
        OperatorCount(number=number, kind=step.code.name.lower(), operator=step.op, infer=said, train=learned)
        for number, (step, said, learned) in enumerate(zip(plan.steps, infer.by_step, trained, strict=True), 1)
    )


def function_counts(infer: Profiled | None, train: Profiled | None) -> tuple[FunctionCount, ...]:
    """One for each function that ran, those with most instructions first."""
    inferring = infer.by_function if infer else {}
    training = train.by_function if train else {}
    counts = [
        FunctionCount(name=name, infer=inferring.get(name, 0), train=training.get(name, 0) if train else None)
        for name in sorted(inferring.keys() | training.keys())
    ]
    return tuple(sorted(counts, key=lambda c: (-(c.train or 0), -c.infer, c.name)))
