"""Lives of buffers and the blocks they form, on programs small enough to count by hand."""

from fractions import Fraction
from itertools import pairwise

from fleet.node.model.graph import Conv2d, Graph
from fleet.node.model.scheme import Scheme
from fleet.node.model.schemes.layerwise import sparse_layers
from fleet.node.plan.lifetimes import Lying, blocks_of, fullest, groups, loads, ties
from fleet.node.plan.placement import Part
from fleet.node.plan.steps import Code, Program, inference, program
from fleet.node.plan.tactics import LAYERWISE, Tactics
from tests.node.model.schemes.bottlenecks import small_graph

SIDE = 4  # of the maps of block3: 8 channels in and out, 16 between
BLOCK, MIDDLE = SIDE * SIDE * 8, SIDE * SIDE * 16


def chain(*sizes: int) -> Program:
    """Buffers a, b, ... of these sizes, each made of the one before."""
    p = Program()
    refs = [p.buffer("abcdefgh"[i], size) for i, size in enumerate(sizes)]
    for x, y in pairwise(refs):
        p.add(Code.TABLE, "op", x, y)
    p.loss = p.apply = len(p.steps)
    return p


def small_with(tactics: Tactics, scheme: Scheme | None = None) -> tuple[Graph, Program]:
    graph = small_graph()
    return graph, inference(graph, tactics) if scheme is None else program(graph, scheme, tactics)


def block3(graph: Graph) -> tuple[int, int]:
    """Numbers of the operators of block3."""
    names = [op.name for op in graph.ops]
    return names.index("block3.pw1"), names.index("block3.add") + 1


def test_every_buffer_is_a_block_of_its_own_layer_by_layer() -> None:
    graph, steps = small_with(LAYERWISE)
    blocks = blocks_of(steps, graph, LAYERWISE)
    assert {b.name for b in blocks.blocks} == set(steps.sizes)
    assert all(at == Lying(block=name, delta=0, first=at.first, last=at.last) for name, at in blocks.lying.items())
    assert all(len(b.parts) == 1 for b in blocks.blocks)


def test_buffers_over_one_another_are_one_block() -> None:
    steps = chain(12, 8, 20, 4)
    blocks = blocks_of(steps, small_graph(), Tactics(over=(("b", "a"), ("d", "c"), ("c", "b"))))
    (block,) = blocks.blocks
    assert block.parts == (
        Part(first=0, last=0, size_bytes=12), Part(first=0, last=1, size_bytes=8),
        Part(first=1, last=2, size_bytes=20), Part(first=2, last=2, size_bytes=4),
    )  # fmt: skip
    assert loads(blocks.blocks, 3) == [12, 20, 20]
    assert fullest(blocks.blocks) == (20, 1)


def test_what_is_not_over_another_adds_up() -> None:
    blocks = blocks_of(chain(12, 8, 20, 4), small_graph(), LAYERWISE)
    assert loads(blocks.blocks, 3) == [20, 28, 24]
    assert fullest(blocks.blocks) == (28, 1)


def test_windows_live_while_their_rows_do_and_whole_maps_through_all_rounds() -> None:
    first, end = block3(small_graph())
    tactics = Tactics(segments=((first, end),))
    graph, steps = small_with(tactics)
    (group,) = groups(steps)
    assert (steps.steps[group.header].code, group.last - group.header) == (Code.ROWS, 4)
    at, row = group.header + 1, SIDE * 16
    parts = {b.name: b.parts for b in blocks_of(steps, graph, tactics).blocks}
    x, expand, middle, project, y = (graph.ops[i].y for i in range(first - 1, end))
    assert parts[expand] == (
        Part(first=at, last=at + 1, size_bytes=3 * row), Part(first=at + 2, last=at + 3, size_bytes=2 * row),
    )  # fmt: skip
    assert parts[middle] == (Part(first=at + 1, last=at + 2, size_bytes=row),)
    assert parts[project] == (Part(first=at + 2, last=at + 3, size_bytes=SIDE * 8),)
    assert parts[x][0].last == parts[y][0].first + 3 == group.last
    assert [part.size_bytes for part in (*parts[x], *parts[y])] == [BLOCK, BLOCK]
    most = 2 * BLOCK + 4 * row
    assert loads(blocks_of(steps, graph, tactics).blocks, len(steps.steps))[group.header + 2] == most


def test_an_output_begins_as_far_before_its_input_as_rows_need() -> None:
    """block1's expanding layer alone: a row of y, twice as long, may cover no row of x that is still to be read."""
    graph = small_graph()
    t = [op.name for op in graph.ops].index("block1.pw1")
    tactics = Tactics(segments=((t, t + 1),), over=((graph.ops[t].y, graph.ops[t].x),))
    blocks = blocks_of(inference(graph, tactics), graph, tactics)
    x, y = blocks.lying[graph.ops[t].x], blocks.lying[graph.ops[t].y]
    assert (x.block, x.delta - y.delta) == (y.block, 8 * 8 * 16 - 7 * 8 * 8)


def test_slices_may_lie_over_the_maps_they_are_taken_of() -> None:
    graph = small_graph()
    scheme = sparse_layers(graph, biases=3, ratios={"block3.pw1": Fraction(1, 2)})
    tactics = Tactics(slices=True)
    steps = program(graph, scheme, tactics)
    expand = graph.op("block3.pw1")
    assert isinstance(expand, Conv2d)
    x = expand.x
    assert ties(steps) == ((f"{x} slice", x),)
    tied = Tactics(slices=True, over=ties(steps))
    apart, over = (fullest(blocks_of(steps, graph, t).blocks)[0] for t in (tactics, tied))
    assert over <= apart
    lying = blocks_of(steps, graph, tied).lying
    assert (lying[f"{x} slice"].block, lying[f"{x} slice"].delta) == (x, 0)
