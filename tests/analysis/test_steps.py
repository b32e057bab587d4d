"""The benchmark of steps: both sides train the same net, and both ratios are printed. No time is asserted."""

import re
import sys
from typing import Any

import numpy as np
import pytest

from analysis.bench import steps

pytest.importorskip("torch", reason="torch is an extra: pip install 'mcufleet[torch]'")
import torch  # after the check that it is there

from analysis.bench.torch_step import SPLITS, TorchStep, real_windows


@pytest.mark.parametrize("split", SPLITS)
def test_torch_runs_and_trains_what_the_engine_does(party: Any, split: str) -> None:
    """The same classes for nearly all windows, and as many trained values."""
    client, graph = party.clients[0], party.graph
    rival = TorchStep(graph, party.plan.scheme, client.shard.classes, 0.06, split=split)
    assert rival.trained == party.plan.layout.size
    inputs = [rival.frozen_part(x) for x in real_windows(graph, client.shard.train.x)]
    theirs = np.concatenate([rival.logits(x).detach().numpy() for x in inputs])
    ours = party.backend.logits(party.initial, client.shard.train.x) / 256
    assert (theirs.argmax(axis=1) == ours.argmax(axis=1)).mean() >= 0.9
    assert np.corrcoef(theirs.ravel(), ours.ravel())[0, 1] > 0.99
    leaves = [leaf for group in rival.optimiser.param_groups for leaf in group["params"]]
    before = [leaf.detach().clone() for leaf in leaves]
    for x, label in zip(inputs, client.shard.train.y, strict=True):
        rival.step(x, rival.target_of[int(label)])
    assert all(not torch.equal(a, b) for a, b in zip(before, leaves, strict=True))


def test_the_benchmark_prints_both_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    try:
        assert steps.main(["--repetitions", "1", "--seconds", "0.01"]) == 0
    finally:
        torch.set_num_threads(threads)
    printed = capsys.readouterr().out
    for rival in (steps.RECOMPUTED, steps.CACHED):
        assert re.search(rf"^engine / {rival}: \d+\.\d", printed, re.MULTILINE), printed


def test_without_torch_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert steps.main(["--repetitions", "1", "--seconds", "0.01"]) == 1
    assert "pip install 'mcufleet[torch]'" in capsys.readouterr().err
