"""Data sets: windows of a sensor with whose they are, as int8 arrays, and the one that ships.

`seglearn-watch`: 10 people, 7 shoulder exercises, both sides, one recording each; 4,677 windows of 2 s at 25 Hz,
hop 1 s, 6 axes of a smartwatch. Source: seglearn 1.2.5 (D. Burns, BSD-3-Clause); licence and origin lie beside the
data. Within a recording, windows i and i+1 share half of their samples bit for bit; i and i+2 share none.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.base.arrays import read_arrays
from fleet.base.errors import Fault, InputError
from fleet.base.places import package_data

Bytes = NDArray[np.uint8]

SHIPPED: Final = {"seglearn-watch": "watch_int8.npz"}
ARRAYS: Final = ("x", "y", "subject", "side", "recording", "labels")
MOST_CLASSES: Final = 256  # of y, and of a label that a node is trained with
_REMEDY: Final = "name an .npz file with the arrays " + ", ".join(ARRAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Windows in order of time within each recording.

    x: int8 [N, H, W, C], a map per window. y, subject, side, recording: uint8 [N]. labels: the name of each class.
    real = input_scale * (x - input_zero): one scale for all axes, 1/64, so that a net sees values from -2 to 2.
    """

    source: str
    x: NDArray[np.int8]
    y: Bytes
    subject: Bytes
    side: Bytes
    recording: Bytes
    labels: tuple[str, ...]
    input_scale: float = 1 / 64
    input_zero: int = 0

    @property
    def size(self) -> int:
        """Windows."""
        return int(self.y.size)

    @property
    def classes(self) -> int:
        return len(self.labels)

    @property
    def people(self) -> tuple[int, ...]:
        """Subject numbers, ascending."""
        return tuple(int(person) for person in np.unique(self.subject))


def load_set(source: str, path: Path | None = None) -> DataSet:
    """The data set of this name, from the package or from a file of the same layout.

    path: None for a set that ships. x may be [N, H, C] (read as width 1) or [N, H, W, C].
    """
    where = path or _shipped_path(source)
    arrays = read_arrays(where, ARRAYS, remedy=_REMEDY)
    if texts := _type_faults(arrays) or _value_faults(arrays):
        raise InputError([Fault(f"{where}: {name}", f"{text}; {_REMEDY}") for name, text in texts])
    x = arrays["x"]
    return DataSet(
        source=source,
        x=x[:, :, None, :] if x.ndim == 3 else x,
        y=arrays["y"],
        subject=arrays["subject"],
        side=arrays["side"],
        recording=arrays["recording"],
        labels=tuple(str(label) for label in arrays["labels"]),
    )


def _shipped_path(source: str) -> Path:
    if source in SHIPPED:
        return package_data("learning", "data", "sets", source, SHIPPED[source])
    near = get_close_matches(source, SHIPPED, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "or give data.path"
    raise InputError.one("data.source", f"expected one of {', '.join(SHIPPED)}, got {source!r}; {hint}")


def _type_faults(arrays: dict[str, NDArray[Any]]) -> list[tuple[str, str]]:
    """What has the wrong type, dimension or length; empty when all fit together."""
    x, n = arrays["x"], len(arrays["y"]) if arrays["y"].ndim else 0
    texts = []
    if x.dtype != np.int8 or x.ndim not in (3, 4) or x.size == 0:
        texts.append(("x", f"expected int8 windows [N, H, C] or [N, H, W, C], got {x.dtype} {list(x.shape)}"))
    elif len(x) != n:
        texts.append(("x", f"expected {n} windows as in y, got {len(x)}"))
    columns = {name: arrays[name] for name in ("y", "subject", "side", "recording")}
    texts += [
        (name, f"expected uint8 [{n}], got {column.dtype} {list(column.shape)}")
        for name, column in columns.items()
        if column.dtype != np.uint8 or column.shape != (n,)
    ]
    if arrays["labels"].dtype.kind != "U" or arrays["labels"].ndim != 1:
        texts.append(("labels", f"expected a list of names, got {arrays['labels'].dtype}"))
    return texts


def _value_faults(arrays: dict[str, NDArray[Any]]) -> list[tuple[str, str]]:
    """What contradicts itself: labels that are missing, recordings of two people or classes, or torn apart."""
    texts = []
    if (highest := int(arrays["y"].max())) >= len(arrays["labels"]):
        texts.append(("y", f"expected classes below {len(arrays['labels'])}, got {highest}"))
    if len(arrays["labels"]) > MOST_CLASSES:
        text = f"expected at most {MOST_CLASSES} names, since a class is one byte, got {len(arrays['labels'])}"
        texts.append(("labels", text))
    recording = arrays["recording"]
    starts = np.flatnonzero(np.diff(recording, prepend=recording[0] ^ 1))
    if len(starts) != len(np.unique(recording)):
        texts.append(("recording", "expected each recording in one piece, got one that is interleaved with another"))
    for name in ("y", "subject", "side"):
        pieces = np.flatnonzero(np.diff(arrays[name]))
        if not np.isin(pieces + 1, starts).all():
            texts.append((name, "expected one value per recording, got a recording with several"))
    return texts
