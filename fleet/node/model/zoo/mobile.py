"""Nets of mobile bottlenecks for pictures: MCUNet, MobileNetV2 and ProxylessNAS as they are trained on boards.

All begin with a 3 x 3 convolution of stride 2 to 16 channels, a 3 x 3 depthwise layer and a linear 16 -> 8 one; then
bottlenecks (pw1, dw, pw2 and a skip where sizes allow), global pool, head. ReLU6 follows pw1 and dw.
Block b (the linear one is block 0) holds convolutions 3b, 3b + 1 and 3b + 2, the stem being convolution 0, which is
how published sparse-update schemes number them.
Sources: Lin et al., "MCUNet", 2020, and "On-device training under 256 KB memory", 2022, with their published
models; Sandler et al., "MobileNetV2", 2018; Cai et al., "ProxylessNAS", 2019.
"""

from dataclasses import dataclass
from typing import Final

from fleet.node.model.zoo.blocks import Blocks
from fleet.node.model.zoo.structure import Clip, NetSpec, Shape


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """Channels between, channels out, side of the kernel, stride. Where size and channels stay, a skip adds."""

    middle: int
    outputs: int
    kernel: int
    stride: int = 1


def _listed(text: str) -> tuple[Bottleneck, ...]:
    """Bottlenecks as the block lists write them: middle-outputs kernel, /stride where it is 2, xN for N equal ones."""
    found: list[Bottleneck] = []
    for entry in text.split():
        once, _, times = entry.partition("x")
        channels, _, window = once.partition("k")
        kernel, _, stride = window.partition("/")
        middle, outputs = (int(count) for count in channels.split("-"))
        found += [Bottleneck(middle, outputs, int(kernel), int(stride or 1))] * int(times or 1)
    return tuple(found)


BOTTLENECKS: Final[dict[str, tuple[Bottleneck, ...]]] = {
    "mcunet-5fps": _listed(
        "32-16k3/2 48-16k3 48-24k7/2 120-24k3 120-40k3/2 160-40k7 160-48k5 144-48k3 192-48k3 240-96k7/2 384-96k5x2 "
        "576-160k3"
    ),
    "mcunet-in3": _listed(
        "24-16k7/2 80-16k3 80-16k7 64-16k5 80-24k5/2 120-24k5x2 120-40k3/2 240-40k7 160-40k5 200-48k5 240-48k7 "
        "240-48k3 288-96k3/2 480-96k7 384-96k3 480-160k7"
    ),
    "mbv2-w0.35": _listed(
        "48-8k3/2 48-8k3 48-16k3/2 96-16k3x2 96-24k3/2 144-24k3x3 144-32k3 192-32k3x2 192-56k3/2 336-56k3x2 336-112k3"
    ),
    "proxyless-w0.3": _listed(
        "24-16k5/2 48-16k3 48-16k7/2 48-16k3 48-16k5x2 96-24k7/2 72-24k5x3 144-32k5 96-32k5x3 192-64k7/2 384-64k7 "
        "192-64k7x2 384-96k7"
    ),
}


def mobile_net(name: str, classes: int, shape: Shape) -> NetSpec:
    """The net of this name in BOTTLENECKS."""
    net = Blocks(shape)
    net.conv("stem", 16, (3, 3), (2, 2), clip=Clip.RELU6)
    net.depthwise("block0.dw", (3, 3), clip=Clip.RELU6)
    net.conv("block0.pw2", 8, clip=Clip.NONE)
    for number, block in enumerate(BOTTLENECKS[name], start=1):
        entry = net.newest
        net.conv(f"block{number}.pw1", block.middle, clip=Clip.RELU6)
        side, step = (block.kernel, block.kernel), (block.stride, block.stride)
        net.depthwise(f"block{number}.dw", side, step, clip=Clip.RELU6)
        net.conv(f"block{number}.pw2", block.outputs, clip=Clip.NONE)
        if block.stride == 1 and net.shapes[entry][2] == block.outputs:
            net.add(f"block{number}.add", entry)
    net.pool()
    net.head(classes)
    return net.net(name)
