"""What does a byte of SRAM buy? Every scheme on two real tasks: accuracy against planned memory.

A network pretrained on others adapts to a new speaker, or from phones to watches, one window per step, four passes.
Families: the head, biases or whole layers from the end, lite residual modules, batch norms, everything, and for
each budget the scheme that `fleet.run.search` finds by contribution analysis or by squared gradients, and one drawn by
chance that fills it. The budgets are what all biases and each last_k take, to compare at equal SRAM. Searches see
training and validation windows; rates are chosen on validation, one per point over all seeds; the test part is asked
once.

SRAM: trained state and arena of the smallest plan, int8 gradients with static exponents. Rows are appended to
OUT/rows.csv and searches journaled under OUT/search: a study that was cut goes on where it stopped. OUT/figure.html
is interactive.
Run: python -m analysis.accuracy_vs_memory [--tasks speech motion] [--seeds 5] [--jobs 2] [--out DIR]
Quick: --tasks speech --seeds 2 --rates 0.01 --budgets 3
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from analysis.memory_tables import Row, append_rows, begin_rows, points_of, read_rows, text_of, write_figure
from analysis.transfer import TASKS, Part, Transfer
from analysis.update_rules import PASSES, start_of
from fleet.base import rng
from fleet.base.rng import Stream
from fleet.node.engine.binding import Pieces
from fleet.node.model.fixed import real
from fleet.node.model.graph import Graph
from fleet.node.model.graph_file import load_graph, save_graph
from fleet.node.model.recipe import Exponents, Recipe
from fleet.node.model.reference import calibrated
from fleet.node.model.scheme import Scheme
from fleet.node.model.schemes import all_layers, named_scheme
from fleet.node.plan.choice import best_plan
from fleet.run.search import SELECTORS, Sample, Settings, Space, Task, search
from fleet.run.search.contribution import asked, order_of, taught
from fleet.run.search.memory import Memory, sram_bytes
from fleet.run.search.results import Results

RATES: Final = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)
SEARCHED: Final = 0.01  # the rate of trials in a search
SETTINGS: Final = Settings(repeats=2, generations=25)
NAMES: Final = {"contribution": "sparse", "fisher": "fisher"}  # family by selector
CALIBRATION: Final = 32  # training windows on which static exponents are found
MODULES: Final = 64  # training windows on which lite residual modules are normalised


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What is asked for. budgets: of each selector, at most."""

    out: Path
    rates: tuple[float, ...]
    budgets: int
    exponents: Exponents

    @property
    def rows(self) -> Path:
        return self.out / "rows.csv"


