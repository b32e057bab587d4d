"""Steps of groups that run row by row: what their own step says, which maps stay, which are cut to slices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.node.model.graph import Form, Graph, inputs
from fleet.node.model.scheme import Scheme, Trained, build_scheme
from fleet.node.plan.plan import inference_plan, plan_of
from fleet.node.plan.steps import Code, Ref, Region, Step, inference, program
from fleet.node.plan.steps.rows import MOST_STEPS
from fleet.node.plan.tactics import Tactics
from tests.node.engine.segmented import row_tactics
from tests.node.model.map_nets import edged
from tests.node.model.nets import WEIGHTED, Builder, graphs, residual_net, schemes


def bottleneck(height: int = 12) -> Graph:
    """A convolution, then an inverted bottleneck with a skip, on rows of 4 x 8 and 4 x 16 values."""
    build = Builder(3)
    x = build.conv(build.input((height, 4, 3), zero=2), 8, (3, 3), pad=(1, 1, 1, 1), zero=-20)
    y = build.depthwise(build.conv(x, 16, (1, 1), zero=-30), (3, 3), pad=(1, 1, 1, 1), zero=-30)
    return build.head(build.pool(build.add(build.conv(y, 8, (1, 1), zero=5), x)), 3)


def trains(**channels: int) -> Scheme:
    parts = tuple(Trained(op=op, channels=count, bias=True) for op, count in channels.items())
    return Scheme(name="parts", trained=(*parts, Trained(op="head", channels=8, bias=True)))


def steps_of(found: list[Step], code: Code) -> list[Step]:
    return [step for step in found if step.code is code]


def test_a_group_says_for_each_step_its_rows_and_where_its_inputs_are_made() -> None:
    graph = bottleneck()
    p = inference(graph, Tactics(segments=((0, 5),), input_streamed=True))
    assert [s.code for s in p.steps[:6]] == [
        Code.ROWS, Code.CONV, Code.CONV, Code.DEPTHWISE, Code.CONV, Code.ADD,
    ]  # fmt: skip
    assert p.steps[0].fields == (5, 2, -1, -1, 3, 0, -1, 1, 1, -1, 1, 2, -1, 0, 3, 0)
    assert {n: s for n, s in p.sizes.items() if n.startswith("map")} == {
        "map0": 2 * 32, "map1": 3 * 64, "map2": 64, "map3": 32, "map4": 12 * 32, "map5": 8,
    }  # fmt: skip


def test_a_map_that_is_read_behind_the_group_stays_whole() -> None:
    graph = bottleneck()
    p = inference(graph, Tactics(segments=((0, 4),)))
    assert p.steps[0].fields[:4] == (4, 0, -1, -1)
    assert p.sizes["map0"] == graph.tensor("map0").size


def test_a_window_as_tall_as_its_map_is_the_map() -> None:
    p = inference(bottleneck(height=2), Tactics(segments=((0, 5),)))
    assert p.steps[0].fields[1::3] == (0, 0, 1, 1, 0)


def test_what_a_weight_gradient_reads_stays_whole_or_as_a_slice() -> None:
    graph, scheme = bottleneck(), trains(op3=5)
    whole = program(graph, scheme, Tactics(segments=((0, 5),)))
    sliced = program(graph, scheme, Tactics(segments=((0, 5),), slices=True))
    assert whole.sizes["map2"] == graph.tensor("map2").size
    assert sliced.sizes["map2"] == 64
    assert sliced.sizes["map2 slice"] == 12 * 4 * 5
    assert sliced.steps[0].fields[7:13] == (1, 1, -1, 0, 2, -1)
    move, update = steps_of(sliced.steps, Code.MOVE)[0], steps_of(sliced.steps, Code.UPDATE_CONV)[0]
    assert move.op == "op2"
    assert move.fields == (
        Ref(Region.ARENA, "map2"), Ref(Region.ARENA, "map2 slice"), 12, 4, 5, 0, 64, 16, 1, 0, 20, 5, 1, 0, 0, 240,
    )  # fmt: skip
    assert update.fields[3] == Ref(Region.ARENA, "map2 slice")
    assert update.fields[10:13] == (12, 4, 5)


def test_a_slice_outside_of_groups_is_taken_after_the_last_reader() -> None:
    p = program(bottleneck(), trains(op1=3), Tactics(slices=True))
    assert [s.code for s in p.steps[:6]] == [
        Code.CONV, Code.CONV, Code.DEPTHWISE, Code.CONV, Code.ADD, Code.MOVE,
    ]  # fmt: skip
    assert p.steps[5].fields[:5] == (Ref(Region.ARENA, "map0"), Ref(Region.ARENA, "map0 slice"), 12, 4, 3)


def test_the_widest_reader_decides_and_whole_readers_forbid_a_slice() -> None:
    build = Builder(4)
    x = build.conv(build.input((4, 4, 2)), 9, (1, 1))
    y = build.add(build.conv(x, 8, (1, 1)), build.conv(x, 8, (1, 1)))
    graph = build.head(build.pool(y), 2)
    assert program(graph, trains(op1=2, op2=6), Tactics(slices=True)).slices["map0"][1] == 6
    for scheme in (trains(op1=2, op2=9), trains(op0=2)):
        assert program(graph, scheme, Tactics(slices=True)).slices == {}
    deep = bottleneck()
    slices = program(deep, trains(op2=4, op3=3), Tactics(slices=True)).slices
    assert {name: channels for name, (_, channels) in slices.items()} == {"map1": 4, "map2": 3}


@given(data=st.data())
def test_every_buffer_is_named_by_a_step_and_every_input_is_made_before(data: st.DataObject) -> None:
    graph = data.draw(graphs(kinds=WEIGHTED))
    scheme = data.draw(schemes(graph))
    plan = plan_of(graph, scheme, data.draw(row_tactics(graph, scheme)))
    named = {name for step in plan.steps for name in step.buffers}
    assert {b.name for b in plan.buffers} - named <= {*graph.inputs, "gradient exponents"}
    made: set[str] = set()
    for op in graph.ops:
        assert {n for n in inputs(op) if n not in graph.inputs and graph.tensor(n).value is None} <= made
        made.add(op.y)


@pytest.mark.parametrize(
    "tactics, message",
    [
        (
            Tactics(segments=((0, 6),)),
            "expected operators that run row by row, got GlobalAveragePool 'op5'; leave",
        ),
        (
            Tactics(segments=((0, 2), (1, 5))),
            "expected segments in order within 7 operators, got 1 to 5",
        ),
        (Tactics(segments=((3, 9),)), "got 3 to 9; take them from this graph"),
        (Tactics(segments=((1, 1),)), "got 1 to 1; take them from this graph"),
    ],
)
def test_segments_that_do_not_fit_the_graph_are_refused(tactics: Tactics, message: str) -> None:
    with pytest.raises(InputError, match=message):
        inference_plan(bottleneck(), tactics)


def test_rows_of_a_mask_within_a_byte_are_refused() -> None:
    build = Builder(4)
    x = build.conv(build.conv(build.input((4, 3, 2)), 3, (1, 1)), 3, (1, 1))
    graph = build.head(build.pool(x), 2)
    tactics = Tactics(segments=((0, 2),))
    inference_plan(graph, tactics)
    with pytest.raises(InputError, match="expected operators that run row by row, got Conv2d 'op0'"):
        plan_of(graph, trains(op0=2), tactics)


def test_more_steps_than_a_group_holds_are_refused() -> None:
    build = Builder(4)
    x = build.input((3, 2, 2))
    for _ in range(MOST_STEPS + 1):
        x = build.conv(x, 2, (1, 1))
    graph = build.head(build.pool(x), 2)
    inference_plan(graph, Tactics(segments=((0, MOST_STEPS),)))
    with pytest.raises(InputError, match="expected at most 24 steps in a segment, got 25; cut it in two"):
        inference_plan(graph, Tactics(segments=((0, MOST_STEPS + 1),)))


def test_only_bytes_are_streamed() -> None:
    assert inference(edged(Form.UINT8), Tactics(input_streamed=True)).maps["input"].region is Region.INPUT
    with pytest.raises(InputError, match=r"tactics\.input_streamed: expected an input of bytes, got float32 'input'"):
        inference(edged(Form.FLOAT32), Tactics(input_streamed=True))


def test_default_tactics_are_the_program_on_whole_maps() -> None:
    graph = residual_net()
    for kind in ("full", "sparse"):
        scheme = build_scheme(graph, kind)
        assert program(graph, scheme) == program(graph, scheme, Tactics())
        assert plan_of(graph, scheme).content == plan_of(graph, scheme, Tactics()).content
