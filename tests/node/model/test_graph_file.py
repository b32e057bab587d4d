"""Graphs as files: the same bytes for the same graph, and one sentence for a file that is not one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.node.model.graph import Add, Conv2d, Dense, GlobalAveragePool, Graph, Op, Tensor
from fleet.node.model.graph_file import graph_bytes, graph_digest, load_graph, save_graph
from fleet.node.model.zoo import shipped_model, shipped_path


@pytest.fixture(scope="module")
def graph() -> Graph:
    return shipped_model("imu-ds-cnn", "seglearn-watch", 0)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs") / "graph.npz"


def with_skip() -> Graph:
    """Two convolutions joined by an addition."""
    rng = np.random.default_rng(0)
    maps = [Tensor(name=n, shape=(4, 4, 3), scale=0.25, zero_point=-128) for n in ("in", "a", "b", "sum")]
    convs = [
        Conv2d(
            name=f"to {y}",
            x=x,
            y=y,
            weight=rng.integers(-127, 128, (3, 3, 3, 3)).astype(np.int8),
            bias=rng.integers(-999, 999, 3).astype(np.int32),
            weight_scale=np.full(3, 0.5, np.float32),
            pad=(1, 1, 1, 1),
        )
        for x, y in (("in", "a"), ("a", "b"))
    ]
    head = Dense(
        name="head",
        x="pool",
        y="head",
        weight=np.ones((2, 3), np.int8),
        bias=np.zeros(2, np.int32),
        weight_scale=np.ones(2, np.float32),
    )
    ends = [Tensor(name="pool", shape=(1, 1, 3), scale=0.25, zero_point=-128)]
    ends += [Tensor(name="head", shape=(1, 1, 2), scale=1 / 256, zero_point=0)]
    ops: tuple[Op, ...] = (
        *convs,
        Add(name="add", x="a", x2="b", y="sum"),
        GlobalAveragePool(name="pool", x="sum", y="pool"),
        head,
    )
    return Graph(name="skip", tensors=(*maps, *ends), ops=ops)


def reheaded(graph: Graph, change: Any) -> bytes:
    """The graph's file with its header changed by change(header)."""
    from io import BytesIO

    with np.load(BytesIO(graph_bytes(graph))) as archive:
        arrays = dict(archive)
    header = json.loads(arrays["header"].tobytes())
    change(header)
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    file = BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize("draw", range(10))
def test_a_shipped_model_comes_back_byte_for_byte(draw: int) -> None:
    path = shipped_path("imu-ds-cnn", "seglearn-watch", draw)
    assert graph_bytes(load_graph(path)) == path.read_bytes()


def test_a_graph_with_an_addition_comes_back(tmp_path: Path) -> None:
    save_graph(with_skip(), tmp_path / "skip.npz")
    again = load_graph(tmp_path / "skip.npz")
    assert graph_bytes(again) == graph_bytes(with_skip())
    assert again.op("add") == with_skip().op("add")
    assert again.tensors == with_skip().tensors


def test_a_model_of_the_quickstart_takes_24_kilobytes_at_most(graph: Graph) -> None:
    assert len(graph_bytes(graph)) <= 24_000


def test_one_changed_weight_changes_the_digest(graph: Graph) -> None:
    head = graph.head
    weight = head.weight.copy()
    weight[0, 0] ^= 1
    assert graph_digest(graph.with_weights({"head": (weight, head.bias)})) != graph_digest(graph)


def test_saving_leaves_no_partial_file(graph: Graph, tmp_path: Path) -> None:
    save_graph(graph, tmp_path / "new" / "graph.npz")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["graph.npz"]


@settings(max_examples=300)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_harmless(graph: Graph, scratch: Path, place: float, bit: int) -> None:
    """Harmless: in what an archive repeats or does not use, such as a member's date."""
    damaged = bytearray(graph_bytes(graph))
    damaged[int(place * len(damaged))] ^= 1 << bit
    scratch.write_bytes(damaged)
    try:
        seen = graph_digest(load_graph(scratch))
    except InputError as refused:
        seen = " and ".join(fault.where for fault in refused.faults)
    assert seen in (graph_digest(graph), str(scratch))


@settings(max_examples=50)
@given(place=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_is_refused(graph: Graph, scratch: Path, place: float) -> None:
    whole = graph_bytes(graph)
    scratch.write_bytes(whole[: int(place * len(whole))])
    with pytest.raises(InputError, match="make the model again with `fleet prepare`"):
        load_graph(scratch)


def _drop_last_op(h: dict) -> None:
    h["ops"].pop()


CHANGES: list[tuple[Any, str]] = [
    (lambda h: h.update(version=3), "version 3, not 'mcufleet-graph' version 1 or 2"),
    (lambda h: h.update(version=True), "version True, not"),
    (lambda h: h["ops"][0].update(groups=2), "version 1 for a network of version 2"),
    (lambda h: h.update(format="other"), "format 'other'"),
    (lambda h: h.pop("tensors"), "a header that cannot be read"),
    (lambda h: h["ops"][0].update(kind="lstm"), "operator 'lstm', which this version does not know"),
    (lambda h: h["ops"][0].update(x="nowhere"), "operator 'stem', which reads a map not made yet"),
    (lambda h: h["ops"][1].update(y="stem"), "operator 'block1.dw', which reads a map not made yet or makes one twice"),
    (lambda h: h["ops"][0].update(weight=[24, 5, 1, 7]), "cannot make a map|than its operators need"),
    (lambda h: h["ops"][0].update(weight=[10**5, 5, 1, 6]), "100000 where a whole number from 1 to 65536 belongs"),
    (lambda h: h["ops"][0].update(stride=[1, 1]), "operator 'stem', which cannot make a map"),
    (lambda h: h["ops"][0].update(stride=[0, 1]), "0 where a whole number"),
    (lambda h: h["ops"][0].update(pad=[0, 0, 0, -1]), "-1 where a whole number"),
    (lambda h: h["tensors"][1].__setitem__(2, 0.1), "scale 0.1 of tensor 'stem', which is no positive float32"),
    (lambda h: h["tensors"][1].__setitem__(2, -0.5), "scale -0.5 of tensor 'stem'"),
    (lambda h: h["tensors"][1].__setitem__(3, 200), "200 where a whole number from -128 to 127 belongs"),
    (lambda h: h["tensors"].append(["extra", [1, 1, 1], 0.5, 0]), "tensors that no operator makes"),
    (lambda h: h["tensors"].append(h["tensors"][0]), "two tensors or two operators of one name"),
    (_drop_last_op, "more values in weight, bias, scale than its operators need"),
    (lambda h: h.update(ops=[]), "more values in weight, bias, scale"),
]


@pytest.mark.parametrize("change, message", CHANGES)
def test_a_header_that_describes_no_network_is_refused(graph: Graph, tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "odd.npz"
    path.write_bytes(reheaded(graph, change))
    with pytest.raises(InputError, match=f"expected an int8 network, got .*({message}).*; make the model again"):
        load_graph(path)


def test_values_that_could_overflow_are_refused(graph: Graph, tmp_path: Path) -> None:
    head = graph.head
    path = tmp_path / "odd.npz"
    for bad in (
        replace(head, weight=np.full_like(head.weight, -128)),
        replace(head, bias=np.full_like(head.bias, 2**30 + 1)),
        replace(head, weight_scale=np.full_like(head.weight_scale, np.nan)),
    ):
        save_graph(replace(graph, ops=(*graph.ops[:-1], bad)), path)
        with pytest.raises(InputError, match="operator 'head' with a weight"):
            load_graph(path)
