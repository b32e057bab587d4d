"""Nets of dense layers."""

from fleet.node.model.zoo.blocks import Blocks
from fleet.node.model.zoo.structure import Clip, NetSpec, Shape


def ad_autoencoder(shape: Shape) -> NetSpec:
    """The anomaly detector of MLPerf Tiny: 265,864 parameters and 264,192 MACs for 640 values.

    Its output is its input again, and the squared error between them says how strange a sound is.
    Source: Banbury et al., "MLPerf Tiny Benchmark", 2021; its reference model in the benchmark's repository.
    """
    net = Blocks(shape)
    for number, width in enumerate((128, 128, 128, 128, 8, 128, 128, 128, 128), start=1):
        net.dense(f"dense{number}", width)
    net.dense("dense10", shape[0] * shape[1] * shape[2], clip=Clip.NONE)
    return net.net("ad-autoencoder")
