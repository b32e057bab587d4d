"""How many instructions the engine takes in an emulated core, beside what was counted of others.

    python -m analysis.bench.instructions [--core NAME ...] [--no-net] [--json]

Layers: instructions per multiply-accumulate of one operator of a plan, its call and its requantisation included, on
every core; multiply-accumulates count taps that fall on padding, as theirs do. CMSIS-NN: the same layers, compiled by
gcc 12 at -O2 and counted in the same emulator; quoted, not run here.
Net: one training step of MCUNet-5FPS at 128 x 128 x 3, ten classes, scheme sparse:49kb, on a Cortex-M7, with its
published weights on one picture (Fashion-MNIST, enlarged); data is found in the folder that FLEET_DATA names. The
published engine's own generated code for this scheme, compiled at -Ofast: quoted, not run here. Counts, not cycles.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

from analysis.bench.firmware import CLASSES, CORES, STREAMED, Shape, layer_instructions, step_instructions
from fleet import __version__
from fleet.node.export.trial import Trial
from fleet.node.model.fixed import real
from fleet.node.model.recipe import Exponents, Gradients, Recipe
from fleet.node.model.reference import calibrated
from fleet.node.model.scheme import Scheme
from fleet.node.model.schemes.published import published_scheme
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.choice import best_plan
from fleet.node.plan.tactics import Tactics
from fleet.node.twin.build import compiler_name

SHAPES: Final = (
    Shape(name="depthwise 3x3, 24x24x16", shape=(24, 24, 16), outputs=16, depthwise=True, kernel=3),
    Shape(name="pointwise 16->32, 24x24", shape=(24, 24, 16), outputs=32),
    Shape(name="depthwise 3x3 / 2, 24x24x32", shape=(24, 24, 32), outputs=32, depthwise=True, kernel=3, stride=2),
    Shape(name="pointwise 32->64, 12x12", shape=(12, 12, 32), outputs=64),
)
CMSIS_NN: Final = {
    "cortex-m0plus": (38.8, 12.1, 38.5, 9.1),
    "cortex-m4f": (8.0, 3.8, 7.8, 2.6),
    "cortex-m7f": (8.0, 3.7, 7.8, 2.6),
    "cortex-m33f": (8.0, 3.8, 7.8, 2.6),
}
"""Instructions per multiply-accumulate of CMSIS-NN (commit 99f736a, July 2026), in the order of SHAPES. Its
depthwise and 1x1 wrappers, gcc 12 -O2, counted by Unicorn's code hook on the same layers, outputs byte-equal."""

PUBLISHED: Final = 103_900_000
"""Instructions of one training step of the TinyEngine sources published for this scheme (J. Lin et al., "On-Device
Training Under 256KB Memory", NeurIPS 2022), built unchanged with Arm GCC 12.2 -Ofast, counted by QEMU -icount."""
GOAL: Final = 70_000_000
SCHEME: Final = "49kb"
NET_CORE: Final = "cortex-m7f"
RATE: Final = 0.003
CALIBRATED_ON: Final = 4  # pictures, after the one that is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCount:
    """Instructions of one layer on one core; theirs: quoted, per multiply-accumulate."""

    core: str
    layer: str
    macs: int
    instructions: int
    theirs: float

    @property
    def per_mac(self) -> float:
        return self.instructions / self.macs

    def __str__(self) -> str:
        ratio = self.per_mac / self.theirs
        counted = f"{self.instructions:>12,}{self.per_mac:>8.2f}"
        return f"{self.core:15}{self.layer:30}{counted}{self.theirs:>10.1f}{ratio:>7.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCount:
    """Instructions of one inference and of one training step under one plan. Bytes: trained state and arena."""

    plan: str
    memory_bytes: int
    infer: int
    step: int

    def __str__(self) -> str:
        ratio = self.step / PUBLISHED
        return f"{self.plan:44}{self.memory_bytes:>10,}{self.infer:>14,}{self.step:>14,}{ratio:>7.2f}"


LAYER_HEAD: Final = f"{'core':15}{'layer':30}{'counted':>12}{'per MAC':>8}{'CMSIS-NN':>10}{'ratio':>7}"
STEP_HEAD: Final = f"{'plan':44}{'memory B':>10}{'inference':>14}{'step':>14}{'ratio':>7}"


COMPILER = compiler_name("cortex-m4f")  # the same for every core


