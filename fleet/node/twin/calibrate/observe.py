"""Counted plans as equations of the cost model: so much work took so many instructions."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from fleet.node.cost import OpCount
from fleet.node.plan.counts import work_of
from fleet.node.plan.lifetimes import groups
from fleet.node.plan.plan import Plan
from fleet.node.plan.steps import Code
from fleet.node.twin.calibrate.bench import Bench, StepCount
from fleet.node.twin.calibrate.fit import Seen
from fleet.node.twin.calibrate.samples import Sample


def observed(bench: Bench, sample: Sample) -> list[Seen]:
    """One training step of a sample, or one inference, counted piece by piece."""
    bench.load(sample.plan, sample.trial)
    if sample.plan.trains:
        for window in range(sample.steps):
            bench.train(window)
    return list(equations(sample.name, sample.plan, bench.count(sample.steps)))


def equations(name: str, plan: Plan, counted: Sequence[StepCount]) -> Iterator[Seen]:
    """One for each step, and for each part of a group of channels."""
    shares = {count.step: count.share for count in counted if count.share is not None}
    work = work_of(plan, shares)
    inner = {group.header: group for group in groups(plan.draft.program)}
    for count in counted:
        step, group = plan.steps[count.step], inner.get(count.step)
        what = f"{name}: {step.code.name.lower()} {step.op}"
        if group is None:
            counts = work[count.step]
        elif group.code is Code.ROWS:
            counts = tuple(c for i in range(group.header, group.last + 1) for c in work[i])
        else:
            whole = [c for i in range(group.header, group.last + 1) for c in work[i]]
            counts, what = tuple(_of_part(whole, count.part)), f"{what} {count.part}".rstrip()
        counts = tuple(_whole_batch(c, plan.scheme.recipe.batch) for c in counts)
        yield Seen(what=what, counts=counts, instructions=count.instructions)


def _of_part(counts: Sequence[OpCount], part: str) -> Iterator[OpCount]:
    """Those of a part of a group of channels."""
    names = {"": ("channels",), "bias": ("channels_bias",), "project_bias": ("channels_project_bias",)}
    wanted = names.get(part, (f"channels_{part}",))
    for count in counts:
        kind = count.kind.removesuffix("_f32")
        updates = kind.startswith("channels_update") or (kind.startswith("take_") and not kind.startswith("take_bias"))
        if updates if part == "weights" else kind in wanted:
            yield count


def _whole_batch(count: OpCount, batch: int) -> OpCount:
    """The step that ends a batch does all of what the model spreads over its windows."""
    return replace(count, elements=count.elements * batch) if count.kind.startswith("apply_") else count
