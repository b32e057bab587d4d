"""An exported project held against the simulator: sources, constants, memory, and a round in an emulated core.

What is expected comes from the original model in the project's `verify` folder and from this package's engine, never
from the exported data: a weight changed in the project is found in the image and by what it does to training.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from fleet.base.errors import CheckFailed, InputError
from fleet.base.places import path_of
from fleet.node.cost import step_cost
from fleet.node.export.kinds import Kind
from fleet.node.export.record import Project, read_project
from fleet.node.export.target import uses_of
from fleet.node.export.trial import check_trial
from fleet.node.model.graph import Graph
from fleet.node.model.graph_file import load_graph
from fleet.node.plan.counts import training_counts
from fleet.node.plan.draft import draft_of, inference_draft
from fleet.node.plan.ledger import Ledger, ledger
from fleet.node.plan.placement import Effort
from fleet.node.plan.plan import Plan, finished
from fleet.node.plan.tactics import LAYERWISE
from fleet.node.profile import Profile, load_profile
from fleet.node.twin.build import Compiler, build, toolchain
from fleet.node.twin.content import check_constants, check_sources
from fleet.node.twin.image import Image, read_image
from fleet.node.twin.memory import check_places, check_sram, check_whole_numbers, memory_lines, section_lines
from fleet.node.twin.operators import function_counts, operator_counts
from fleet.node.twin.report import Check, Difference, Report, refused
from fleet.node.twin.round import Counts, Twin
from fleet.node.twin.start import CORES, Emulator, emulator_of, started

LEAST_STEPS = 50
FORM = re.compile(r"(?s)(?P<place>.*?): expected (?P<expected>.*?), got (?P<got>.*?)(?:; (?P<remedy>[^;\n]*))?")
"""What errors look like."""


def verify(
    folder: Path | str, *, emulator: Emulator | None = None, compiler: Compiler = Compiler.CLANG,
    least_steps: int = LEAST_STEPS,
) -> Report:  # fmt: skip
    """What was compared, when everything is equal; CheckFailed with every difference otherwise.

    Raises as `examine`.
    """
    report = examine(folder, emulator=emulator, compiler=compiler, least_steps=least_steps)
    if report.faults:
        raise refused(folder, report)
    return report


def examine(
    folder: Path | str, *, emulator: Emulator | None = None, compiler: Compiler = Compiler.CLANG,
    least_steps: int = LEAST_STEPS,
) -> Report:  # fmt: skip
    """What was compared, and every difference that was found.

    emulator: by default Unicorn, where it knows the core. least_steps: of training, that the project's trial has to
    have. Raises InputError for a folder that is no exported project, and for a compiler or an emulator that is not
    installed or does not know the core; CheckFailed where its model is not the one that it was made from.
    """
    folder = path_of(folder, "name a project made by `fleet export`")
    project = read_project(folder)
    tools = _Tools(emulator=emulator_of(project.core, emulator), compiler=compiler)
    profile = load_profile(project.board)
    if project.core != profile.core:
        text = f"expected {profile.core}, the core of {project.board}, got {project.core}; export again"
        raise InputError.one(f"{folder}/verify/project.json", text)
    return _report(_Subject(folder, project, original_plan(folder, project, least_steps), profile), tools)


def original_plan(folder: Path, project: Project, least_steps: int = LEAST_STEPS) -> Plan:
    """The plan that the project was made from, planned again from the model in its `verify` folder."""
    plan = _planned_again(load_graph(folder / "verify" / "model.npz"), project)
    if plan.digest != project.plan_digest:
        text = f"expected plan {project.plan_digest[:12]}, got {plan.digest[:12]}"
        raise CheckFailed(f"{folder}/verify: {text}; another model, or a version that plans otherwise: export again")
    check_trial(plan, project.trial)
    if project.trial.steps < least_steps or project.core not in CORES:
        got = f"{project.trial.steps} on {project.core}"
        text = f"expected {least_steps} steps or more on one of {', '.join(CORES)}, got {got}"
        raise InputError.one(f"{folder}/verify/project.json", f"{text}; export again")
    return plan


def _planned_again(graph: Graph, project: Project) -> Plan:
    """The project's plan, with the least effort that gives it; or the last try."""
    tactics, scheme = project.tactics, project.scheme
    draft = draft_of(graph, scheme, tactics) if scheme.trained else inference_draft(graph, tactics)
    if project.tactics == LAYERWISE:
        return finished(draft, None)
    for effort in Effort:
        plan = finished(draft, draft.placed(effort))
        if plan.digest == project.plan_digest:
            break
    return plan


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tools:
    emulator: Emulator
    compiler: Compiler


