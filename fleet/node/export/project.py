"""A plan as a C project: the engine's own sources, generated data, the board's port, and what verifies them."""

import hashlib
import re
import shutil
from pathlib import Path

from fleet.base.errors import Fault, InputError
from fleet.base.places import devices_dir, package_data, path_of
from fleet.node.export.c_data import model_source, plan_source, project_header
from fleet.node.export.config import config_header
from fleet.node.export.kinds import Kind
from fleet.node.export.packages import packages
from fleet.node.export.record import Project, project_json
from fleet.node.export.steps import steps_source
from fleet.node.export.target import target
from fleet.node.export.texts import link_script, makefile, moved, readme
from fleet.node.export.trial import Trial, check_trial, random_trial, trial_bytes
from fleet.node.model.graph_file import graph_bytes
from fleet.node.plan.ledger import Ledger, check_fit, ledger, stack_of
from fleet.node.plan.plan import Plan
from fleet.node.plan.slots import slots_of
from fleet.node.profile import Profile

ENGINE = ("node", "engine", "src")
CLIENT = ("node", "engine", "node")
INFER = ("node", "engine", "infer")
RUNTIME = ("node", "engine", "runtime")
"""Where the package has what a project gets byte for byte: `engine`, `node` of one that trains or only infers, and
`runtime` of one that takes part in rounds by itself."""

PORT = "port.c"
"""The file of a board that only the runtime calls."""

SOURCES = ("engine", "node", "runtime", "data", "port")
"""Folders of a project that the compiler reads."""


def export(
    plan: Plan,
    profile: Profile,
    *,
    out: Path | str,
    name: str,
    trial: Trial | None = None,
    windows: int = 0,
    stack_bytes: int | None = None,
    kind: Kind = Kind.TABLE,
    runtime: bool = False,
) -> Path:
    """Writes the project into a new folder and returns it.

    trial: what `fleet verify` runs; windows without meaning if None. windows: how many the log in flash is to hold.
    kind: how the project holds the plan. runtime: with what takes part in rounds by itself; else the client waits to be
    called. stack_bytes: by default what the core needs.
    Raises DoesNotFit, or InputError when the board has no port or the folder is taken.
    """
    out = path_of(out, "name a new folder")
    _check(profile, out, name)
    if runtime:
        _check_runtime(plan, profile)
    stack_bytes = stack_of(profile.core) if stack_bytes is None else stack_bytes
    _check_numbers(windows=windows, stack_bytes=stack_bytes)
    planned = ledger(
        plan, profile, windows=windows, stack_bytes=stack_bytes, static=kind is Kind.STATIC, runtime=runtime
    )
    check_fit(planned)
    trial = trial or random_trial(plan)
    check_trial(plan, trial)
    project = Project(
        name=name, board=profile.board, core=profile.core, stack_bytes=stack_bytes, windows=windows,
        scheme=plan.scheme, plan_digest=plan.digest, trial=trial, kind=kind, runtime=runtime,
    )  # fmt: skip
    files = {**engine_sources(trains=plan.trains, runtime=runtime), **_port(planned), **_generated(planned, project)}
    files |= {place: text.encode() for place, text in packages(files, project).items()}
    try:
        _place(out, files)
    except OSError as error:
        raise InputError.one(str(out), f"expected a place to write to, got {error}; name another") from error
    return out


def _place(out: Path, files: dict[str, bytes]) -> None:
    """Writes the files beside the folder and renames them into place, so that it is whole or not there."""
    partial = out.with_name(out.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    _write(partial, files)
    if out.exists():
        out.rmdir()
    partial.rename(out)


def engine_sources(*, trains: bool, runtime: bool) -> dict[str, bytes]:
    """The files that a project has unchanged, by their place in it. trains: whether its node does."""
    folders = {"engine": ENGINE, "node": CLIENT if trains else INFER} | ({"runtime": RUNTIME} if runtime else {})
    return {
        f"{folder}/{path.name}": path.read_bytes()
        for folder, parts in folders.items()
        for path in sorted(package_data(*parts).glob("*.[ch]"))
    }


def _check(profile: Profile, out: Path, name: str) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise InputError.one("name", f"expected letters, digits, '-', '_' and '.', got {name!r}; it names files")
    target(profile.core)
    if not profile.can_build:
        text = f"expected a board with a port, got {profile.board} without one; add {profile.board}/port to the devices"
        raise InputError.one("board", text)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError.one(str(out), "expected a new or empty folder, got one with files; name another")


def _check_runtime(plan: Plan, profile: Profile) -> None:
    if not plan.trains:
        raise InputError.one("runtime", "expected a plan that trains, got one that only infers; leave the runtime out")
    if not (devices_dir() / profile.board / "port" / PORT).is_file():
        text = f"expected a board with port/{PORT}, got {profile.board} without; add it, as devices/README.md says"
        raise InputError.one("runtime", text)


def _check_numbers(**given: object) -> None:
    least = {"windows": 0, "stack_bytes": 8}
    faults = [
        Fault(name, f"expected a whole number from {least[name]} up, got {value!r}; correct it")
        for name, value in given.items()
        if type(value) is not int or value < least[name]
    ]
    if faults:
        raise InputError(faults)


def _port(planned: Ledger) -> dict[str, bytes]:
    """The board's files; a template `x.in` becomes `x` with the memory that reservations leave and what lies where."""
    files: dict[str, bytes] = {}
    for path in sorted((devices_dir() / planned.profile.board / "port").iterdir()):
        if path.suffix == ".in":
            files[f"port/{path.stem}"] = link_script(path.read_text(encoding="utf-8"), planned).encode()
        elif path.is_file() and (planned.runtime or path.name != PORT):
            files[f"port/{path.name}"] = path.read_bytes()
    return files


def _generated(planned: Ledger, project: Project) -> dict[str, bytes]:
    name, plan, kind = project.name, planned.plan, project.kind
    zeroed = tuple(bank.name for bank in planned.profile.banks if moved(planned, bank.name))
    texts = {
        "data/fe_config.h": config_header(plan, name=name, kind=kind),
        "data/fe_project.h": project_header(
            plan,
            name=name,
            seed=project.trial.seed,
            zeroed=zeroed,
            kind=kind,
            slots=slots_of(plan, planned.profile) if planned.runtime else None,
        ),
        "data/model_data.c": model_source(plan, name=name),
        **_steps(plan, name, kind),
        "Makefile": makefile(project),
        "README.md": readme(planned, project),
        "verify/project.json": project_json(plan, project),
    }
    files = {place: text.encode() for place, text in texts.items()}
    return files | {"verify/model.npz": graph_bytes(plan.graph), "verify/trial.npz": trial_bytes(project.trial)}


def _steps(plan: Plan, name: str, kind: Kind) -> dict[str, str]:
    if kind is Kind.STATIC:
        return {"data/steps.c": steps_source(plan, name=name)}
    return {"data/plan_data.c": plan_source(plan, name=name)}


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for place, content in files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    lines = [f"{hashlib.sha256(content).hexdigest()}  {place}\n" for place, content in sorted(files.items())]
    (folder / "MANIFEST").write_text("".join(lines), encoding="utf-8")
