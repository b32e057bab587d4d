"""The benchmark of kernels: what it times is a pointwise layer of the executor, set against a peak of its own run."""

import re

import pytest

from analysis.bench import kernels
from fleet.node.engine.binding import Node
from fleet.node.engine.host import Variant, best_variant, peak
from fleet.node.plan import inference_plan

pytestmark = pytest.mark.skipif(best_variant() is Variant.PLAIN, reason="no instructions that the executor knows")


def test_it_prints_a_part_of_the_peak_for_each_layer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kernels, "CHANNELS", (16, 64))
    assert kernels.main(["--repetitions", "1", "--seconds", "0.001"]) == 0
    printed = capsys.readouterr().out
    parts = re.findall(r"(\d+ -> \d+), weights (frozen|trained) +[\d.]+ +(\d+) %", printed)
    assert [part[:2] for part in parts] == [("16 -> 16", "frozen"), ("16 -> 16", "trained"), ("64 -> 64", "frozen"),
                                            ("64 -> 64", "trained")] * 2  # fmt: skip


def test_the_layer_clips_some_of_its_outputs_and_keeps_others() -> None:
    """Else requantisation and masks would be timed on a case of no interest."""
    graph = kernels.pointwise((5, 5), 64)
    node = Node(inference_plan(graph), variant=Variant.PLAIN)
    node.logits(kernels.graph_window(graph))
    place = next(b for b in node.plan.buffers if b.name == "map")
    values = node._arena.view("i1")[place.offset : place.end]
    assert 0.2 < (values == -128).mean() < 0.8


def test_the_peak_counts_what_it_does() -> None:
    assert peak(best_variant(), 10) % 10 == 0
    assert peak(best_variant(), 20) == 2 * peak(best_variant(), 10) > 0
    assert peak(Variant.PLAIN, 10) == 0
