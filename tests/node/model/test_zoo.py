"""The nets are the published ones."""

import pytest

from fleet.base.errors import InputError
from fleet.node.model.graph import Depthwise, macs
from fleet.node.model.zoo import shipped_model, zoo_net


def test_the_quickstart_net_has_the_published_parameters_and_work() -> None:
    graph = shipped_model("imu-ds-cnn", "seglearn-watch", 0)
    assert graph.parameters == 17_359
    assert sum(macs(graph, op) for op in graph.ops) == 154_424


def test_the_quickstart_net_has_the_operators_that_schemes_name() -> None:
    graph = shipped_model("imu-ds-cnn", "seglearn-watch", 0)
    blocks = [f"block{b}.{part}" for b in (1, 2, 3, 4) for part in ("dw", "pw")]
    assert [op.name for op in graph.ops] == ["stem", *blocks, "pool", "head"]
    assert [isinstance(op, Depthwise) for op in graph.ops[1:9]] == [True, False] * 4
    shapes = [graph.tensor(op.y).shape for op in graph.ops]
    assert [shape[0] for shape in shapes] == [25, 13, 13, 13, 13, 7, 7, 7, 7, 1, 1]
    assert [shape[2] for shape in shapes] == [24, 24, 48, 48, 64, 64, 64, 64, 96, 96, 7]


def test_the_head_grows_with_the_classes_and_nothing_else_does() -> None:
    five, seven = zoo_net("imu-ds-cnn", 5), zoo_net("imu-ds-cnn", 7)
    assert (five.classes, seven.classes) == (5, 7)
    assert five.layers[:-1] == seven.layers[:-1]


def test_an_unknown_net_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"model.zoo: expected one of .*, got 'imu-dscnn'; did you mean 'imu-ds-cnn'"):
        zoo_net("imu-dscnn", 7)


def test_a_draw_that_does_not_ship_is_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"model.pretrained: expected a model .* draw 10, got none shipped; name a"):
        shipped_model("imu-ds-cnn", "seglearn-watch", 10)
