"""How should a microcontroller round the update of an int8 weight? Rules x gradient formats x QAS, on real tasks.

Everything starts from the same pretrained int8 network, sees the same windows in the same order, one per step, for
four passes with the rate halved in the last two. Rates are chosen on a validation part, one per method and task, over
all seeds; the test part is asked once. The peer is the same network tuned in float32 by torch. MCUNet-5FPS on
pictures starts from published int8 weights; its peer has these weights in float.

Rows are appended to OUT/rows.csv as they are made: a run that was cut goes on where it stopped. OUT/figure.html shows
the differences to the peer.
Run: python -m analysis.update_rules [--tasks speech motion] [--seeds 5] [--jobs 2] [--out runs/update_rules]
"""

import argparse
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from analysis.rule_tables import Row, append_row, begin_rows, read_rows, table_of, write_figure
from analysis.transfer import TASKS, Part, Transfer, folder
from fleet.base import rng
from fleet.base.rng import Stream
from fleet.node.engine.binding import Course, Node
from fleet.node.model.float_net import FloatNet
from fleet.node.model.graph import Graph
from fleet.node.model.quantize import dequantized
from fleet.node.model.recipe import Exponents, Gradients, Recipe, Rule
from fleet.node.model.reference import calibrated
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.model.schemes import published_scheme
from fleet.node.model.zoo import zoo_net
from fleet.node.model.zoo.mcunet import load_mcunet
from fleet.node.plan import plan_of