def main(arguments: list[str] | None = None) -> int:
    """Prints both tables, or one object in JSON. Returns 0."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--core", nargs="+", choices=CORES, default=list(CORES))
    options.add_argument("--no-net", action="store_true", help="layers only")
    options.add_argument("--json", action="store_true", help="one object for machines")
    chosen = options.parse_args(arguments)
    layers, steps = [], []
    _say(
        chosen.json,
        f"mcufleet {__version__}, {compiler_name('cortex-m4f')}, Unicorn; counted, CMSIS-NN quoted\n{LAYER_HEAD}",
    )
    for layer in layer_counts(chosen.core):
        layers.append(layer)
        _say(chosen.json, str(layer))
    if not chosen.no_net and "FLEET_DATA" not in os.environ:
        sys.stderr.write("net: expected FLEET_DATA to name the folder of its weights, got nothing; layers only\n")
    elif not chosen.no_net:
        _say(chosen.json, f"\nMCUNet-5FPS sparse:{SCHEME}, {NET_CORE}, one step\n{STEP_HEAD}")
        for step in step_counts():
            steps.append(step)
            _say(chosen.json, str(step))
        _say(chosen.json, f"published engine, quoted: {PUBLISHED:,}; goal {GOAL:,}")
    if chosen.json:
        print(json.dumps(report(layers, steps), indent=2))
    return 0


def _say(quiet: bool, text: str) -> None:
    """A line of the table as soon as it is known; to the side where the answer is one object."""
    print(text, flush=True, file=sys.stderr if quiet else sys.stdout)


def report(layers: list[LayerCount], steps: list[StepCount]) -> dict[str, object]:
    """Everything that the tables say."""
    return {
        "version": __version__,
        "compiler": COMPILER,
        "layers": [{**asdict(layer), "per_mac": layer.per_mac} for layer in layers],
        "steps": [asdict(step) for step in steps],
        "published_step": PUBLISHED,
        "goal_step": GOAL,
    }


def layer_counts(cores: list[str]) -> Iterator[LayerCount]:
    """Every layer on every core."""
    for core in cores:
        for shape, theirs in zip(SHAPES, CMSIS_NN[core], strict=True):
            yield LayerCount(
                core=core,
                layer=shape.name,
                macs=shape.macs,
                instructions=layer_instructions(shape, core),
                theirs=theirs,
            )


def step_counts() -> Iterator[StepCount]:
    """The training step under every plan."""
    for name, plan, trial in net_plans():
        infer, step = step_instructions(plan, NET_CORE, trial)
        yield StepCount(plan=name, memory_bytes=plan.state_bytes + plan.arena_bytes, infer=infer, step=step)


def net_plans() -> Iterator[tuple[str, Plan, Trial]]:
    """Layer by layer with both kinds of exponents, by rows alone, and the plan of least memory."""
    from analysis.gradient_fidelity import with_drawn_head
    from analysis.transfer import folder, pictures
    from fleet.node.model.zoo.mcunet import load_mcunet

    part = pictures(0, side=128, train=1 + CALIBRATED_ON, others=1).train
    graph = with_drawn_head(load_mcunet(folder() / "mcunet/mcunet-5fps.json", classes=CLASSES))
    trial = Trial(
        windows=part.windows[:1], labels=part.labels[:1], own=tuple(range(CLASSES)), rate=real(RATE), seed=0, node=1,
        steps=1,
    )  # fmt: skip

    def scheme(exponents: Exponents) -> Scheme:
        return published_scheme(graph, SCHEME, recipe=Recipe(gradients=Gradients.INT8, exponents=exponents))

    yield "layer by layer, dynamic exponents", plan_of(graph, scheme(Exponents.DYNAMIC), STREAMED), trial
    others = slice(1, 1 + CALIBRATED_ON)
    fixed = calibrated(graph, scheme(Exponents.STATIC), part.windows[others], part.labels[others].tolist(), rate=RATE)
    yield "layer by layer, static exponents", plan_of(graph, fixed, STREAMED), trial
    least = best_plan(graph, fixed)
    rows = Tactics(segments=least.tactics.segments, input_streamed=True, slices=least.tactics.slices)
    yield "rows forward, layer by layer back, static", plan_of(graph, fixed, rows), trial
    yield "least memory: rows, channels back, static", least, trial


if __name__ == "__main__":
    sys.exit(main())
