"""The quickstart's net as a Graph: its operators, its size and its work."""

import numpy as np

from fleet.node.model.graph import Add, Conv2d, Dense, GlobalAveragePool, macs, positions
from tests.node.model.nets import imu_net


def test_the_quickstart_net_has_17359_parameters_and_takes_154424_macs() -> None:
    net = imu_net()
    assert net.parameters == 17_359
    assert sum(macs(net, op) for op in net.ops) == 154_424


def test_macs_are_positions_times_weights_and_nothing_else_multiplies() -> None:
    net = imu_net(skip=True)
    work = {op.name: macs(net, op) for op in net.ops}
    assert work["stem"] == 25 * 24 * 5 * 6
    assert work["block1.dw"] == 13 * 5 * 24
    assert work["block1.pw"] == 13 * 24 * 48
    assert work["head"] == 7 * 64
    assert [work[op.name] for op in net.ops if isinstance(op, Add | GlobalAveragePool)] == [0, 0]


def test_a_graph_finds_its_parts_by_name() -> None:
    net = imu_net()
    assert net.input.shape == (50, 1, 6)
    assert positions(net.tensor(net.op("stem").y)) == 25
    assert isinstance(net.head, Dense)
    assert net.classes == 7
    assert [op.name for op in net.weighted][:3] == ["stem", "block1.dw", "block1.pw"]
    assert "pool" not in [op.name for op in net.weighted]


def test_other_weights_make_another_graph_and_leave_the_first_alone() -> None:
    net = imu_net()
    stem = net.op("stem")
    assert isinstance(stem, Conv2d)
    changed = net.with_weights({"stem": (np.zeros_like(stem.weight), stem.bias + 1)})
    after = changed.op("stem")
    assert isinstance(after, Conv2d)
    assert not after.weight.any()
    assert (after.bias == stem.bias + 1).all()
    assert stem.weight.any()
    assert changed.head is net.head
