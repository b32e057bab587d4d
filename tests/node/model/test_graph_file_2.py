"""Files of version 2: every operator comes back, and what it cannot be is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.node.model.graph import Add, Form, Graph, Softmax, Tensor
from fleet.node.model.graph_file import graph_bytes, load_graph, save_graph, version_of
from tests.node.model.map_nets import NETS, autoencoder, edged, map_graphs
from tests.node.model.nets import WEIGHTED, Builder, graphs, imu_net
from tests.node.model.test_graph_file import reheaded, with_skip


def through_a_file(graph: Graph, path: Path) -> Graph:
    save_graph(graph, path)
    return load_graph(path)


def assert_same(graph: Graph, again: Graph) -> None:
    """Everything but arrays compares by itself; these and their types through their bytes."""
    assert (again.name, again.tensors, again.inputs, again.outputs) == (
        graph.name, graph.tensors, graph.inputs, graph.outputs
    )  # fmt: skip
    assert graph_bytes(again) == graph_bytes(graph)
    assert [type(op) for op in again.ops] == [type(op) for op in graph.ops]
    for op, other in zip(graph.ops, again.ops, strict=True):
        for name in op.__slots__:
            assert np.array_equal(getattr(op, name), getattr(other, name)), name


@pytest.mark.parametrize("name", NETS)
def test_a_network_of_every_operator_comes_back(name: str, tmp_path: Path) -> None:
    assert_same(NETS[name](), through_a_file(NETS[name](), tmp_path / "net.npz"))


@pytest.mark.parametrize(
    "graph", [autoencoder(), edged(Form.FLOAT32), edged(Form.UINT8)], ids=["none", "real", "uint8"]
)
def test_a_network_without_a_head_or_with_other_inputs_comes_back(graph: Graph, tmp_path: Path) -> None:
    assert version_of(graph) == 2
    assert_same(graph, through_a_file(graph, tmp_path / "net.npz"))


@settings(max_examples=100, deadline=None)
@given(graph=st.one_of(map_graphs(), graphs(kinds=WEIGHTED, odd=False), graphs(kinds=WEIGHTED, odd=False, head=False)))
def test_any_network_comes_back(tmp_path_factory: pytest.TempPathFactory, graph: Graph) -> None:
    assert_same(graph, through_a_file(graph, tmp_path_factory.mktemp("any") / "net.npz"))


def test_a_constant_comes_back(tmp_path: Path) -> None:
    value = np.arange(6, dtype=np.int8).reshape(1, 2, 3)
    build = Builder(0)
    x = build.input((4, 2, 3))
    constant = Tensor(name="bias", shape=(1, 2, 3), scale=0.5, zero_point=3, value=value)
    build.tensors.append(constant)
    build.add(x, constant)
    again = through_a_file(build.graph(), tmp_path / "net.npz")
    assert_same(build.graph(), again)
    kept = again.tensor("bias").value
    assert kept is not None
    assert (kept == value).all()


def test_networks_of_the_first_release_keep_version_1() -> None:
    assert [version_of(g) for g in (imu_net(), imu_net(skip=True), with_skip())] == [1, 1, 1]
    added = [replace(op, clip=(-9, 9)) if isinstance(op, Add) else op for op in with_skip().ops]
    assert version_of(replace(with_skip(), ops=tuple(added))) == 2


def named(header: dict[str, Any], kind: str) -> dict[str, Any]:
    """The first operator of a kind."""
    return next(op for op in header["ops"] if op["kind"] == kind)


def map_named(header: dict[str, Any], name: str) -> list[Any]:
    return next(tensor for tensor in header["tensors"] if tensor[0] == name)


def _rescale_output(kind: str) -> Callable[[dict[str, Any]], None]:
    return lambda h: map_named(h, named(h, kind)["y"]).__setitem__(2, 0.5)


CHANGES: list[tuple[str, Any, str]] = [
    ("squeeze excite", lambda h: h.update(inputs=["nothing"]), "inputs that are no tensors"),
    ("squeeze excite", lambda h: h.update(outputs=["nothing"]), "outputs that are no tensors"),
    ("squeeze excite", lambda h: h.pop("inputs"), "a header that cannot be read"),
    ("squeeze excite", lambda h: named(h, "activation").update(curve="sine"), "curve 'sine', which this version"),
    ("squeeze excite", lambda h: named(h, "mean").update(axes=[0, 0]), "which cannot make a map"),
    ("squeeze excite", lambda h: named(h, "mean").update(axes=[]), "which cannot make a map"),
    ("squeeze excite", lambda h: named(h, "mean").update(axes=[3]), "3 where a whole number from 0 to 2"),
    ("squeeze excite", lambda h: named(h, "mul").update(x2="input"), "which cannot make a map"),
    ("squeeze excite", lambda h: named(h, "mul").update(clip=[5, 4]), "which clips to nothing"),
    ("squeeze excite", lambda h: named(h, "mul").update(clip=[5]), "where 2 whole numbers belong"),
    ("squeeze excite", lambda h: named(h, "conv").update(groups=0), "0 where a whole number from 1"),
    ("squeeze excite", lambda h: h["tensors"][1].append("bits"), "as 'bits', which this version does not know"),
    (
        "squeeze excite",
        lambda h: h["tensors"][1].append("uint8"),
        "where a whole number from 0 to 255|cannot make uint8",
    ),
    ("squeeze excite", lambda h: h["tensors"][0].append("constant"), "fewer values in 'value'"),
    (
        "squeeze excite",
        lambda h: map_named(h, named(h, "conv")["y"]).append("float32"),
        "from 0 to 0|cannot make float32",
    ),
    ("concat", lambda h: named(h, "concat").update(axis=1), "which cannot make a map"),
    ("concat", lambda h: named(h, "concat").update(xs=[]), "cannot be read|cannot make"),
    ("concat", lambda h: named(h, "max_pool").update(pad=[3, 0, 0, 1]), "which cannot make a map"),
    ("concat", lambda h: named(h, "average_pool").update(kernel=[2, 0]), "0 where a whole number from 1"),
    ("concat", lambda h: named(h, "resize_nearest").update(align_corners=1), "1 where true or false belongs"),
    (
        "concat",
        lambda h: named(h, "resize_nearest").update(align_corners=True, half_pixel_centers=True),
        "which cannot make a map",
    ),
    ("padded", lambda h: named(h, "pad").update(value=128), "128 where a whole number from -128 to 127"),
    ("padded", lambda h: named(h, "pad").update(before=[0, 0, 0]), "which cannot make a map"),
    ("padded", lambda h: named(h, "transpose").update(order=[1, 1, 2]), "which cannot make a map"),
    ("padded", lambda h: map_named(h, named(h, "reshape")["y"])[1].__setitem__(0, 9), "which cannot make a map"),
    ("lenet", lambda h: named(h, "fully_connected").update(kind="dense"), "a dense head before the end|version"),
    *[("concat", _rescale_output(kind), "a scale or zero point that it") for kind in ("max_pool", "concat")],
    *[("padded", _rescale_output(kind), "a scale or zero point that it") for kind in ("pad", "reshape", "transpose")],
]


@pytest.mark.parametrize("net, change, message", CHANGES)
def test_what_an_operator_cannot_be_is_refused(net: str, change: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.npz"
    path.write_bytes(reheaded(NETS[net](), change))
    with pytest.raises(InputError, match=f"expected an int8 network, got .*({message})"):
        load_graph(path)


def answering(scale: float, beta: float) -> Graph:
    """A softmax alone."""
    x = Tensor(name="x", shape=(1, 1, 4), scale=scale, zero_point=0)
    y = Tensor(name="y", shape=(1, 1, 4), scale=1 / 256, zero_point=-128)
    return Graph(name="answers", tensors=(x, y), ops=(Softmax(name="answers", x="x", y="y", beta=beta),))


def test_a_softmax_comes_back_unless_its_steps_are_too_small_to_see(tmp_path: Path) -> None:
    assert_same(answering(0.5, 2.5), through_a_file(answering(0.5, 2.5), tmp_path / "net.npz"))
    with pytest.raises(InputError, match="operator 'answers', whose output has a scale or zero point that it cannot"):
        through_a_file(answering(2.0**-25, 0.5), tmp_path / "net.npz")


@settings(max_examples=200, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_harmless(tmp_path_factory: pytest.TempPathFactory, place: float, bit: int) -> None:
    path = tmp_path_factory.mktemp("flipped") / "net.npz"
    damaged = bytearray(graph_bytes(NETS["concat"]()))
    damaged[int(place * len(damaged))] ^= 1 << bit
    path.write_bytes(damaged)
    try:
        seen = graph_bytes(load_graph(path)) == graph_bytes(NETS["concat"]())
    except InputError as refused:
        seen = {fault.where for fault in refused.faults} == {str(path)}
    assert seen
