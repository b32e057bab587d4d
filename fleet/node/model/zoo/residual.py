"""Nets with skips: the image classifier of MLPerf Tiny and a small one over time."""

from fleet.node.model.zoo.blocks import Blocks
from fleet.node.model.zoo.structure import Clip, NetSpec, Shape


def resnet_8(classes: int, shape: Shape) -> NetSpec:
    """The image classifier of MLPerf Tiny: 77,706 parameters and 12,501,632 MACs with 10 classes.

    Source: Banbury et al., "MLPerf Tiny Benchmark", 2021; its published int8 model.
    """
    net = Blocks(shape)
    net.conv("stem", 16, (3, 3), same=True)
    for number, (channels, stride) in enumerate(((16, 1), (32, 2), (64, 2)), start=1):
        block, entry = f"block{number}", net.newest
        net.conv(f"{block}.conv1", channels, (3, 3), (stride, stride), same=True)
        branch = net.conv(f"{block}.conv2", channels, (3, 3), same=True, clip=Clip.NONE)
        skip = entry
        if stride > 1:
            skip = net.conv(f"{block}.skip", channels, (1, 1), (stride, stride), x=entry, same=True, clip=Clip.NONE)
            net.newest = branch
        net.add(f"{block}.add", skip, Clip.RELU)
    net.pool()
    net.head(classes)
    return net.net("resnet-8")


def signal_resnet(classes: int, shape: Shape) -> NetSpec:
    """A net over time with linear bottlenecks and one skip: 18,525 parameters for 50 x 1 x 6 and 5 classes."""
    net = Blocks(shape)
    net.conv("stem", 24, (5, 1), (2, 1))
    net.depthwise("block1.dw", (3, 1))
    net.conv("block1.pw", 48)
    net.depthwise("block2.dw", (3, 1), (2, 1))
    entry = net.conv("block2.pw", 64, clip=Clip.NONE)
    net.conv("block3.pw1", 96)
    net.depthwise("block3.dw", (3, 1))
    net.conv("block3.pw2", 64, clip=Clip.NONE)
    net.add("block3.add", entry)
    net.pool()
    net.head(classes)
    return net.net("signal-resnet")
