"""The search itself: select by gains or by gradients, plan what is selected, train the finalists, keep the best."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Final

from fleet.base import rng
from fleet.base.errors import DoesNotFit, InputError
from fleet.base.places import package_data
from fleet.base.rng import Stream
from fleet.node.model.graph import Graph
from fleet.node.model.scheme import Scheme
from fleet.node.plan import Plan, plan_of
from fleet.record import write_whole
from fleet.run.facts import versions
from fleet.run.progress import Progress, Silent
from fleet.run.search.contribution import Bench, Contributions, Trial, best_of, contributions
from fleet.run.search.evolution import evolved
from fleet.run.search.fisher import potentials, selected
from fleet.run.search.knapsack import beginnings
from fleet.run.search.memory import Memory, sram_bytes
from fleet.run.search.results import Results
from fleet.run.search.space import NONE, SHARES, Genes, Space
from fleet.run.search.task import Task

SELECTORS: Final = ("contribution", "fisher")
HEADINGS: Final = ("scheme", "sram_bytes", "predicted", "accuracy", "certainty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """repeats: trainings of each scheme, in other orders. generations: of the evolution, at most.

    finalists: of the evolution, trained before one is chosen. climbs: how often as many more are trained around the
    best, at most.
    """

    shares: tuple[Fraction, ...] = SHARES
    repeats: int = 1
    generations: int = 40
    finalists: int = 8
    climbs: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A scheme that was trained. predicted: by the sum of contributions, in points of certainty over the head alone;
    None where nothing predicts it. accuracy, certainty: measured, in per cent."""

    scheme: str
    sram_bytes: int
    predicted: float | None
    accuracy: float
    certainty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """plan: the least fused that fits. gain: of certainty over the head alone, in points, predicted and measured.

    table: what was trained in the end, the chosen scheme first, then the others, the best first. Among them are the
    head, the most biases and the most whole layers that fit, to compare with.
    """

    scheme: Scheme
    plan: Plan
    predicted: float | None
    measured: float
    table: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    space: Space
    memory: Memory
    bench: Bench
    settings: Settings
    seed: int


def search(
    graph: Graph,
    task: Task,
    *,
    budget_bytes: int,
    selector: str = "contribution",
    out: Path | None = None,
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
    settings: Settings | None = None,
) -> Found:
    """The scheme that learns most of a task among those whose planned memory is at most budget_bytes.

    out: folder of the journal and of what is found; one that holds an interrupted search is gone on with, and one of
    another budget or selector is used too. jobs: trainings at once; the result does not depend on it. InputError for
    an unknown selector, DoesNotFit where not even the head can train, RunError for a folder of another search.
    """
    if selector not in SELECTORS:
        text = f"expected one of {', '.join(SELECTORS)}, got '{selector}'; choose one of these"
        raise InputError.one("selector", text)
    how, shown = settings or Settings(), progress or Silent()
    space = Space(graph, task.recipe, how.shares)
    with Results(out, _identity(space, task, seed, how)) as results:
        if results.recalled:
            shown.message(f"going on: {results.recalled} results are known and not computed again")
        memory = Memory(space=space, budget_bytes=budget_bytes, results=results)
        _check_head(space, memory)
        bench = Bench(
            space=space, task=task, results=results, seed=seed, repeats=how.repeats, jobs=jobs, progress=shown
        )
        found = _found(_Search(space=space, memory=memory, bench=bench, settings=how, seed=seed), selector)
    if out is not None:
        _write(out, f"{selector}-{budget_bytes}", found)
    shown.done()
    return found


def _identity(space: Space, task: Task, seed: int, settings: Settings) -> dict[str, str]:
    """What must be the same for results to be worth anything. The budget is not: trials do not depend on it."""
    whole = plan_of(space.graph, space.scheme(space.last(space.layers)))
    return {
        "model": hashlib.sha256(whole.content + whole.model).hexdigest(),
        "planner": planner_digest(),
        "data": task.digest,
        "seed": str(seed),
        "repeats": str(settings.repeats),
        "software": ", ".join(f"{name} {number}" for name, number in sorted(versions().items())),
    }


def planner_digest() -> str:
    """SHA-256 of the planner's sources: sizes of plans that another planner made say nothing of this one's."""
    found, folder = hashlib.sha256(), package_data("node", "plan")
    for path in sorted(folder.rglob("*.py")):
        found.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()


def _check_head(space: Space, memory: Memory) -> None:
    head = space.biases(0)
    needed = memory.planned_bytes(head)
    if needed > memory.budget_bytes:
        text = f"expected a budget of {needed:,} bytes or more, which the head alone takes, got {memory.budget_bytes:,}"
        raise DoesNotFit(f"{space.graph.name}: {text}; raise the budget or take a smaller network")


