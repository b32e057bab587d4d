"""How small an image that only infers can be: code of a LeNet-300-100, function by function, on every core.

    python -m analysis.bench.smallest [--model FILE.tflite] [--core NAME ...] [--functions] [--json]

The image is an exported project, compiled at -Os. engine: the functions of engine/, node/ and data/, literals included.
Beside it: the compiler's own functions, start-up code, constants of the steps (a table's plan words; a static project's
structs), the model. Without --model the LeNet of TinyEngine's MNIST demonstration is looked for in the folder that
FLEET_DATA names.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from analysis.bench.firmware import CORES, board
from fleet import __version__
from fleet.node.export import Kind, export
from fleet.node.export.target import uses_of
from fleet.node.model.scheme import Scheme
from fleet.node.plan import Plan
from fleet.node.plan.choice import best_plan
from fleet.node.plan.ledger import STACK_BYTES
from fleet.node.twin.build import build, compiler_name
from fleet.node.twin.code import RUNTIME, Function, functions_of
from fleet.node.twin.image import read_image
from fleet.run.plans import network

MODEL: Final = Path("tinyengine-lenet", "ptq_mnist_lenet-300-100.tflite")
GOAL_BYTES: Final = 3072
GOAL_CORE: Final = "cortex-m0plus"
ENGINE: Final = ("engine", "node", "data")


@dataclass(frozen=True, slots=True, kw_only=True)
class Smallest:
    """An image that only infers, in bytes. plan_bytes: constants of its steps."""

    core: str
    profile: str
    engine_bytes: int
    runtime_bytes: int
    start_bytes: int
    plan_bytes: int
    model_bytes: int
    sram_bytes: int
    functions: tuple[Function, ...]

    @property
    def has_goal(self) -> bool:
        return (self.core, self.profile) == (GOAL_CORE, Kind.STATIC.value)

    def __str__(self) -> str:
        parts = (self.engine_bytes, self.runtime_bytes, self.start_bytes, self.plan_bytes)
        cells = "".join(f"{part:>10,}" for part in parts)
        return f"{self.core:15}{self.profile:8}{cells}{self.model_bytes:>10,}{self.sram_bytes:>8,}"


HEAD: Final = (
    f"{'core':15}{'profile':8}{'engine':>10}{'runtime':>10}{'start-up':>10}{'plan':>10}{'model':>10}{'SRAM':>8}"
)


def main(arguments: list[str] | None = None) -> int:
    """Prints the table, or one object in JSON. Returns 1 where the goal for MODEL is missed, 2 without a model."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", type=Path)
    options.add_argument("--core", nargs="+", choices=CORES, default=list(CORES))
    options.add_argument("--functions", action="store_true", help="each function under its image")
    options.add_argument("--json", action="store_true", help="one object for machines")
    chosen = options.parse_args(arguments)
    model = chosen.model or Path(os.environ.get("FLEET_DATA", "")) / MODEL
    if not model.is_file():
        sys.stderr.write(f"{model}: expected a .tflite, got none; name one with --model, or set FLEET_DATA\n")
        return 2
    found = list(smallest(plan_of_inference(model), chosen.core))
    if chosen.json:
        print(
            json.dumps({"version": __version__, "compiler": compiler_name(GOAL_CORE), "images": [*map(asdict, found)]})
        )
    else:
        _print(model, found, functions=chosen.functions)
    return int(chosen.model is None and any(image.engine_bytes >= GOAL_BYTES for image in found if image.has_goal))


def _print(model: Path, found: list[Smallest], *, functions: bool) -> None:
    print(f"mcufleet {__version__}, {compiler_name(GOAL_CORE)}; {model.name}, inference only; bytes, measured\n{HEAD}")
    for image in found:
        print(image)
        if functions:
            print("\n".join(f"    {f.folder:18}{f.name:32}{f.size_bytes:>6,}" for f in image.functions))
    print(f"goal for a LeNet-300-100: engine below {GOAL_BYTES:,} on {GOAL_CORE}, static")


def plan_of_inference(model: Path) -> Plan:
    """The smallest plan of a network that trains nothing; its window is read where it lies."""
    return best_plan(network(str(model)).graph, Scheme(name="inference", trained=()))


def smallest(plan: Plan, cores: list[str]) -> Iterator[Smallest]:
    """Both profiles of the plan on every core."""
    for core in cores:
        for kind in Kind:
            yield measured(plan, core, kind)


def measured(plan: Plan, core: str, kind: Kind) -> Smallest:
    """The linked image of a plan."""
    profile = board(core)
    with tempfile.TemporaryDirectory() as folder:
        project = export(plan, profile, out=Path(folder) / "node", name="node", kind=kind)
        path = build(project, core=core, stack_bytes=STACK_BYTES, uses=uses_of(plan))
    functions, objects = functions_of(path), read_image(path).objects
    sizes = {name: o.size_bytes for name, o in objects.items()}
    return Smallest(
        core=core,
        profile=kind.value,
        engine_bytes=sum(f.size_bytes for f in functions if f.folder in ENGINE and f.name != "main"),
        runtime_bytes=sum(f.size_bytes for f in functions if f.folder == RUNTIME),
        start_bytes=sum(f.size_bytes for f in functions if f.folder == "port" or f.name == "main"),
        plan_bytes=sizes.get("fe_plan_words", 0) + sizes.get("fe_steps", 0),
        model_bytes=sizes["fe_model"],
        sram_bytes=sizes.get("fe_arena", 0) + sizes.get("fe_runtime", 0),
        functions=functions,
    )


if __name__ == "__main__":
    sys.exit(main())
