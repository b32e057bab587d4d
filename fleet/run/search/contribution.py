"""Contribution analysis: what each layer's weights and each layer's bias add when they train, alone.

A trial trains one scheme through the engine and asks it about windows it never saw. A bias adds what the biases of
the last k layers recognise beyond those of the last k - 1; weights of a layer add what they recognise beyond the
biases they train with. Sums of such gains stand for schemes that nobody has trained.
Source: Lin et al., "On-device training under 256 KB memory", 2022, section on automated selection.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fractions import Fraction

import numpy as np

from fleet.base import rng
from fleet.base.rng import Stream
from fleet.node.engine.binding import Course, Node
from fleet.node.engine.memo import Memo
from fleet.node.model.graph import Graph
from fleet.node.model.reference import probabilities
from fleet.node.model.scheme import Scheme
from fleet.node.plan import plan_of
from fleet.run.progress import Progress
from fleet.run.search.results import Results
from fleet.run.search.space import Genes, Space
from fleet.run.search.task import Sample, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a trained scheme knew of the validation windows, over all repeats.

    correct: windows recognised. certainty: sum over windows of the label's probability in 1/32768. total: windows.
    """

    correct: int
    certainty: int
    total: int

    @property
    def accuracy(self) -> float:
        """Share of windows recognised."""
        return self.correct / self.total

    @property
    def score(self) -> int:
        """What a search makes large: the certainty, which moves where few windows change sides."""
        return self.certainty


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """Gains in units of Trial.score. biases: of the last k layers over the head alone, by k. weights: of a layer and
    share over the biases of the layers from there on."""

    biases: tuple[int, ...]
    weights: tuple[dict[Fraction, int], ...]

    def gain(self, genes: Genes) -> int:
        """The sum that stands for a scheme."""
        chosen = ((layer, share) for layer, share in enumerate(genes.shares) if share)
        return self.biases[genes.biases] + sum(self.weights[layer][share] for layer, share in chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where trials are made. jobs: at once; the results do not depend on it. repeats: trainings of each scheme."""

    space: Space
    task: Task
    results: Results
    seed: int
    repeats: int
    jobs: int
    progress: Progress

    def trials(self, name: str, asked: Iterable[Genes]) -> list[Trial]:
        """One for each scheme, in order; those that are known are not made again."""
        wanted = list(asked)
        missing = list(dict.fromkeys(genes for genes in wanted if _name(genes) not in self.results))
        self.progress.line(name, len(missing))
        with ThreadPoolExecutor(self.jobs) as pool:
            for first in range(0, len(missing), self.jobs):
                group = missing[first : first + self.jobs]
                for number, trial in enumerate(pool.map(self._trial, group)):
                    self.results.put(_name(group[number]), asdict(trial))
                    self.progress.update(virtual_us=0, round=first + number + 1, alive=1, accuracy=trial.accuracy)
        return [self.known(genes) for genes in wanted]

    def known(self, genes: Genes) -> Trial:
        """A trial that was made."""
        return Trial(**self.results[_name(genes)])

    def _trial(self, genes: Genes) -> Trial:
        made = [trained(self.space, self.task, genes, self.seed + repeat) for repeat in range(self.repeats)]
        return Trial(
            correct=sum(trial.correct for trial in made),
            certainty=sum(trial.certainty for trial in made),
            total=sum(trial.total for trial in made),
        )


def contributions(bench: Bench) -> Contributions:
    """All gains of a network: one trial per layer's bias, one per layer and share, one of the head."""
    space = bench.space
    bench.trials("contributions", singles(space))
    head = bench.known(space.biases(0)).score
    biases = [bench.known(space.biases(count)).score for count in range(space.layers + 1)]
    return Contributions(
        biases=tuple(score - head for score in biases),
        weights=tuple(
            {share: bench.known(_alone(space, layer, share)).score - biases[space.layers - layer] for share in shares}
            for layer, shares in enumerate(space.options)
        ),
    )


def singles(space: Space) -> Iterator[Genes]:
    """What contribution analysis trains, the cheapest first: biases, then weights from the last layer down."""
    yield from (space.biases(count) for count in range(space.layers + 1))
    for layer in reversed(range(space.layers)):
        yield from (_alone(space, layer, share) for share in space.options[layer])


def _alone(space: Space, layer: int, share: Fraction) -> Genes:
    """Weights of one layer, with the biases of all from there on."""
    return space.biases(space.layers - layer).with_share(layer, share)


def trained(space: Space, task: Task, genes: Genes, seed: int) -> Trial:
    """One training of a scheme from the network as it is, and what it knows then."""
    return asked(taught(space.graph, space.scheme(genes), task, seed), task.validation)


def taught(graph: Graph, scheme: Scheme, task: Task, seed: int) -> Node:
    """A node after its training, through the engine. The same seed is the same order of windows and the same draws."""
    plan = plan_of(graph, scheme)
    node = Node(plan, memo=Memo(plan))
    course = Course(key=rng.key(seed, Stream.UPDATE, 0), rate=task.rate, own=range(plan.layout.classes))
    node.train(task.train.windows, task.train.labels, order_of(len(task.train), task.steps, seed), course)
    return node


def order_of(windows: int, steps: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """int64 [steps]: every window once, in a new order each time round."""
    rounds = range(-(-steps // windows))
    return np.concatenate([rng.permutation(rng.key(seed, Stream.ORDER, n), windows) for n in rounds])[:steps]


def asked(node: Node, sample: Sample) -> Trial:
    """What a node knows of windows."""
    logits = node.logits(sample.windows)
    classes = range(logits.shape[1])
    shares = [
        int(probabilities(row, classes)[y]) for row, y in zip(logits.astype(np.int64), sample.labels, strict=True)
    ]
    right = int((logits.argmax(axis=1) == sample.labels).sum())
    return Trial(correct=right, certainty=sum(shares), total=len(sample))


def _name(genes: Genes) -> str:
    return f"trial {genes.text}"


def best_of(bench: Bench, trained: Sequence[Genes]) -> Genes:
    """The scheme that knew most, of some that were trained; of equals the first."""
    return max(trained, key=lambda genes: bench.known(genes).score)
