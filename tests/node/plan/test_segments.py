"""Cuts of the forward pass: the dynamic programme against all cuts, counts against their definition by hand."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from fleet.node.model.graph import Conv2d, Graph
from fleet.node.model.scheme import Scheme
from fleet.node.model.schemes.layerwise import sparse_layers
from fleet.node.plan.arena import aligned
from fleet.node.plan.segments import Facts, Run, Runs, facts_of, least_fused, runs_of, smallest_peak
from tests.node.model.nets import graphs, schemes
from tests.node.model.schemes.bottlenecks import small_graph

INFERENCE = Scheme(name="inference", trained=())


def cuts(runs: Runs, end: int) -> Iterator[tuple[Run, ...]]:
    """All ways to cut operators 0 to end - 1 into runs."""
    if end == 0:
        yield ()
    for (first, last), ways in runs.items():
        if last == end:
            for before in cuts(runs, first):
                yield from ((*before, way) for way in ways)


def peak(cut: tuple[Run, ...]) -> int:
    return max(run.live_bytes for run in cut)


def effort(cut: tuple[Run, ...]) -> tuple[int, ...]:
    return tuple(sum(parts) for parts in zip(*(run.effort for run in cut), strict=True))


@st.composite
def problems(draw: st.DrawFn) -> tuple[Facts, Runs]:
    graph = draw(graphs(odd=False))
    scheme = draw(st.one_of(st.just(INFERENCE), schemes(graph)))
    facts = facts_of(graph, scheme, input_streamed=draw(st.booleans()))
    return facts, runs_of(facts, overlays=draw(st.booleans()))


@given(problem=problems())
def test_the_smallest_peak_is_that_of_the_best_cut(problem: tuple[Facts, Runs]) -> None:
    facts, runs = problem
    assert smallest_peak(facts, runs) == min(map(peak, cuts(runs, len(facts.graph.ops))))


@given(problem=problems(), data=st.data())
def test_no_cut_within_a_ceiling_is_less_fused(problem: tuple[Facts, Runs], data: st.DataObject) -> None:
    facts, runs = problem
    every = list(cuts(runs, len(facts.graph.ops)))
    ceiling = peak(data.draw(st.sampled_from(every)))
    chosen = least_fused(facts, runs, ceiling)
    assert peak(chosen) <= ceiling
    assert effort(chosen) == min(effort(cut) for cut in every if peak(cut) <= ceiling)


@given(problem=problems())
def test_below_every_cut_the_smallest_peak_is_kept(problem: tuple[Facts, Runs]) -> None:
    facts, runs = problem
    assert peak(least_fused(facts, runs, 0)) == smallest_peak(facts, runs)


@given(problem=problems(), percent=st.integers(0, 100))
def test_an_ease_never_costs_the_ceiling(problem: tuple[Facts, Runs], percent: int) -> None:
    facts, runs = problem
    ceiling = smallest_peak(facts, runs)
    eased = least_fused(facts, runs, ceiling, ceiling * percent // 100)
    assert peak(eased) <= ceiling
    above = sum(max(0, run.live_bytes - ceiling * percent // 100) for run in eased)
    assert above == min(
        sum(max(0, run.live_bytes - ceiling * percent // 100) for run in cut)
        for cut in cuts(runs, len(facts.graph.ops))
        if peak(cut) <= ceiling
    )


@given(data=st.data())
def test_a_streamed_input_takes_nothing(data: st.DataObject) -> None:
    graph = data.draw(graphs(odd=False))
    facts = facts_of(graph, INFERENCE, input_streamed=True)
    assume(graph.ops[0].y != graph.input.name)
    assert facts.size[graph.input.name] == 0


def counted(graph: Graph, first: int, end: int) -> dict[tuple[bool, bool], int]:
    """Bytes of the ways to run some operators, by whether in rows and whether over an input."""
    runs = runs_of(facts_of(graph, INFERENCE, input_streamed=True))
    return {(run.rows, bool(run.over)): run.live_bytes for run in runs[first, end]}


def test_a_bottleneck_counts_what_its_definition_says() -> None:
    """block3 of the small net: 4 x 4 x 8 in and out, 16 channels between, 3 x 3 taps, a skip."""
    graph = small_graph(16)
    names = [op.name for op in graph.ops]
    first = names.index("block3.pw1")
    side = graph.tensor(graph.ops[first].x).shape[0]
    block, middle = side * side * 8, side * side * 16
    assert counted(graph, first, first + 1)[False, False] == block + middle
    assert counted(graph, first + 1, first + 2)[False, True] == block + middle + side * side  # in place, one plane
    rows = 3 * side * 16 + side * 16
    ways = counted(graph, first, first + 4)
    assert ways[True, False] == 2 * block + rows
    assert ways[True, True] == block + rows


def test_training_charges_masks_from_their_operator_on_and_slices_of_what_is_read() -> None:
    graph = small_graph(16)
    scheme = sparse_layers(graph, biases=3, ratios={"block3.pw1": Fraction(1, 2)})
    facts = facts_of(graph, scheme, input_streamed=True)
    names = [op.name for op in graph.ops]
    block, middle = graph.tensor("map11").size, graph.tensor("map9").size
    masks = [high - low for low, high in pairwise(facts.masks)]
    assert {name: mask for name, mask in zip(names, masks, strict=True) if mask} == {
        "block3.pw1": middle // 8, "block3.dw": middle // 8, "block3.pw2": block // 8, "block3.add": block // 8,
    }  # fmt: skip
    expand = graph.op("block3.pw1")
    assert isinstance(expand, Conv2d)
    logits = aligned(2 * graph.classes)
    assert facts.kept == {expand.x: block // 2, graph.head.x: 8, graph.head.y: logits}
    runs = runs_of(facts, overlays=False)
    head = len(names) - 1
    (alone,) = runs[head, head + 1]
    assert alone.live_bytes == 8 + logits + block // 2 + facts.masks[-1]