def _found(one: _Search, selector: str) -> Found:
    rivals = _rivals(one)
    if selector == "fisher":
        seen = potentials(one.space, one.bench.task, one.bench.results, seed=one.seed, progress=one.bench.progress)
        chosen = selected(one.space, one.memory, seen)
        one.bench.trials("finalists", [chosen, *rivals])
        return _told(one, None, [chosen, *rivals])
    gains = contributions(one.bench)
    finalists = list(dict.fromkeys([*_best_sums(one, gains), *rivals]))
    one.bench.trials("finalists", finalists)
    trained = _climbed(one, gains, finalists)
    return _told(one, gains, [best_of(one.bench, trained), *trained])


def _best_sums(one: _Search, gains: Contributions) -> list[Genes]:
    """The schemes that fit with the largest sums of contributions, of all and of each number of biases."""
    first = beginnings(one.space, one.memory, gains.gain)
    kept = evolved(
        one.space,
        one.memory,
        gains.gain,
        first,
        key=rng.key(one.seed, Stream.SEARCH, one.memory.budget_bytes),
        generations=one.settings.generations,
        progress=one.bench.progress,
    )
    by_count = {genes.biases: genes for genes in sorted(first, key=gains.gain)}
    return [*kept[: one.settings.finalists], *by_count.values()]


def _climbed(one: _Search, gains: Contributions, trained: list[Genes]) -> list[Genes]:
    """These, and more around the best of them, as long as one of the new ones knows more: sums only guess."""
    known = list(trained)
    for _ in range(one.settings.climbs):
        best = best_of(one.bench, known)
        new = {genes for genes in _neighbours(one.space, best) if genes not in known}
        ranked = sorted(new, key=lambda genes: (-gains.gain(genes), genes.text))
        near = list(islice(filter(one.memory.fits, ranked), one.settings.finalists))
        one.bench.trials("climb", near)
        known += near
        if best_of(one.bench, known) == best:
            break
    return known


def _neighbours(space: Space, genes: Genes) -> Iterator[Genes]:
    """Schemes that differ in the share of one layer, or train one bias more or less."""
    for layer, options in enumerate(space.options):
        yield from (genes.with_share(layer, share) for share in (NONE, *options) if share != genes.shares[layer])
    yield genes.with_biases(max(0, genes.biases - 1))
    yield genes.with_biases(min(space.layers, genes.biases + 1))


def _rivals(one: _Search) -> list[Genes]:
    """The head, the most biases and the most whole layers that fit: what a search has to be better than."""
    counts = range(one.space.layers, -1, -1)
    families = (one.space.biases, one.space.last)
    most = [next(genes for genes in map(family, counts) if one.memory.fits(genes)) for family in families]
    return list(dict.fromkeys([one.space.biases(0), *most]))


def _told(one: _Search, gains: Contributions | None, trained: Sequence[Genes]) -> Found:
    """What is said of the chosen scheme, the first, and of those trained beside it."""
    others = (_line(one, gains, genes) for genes in dict.fromkeys(trained[1:]) if genes != trained[0])
    table = [_line(one, gains, trained[0]), *sorted(others, key=lambda line: (-line.certainty, line.sram_bytes))]
    head = one.bench.known(one.space.biases(0))
    plan = one.memory.plan(trained[0])
    assert sram_bytes(plan) <= one.memory.budget_bytes
    return Found(
        scheme=plan.scheme,
        plan=plan,
        predicted=table[0].predicted,
        measured=table[0].certainty - _percent(head.certainty, head),
        table=tuple(table),
    )


def _line(one: _Search, gains: Contributions | None, genes: Genes) -> Line:
    trial = one.bench.known(genes)
    return Line(
        scheme=genes.text,
        sram_bytes=one.memory.planned_bytes(genes),
        predicted=_percent(gains.gain(genes), trial) if gains else None,
        accuracy=100 * trial.accuracy,
        certainty=_percent(trial.certainty, trial),
    )


def _percent(certainty: int, trial: Trial) -> float:
    return 100 * certainty / (32768 * trial.total)


def _write(out: Path, name: str, found: Found) -> None:
    """The scheme in one word, and the table."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADINGS)
    rows.writerows([_cell(getattr(line, heading)) for heading in HEADINGS] for line in found.table)
    write_whole(out / f"{name}.csv", text.getvalue().encode())
    about: dict[str, Any] = {
        "scheme": found.scheme.name,
        "sram_bytes": sram_bytes(found.plan),
        "predicted": found.predicted,
        "measured": found.measured,
        "plan": found.plan.digest,
    }
    write_whole(out / f"{name}.json", (json.dumps(about, indent=2, sort_keys=True) + "\n").encode())


def _cell(value: object) -> object:
    return "" if value is None else value
