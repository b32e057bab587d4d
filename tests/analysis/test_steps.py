"""The benchmark of steps: both sides train the same net, and all ratios are printed. No time is asserted."""

import re
import sys
from typing import Any

import numpy as np
import pytest

from analysis.bench import steps
from analysis.bench.cases import keyword_case, quickstart_case
from fleet.node.engine.binding import Node
from fleet.node.model.scheme import trained_values
from fleet.node.plan import plan_of

pytest.importorskip("torch", reason="torch is an extra: pip install 'mcufleet[torch]'")
import torch  # after the check that it is there

from analysis.bench.torch_step import LAYOUTS, SPLITS, TorchStep


@pytest.mark.parametrize("split", SPLITS)
def test_torch_runs_and_trains_what_the_engine_does(party: Any, split: str) -> None:
    """The same classes for nearly all windows, and as many trained values."""
    client, graph = party.clients[0], party.graph
    rival = TorchStep(graph, party.plan.scheme, client.shard.classes, 0.06, split=split)
    assert rival.trained == party.plan.layout.size
    windows = client.shard.train.x
    theirs = rival.logits(rival.frozen_part(rival.inputs(windows))).detach().numpy()
    ours = party.backend.logits(party.initial, windows) / 256
    assert (theirs.argmax(axis=1) == ours.argmax(axis=1)).mean() >= 0.9
    assert np.corrcoef(theirs.ravel(), ours.ravel())[0, 1] > 0.99
    leaves = [leaf for group in rival.optimiser.param_groups for leaf in group["params"]]
    before = [leaf.detach().clone() for leaf in leaves]
    targets = rival.targets(client.shard.train.y)
    for i in range(len(windows)):
        rival.step(rival.frozen_part(rival.inputs(windows[i : i + 1])), targets[i : i + 1])
    assert all(not torch.equal(a, b) for a, b in zip(before, leaves, strict=True))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["full", "sparse", "head"])
def test_the_keyword_net_in_torch_is_the_engines(kind: str, layout: str) -> None:
    case = keyword_case(kind)
    node = Node(plan_of(case.graph, case.scheme))
    rival = TorchStep(case.graph, case.scheme, case.own, case.rate, split="joined", layout=layout)
    assert rival.trained == node.plan.layout.size
    theirs = rival.logits(rival.frozen_part(rival.inputs(case.windows))).detach().numpy()
    node.values = trained_values(case.graph, node.plan.layout)
    assert np.corrcoef(theirs.ravel(), node.logits(case.windows).ravel())[0, 1] > 0.99


def test_the_cases_are_what_they_say() -> None:
    assert quickstart_case().name == "imu-ds-cnn sparse"
    assert not quickstart_case().remembers
    assert [keyword_case(kind).remembers for kind in ("full", "sparse", "head")] == [False, True, True]


def test_the_benchmark_prints_every_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    try:
        assert steps.main(["--repetitions", "1", "--seconds", "0.01", "--case", "head"]) == 0
    finally:
        torch.set_num_threads(threads)
    printed = capsys.readouterr().out
    for ours in (steps.ENGINE, steps.REMEMBERING):
        for batch in steps.BATCHES:
            for cached in (False, True):
                rival = re.escape(steps.torch_name(batch, cached))
                assert re.search(rf"^{ours} / {rival}: \d+\.\d", printed, re.MULTILINE), printed


def test_without_torch_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert steps.main(["--repetitions", "1", "--seconds", "0.01"]) == 1
    assert "pip install 'mcufleet[torch]'" in capsys.readouterr().err
