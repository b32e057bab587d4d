"""Five published nets: greedy arenas, bounds and arenas with depthwise layers in place, against what others reach."""

from math import prod

import pytest

from fleet.node.model.zoo import Kind
from fleet.node.plan.placement import Block, greedy_by_size, place_blocks
from tests.node.plan.placement.blocks import simple
from tests.node.plan.placement.published import NETS, map_blocks, net

KIB = 1024

# Bytes of maps alone, sums as operators of their own, padding inside the convolutions. The survey of these nets counts
# 302.5 and 40 KiB for greedy by size on the two ProxylessNAS; with TensorFlow Lite Micro's order of equals (added last,
# placed first) they are 257.125 and 34.
GREEDY = {
    "mcunet-in1@96": 90 * KIB,
    "mcunet-in3@176": 363 * KIB,
    "proxyless@176": 263_296,
    "proxyless@64": 34 * KIB,
    "mbv2@64": 60 * KIB,
}
BOUND = {
    "mcunet-in1@96": 90 * KIB,
    "mcunet-in3@176": 340_736,  # 332.75 KiB
    "proxyless@176": 242 * KIB,
    "proxyless@64": 32 * KIB,
    "mbv2@64": 60 * KIB,
}
IN_PLACE = {
    "mcunet-in1@96": 90 * KIB,
    "mcunet-in3@176": 242 * KIB,
    "proxyless@176": 242 * KIB,
    "proxyless@64": 32 * KIB,
    "mbv2@64": 56 * KIB,
}
# kB of TinyEngine's README, column "peak memory (SRAM)" on the STM32H743, im2col and kernel scratch included.
TINY_ENGINE = {
    "mcunet-in1@96": 96_000,
    "mcunet-in3@176": 260_000,
    "proxyless@176": 259_000,
    "proxyless@64": 35_000,
    "mbv2@64": 61_000,
}
MOST_SCRATCH = 18 * KIB  # of TinyEngine's kernels for these nets


@pytest.mark.parametrize("name", NETS)
def test_greedy_and_the_bound_are_the_known_ones(name: str) -> None:
    placement = greedy_by_size(map_blocks(net(name)))
    assert (placement.peak_bytes, placement.bound_bytes) == (GREEDY[name], BOUND[name])


@pytest.mark.parametrize("name", NETS)
def test_ours_meets_the_bound(name: str) -> None:
    """So it is never above greedy, and below it where greedy leaves a gap."""
    placement = place_blocks(map_blocks(net(name)))
    assert placement.proved
    assert placement.peak_bytes == BOUND[name] <= GREEDY[name]
    beaten = {"mcunet-in3@176", "proxyless@176", "proxyless@64"}
    assert (placement.peak_bytes < GREEDY[name]) == (name in beaten)


@pytest.mark.parametrize("name", NETS)
def test_depthwise_layers_in_place_reach_what_tiny_engine_publishes(name: str) -> None:
    """Its number is the arena and its kernels' scratch."""
    placement = place_blocks(map_blocks(net(name), in_place=True))
    assert placement.proved
    assert placement.peak_bytes == IN_PLACE[name] <= TINY_ENGINE[name] <= placement.peak_bytes + MOST_SCRATCH


@pytest.mark.parametrize("name", NETS)
def test_the_plane_that_a_layer_in_place_needs_fits_beside(name: str) -> None:
    """One output channel is computed beside the maps before it is written over an input channel."""
    spec = net(name)
    planes: list[Block] = [
        simple(step, step, prod(spec.shapes[layer.name][:2]), f"{layer.name} plane")
        for step, layer in enumerate(spec.layers, 1)
        if layer.kind is Kind.DEPTHWISE
    ]
    placement = place_blocks([*map_blocks(spec, in_place=True), *planes])
    assert placement.proved
    assert placement.peak_bytes <= TINY_ENGINE[name]