PASSES: Final = (1.0, 1.0, 0.5, 0.25)  # factor of the rate in each pass
SMALL_PASSES: Final = (1.0,) * 12  # of the task with small steps, the regime of many federated rounds
RATES: Final = {True: (0.00125, 0.0025, 0.005, 0.01, 0.02), False: (10.0, 30.0, 100.0, 300.0)}
SMALL_PART_RATES: Final = (0.005, 0.01, 0.02, 0.04)
PICTURE_RATES: Final = {True: (0.0003, 0.001, 0.003, 0.01), False: (10.0, 30.0, 100.0, 300.0)}
SMALL_STEP: Final = 0.0003
FLOAT: Final = "float net"
PICTURE: Final = (64, 64, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way to train. recipe: None for the float net."""

    name: str
    recipe: Recipe | None
    rates: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """net: the float network; where only int8 weights were published, these in float."""

    net: FloatNet
    graph: Graph


def main(arguments: list[str] | None = None) -> int:
    """Makes the rows that are missing, then prints the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tasks", nargs="+", choices=TASKS, default=["speech", "motion"])
    options.add_argument("--schemes", nargs="+", default=["full", "sparse", "head"])
    options.add_argument("--seeds", type=int, default=5, help="seeds 0 to this, less one")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options.add_argument("--out", type=Path, default=Path("runs/update_rules"))
    options.add_argument("--tables-only", action="store_true", help="print what is there, train nothing")
    chosen = options.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    path = chosen.out / "rows.csv"
    wanted = list(product(chosen.tasks, range(chosen.seeds), chosen.schemes))
    if not chosen.tables_only:
        make_rows(path, wanted, jobs=chosen.jobs)
    rows = [row for row in read_rows(path) if (row.task, row.seed, row.scheme) in set(wanted)]
    tables = []
    for task, scheme in product(chosen.tasks, chosen.schemes):
        order = [method.name for method in methods(task, scheme)]
        tables.append(table_of([row for row in rows if (row.task, row.scheme) == (task, scheme)], order, peer=FLOAT))
    for table in filter(None, tables):
        print(table)
    write_figure(chosen.out / "figure.html", [table for table in tables if table])
    print(f"\nfigure: {chosen.out / 'figure.html'}")
    return 0


# --- methods ---------------------------------------------------------------------------------------------------


def methods(task: str, scheme: str) -> list[Method]:
    """What is compared: every rule for `full`; for smaller schemes those a product would choose between."""
    float_net = Method(name=FLOAT, recipe=None, rates=rates(task, scheme, scaled=True))
    recipes = [Recipe(gradients=g, rule=rule, scaled=scaled) for scaled, g, rule in ALL]
    recipes.append(Recipe(exponents=Exponents.STATIC))
    if task == "speech-small":
        recipes = [recipe for recipe in recipes if recipe.scaled]
    elif scheme != MAIN[task]:
        recipes = [recipe for recipe in recipes if recipe.scaled and recipe.rule in BESIDE]
    return [float_net] + [
        Method(name=name_of(recipe), recipe=recipe, rates=rates(task, scheme, scaled=recipe.scaled))
        for recipe in recipes
    ]


MAIN: Final = {
    "speech": "full",
    "speech-small": "full",
    "motion": "full",
    "pictures": "sparse",
}  # the scheme with which all is compared
ALL: Final = tuple(product((True, False), Gradients, Rule))
BESIDE: Final = (Rule.STOCHASTIC, Rule.RESIDUAL8, Rule.NEAREST, Rule.LATENT)


def name_of(recipe: Recipe) -> str:
    """Format, rule, whether scaled."""
    static = " static" if recipe.exponents is Exponents.STATIC else ""
    return f"{recipe.gradients.value}{static} {recipe.rule.value} {'QAS' if recipe.scaled else 'raw'}"


def rates(task: str, scheme: str, *, scaled: bool) -> tuple[float, ...]:
    """Rates tried: those of float SGD; without QAS some ten thousand times as large."""
    if task == "speech-small":
        return (SMALL_STEP,)
    if task == "pictures":
        return PICTURE_RATES[scaled]
    return RATES[scaled] if scheme == "full" else SMALL_PART_RATES


# --- training --------------------------------------------------------------------------------------------------


def make_rows(path: Path, wanted: Iterable[tuple[str, int, str]], *, jobs: int) -> None:
    """Appends the rows that are missing, one task and seed per process at a time."""
    done = {(r.task, r.seed, r.scheme, r.method, r.rate) for r in read_rows(path)}
    cells: dict[tuple[str, int], list[tuple[str, str, float]]] = {}
    for task, seed, scheme in wanted:
        for method in methods(task, scheme):
            for rate in method.rates:
                if (task, seed, scheme, method.name, rate) not in done:
                    cells.setdefault((task, seed), []).append((scheme, method.name, rate))
    begin_rows(path)
    total = sum(map(len, cells.values()))
    with ProcessPoolExecutor(max_workers=jobs) as pool, Progress(transient=True) as progress:
        bar = progress.add_task("trainings", total=total)
        waiting = {pool.submit(one_seed, task, seed, tuple(asked), path) for (task, seed), asked in cells.items()}
        while waiting:
            finished, waiting = wait(waiting, timeout=2)
            progress.update(bar, completed=len(read_rows(path)) - len(done))
            for future in finished:
                future.result()


def one_seed(task: str, seed: int, asked: tuple[tuple[str, str, float], ...], path: Path) -> None:
    """Pretrains once, then trains every cell asked for: scheme, method, rate."""
    data = TASKS[task](seed)
    start = start_of(data, seed)
    for kind, name, rate in asked:
        method = next(m for m in methods(task, kind) if m.name == name)
        if method.recipe is None:
            row = tuned_float(data, seed, start.net, scheme_of(start.graph, kind), rate)
        else:
            scheme = replace(scheme_of(start.graph, kind), recipe=method.recipe)
            row = tuned_int8(data, seed, start.graph, scheme, rate)
        append_row(path, row)


def start_of(data: Transfer, seed: int) -> Start:
    """The network that everything starts from."""
    if data.name == "pictures":
        graph = load_mcunet(folder() / "mcunet/mcunet-5fps.json", classes=10, shape=PICTURE)
        return Start(net=dequantized(zoo_net("mcunet-5fps", 10, PICTURE), graph), graph=graph)

    from fleet.node.model.torch.pretrain import pretrained  # torch: only where something is pretrained

    height, width, channels = data.train.windows.shape[1:]
    spec = zoo_net("signal-resnet", data.classes, (height, width, channels))
    source = data.source
    made = pretrained(
        spec, source.windows, source.labels, seed=seed, input_scale=data.scale, input_zero=data.zero_point
    )
    return Start(net=made.net, graph=made.graph)


def tuned_float(data: Transfer, seed: int, net: FloatNet, scheme: Scheme, rate: float) -> Row:
    """One training of the float net."""
    from analysis.float_tuning import FloatTuning

    tuning = FloatTuning(net, scheme, scale=data.scale, zero_point=data.zero_point)
    order = order_of(data.train, seed, len(passes_of(data.name)))
    factors = np.repeat(passes_of(data.name), len(data.train))
    tuning.train(data.train.windows, data.train.labels, order, (rate * factors).tolist())
    asked = [100 * tuning.recognised(part.windows, part.labels) for part in (data.validation, data.test)]
    return Row(
        task=data.name,
        seed=seed,
        scheme=scheme.name,
        method=FLOAT,
        rate=rate,
        validation=asked[0],
        test=asked[1],
        changed=float("nan"),
    )


def tuned_int8(data: Transfer, seed: int, graph: Graph, scheme: Scheme, rate: float) -> Row:
    """One training in the engine."""
    if scheme.recipe.exponents is Exponents.STATIC:
        scheme = with_shifts(graph, scheme, data.train, seed, rate)
    node = Node(plan_of(graph, scheme))
    first = node.values
    course = Course(key=rng.key(seed, Stream.UPDATE, 0), rate=rate, own=range(data.classes))
    passes, count = passes_of(data.name), len(data.train)
    order = order_of(data.train, seed, len(passes))
    for number, factor in enumerate(passes):
        course.rate = rate * factor
        node.train(data.train.windows, data.train.labels, order[number * count : (number + 1) * count], course)
    asked = [recognised(node.logits(part.windows), part.labels) for part in (data.validation, data.test)]
    weights = node.plan.layout.weights
    changed = 100 * float((node.values[:weights] != first[:weights]).mean())
    return Row(
        task=data.name,
        seed=seed,
        scheme=scheme.name,
        method=name_of(scheme.recipe),
        rate=rate,
        validation=asked[0],
        test=asked[1],
        changed=changed,
    )


def with_shifts(graph: Graph, scheme: Scheme, part: Part, seed: int, rate: float) -> Scheme:
    """The scheme with static exponents found on the first 32 windows."""
    first = order_of(part, seed, 1)[:32]
    return calibrated(graph, scheme, part.windows[first], part.labels[first], rate=rate)


def scheme_of(graph: Graph, kind: str) -> Scheme:
    """The scheme of this name; for MCUNet-5FPS `sparse` is the published one of 100 KB."""
    if graph.name != "mcunet-5fps" or kind != "sparse":
        return build_scheme(graph, kind)
    return replace(published_scheme(graph, "99kb"), name=kind)


def passes_of(task: str) -> tuple[float, ...]:
    """The factor of the rate in each pass."""
    return SMALL_PASSES if task == "speech-small" else PASSES


def order_of(part: Part, seed: int, passes: int) -> NDArray[np.int64]:
    """int64 [passes * n]: every window once per pass, in a new order."""
    return np.concatenate([rng.permutation(rng.key(seed, Stream.ORDER, number), len(part)) for number in range(passes)])


def recognised(logits: NDArray[np.int16], labels: NDArray[np.uint8]) -> float:
    """Per cent of windows whose largest logit is that of their label."""
    return 100 * float((logits.argmax(axis=1) == labels).mean())


if __name__ == "__main__":
    sys.exit(main())
