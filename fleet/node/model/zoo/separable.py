"""Depthwise-separable nets for short signals."""

from fleet.node.model.zoo.blocks import Blocks
from fleet.node.model.zoo.structure import NetSpec, Shape


def imu_ds_cnn(classes: int, shape: Shape) -> NetSpec:
    """The depthwise-separable net for 2 s of six-axis motion: 17,359 parameters and 154,424 MACs with 7 classes."""
    net = Blocks(shape)
    net.conv("stem", 24, (5, 1), (2, 1))
    for number, (channels, stride) in enumerate(((48, 2), (64, 1), (64, 2), (96, 1)), start=1):
        net.depthwise(f"block{number}.dw", (5, 1), (stride, 1))
        net.conv(f"block{number}.pw", channels)
    net.pool()
    net.head(classes)
    return net.net("imu-ds-cnn")


def ds_cnn(classes: int, shape: Shape) -> NetSpec:
    """The keyword spotter of MLPerf Tiny: 22,604 parameters and 2,656,768 MACs with 12 classes.

    Source: Banbury et al., "MLPerf Tiny Benchmark", 2021; its published int8 model, whose pool is global.
    """
    net = Blocks(shape)
    net.conv("stem", 64, (10, 4), (2, 2), same=True)
    for number in range(1, 5):
        net.depthwise(f"block{number}.dw", (3, 3), same=True)
        net.conv(f"block{number}.pw", 64)
    net.pool()
    net.head(classes)
    return net.net("ds-cnn")