@dataclass(frozen=True)
class Cell:
    """One task and seed: its data, its pretrained network, what is compared."""

    study: Study
    name: str
    seed: int

    @cached_property
    def data(self) -> Transfer:
        return TASKS[self.name](self.seed)

    @cached_property
    def graph(self) -> Graph:
        """The pretrained network; made once and kept in a file."""
        path = self.study.out / "models" / f"{self.name}.{self.seed}.npz"
        if not path.is_file():
            save_graph(start_of(self.data, self.seed).graph, path)
        return load_graph(path)

    @cached_property
    def recipe(self) -> Recipe:
        """How all schemes train; static exponents found on the first windows, for every map."""
        return self._recipe(self.graph, all_layers(self.graph))

    def _recipe(self, graph: Graph, scheme: Scheme) -> Recipe:
        if self.study.exponents is Exponents.DYNAMIC:
            return Recipe()
        first = order_of(len(self.data.train), CALIBRATION, self.seed)
        windows, labels = self.data.train.windows[first], self.data.train.labels[first]
        return calibrated(graph, scheme, windows, labels, rate=SEARCHED).recipe

    def task(self, rate: float) -> Task:
        """The task at a rate, which is lowered in the last passes."""
        train, validation = self.data.train, self.data.validation
        count = len(train)
        pieces: Pieces = tuple((number * count, real(rate * factor)) for number, factor in enumerate(PASSES))
        return Task(
            name=self.name, train=_sample(train), validation=_sample(validation), steps=len(PASSES) * count,
            rate=pieces, recipe=self.recipe,
        )  # fmt: skip

    def budgets(self) -> list[int]:
        """What the smallest plans of all biases and of last_k:1, last_k:2, ... take, all or evenly chosen ones."""
        space = Space(self.graph, self.recipe)
        whole = [space.biases(space.layers), *(space.last(k) for k in range(1, space.layers))]
        sizes = [sram_bytes(best_plan(self.graph, space.scheme(genes))) for genes in whole]
        steps = min(self.study.budgets, len(sizes))
        return sorted({sizes[number * len(sizes) // steps] for number in range(steps)})

    def points(self) -> Iterator[tuple[str, str]]:
        """Every point and the scheme that stands for it with this seed. `full` is also last_k of all layers."""
        layers = Space(self.graph, self.recipe).layers
        yield from ((name, name) for name in ("head", "full", "lite_residual", "bn"))
        yield from ((name, name) for k in range(1, layers + 1) for name in (f"bias:{k}", f"last_k:{k}"))
        for selector in SELECTORS:
            yield from ((f"{NAMES[selector]}@{b}", self.searched(selector, b)) for b in self.budgets())
        yield from ((f"random@{b}", self.drawn(b)) for b in self.budgets())

    def searched(self, selector: str, budget: int) -> str:
        """The scheme that a search finds."""
        found = search(
            self.graph, self.task(SEARCHED), budget_bytes=budget, selector=selector, seed=self.seed,
            out=self.study.out / "search" / f"{self.name}.{self.seed}", settings=SETTINGS,
        )  # fmt: skip
        return found.scheme.name

    def drawn(self, budget: int) -> str:
        """A scheme by chance: shares of layers in an order drawn by the seed, each taken if it still fits."""
        space = Space(self.graph, self.recipe)
        memory = Memory(space=space, budget_bytes=budget, results=Results(None, {}))
        ways = [(layer, share) for layer, shares in enumerate(space.options) for share in shares]
        genes = space.biases(0)
        for number in rng.permutation(rng.key(self.seed, Stream.SEARCH, budget), len(ways)):
            layer, share = ways[number]
            wider = genes if genes.shares[layer] else genes.with_share(layer, share)
            genes = wider if memory.fits(wider) else genes
        return genes.text

    def row(self, point: str, scheme: str, rate: float) -> Row:
        """One training of a scheme."""
        choice = named_scheme(self.graph, scheme, windows=self.data.train.windows[:MODULES])
        own = choice.graph is not self.graph
        recipe = self._recipe(choice.graph, choice.scheme) if own else self.recipe
        made = replace(choice.scheme, recipe=recipe)
        node = taught(choice.graph, made, self.task(rate), self.seed)
        validation, test = (asked(node, _sample(part)) for part in (self.data.validation, self.data.test))
        return Row(
            task=self.name, seed=self.seed, point=point, scheme=scheme, rate=rate,
            sram_bytes=sram_bytes(best_plan(choice.graph, made)),
            validation=100 * validation.accuracy, test=100 * test.accuracy,
        )  # fmt: skip


def _sample(part: Part) -> Sample:
    return Sample(windows=part.windows, labels=part.labels)


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the rows that are missing, then prints the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tasks", nargs="+", choices=TASKS, default=["speech", "motion"])
    options.add_argument("--seeds", type=int, default=5, help="seeds 0 to this, less one; speech has 6 speakers")
    options.add_argument("--rates", type=float, nargs="+", default=list(RATES))
    options.add_argument("--budgets", type=int, default=99, help="of searched schemes, at most this many")
    options.add_argument("--exponents", choices=[e.value for e in Exponents], default=Exponents.STATIC.value)
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options.add_argument("--out", type=Path, default=Path("runs/accuracy_vs_memory"))
    options.add_argument("--tables-only", action="store_true", help="print what is there, train nothing")
    chosen = options.parse_args(arguments)
    exponents = Exponents(chosen.exponents)
    study = Study(out=chosen.out, rates=tuple(chosen.rates), budgets=chosen.budgets, exponents=exponents)
    study.out.mkdir(parents=True, exist_ok=True)
    if not chosen.tables_only:
        begin_rows(study.rows)
        cells = [Cell(study, task, seed) for seed in range(chosen.seeds) for task in chosen.tasks]
        with ProcessPoolExecutor(max_workers=chosen.jobs) as pool:
            for cell, made in zip(cells, pool.map(make_rows, cells), strict=True):
                print(f"{cell.name}, seed {cell.seed}: {made} trainings", flush=True)
    return show(study, chosen.tasks)


def make_rows(cell: Cell) -> int:
    """Trains what is missing of a task and seed, point by point. Returns how many trainings."""
    done = {
        (row.point, row.rate) for row in read_rows(cell.study.rows) if (row.task, row.seed) == (cell.name, cell.seed)
    }
    made = 0
    for point, scheme in cell.points():
        rows = [cell.row(point, scheme, rate) for rate in cell.study.rates if (point, rate) not in done]
        append_rows(cell.study.rows, rows)
        made += len(rows)
    return made


def show(study: Study, tasks: Sequence[str]) -> int:
    """Prints the tables and writes the figure."""
    rows = read_rows(study.rows)
    found = {task: points_of(row for row in rows if row.task == task) for task in tasks}
    found = {task: points for task, points in found.items() if points}
    for task, points in found.items():
        print(text_of(task, points))
    if found:
        write_figure(study.out / "figure.html", found)
        print(f"\nfigure: {study.out / 'figure.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
