"""Which windows train, which choose, which test: the end of every recording is held out, never other people's.

"Later" means later in the same bout of exercise, not another day. That flatters training alone; reports say so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import Fault, InputError
from fleet.learning.data.dataset import DataSet

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Window numbers of a data set, ascending, in at most one part each. kind: the name of the split."""

    kind: str
    train: Indices
    val: Indices
    test: Indices


def split_within_recording(dataset: DataSet, train: float = 0.5, val: float = 0.15, gap: int = 1) -> Parts:
    """The first share of each recording to train on, the next to choose by, the rest as test.

    gap: windows dropped at each of the two cuts. One is enough where a window shares samples with the next only.
    Shares are rounded to whole windows, halves to even.
    """
    _check_shares(train, val, gap)
    triples = [_cut(windows, train, val, gap) for windows in _recordings(dataset)]
    return _gathered("within_recording", triples)


def by_recording(dataset: DataSet, train: float = 0.5, val: float = 0.15) -> Parts:
    """The first recordings of each person and side to train on, the next to choose by, the last as test.

    Honest where a class has several recordings per person; elsewhere check_split refuses it.
    """
    _check_shares(train, val, 0)
    by_node: dict[tuple[int, int], list[Indices]] = {}
    for windows in _recordings(dataset):
        by_node.setdefault((int(dataset.subject[windows[0]]), int(dataset.side[windows[0]])), []).append(windows)
    triples = []
    for recordings in by_node.values():
        numbers = _cut(np.arange(len(recordings)), train, val, 0)
        triples.append(tuple(_joined(recordings[i] for i in part) for part in numbers))
    return _gathered("by_recording", triples)


def check_split(dataset: DataSet, parts: Parts) -> list[Fault]:
    """One fault when some person and side loses, from its training or else its test part, a class it has data of."""
    for name, part in (("training", parts.train), ("test", parts.test)):
        if fault := _lost_classes(dataset, parts.kind, name, part):
            return [fault]
    return []


def _lost_classes(dataset: DataSet, kind: str, name: str, part: Indices) -> Fault | None:
    whole = _node_classes(dataset, np.arange(dataset.size))
    kept = _node_classes(dataset, part)
    lost = {node: sorted(classes - kept.get(node, set())) for node, classes in whole.items()}
    lost = {node: classes for node, classes in lost.items() if classes}
    if not lost:
        return None
    (person, side), classes = next(iter(lost.items()))
    names = ", ".join(dataset.labels[c] for c in classes)
    others = f" and classes of {len(lost) - 1} more nodes" if len(lost) > 1 else ""
    text = (
        f"expected every class in every node's {name} part, got {kind}, which takes {names} "
        f"from person {person} side {side}{others}; {_remedy(kind)}"
    )
    return Fault("data.hold_out", text)


def _remedy(kind: str) -> str:
    if kind == "by_recording":
        return "hold out the end of each recording (within_recording)"
    return "choose shares and a gap that leave each recording a window in every part"


def _node_classes(dataset: DataSet, part: Indices) -> dict[tuple[int, int], set[int]]:
    found: dict[tuple[int, int], set[int]] = {}
    columns = (dataset.subject[part].tolist(), dataset.side[part].tolist(), dataset.y[part].tolist())
    for person, side, label in sorted(set(zip(*columns, strict=True))):
        found.setdefault((person, side), set()).add(label)
    return found


def _recordings(dataset: DataSet) -> list[Indices]:
    """Window numbers of each recording, in the order of the file."""
    cuts = np.flatnonzero(np.diff(dataset.recording)) + 1
    return list(np.split(np.arange(dataset.size), cuts))


def _cut(windows: Indices, train: float, val: float, gap: int) -> tuple[Indices, Indices, Indices]:
    first, second = round(len(windows) * train), round(len(windows) * val)
    begin_test = first + gap + second + gap
    return windows[:first], windows[first + gap : first + gap + second], windows[begin_test:]


def _gathered(kind: str, triples: Sequence[tuple[Indices, ...]]) -> Parts:
    train, val, test = (np.sort(_joined(triple[i] for triple in triples)) for i in range(3))
    return Parts(kind=kind, train=train, val=val, test=test)


def _joined(pieces: Iterable[Indices]) -> Indices:
    return np.concatenate([np.empty(0, np.int64), *pieces])


def _check_shares(train: float, val: float, gap: int) -> None:
    if not (train > 0 and val >= 0 and train + val < 1 and gap >= 0):
        text = (
            f"expected train > 0, val >= 0, train + val < 1 and gap >= 0, got train {train}, val {val}, gap {gap}; "
            "leave a share for the test"
        )
        raise InputError.one("data.hold_out", text)
