"""Whole runs, short ones: the same bytes whatever the threads, another seed another run, and what a folder holds."""

import hashlib
import importlib
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.base.errors import DoesNotFit, InputError, RunError
from fleet.base.rng import Stream
from fleet.learning import aggregate
from fleet.learning.aggregate import Contribution
from fleet.node.model.fixed import real
from fleet.node.plan.ledger import ledger
from fleet.node.plan.state import state_bytes
from fleet.node.profile import load_profile
from fleet.node.wire.frames import Push, decode_update, encode_push
from fleet.record import (
    AccuracyRow,
    BatteryRow,
    EnergyRow,
    EventRow,
    LedgerRow,
    RoundRow,
    TrafficRow,
    ValueRow,
    open_run,
)
from fleet.run import execute, resume
from fleet.run.assemble import assemble
from tests.run.quickstart import Party, fingerprint, short


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return execute(short(), out=tmp_path_factory.mktemp("runs") / "a", jobs=2)


def test_one_thread_or_two_and_any_folder_give_the_same_fingerprint(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    alone = execute(short(), out=Path("elsewhere"), jobs=1)
    assert fingerprint(alone) == fingerprint(run)


def test_another_seed_gives_another_run_of_the_same_draw(run: Path, tmp_path: Path) -> None:
    other = execute(short(seed=1), out=tmp_path / "b", jobs=2)
    assert fingerprint(other) != fingerprint(run)
    assert open_run(other).rows("nodes") == open_run(run).rows("nodes")


def test_every_line_leaves_its_rounds_and_the_moments_around_them(run: Path) -> None:
    moments = {(r.line, r.phase, r.round, r.model) for r in open_run(run).read(AccuracyRow)}
    shared = {(line, "round", n, "shared") for line in ("fedavg", "federated") for n in (1, 2)}
    starts = {(line, "start", 0, "shared") for line in ("pretrained", "fedavg", "federated")}
    alone = {
        ("alone", "start", 0, "own"),
        *(("alone", "round", n, "own") for n in (1, 2)),
        ("alone", "personal", 3, "own"),
    }
    assert moments == shared | starts | alone | {("federated", "personal", 3, "own")}


def test_bytes_on_the_air_are_those_of_the_frames(run: Path) -> None:
    folder = open_run(run)
    up = [r for r in folder.read(TrafficRow) if r.line == "federated" and r.direction == "up"]
    frames = {r.payload_bytes for r in up}
    assert frames == {20 + 5 + 4412 + 4, 20 + 5 + 4412 - 2 * 100 + 4}
    rounds = [r for r in folder.read(RoundRow) if r.line == "federated"]
    assert [r.uplink_bytes for r in rounds] == [sum(t.payload_bytes for t in up if t.round == n) for n in (1, 2)]
    assert [r.downlink_bytes for r in rounds] == [12 * 4445] * 2
    last_push = [r for r in folder.read(TrafficRow) if r.line == "federated" and r.round == 3]
    assert {r.direction for r in last_push} == {"down"}


def test_every_joule_has_a_cause_and_comes_from_the_cell(run: Path) -> None:
    folder = open_run(run)
    causes: dict[tuple[str, int], int] = {}
    for row in folder.read(EnergyRow):
        causes[row.line, row.node] = causes.get((row.line, row.node), 0) + row.energy_nj
    drawn = {(row.line, row.node): row.drawn_nj for row in folder.read(BatteryRow)}
    assert causes == drawn
    assert all(drawn["alone", n] < drawn["federated", n] for n in range(12))


def test_a_perfect_world_gives_what_a_plain_loop_gives(run: Path, party: Party) -> None:
    scenario = short()
    layout, training = party.plan.layout, scenario.training
    master = aggregate.master_of(party.initial)
    for number in (1, 2):
        values = aggregate.pushed(master, layout.weights)
        parts = []
        for client in party.clients:
            push = Push(
                node=client.shard.node,
                round=number,
                steps=training.steps_per_round,
                rate=real(training.rate),
                own=client.shard.classes,
                values=values,
            )
            frame = client.answer(encode_push(layout, push), (number - 1) * training.steps_per_round)
            update = decode_update(layout, frame)
            parts.append(Contribution(windows=update.windows, deltas=update.deltas, held=layout.held(update.own)))
        master = aggregate.holder_averaged(master, parts)
    expected = aggregate.pushed(master, layout.weights)
    held = {r.key: r.value for r in open_run(run).read(ValueRow)}
    after = party.clients[4].train(
        expected,
        steps=training.personal_steps,
        rate=real(training.personal_rate),
        own=party.clients[4].shard.classes,
        first_step=2 * training.steps_per_round,
        stream=Stream.PERSONAL_ORDER,
        first_window=0,
    )
    assert held["digest:federated:end:4"] == hashlib.sha256(state_bytes(layout, after)).hexdigest()


def test_a_folder_with_files_is_not_written_over(run: Path) -> None:
    with pytest.raises(RunError, match="choose another or resume it"):
        execute(short(), out=run)


def test_a_finished_run_is_not_run_again(run: Path) -> None:
    before = fingerprint(run)
    assert resume(run) == run
    assert fingerprint(run) == before


def test_a_model_that_does_not_fit_is_refused_with_the_arithmetic_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("fleet.run.voyage")
    party = assemble(short())
    profile = party.profiles["nrf52840"]
    small = replace(profile, banks=(replace(profile.banks[0], size_bytes=28 * 1024),))
    monkeypatch.setattr(module, "assemble", lambda _: replace(party, profiles={"nrf52840": small}))
    with pytest.raises(DoesNotFit, match=r"nrf52840, .*: expected at most 28,672 B, got [\d,]+ B, [\d,]+ B over"):
        module.execute(short(), out=tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_a_board_with_less_memory_runs_rows_at_a_time_and_learns_the_same(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = load_profile("nrf52840")
    party = assemble(short())
    bank = profile.banks[0]
    needed = ledger(party.plan, profile).taken(bank.name)
    small = replace(profile, banks=(replace(bank, size_bytes=needed - 1),))
    monkeypatch.setattr(importlib.import_module("fleet.scenario.boards"), "load_profile", lambda _: small)
    fused = execute(short(), out=tmp_path / "fused", jobs=1)
    assert [row for row in open_run(fused).read(LedgerRow) if row.item == "arena"] != [
        row for row in open_run(run).read(LedgerRow) if row.item == "arena"
    ]
    said, before = (
        [replace(row, time_us=0) for row in open_run(folder).read(AccuracyRow)] for folder in (fused, run)
    )  # moving what it keeps takes microseconds
    assert said == before


def test_lines_not_asked_for_are_not_run(tmp_path: Path) -> None:
    run = execute(short(compare=["pretrained"]), out=tmp_path / "few", jobs=2)
    assert {r.line for r in open_run(run).read(AccuracyRow)} == {"pretrained", "federated"}


def test_a_node_that_the_last_push_does_not_reach_is_not_credited_with_the_shared_model(tmp_path: Path) -> None:
    lossy = short(fleet=[_lossy_group()], compare=["pretrained"])
    folder = open_run(execute(lossy, out=tmp_path / "lossy", jobs=2))
    missed = {e.node for e in folder.read(EventRow) if e.round == 3 and e.kind == "lost" and "receiving" in e.detail}
    assert missed
    digests = {r.key: r.value for r in folder.read(ValueRow) if r.key.startswith("digest:federated")}
    reached = [digests[f"digest:federated:end:{n}"] for n in range(12) if n not in missed]
    assert len(set(digests.values())) >= len(set(reached)) + 1


def _lossy_group() -> dict[str, object]:
    radio = {"kind": "ble", "phy": "1M", "loss": "60 %"}
    return {"board": "nrf52840", "count": 12, "energy": {"store": "cr2032"}, "radio": radio, "every": "1 h"}


def test_rounds_that_take_longer_than_their_interval_do_not_stop_training_alone(tmp_path: Path) -> None:
    group = _lossy_group() | {"every": "1 s", "radio": {"kind": "ble", "phy": "1M", "loss": "0 %"}}
    slow = short(fleet=[group], server__timeout="1 s", training__steps_per_round=100, compare=["alone"])
    folder = open_run(execute(slow, out=tmp_path / "slow", jobs=2))
    opened = [r.opened_us for r in folder.read(RoundRow) if r.line == "alone"]
    assert opened[0] == 1_000_000
    assert opened[1] > 2_000_000
    assert {e.kind for e in folder.read(EventRow) if e.line == "federated"} == {"late"}


@pytest.mark.parametrize(
    "strategy, text",
    [
        ("nowhere:Strategy", "expected a class that can be imported"),
        ("flwr.serverapp.strategy:QFedAvg", "expected a strategy built from FedAvg's arguments alone"),
        ("flwr.serverapp.strategy:Strategy", "expected a strategy built from FedAvg's arguments alone"),
    ],
)
def test_a_strategy_that_cannot_be_built_is_refused_before_anything_runs(
    tmp_path: Path, strategy: str, text: str
) -> None:
    scenario = short()
    wrong = replace(scenario, server=replace(scenario.server, strategy=strategy))
    with pytest.raises(InputError, match=text):
        execute(wrong, out=tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="expected a place to write to"):
        execute(short(), out=tmp_path / "file" / "run")