@dataclass(frozen=True, slots=True)
class _Subject:
    folder: Path
    project: Project
    plan: Plan
    profile: Profile

    @property
    def modelled(self) -> int:
        """Instructions of a step, of an inference where nothing trains."""
        return step_cost(self.profile, training_counts(self.plan)).instructions

    @property
    def planned(self) -> Ledger:
        project = self.project
        return ledger(
            self.plan, self.profile, windows=project.windows, stack_bytes=project.stack_bytes,
            static=project.kind is Kind.STATIC, runtime=project.runtime,
        )  # fmt: skip


@dataclass(slots=True)
class _Ran:
    """How far a firmware came."""

    checks: list[Check] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    stack_used_bytes: int = 0


def _report(subject: _Subject, tools: _Tools) -> Report:
    project, plan = subject.project, subject.plan
    uses = uses_of(plan)
    checks, image, ran = [check_sources(subject.folder, plan, project)], None, _Ran()
    try:
        image = read_image(
            build(subject.folder, core=project.core, stack_bytes=project.stack_bytes, uses=uses, chosen=tools.compiler)
        )
        checks += _still(image, subject)
        _run(image, subject, tools, ran)
    except CheckFailed as stopped:  # what else is wrong says why
        ran.checks.append(_stopped("run" if image else "build", stopped))
    infer, train = ran.counts.infer, ran.counts.longest
    steps = [step.instructions for step in ran.counts.steps]
    return Report(
        project=project.name, board=project.board, core=project.core, kind=project.kind.value,
        toolchain=toolchain(project.core, project.stack_bytes, uses, tools.compiler), emulator=tools.emulator.value,
        steps=project.trial.steps if plan.trains else 0, windows=len(project.trial.windows),
        checks=(*checks, *ran.checks), memory=memory_lines(image, subject.planned) if image else (),
        sections=section_lines(image, subject.profile) if image else (), stack_bytes=project.stack_bytes,
        stack_used_bytes=ran.stack_used_bytes, infer_instructions=infer.instructions if infer else 0,
        step_instructions=(min(steps, default=0), max(steps, default=0)),
        operators=operator_counts(plan, infer, train), functions=function_counts(infer, train),
        modelled_instructions=subject.modelled,
    )  # fmt: skip


def _still(image: Image, subject: _Subject) -> tuple[Check, ...]:
    """What shows without running it."""
    plan, is_static = subject.plan, subject.project.kind is Kind.STATIC
    return (
        *check_constants(image, plan, is_static=is_static),
        check_sram(image, subject.planned),
        check_places(image, subject.profile),
        *(() if plan.floats else (check_whole_numbers(image),)),
    )


def _run(image: Image, subject: _Subject, tools: _Tools, ran: _Ran) -> None:
    """A round in the core; `ran` has what was found even when it stops on the way."""
    core = started(image, subject.profile, tools.emulator)
    core.allow(subject.modelled)
    twin = Twin(core, subject.plan, subject.project.trial)
    ran.counts = twin.counts
    for check in twin.checks():
        ran.checks.append(check)
    ran.stack_used_bytes = core.stack_used()
    ran.checks.append(_stack(subject.planned, ran.stack_used_bytes))


def _stopped(name: str, fault: CheckFailed) -> Check:
    """The check that a refusal stands for. Errors have the form of FORM."""
    found = FORM.fullmatch(str(fault))
    said = {key: value or "" for key, value in found.groupdict().items()} if found else {}
    difference = Difference(**said) if said else Difference(place=name, expected="no fault", got=str(fault))
    return Check(name=name, against="the firmware runs to its end", faults=(difference,))


def _stack(planned: Ledger, used: int) -> Check:
    declared = planned.symbols("sram")["fe_stack"].size_bytes
    fault = Difference(
        place="stack", expected=f"at most {declared:,} B", got=f"{used:,} B or more",
        remedy="declare a larger one with stack_bytes",
    )  # fmt: skip
    against = f"the paint below {used:,} of {declared:,} declared bytes"
    return Check(name="stack", against=against, faults=(fault,) if used >= declared else ())
