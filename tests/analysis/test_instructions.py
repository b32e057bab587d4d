"""The benchmark of instructions: what it counts is the layer alone, and the same in every run."""

import json

import pytest

from analysis.bench import instructions
from analysis.bench.firmware import CORES, Shape, graph_of, layer_instructions, window
from fleet.node.engine.binding import Node
from fleet.node.plan import inference_plan

SMALL = Shape(name="small", shape=(3, 3, 4), outputs=4)


def test_the_layers_are_those_that_others_were_counted_on() -> None:
    assert [shape.macs for shape in instructions.SHAPES] == [82_944, 294_912, 41_472, 294_912]
    assert {len(theirs) for theirs in instructions.CMSIS_NN.values()} == {len(instructions.SHAPES)}
    assert tuple(instructions.CMSIS_NN) == CORES


def test_it_counts_the_layer_alone() -> None:
    """Fewer instructions than the pool behind it takes, and more than its products: what was taken off was there."""
    counted = layer_instructions(SMALL, "cortex-m4f")
    assert SMALL.macs < counted < 40 * SMALL.macs
    assert counted == layer_instructions(SMALL, "cortex-m4f")


@pytest.mark.parametrize("shape", instructions.SHAPES)
def test_the_layers_clip_some_of_their_outputs_and_keep_others(shape: Shape) -> None:
    """Else requantisation would be counted on a case of no interest."""
    graph = graph_of(shape)
    node = Node(inference_plan(graph))
    node.logits(window(graph)[None])
    place = next(b for b in node.plan.buffers if b.name == "map")
    values = node._arena.view("i1")[place.offset : place.end]
    assert 0.2 < (values == -128).mean() < 0.8


def test_it_prints_a_line_for_each_layer_and_the_same_in_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(instructions, "SHAPES", (SMALL,))
    monkeypatch.setattr(instructions, "CMSIS_NN", {"cortex-m0plus": (9.0,)})
    assert instructions.main(["--core", "cortex-m0plus", "--no-net", "--json"]) == 0
    printed = capsys.readouterr()
    layer = json.loads(printed.out)["layers"][0]
    assert layer["per_mac"] == layer["instructions"] / SMALL.macs
    assert f"{layer['instructions']:,}" in printed.err
