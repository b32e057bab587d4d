"""Patches between images that the exporter and the compiler made, and between a model and what it learned."""

from collections.abc import Iterator
from functools import cache

import pytest

from analysis.patch_sizes import firmware_pairs, model_pairs
from fleet.node.model.scheme import build_scheme
from fleet.node.model.zoo.shipped import shipped_model
from fleet.node.plan import Plan, plan_of
from fleet.node.protocol.manifest import Compression
from fleet.node.protocol.patch import apply_sequential, sequential_patch

pytest.importorskip("detools", reason="patches: pip install 'mcufleet[ota]'")
from tests.node.protocol.ota.test_patch_in_c import assert_applied

PAGE = 4096


@cache
def plans() -> tuple[Plan, Plan]:
    graph = shipped_model("imu-ds-cnn", "seglearn-watch", 0)
    return plan_of(graph, build_scheme(graph, "head")), plan_of(graph, build_scheme(graph, "full"))


def pairs() -> Iterator[tuple[str, bytes, bytes]]:
    yield from firmware_pairs(plans())
    yield from model_pairs(plans()[1])


@pytest.mark.parametrize("compression", Compression)
def test_the_node_in_c_makes_real_images_of_real_patches(compression: Compression) -> None:
    seen = 0
    for _, old, new in pairs():
        assert_applied(old, new, compression, PAGE)
        seen += old != new
    assert seen == 6


def test_sequential_patches_of_real_pairs_give_the_new_image() -> None:
    for _, old, new in pairs():
        assert apply_sequential(old, sequential_patch(old, new)) == new
