"""verify/project.json: what `fleet verify` needs to make the simulator's side again, next to the original model."""

import json
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from fleet.base.errors import InputError
from fleet.node.export.kinds import Kind
from fleet.node.export.trial import Trial, read_windows
from fleet.node.model.fixed import Real
from fleet.node.model.recipe import Exponents, Gradients, Loss, Recipe, Rule
from fleet.node.model.scheme import Scheme, Trained
from fleet.node.plan.plan import Plan
from fleet.node.plan.tactics import LAYERWISE, Tactics

FORMAT: Final = "mcufleet-project"
VERSION: Final = 3
READABLE: Final = (2, 3)  # version 2 has no profile: all were tables
_TYPES: Final = {"name": str, "board": str, "core": str, "plan_sha256": str, "stack_bytes": int, "log_windows": int}
_REMEDY: Final = "export the project again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """An exported project's own description. plan_digest: of the plan it was made from, with these tactics.

    kind: `profile` in the file.
    """

    name: str
    board: str
    core: str
    stack_bytes: int
    windows: int
    scheme: Scheme
    plan_digest: str
    trial: Trial
    tactics: Tactics = LAYERWISE
    kind: Kind = Kind.TABLE
    runtime: bool = False


def project_json(plan: Plan, project: Project) -> str:
    """The description as canonical JSON."""
    trial = project.trial
    content = {
        "format": FORMAT,
        "version": VERSION,
        "name": project.name,
        "board": project.board,
        "core": project.core,
        "profile": project.kind.value,
        "stack_bytes": project.stack_bytes,
        "log_windows": project.windows,
        "plan_sha256": plan.digest,
        "scheme": {
            "name": plan.scheme.name,
            "trained": [[t.op, t.channels, t.bias] for t in plan.scheme.trained],
            "recipe": _recipe_fields(plan.scheme.recipe),
        },
        **_tactics_fields(plan.tactics),
        **({"runtime": True} if project.runtime else {}),
        "trial": {
            "seed": trial.seed,
            "node": trial.node,
            "rate": [trial.rate.mant, trial.rate.exp],
            "own": list(trial.own),
            "steps": trial.steps,
        },
    }
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def _tactics_fields(tactics: Tactics) -> dict[str, Any]:
    """Nothing for a plan on whole maps."""
    if tactics == LAYERWISE:
        return {}
    return {
        "tactics": {
            "order": list(tactics.order),
            "segments": [list(segment) for segment in tactics.segments],
            "over": [list(pair) for pair in tactics.over],
            "by_channels": sorted(tactics.by_channels),
            "input_streamed": tactics.input_streamed,
            "slices": tactics.slices,
        }
    }


def _tactics(found: dict[str, Any] | None) -> Tactics:
    if found is None:
        return LAYERWISE
    numbers = [*chain(*found["segments"]), *found.get("order", ())]
    names = [*chain(*found["over"]), *found["by_channels"]]
    odd = [item for items, kind in ((numbers, int), (names, str)) for item in items if type(item) is not kind]
    if odd:
        raise ValueError(f"tactics of operator {odd[0]!r}")
    return Tactics(
        order=tuple(found.get("order", ())), segments=tuple((first, end) for first, end in found["segments"]),
        over=tuple((y, x) for y, x in found["over"]), by_channels=frozenset(found["by_channels"]),
        input_streamed=found["input_streamed"], slices=found["slices"],
    )  # fmt: skip


def _recipe_fields(recipe: Recipe) -> dict[str, Any]:
    """The recipe by its names in a scenario."""
    return {
        "gradients": recipe.gradients.value,
        "exponents": recipe.exponents.value,
        "rule": recipe.rule.value,
        "loss": recipe.loss.value,
        "scaled": recipe.scaled,
        "momentum": recipe.momentum,
        "batch": recipe.batch,
        "shifts": [list(shift) for shift in recipe.shifts],
    }


def _recipe(found: dict[str, Any]) -> Recipe:
    return Recipe(
        gradients=Gradients(found["gradients"]), exponents=Exponents(found["exponents"]), rule=Rule(found["rule"]),
        loss=Loss(found["loss"]), scaled=found["scaled"], momentum=found["momentum"], batch=found["batch"],
        shifts=tuple((name, shift) for name, shift in found["shifts"]),
    )  # fmt: skip


def read_project(folder: Path) -> Project:
    """The description of an exported project; InputError when the folder is none."""
    path = folder / "verify" / "project.json"
    if not path.is_file():
        raise InputError.one(
            str(folder), "expected a project made by `fleet export`, got no verify/project.json; name one"
        )
    try:
        return _project(json.loads(path.read_text(encoding="utf-8")), folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        text = f"expected the description of a project, got {type(fault).__name__}: {fault}; {_REMEDY}"
        raise InputError.one(str(path), text) from fault


def _project(found: dict[str, Any], folder: Path) -> Project:
    if found["format"] != FORMAT or found["version"] not in READABLE:
        raise ValueError(f"format {found['format']!r} version {found['version']!r}, not {FORMAT!r} version {VERSION}")
    if odd := [name for name, kind in _TYPES.items() if type(found[name]) is not kind]:
        raise ValueError(f"{odd[0]} {found[odd[0]]!r}")
    if found["stack_bytes"] <= 0 or found["log_windows"] < 0:
        raise ValueError(f"stack_bytes {found['stack_bytes']} and log_windows {found['log_windows']}")
    trained = tuple(Trained(op=op, channels=channels, bias=bias) for op, channels, bias in found["scheme"]["trained"])
    scheme = Scheme(name=found["scheme"]["name"], trained=trained, recipe=_recipe(found["scheme"]["recipe"]))
    answering = scheme.recipe.loss is Loss.SQUARED_ERROR
    windows, labels, answers = read_windows(folder / "verify" / "trial.npz", answers=answering)
    given = found["trial"]
    trial = Trial(
        windows=windows, labels=labels, own=tuple(given["own"]), rate=Real(*given["rate"]), seed=given["seed"],
        node=given["node"], steps=given["steps"], answers=answers,
    )  # fmt: skip
    return Project(
        name=found["name"], board=found["board"], core=found["core"], stack_bytes=found["stack_bytes"],
        windows=found["log_windows"], scheme=scheme,
        plan_digest=found["plan_sha256"], trial=trial, tactics=_tactics(found.get("tactics")),
        kind=Kind.TABLE if found["version"] == 2 else Kind(found["profile"]),
        runtime=found.get("runtime") is True,
    )  # fmt: skip
