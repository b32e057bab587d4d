"""What an exported project is tried with: windows and labels, who the node is, how it trains."""

from dataclasses import dataclass
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.base.arrays import read_arrays
from fleet.base.errors import Fault, InputError
from fleet.node.engine.binding import DTYPES, MOST_LABELS
from fleet.node.model.fixed import Real, real
from fleet.node.model.graph import Form, Int8
from fleet.node.model.recipe import Loss
from fleet.node.plan.plan import Plan

STEPS = 50
_REMEDY: Final = "export the project again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """windows: [n, H, W, C] as the network reads them, taken in turn. labels: uint8 [n]. own: classes of the softmax.

    answers: int8 [n, H, W, C] of the output, where the plan learns answers instead; labels are 0 then. seed: of the
    fleet; with the node's number it decides every rounding. steps: of training. A plan that only infers reads nothing
    but the windows.
    """

    windows: NDArray[Any]
    labels: NDArray[np.uint8]
    own: tuple[int, ...]
    rate: Real
    seed: int
    node: int
    steps: int = STEPS
    answers: Int8 | None = None

    @property
    def order(self) -> NDArray[np.int64]:
        """int64 [steps]: the window of each step."""
        return np.arange(self.steps, dtype=np.int64) % len(self.labels)


def random_trial(plan: Plan, *, seed: int = 0) -> Trial:
    """A trial on windows without meaning, for a model whose data are not at hand."""
    shape, classes = plan.graph.input.shape, plan.layout.classes
    key = rng.key(seed, rng.Stream.START)
    pixels = rng.draws32(key, 0, STEPS * plan.graph.input.size).astype(np.uint8).astype(np.int8)
    windows = (pixels / 32).astype(np.float32) if plan.graph.input.form is Form.FLOAT32 else pixels.view(_dtype(plan))
    labels = rng.draws32(rng.absorb(key, 1), 0, STEPS) % max(1, classes)
    return Trial(
        windows=windows.reshape(STEPS, *shape), labels=labels.astype(np.uint8), own=tuple(range(classes)),
        rate=real(1 / 16), seed=seed, node=3, answers=_random_answers(plan, rng.absorb(key, 2)),
    )  # fmt: skip


def _dtype(plan: Plan) -> np.dtype[Any]:
    return np.dtype(DTYPES[plan.graph.input.form])


def learns_answers(plan: Plan) -> bool:
    """Whether a step is told an answer, not a class."""
    return plan.trains and plan.scheme.recipe.loss is Loss.SQUARED_ERROR


def _random_answers(plan: Plan, key: int) -> Int8 | None:
    if not learns_answers(plan):
        return None
    shape = (STEPS, *_answer_shape(plan))
    return rng.draws32(key, 0, prod(shape)).astype(np.uint8).astype(np.int8).reshape(shape)


def _answer_shape(plan: Plan) -> tuple[int, int, int]:
    return plan.graph.tensor(plan.graph.ops[-1].y).shape


def check_trial(plan: Plan, trial: Trial) -> None:
    """Raises InputError unless the trial is one of this plan's network."""
    shape = plan.graph.input.shape
    dtype = _dtype(plan)
    if trial.windows.dtype != dtype or trial.windows.shape[1:] != shape or not len(trial.windows):
        text = f"expected {dtype} windows of {shape}, got {trial.windows.dtype} {trial.windows.shape}"
        raise InputError.one("trial.windows", f"{text}; hand in the network's own data")
    _check_numbers(trial)
    if not plan.trains:
        return
    if learns_answers(plan):
        _check_answers(plan, trial)
        return
    if plan.layout.classes > MOST_LABELS:
        text = (
            f"expected a network of at most {MOST_LABELS} classes, since a label is one byte, got {plan.layout.classes}"
        )
        raise InputError.one("trial.labels", f"{text}; give it a head for fewer")
    if not set(trial.own) <= set(range(plan.graph.classes)):
        text = f"expected classes 0 to {plan.graph.classes - 1}, got {list(trial.own)}; hand in a node's classes"
        raise InputError.one("trial.own", text)
    if not set(trial.labels.tolist()) <= set(trial.own):
        text = f"expected a label of {list(trial.own)} for each window, got {sorted(set(trial.labels.tolist()))}"
        raise InputError.one("trial.labels", f"{text}; hand in a node's training part")


def _is_real(rate: Real) -> bool:
    """Whether the fields are what a Real says of them: a file may hold anything."""
    if type(rate.mant) is not int or type(rate.exp) is not int:
        return False
    return -31 <= rate.exp <= 31 and (rate.mant == 0 or 2**30 <= rate.mant < 2**31)


def _check_numbers(trial: Trial) -> None:
    """What the firmware's words and a push can hold. SPEC.md, section "Frames"."""
    limits = {"seed": 2**64 - 1, "node": 2**32 - 1, "steps": 2**16 - 1}
    faults = [
        Fault(f"trial.{name}", f"expected a whole number from 0 to {most}, got {value!r}; choose one of these")
        for name, most in limits.items()
        if type(value := getattr(trial, name)) is not int or not 0 <= value <= most
    ]
    if not isinstance(trial.rate, Real) or not _is_real(trial.rate):
        text = f"expected a Real below 2^31, got {trial.rate!r}; make it with real(0.01)"
        faults.append(Fault("trial.rate", text))
    if trial.labels.shape != trial.windows.shape[:1]:
        text = (
            f"expected {len(trial.windows)}, one per window, got {list(trial.labels.shape)}; zeros where none is asked"
        )
        faults.append(Fault("trial.labels", text))
    if faults:
        raise InputError(faults)


def _check_answers(plan: Plan, trial: Trial) -> None:
    expected = (len(trial.windows), *_answer_shape(plan))
    got = None if trial.answers is None else trial.answers.shape
    if got != expected:
        raise InputError.one("trial.answers", f"expected int8 {expected}, got {got}; hand in an answer per window")


def trial_bytes(trial: Trial) -> bytes:
    """verify/trial.npz: windows and labels as plain arrays, the same bytes for the same trial."""
    file = BytesIO()
    arrays: dict[str, NDArray[Any]] = {"windows": trial.windows, "labels": trial.labels}
    if trial.answers is not None:
        arrays["answers"] = trial.answers
    with ZipFile(file, "w", ZIP_STORED) as archive:  # stored: compressors differ between builds of zlib
        for name, array in arrays.items():
            member = BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            archive.writestr(ZipInfo(name + ".npy"), member.getvalue())  # ZipInfo's own date: 1 January 1980
    return file.getvalue()


def read_windows(path: Path, *, answers: bool) -> tuple[NDArray[Any], NDArray[np.uint8], Int8 | None]:
    """Windows, labels and, where the plan learns them, answers of verify/trial.npz."""
    names = ("windows", "labels", "answers") if answers else ("windows", "labels")
    arrays = read_arrays(path, names, remedy=_REMEDY)
    return arrays["windows"], arrays["labels"], arrays["answers"] if answers else None
