"""A user's network from a file, with a head for the classes of the data."""

from dataclasses import dataclass
from pathlib import Path

from fleet.base.errors import InputError
from fleet.base.places import path_of
from fleet.node.model.graph import Graph
from fleet.node.model.graph_file import load_graph
from fleet.node.model.head import trainable
from fleet.node.model.tflite import import_tflite

HEADS = ("auto", "kept", "new")
SUFFIXES = (".tflite", ".npz")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnModel:
    """graph: ready to train. new_head: whether its last layer starts from zeros. left_out: what was not imported."""

    graph: Graph
    new_head: bool
    left_out: tuple[str, ...]


def own_model(path: Path | str, classes: int, head: str = "auto") -> OwnModel:
    """The network in a .tflite, or an .npz of a graph, as a classifier of so many classes; InputError if it is none.

    head: 'kept' for the file's last layer, 'new' for one of zeros, 'auto' for the file's where its outputs are as many.
    """
    path = path_of(path, f"name a file ending in {' or '.join(SUFFIXES)}")
    if head not in HEADS:
        raise InputError.one("head", f"expected one of {', '.join(HEADS)}, got {head!r}; choose one of them")
    graph, left_out = _read(path)
    if not graph.weighted:
        raise InputError.one(str(path), "expected layers with weights, got none; nothing of this network can train")
    kept = None if head == "new" else _kept(graph, must=head == "kept")
    if kept is not None and kept.classes == classes:
        return OwnModel(graph=kept, new_head=False, left_out=left_out)
    if kept is not None and head == "kept":
        text = f"expected a last layer for the {classes} classes of the data, got one for {kept.classes}"
        raise InputError.one(str(path), f"{text}; take a new head, or data with these classes")
    return OwnModel(graph=trainable(graph, classes), new_head=True, left_out=left_out)


def _read(path: Path) -> tuple[Graph, tuple[str, ...]]:
    if path.suffix == ".tflite":
        made = import_tflite(path)
        return made.graph, made.left_out
    if path.suffix == ".npz":
        return load_graph(path), ()
    got = path.suffix or "no ending"
    raise InputError.one(str(path), f"expected a file ending in {' or '.join(SUFFIXES)}, got {got}; convert it")


def _kept(graph: Graph, *, must: bool) -> Graph | None:
    """The graph with its own last layer as the head; None, or InputError if it must be, where it has none."""
    try:
        return trainable(graph)
    except InputError:
        if must:
            raise
        return None
