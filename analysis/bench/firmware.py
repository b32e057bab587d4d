"""Firmware that is counted, not timed: one layer at a time, or one training step, in an emulated core.

Every image lies in the memory map of one board, whichever core it is for: a core's instructions do not depend on where
they lie. The board's SRAM is taken for larger than it is, so that plans layer by layer fit as well.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Final

import numpy as np

from fleet.base import rng
from fleet.node.export import export
from fleet.node.export.target import uses_of
from fleet.node.export.trial import Trial
from fleet.node.model.graph import Conv2d, Dense, Depthwise, GlobalAveragePool, Graph, Int8, Op, Tensor
from fleet.node.model.scheme import Scheme, Trained
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.ledger import STACK_BYTES
from fleet.node.plan.tactics import Tactics
from fleet.node.profile import Profile, load_profile
from fleet.node.twin.build import build
from fleet.node.twin.emulator import Core
from fleet.node.twin.image import Image, read_image
from fleet.node.twin.round import pushed_values
from fleet.node.twin.running import DESK
from fleet.node.wire.frames import Push, encode_push

CORES: Final = ("cortex-m0plus", "cortex-m4f", "cortex-m7f", "cortex-m33f")
BOARD: Final = "stm32f746"
SRAM_BYTES: Final = 4 << 20
STREAMED: Final = Tactics(input_streamed=True)
CLASSES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A layer: what goes in, [H, W, C], and what it makes of it. kernel, stride: of both sides; padding keeps sides."""

    name: str
    shape: tuple[int, int, int]
    outputs: int
    depthwise: bool = False
    kernel: int = 1
    stride: int = 1

    @property
    def out(self) -> tuple[int, int, int]:
        """Sides and channels of the output."""
        height, width = (-(-side // self.stride) for side in self.shape[:2])
        return height, width, self.outputs

    @property
    def macs(self) -> int:
        """Multiply-accumulates as they are usually counted: taps that fall on padding included."""
        inputs = 1 if self.depthwise else self.shape[2]
        return prod(self.out) * self.kernel**2 * inputs


def board(core: str) -> Profile:
    """The memory map of BOARD around another core, with SRAM_BYTES."""
    profile = load_profile(BOARD)
    first, *others = profile.banks
    return replace(profile, core=core, banks=(replace(first, size_bytes=SRAM_BYTES), *others))


@contextmanager
def firmware(plan: Plan, core: str, trial: Trial | None = None) -> Iterator[tuple[Image, Core]]:
    """The image of a plan, and a core that has started its client."""
    profile = board(core)
    with tempfile.TemporaryDirectory() as folder:
        project = export(plan, profile, out=Path(folder) / "node", name="node", trial=trial)
        image = read_image(build(project, core=core, stack_bytes=STACK_BYTES, uses=uses_of(plan)))
    started = Core(image, profile)
    started.call("fe_client_start", 1)
    yield image, started


def layer_instructions(shape: Shape, core: str) -> int:
    """Instructions of the layer's own step: a network with it, less the same network without."""
    graph = graph_of(shape)
    return _inference(graph, core) - _inference(without_layer(graph), core)


def _inference(graph: Graph, core: str) -> int:
    plan = plan_of(graph, Scheme(name="bias", trained=(Trained(op="head", bias=True),)), STREAMED)
    with firmware(plan, core) as (_, started):
        started.write(DESK, window(graph).tobytes())
        started.call("fe_client_window", DESK)
        return started.counted(lambda: started.call("fe_client_infer"))


def graph_of(shape: Shape) -> Graph:
    """The layer, a pool over its output and a head; random weights and biases, a part of the outputs clipped."""
    x = Tensor(name="input", shape=shape.shape, scale=1 / 64, zero_point=-5)
    inputs = shape.kernel**2 * (1 if shape.depthwise else shape.shape[2])
    y = Tensor(name="map", shape=shape.out, scale=float(np.float32(np.sqrt(inputs) / 16)), zero_point=-128)
    return Graph(name="layer", tensors=(x, y, *_end(y)[0]), ops=(_layer(shape), *_end(y)[1]))


def without_layer(graph: Graph) -> Graph:
    """The same pool and head on the layer's output."""
    y = graph.tensor("map")
    return Graph(name="no layer", tensors=(y, *_end(y)[0]), ops=_end(y)[1])


def _layer(shape: Shape) -> Op:
    inputs, outputs, sides = shape.shape[2], shape.outputs, (shape.kernel, shape.kernel)
    stride, pad = (shape.stride, shape.stride), _pad(shape)
    bias, scale = 8 * _drawn(3, outputs).astype(np.int32), np.full(outputs, 2.0**-8, dtype=np.float32)
    if shape.depthwise:
        taps = _drawn(2, shape.kernel**2 * outputs).reshape(*sides, outputs)
        return Depthwise(
            name="layer", x="input", y="map", weight=taps, bias=bias, weight_scale=scale, stride=stride, pad=pad
        )
    weight = _drawn(2, outputs * shape.kernel**2 * inputs).reshape(outputs, *sides, inputs)
    return Conv2d(
        name="layer", x="input", y="map", weight=weight, bias=bias, weight_scale=scale, stride=stride, pad=pad
    )


def _pad(shape: Shape) -> tuple[int, int, int, int]:
    """As TensorFlow pads `SAME`: the odd one below and at the right."""
    needed = [
        max((out - 1) * shape.stride + shape.kernel - side, 0)
        for side, out in zip(shape.shape[:2], shape.out[:2], strict=True)
    ]
    return needed[0] // 2, needed[1] // 2, needed[0] - needed[0] // 2, needed[1] - needed[1] // 2


def _end(y: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Op, Op]]:
    channels = y.shape[2]
    mean = replace(y, name="mean", shape=(1, 1, channels))
    logits = Tensor(name="logits", shape=(1, 1, CLASSES), scale=1 / 256, zero_point=0)
    head = Dense(
        name="head", x="mean", y="logits", weight=_drawn(4, CLASSES * channels).reshape(CLASSES, channels),
        bias=np.zeros(CLASSES, dtype=np.int32), weight_scale=np.full(CLASSES, 2.0**-8, dtype=np.float32),
    )  # fmt: skip
    return (mean, logits), (GlobalAveragePool(name="pool", x="map", y="mean"), head)


def _drawn(part: int, count: int) -> Int8:
    """int8 [count] from -127 to 127."""
    return ((rng.draws32(rng.key(part), 0, count) % np.uint32(255)).astype(np.int16) - 127).astype(np.int8)


def window(graph: Graph) -> Int8:
    """int8 [H, W, C] over the whole range."""
    draws = rng.draws32(rng.key(1), 0, graph.input.size) >> np.uint32(24)
    return draws.astype(np.uint8).view(np.int8).reshape(graph.input.shape)


def step_instructions(plan: Plan, core: str, trial: Trial) -> tuple[int, int]:
    """Instructions of an inference and of the training step after it, on the trial's first window, streamed."""
    with firmware(plan, core, trial) as (image, started):
        frame = encode_push(plan.layout, Push(
            node=1, round=1, steps=1, rate=trial.rate, own=trial.own, values=pushed_values(plan, trial)
        ))  # fmt: skip
        at = image.object("fe_frame").address
        started.write(at, frame)
        status = started.call("fe_client_push", at, len(frame))
        if status != 0:
            raise RuntimeError(f"fe_client_push: expected 0, got {status}")
        started.write(DESK, trial.windows[0].tobytes())
        started.call("fe_client_window", DESK)
        infer = started.counted(lambda: started.call("fe_client_infer"))
        return infer, started.counted(lambda: started.call("fe_client_train", int(trial.labels[0])))
