"""An exported project held against the simulator: sources, constants, memory, and a round in an emulated core.

What is expected comes from the original model in the project's `verify` folder and from this package's engine, never
from the exported data: a weight changed in the project is found in the image and by what it does to training.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fleet.base.errors import CheckFailed, InputError
from fleet.base.places import path_of
from fleet.node.cost import step_cost
from fleet.node.export.blocks import Block, blocks_of, place_of, value_at
from fleet.node.export.c_data import layout_fields
from fleet.node.export.kinds import Kind
from fleet.node.export.project import engine_sources
from fleet.node.export.record import Project, read_project
from fleet.node.export.steps import STEPS, steps_bytes
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
from fleet.node.twin.build import Compiler, build, compiler_name
from fleet.node.twin.image import Image, read_image
from fleet.node.twin.memory import check_places, check_sram, check_whole_numbers, memory_lines
from fleet.node.twin.report import Check, Report
from fleet.node.twin.round import Twin
from fleet.node.twin.start import CORES, Emulator, emulator_of, started

LEAST_STEPS = 50
SHOWN = 3  # faults of one kind that are written out


def verify(folder: Path | str, *, emulator: Emulator | None = None, compiler: Compiler = Compiler.CLANG) -> Report:
    """What was compared, when everything is equal; CheckFailed with every difference otherwise.

    emulator: by default Unicorn, where it knows the core. Raises InputError for a folder that is no exported project,
    and for a compiler or an emulator that is not installed or does not know the core.
    """
    folder = path_of(folder, "name a project made by `fleet export`")
    project = read_project(folder)
    tools = _Tools(emulator=emulator_of(project.core, emulator), compiler=compiler)
    profile = load_profile(project.board)
    if project.core != profile.core:
        text = f"expected {profile.core}, the core of {project.board}, got {project.core}; export again"
        raise InputError.one(f"{folder}/verify/project.json", text)
    report = _report(folder, project, original_plan(folder, project), profile, tools)
    if report.faults:
        failed = sum(1 for check in report.checks if check.faults)
        head = f"{folder}: expected {len(report.checks)} checks without a difference, got {failed} with one"
        raise CheckFailed("\n".join([head, *(f"  {fault}" for fault in report.faults)]))
    return report


def original_plan(folder: Path, project: Project) -> Plan:
    """The plan that the project was made from, planned again from the model in its `verify` folder."""
    plan = _planned_again(load_graph(folder / "verify" / "model.npz"), project)
    if plan.digest != project.plan_digest:
        text = f"expected plan {project.plan_digest[:12]}, got {plan.digest[:12]}"
        raise CheckFailed(f"{folder}/verify: {text}; another model, or a version that plans otherwise: export again")
    check_trial(plan, project.trial)
    if project.trial.steps < LEAST_STEPS or project.core not in CORES:
        got = f"{project.trial.steps} on {project.core}"
        text = f"expected {LEAST_STEPS} steps or more on one of {', '.join(CORES)}, got {got}"
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


def _report(folder: Path, project: Project, plan: Plan, profile: Profile, tools: _Tools) -> Report:
    built = build(folder, core=project.core, stack_bytes=project.stack_bytes, uses=uses_of(plan), chosen=tools.compiler)
    image = read_image(built)
    is_static = project.kind is Kind.STATIC
    planned = ledger(
        plan, profile, windows=project.windows, stack_bytes=project.stack_bytes, static=is_static,
        runtime=project.runtime,
    )  # fmt: skip
    static = (
        _sources(folder, plan, project),
        *_constants(image, plan, is_static=is_static),
        check_sram(image, planned),
        check_places(image, profile),
        *(() if plan.floats else (check_whole_numbers(image),)),
    )
    try:
        core = started(image, profile, tools.emulator)
        twin = Twin(core, plan, project.trial)
        ran = tuple(twin.checks())
    except CheckFailed as stopped:  # what was wrong before says why
        faults = (f"  {fault}" for check in static for fault in check.faults)
        raise CheckFailed("\n".join([str(stopped), *faults])) from stopped
    used = core.stack_used()
    return Report(
        project=project.name, board=project.board,
        compiler=f"{compiler_name(project.core, tools.compiler)}, {project.core}", emulator=tools.emulator.value,
        steps=project.trial.steps if plan.trains else 0, windows=len(project.trial.windows),
        checks=(*static, *ran, _stack(planned, used)), memory=memory_lines(image, planned),
        stack_bytes=project.stack_bytes, stack_used_bytes=used, infer_instructions=twin.counts.infer,
        step_instructions=(min(twin.counts.steps, default=0), max(twin.counts.steps, default=0)),
        modelled_instructions=step_cost(profile, training_counts(plan)).instructions,
    )  # fmt: skip


def _sources(folder: Path, plan: Plan, project: Project) -> Check:
    faults = []
    expected = engine_sources(trains=plan.trains, runtime=project.runtime)
    for place, content in expected.items():
        path = folder / place
        if not path.is_file():
            faults.append(f"{path}: expected the package's file, got none; export again")
        elif path.read_bytes() != content:
            line = _first_line(content, path.read_bytes())
            faults.append(f"{path}:{line}: expected the package's file, got another from this line on; restore it")
    return Check(name="sources", against=f"{len(expected)} files of the package, byte for byte", faults=tuple(faults))


def _first_line(expected: bytes, got: bytes) -> int:
    """Number of the first line that differs."""
    lines = zip(expected.splitlines(), got.splitlines(), strict=False)
    return next((i for i, (a, b) in enumerate(lines, 1) if a != b), min(expected.count(b"\n"), got.count(b"\n")) + 1)


def _constants(image: Image, plan: Plan, *, is_static: bool) -> Iterator[Check]:
    blocks = blocks_of(plan)
    model = _bytes_of(image, "fe_model")
    faults = tuple(_model_faults(model, plan, blocks_of(plan)))
    yield Check(name="model", against=f"{len(plan.model):,} bytes of the original, {len(blocks)} arrays", faults=faults)
    words = ("steps", STEPS, steps_bytes(plan)) if is_static else ("plan", "fe_plan_words", plan.content)
    layout = ("layout", "fe_trained", struct.pack("<6i", *layout_fields(plan.layout)))
    for name, symbol, expected in (words, layout) if plan.trains else (words,):
        got = _bytes_of(image, symbol)
        differs = (
            ()
            if got == expected
            else (f"{symbol}: expected the original {name}, got {_word(expected, got)}; export again",)
        )
        yield Check(name=name, against=f"{len(expected):,} bytes of the original", faults=differs)


def _bytes_of(image: Image, symbol: str) -> bytes:
    return image.content(image.objects[symbol]) if symbol in image.objects else b""


def _word(expected: bytes, got: bytes) -> str:
    if len(got) != len(expected):
        return f"{len(got):,} bytes for {len(expected):,}"
    at = next(i for i, (a, b) in enumerate(zip(expected, got, strict=True)) if a != b) // 4
    old, new = (int.from_bytes(content[4 * at : 4 * at + 4], "little", signed=True) for content in (expected, got))
    return f"{new} for {old} in word {at}"


def _model_faults(got: bytes, plan: Plan, blocks: tuple[Block, ...]) -> Iterator[str]:
    """The first values that differ, each by its tensor and index."""
    if len(got) != len(plan.model):
        yield f"fe_model: expected {len(plan.model):,} bytes, got {len(got):,}; export again"
        return
    places: dict[str, str] = {}
    for at in (i for i, (a, b) in enumerate(zip(plan.model, got, strict=True)) if a != b):
        place = place_of(blocks, at)
        if place not in places:
            old, new = value_at(blocks, plan.model, at), value_at(blocks, got, at)
            places[place] = f"{place}: expected {old}, got {new} in data/model_data.c; export again, or undo the change"
    yield from list(places.values())[:SHOWN]
    if len(places) > SHOWN:
        yield f"model: and {len(places) - SHOWN:,} more values"


def _stack(planned: Ledger, used: int) -> Check:
    declared = planned.symbols("sram")["fe_stack"].size_bytes
    fault = f"stack: expected at most {declared:,} B, got {used:,} B or more; declare a larger one with stack_bytes"
    against = f"the paint below {used:,} of {declared:,} declared bytes"
    return Check(name="stack", against=against, faults=(fault,) if used >= declared else ())
