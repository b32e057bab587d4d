"""Everything a user can get wrong: where, what was expected, what was got, what to do, all at once."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.base.places import scenarios_dir
from fleet.node.profile import load_profile
from fleet.scenario import Scenario, dump, loads

Edited = Callable[..., str]
FaultsOf = Callable[[str], list[str]]

CASES = {
    "a misspelt key": (("    count: 12", "    cuont: 12"), "fleet[0].cuont", "got 'cuont'; did you mean 'count'?"),
    "a unit out of range": (
        ("loss: 2 %", "loss: 200 %"),
        "fleet[0].radio.loss",
        "expected a share from 0 % to 90 %, got '200 %'",
    ),
    "a missing unit": (("every: 1 h ", "every: 3600 "), "fleet[0].every", "got 3600; write it like '30 min'"),
    "an unknown unit": (("every: 1 h ", "every: 1 hour "), "fleet[0].every", "got the unit 'hour'"),
    "an unknown board": (
        ("board: nrf52840", "board: nrf52480"),
        "fleet[0].board",
        "got 'nrf52480'; did you mean 'nrf52840'?",
    ),
    "a board without the radio": (
        ("board: nrf52840", "board: stm32f746"),
        "fleet[0].radio.kind",
        "got 'ble' on stm32f746, which has none",
    ),
    "more emulated nodes than nodes": (
        ("every: 1 h ", "twin: 13\n    every: 1 h "),
        "fleet[0].twin",
        "expected at most 12, the nodes of the group, got 13",
    ),
    "an unknown store": (("store: cr2032", "store: cr2023"), "fleet[0].energy.store", "did you mean 'cr2032'?"),
    "an unknown radio": (("kind: ble", "kind: blue"), "fleet[0].radio.kind", "got 'blue'; did you mean 'ble'?"),
    "an unknown source": (
        ("source: seglearn-watch", "source: seglern-watch"),
        "data.source",
        "did you mean 'seglearn-watch'?",
    ),
    "a missing data file": (("draw: 0", "path: none.npz\n  draw: 0"), "data.path", "expected a file, got nothing"),
    "shipped weights for one's own data": (
        ("draw: 0", "path: none.npz\n  draw: 0"),
        "model.pretrained",
        "expected weights made from your own data",
    ),
    "a missing model file": (
        ("pretrained: shipped ", "pretrained: none.npz "),
        "model.pretrained",
        "got none at none.npz",
    ),
    "an unknown net": (("zoo: imu-ds-cnn", "zoo: imu-ds-cn"), "model.zoo", "did you mean 'imu-ds-cnn'?"),
    "an unknown strategy": (
        ("strategy: masked-fedavg", "strategy: maskd-fedavg"),
        "server.strategy",
        "did you mean 'masked-fedavg'?",
    ),
    "an unknown line": (("[pretrained, alone,", "[pretrained, lone,"), "compare[1]", "did you mean 'alone'?"),
    "a line twice": (("[pretrained, alone,", "[alone, alone,"), "compare", "expected each line once"),
    "a scheme that trains nothing": (
        ("scheme: sparse ", "scheme: {kind: sparse, ratio: 0/1, blocks: 0} "),
        "training.scheme",
        "expected a scheme that trains something, got sparse with layers 2, ratio 0, blocks 0; raise one, or",
    ),
    "a bias scheme of no block": (
        ("scheme: sparse ", "scheme: {kind: bias, blocks: 0} "),
        "training.scheme",
        "got bias with blocks 0",
    ),
    "more layers than there are": (
        ("scheme: sparse ", "scheme: {kind: sparse, layers: 5} "),
        "training.scheme.layers",
        "expected at most 4, which is all that",
    ),
    "a parameter of another scheme": (
        ("scheme: sparse ", "scheme: {kind: head, layers: 1} "),
        "training.scheme.layers",
        "expected no parameters with head",
    ),
    "no steps": (("steps_per_round: 64", "steps_per_round: 0"), "training.steps_per_round", "from 1 to 100000, got 0"),
    "a rate out of range": (("rate: 0.06", "rate: 6"), "training.rate", "expected a number above 0 up to 1, got 6"),
    "a personal rate without steps": (
        ("personal_steps: 320", "personal_steps: 0"),
        "training.personal_rate",
        "add personal_steps",
    ),
    "recordings held out whole": (
        ("hold_out: within_recording ", "hold_out: by_recording "),
        "data.hold_out",
        "expected every class in every node's training part",
    ),
    "nothing left to test on": (
        ("hold_out: within_recording ", "hold_out: {kind: within_recording, train: 90 %, val: 10 %} "),
        "data.hold_out",
        "got train 90% and val 10%; leave a part for the test",
    ),
    "a gap between recordings": (
        ("hold_out: within_recording ", "hold_out: {kind: by_recording, gap: 1} "),
        "data.hold_out.gap",
        "expected no gap",
    ),
    "another kind of node": (("[subject, side]", "[subject]"), "data.node", "expected [subject, side], got [subject]"),
    "a draw that has no model": (
        ("draw: 0", "draw: 10"),
        "data.draw",
        "expected 0 to 9, the draws that models ship for, got 10",
    ),
    "people the models do not know": (
        ("pretrain_people: 4", "pretrain_people: 5"),
        "data.pretrain_people",
        "expected 4, as the shipped",
    ),
    "more people than there are": (
        ("pretrain_people: 4", "pretrain_people: 10"),
        "data.pretrain_people",
        "expected 1 to 9 of 10 people",
    ),
    "nodes that have no data": (
        ("count: 12", "count: 13"),
        "fleet[0].count",
        "expected 12 nodes, as seglearn-watch gives (6 people), got 13",
    ),
    "a round longer than its interval": (
        ("timeout: 30 min", "timeout: 61 min"),
        "server.timeout",
        "expected at most 1 h, when the next round opens (fleet[0].every), got 61 min",
    ),
    "a key of another radio": (
        ("kind: ble, phy: 1M", "kind: wifi, phy: 1M"),
        "fleet[0].radio.phy",
        "expected only kind, module, tx, loss, link",
    ),
    "a link model and a plain loss": (
        ("loss: 2 %", "loss: 2 %, link: {kind: independent, loss: 1 %}"),
        "fleet[0].radio.loss",
        "expected no `loss` beside `link`, which says what is lost, got one; delete it",
    ),
    "a link model without its keys": (
        ("loss: 2 %", "link: independent"),
        "fleet[0].radio.link",
        "expected loss with independent, got none; add it",
    ),
    "an interval off the grid": (
        ("loss: 2 %", "loss: 2 %, interval: 8 ms"),
        "fleet[0].radio.interval",
        "expected a multiple of 1250 us, got 8 ms; take 7500 us",
    ),
    "a wrong key of a link is not also missing": (
        ("loss: 2 %", "link: {kind: independent, loss: 150 %}"),
        "fleet[0].radio.link.loss",
        "expected a share from 0 % to 90 %, got '150 %'",
    ),
    "a link that says its distance twice": (
        ("loss: 2 %", "link: {kind: log_distance, exponent: 3, distance: 3 m, radius: 8 m}"),
        "fleet[0].radio.link",
        "expected one of distance, radius with log_distance, got distance and radius; give exactly one",
    ),
    "a wrong key of a harvest is not also missing": (
        ("{store: cr2032}", "{store: supercap, harvest: {kind: solar, area: 10 cm2, latitude: 91}}"),
        "fleet[0].energy.harvest.latitude",
        "expected a number from -90 to 90, got 91",
    ),
    "a sample of more nodes than there are": (
        ("rounds: 10", "rounds: 10\n  sample: 13"),
        "server.sample",
        "expected at most 12, the nodes of the fleet, got 13; lower it, or take 0 for all",
    ),
    "an update after the end": (
        ("\nserver:", "updates:\n  - {name: v2, content: model, at: 11 h}\n\nserver:"),
        "updates[0].at",
        "expected less than 11 h, when the run ends (one interval after round 10), got 11 h; begin earlier, or",
    ),
    "an update without a name": (
        ("\nserver:", "updates:\n  - {name: '', content: model, at: 1 h}\n\nserver:"),
        "updates[0].name",
        "expected 1 to 64 letters, digits, '-', '_', '.', got ''",
    ),
    "another version": (("schema: 1", "schema: 2"), "schema", "this mcufleet reads version 1"),
    "a name that is no folder": (("name: quickstart", "name: quick/start"), "name", "expected lower-case letters"),
    "a word where a number belongs": (
        ("rounds: 10", "rounds: no"),
        "server.rounds",
        "expected a whole number from 1 to 100000, got 'no'",
    ),
    "a seed below zero": (("seed: 0", "seed: -1"), "seed", "got -1"),
    "arithmetic the engine has not": (
        ("gradients: int8", "gradients: int4"),
        "training.gradients",
        "expected one of int8, fp32, got 'int4'; did you mean 'int8'?",
    ),
    "static exponents of floats": (
        ("gradients: int8\n  exponents: dynamic", "gradients: fp32\n  exponents: static"),
        "training.exponents",
        "expected dynamic with fp32 gradients, which carry their own exponents, got static; delete this",
    ),
    "a misspelt rule": (("update: stochastic", "update: residual9"), "training.update", "did you mean 'residual8'?"),
    "a momentum that never ends": (
        ("update: stochastic", "update: stochastic\n  momentum: 1"),
        "training.momentum",
        "expected a number from 0 to 0.999, got 1",
    ),
    "a batch that does not fit the round": (
        ("update: stochastic", "update: stochastic\n  batch: 40"),
        "training.steps_per_round",
        "expected a multiple of the batch of 40, since a step is one window, got 64; take 80",
    ),
    "a residual that nothing reads": (
        ("update: stochastic", "update: residual8\n  batch: 64"),
        "training.update",
        "got 64 steps with residual8; raise steps_per_round above 64, or take stochastic",
    ),
    "a misspelt schedule": (
        ("update: stochastic", "update: stochastic\n  schedule: {kind: cosin}"),
        "training.schedule.kind",
        "expected one of constant, step, cosine, got 'cosin'; did you mean 'cosine'?",
    ),
    "a parameter of another schedule": (
        ("update: stochastic", "update: stochastic\n  schedule: {kind: cosine, every: 3}"),
        "training.schedule.every",
        "expected only lowest with cosine, got every; delete it",
    ),
    "steps of the rate that never come": (
        ("update: stochastic", "update: stochastic\n  schedule: {kind: step, every: 10}"),
        "training.schedule.every",
        "expected fewer rounds than the 10 of the course, got 10: no step would come; lower it",
    ),
    "two networks": (
        ("pretrained: shipped ", "file: mine.tflite "),
        "model.file",
        "expected one network, got zoo imu-ds-cnn and file mine.tflite; delete one",
    ),
    "a network of another format": (
        ("zoo: imu-ds-cnn                 # 17,359 parameters, 154 k MAC\n  pretrained: shipped ", "file: mine.onnx "),
        "model.file",
        "expected a file ending in .tflite or .npz, got .onnx; convert it (mine.onnx)",
    ),
    "a network that is not there": (
        (
            "zoo: imu-ds-cnn                 # 17,359 parameters, 154 k MAC\n  pretrained: shipped ",
            "file: mine.tflite ",
        ),
        "model.file",
        "expected a file, got No such file or directory",
    ),
    "a head without a file": (
        ("pretrained: shipped ", "head: new "),
        "model.head",
        "expected `file` beside it, got none; delete this",
    ),
}


# Mistakes that leave something else wrong too.
CONSEQUENCES = {
    "a key of another radio",  # the board has not got that radio either
    "a missing data file",  # nor do the shipped models fit it
    "shipped weights for one's own data",  # that is not there
    "a misspelt key",  # the right one is missing
    "more people than there are",  # the shipped models fit others
    "people the models do not know",  # and the count
    "a gap between recordings",  # by_recording itself
    "two networks",  # one of which is not there
}


@pytest.mark.parametrize("name", CASES)
def test_one_mistake_is_one_message_that_names_the_place(name: str, edited: Edited, faults_of: FaultsOf) -> None:
    edit, place, said = CASES[name]
    text = edited(edit)
    all_faults = faults_of(text)
    faults = [fault for fault in all_faults if f": {place}: " in fault and said in fault]
    assert len(faults) == 1, all_faults
    assert (len(all_faults) > 1) == (name in CONSEQUENCES), all_faults
    key = place.rpartition(".")[2].partition("[")[0]
    assert f"{key}:" in text.splitlines()[int(faults[0].split(":")[1]) - 1]


def test_an_emulated_node_is_asked_for_no_more_steps_than_a_push_counts(edited: Edited, faults_of: FaultsOf) -> None:
    many = ("personal_steps: 320", "personal_steps: 65536")
    faults = faults_of(edited(("every: 1 h ", "twin: 1\n    every: 1 h "), many))
    assert len(faults) == 1
    assert "fleet[0].twin: expected personal_steps below 65536, as a push counts them, got 65536" in faults[0]
    assert loads(edited(many)).fleet[0].twin == 0


def test_a_board_without_a_port_emulates_nothing(
    edited: Edited, faults_of: FaultsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = replace(load_profile("nrf52840"), can_build=False)
    monkeypatch.setattr("fleet.scenario.rules.load_profile", lambda _: board)
    faults = faults_of(edited(("every: 1 h ", "twin: 1\n    every: 1 h ")))
    assert len(faults) == 1
    assert "fleet[0].twin: expected a board with a port, got nrf52840 without one; take 0, or add" in faults[0]


def test_a_duplicate_key_is_a_fault_beside_the_others(edited: Edited, faults_of: FaultsOf) -> None:
    faults = faults_of(edited(("seed: 0", "seed: 0\nseed: 1"), ("rate: 0.06", "rate: 60")))
    assert faults[0].endswith("seed: expected each key once, got it again (first in line 5); delete one")
    assert ": training.rate: " in faults[1]


def test_numbers_and_words_are_those_of_yaml_1_2(edited: Edited, faults_of: FaultsOf) -> None:
    faults = faults_of(edited(("name: quickstart", "name: no"), ("rate: 0.06", "rate: 1e-3"), ("seed: 0", "seed: 1e1")))
    assert len(faults) == 1
    assert faults[0].endswith("9223372036854775807, got 10.0; write it without a point and an exponent")


def test_twelve_faults_come_back_in_one_go(edited: Edited, faults_of: FaultsOf) -> None:
    twelve = [
        ("seed: 0", "seed: x"),
        ("source: seglearn-watch", "source: seglearn"),
        ("draw: 0", "draw: -1"),
        ("zoo: imu-ds-cnn", "zoo: resnet"),
        ("gradients: int8", "gradients: int4"),
        ("rate: 0.06", "rate: 0"),
        ("steps_per_round: 64", "steps_per_round: 0"),
        ("board: nrf52840", "board: nrf51"),
        ("store: cr2032", "store: aaa"),
        ("loss: 2 %", "loss: 2"),
        ("every: 1 h ", "every: 1 "),
        ("strategy: masked-fedavg", "strategy: krum"),
    ]
    faults = faults_of(edited(*twelve))
    assert len(faults) == 12
    assert all("expected " in fault and ", got " in fault and "; " in fault for fault in faults)
    lines = [int(fault.split(":")[1]) for fault in faults]
    assert lines == sorted(lines)


def test_groups_must_share_their_rounds_and_their_nodes(edited: Edited, faults_of: FaultsOf) -> None:
    group = "  - {board: nrf52840, count: 1, energy: {store: ideal}, radio: {kind: ble}, every: 2 h}\n"
    faults = faults_of(edited(("\nserver:", f"{group}\nserver:")))
    assert [fault.split(": ")[1] for fault in faults] == ["fleet", "fleet[1].every"]
    assert "expected 1 h as in fleet[0], got 2 h; give all groups the same" in faults[1]
    assert "expected 12 nodes, as seglearn-watch gives (6 people), got 13" in faults[0]


def test_a_fleet_of_no_group_is_refused(edited: Edited, quickstart_text: str, faults_of: FaultsOf) -> None:
    start, end = quickstart_text.index("fleet:\n"), quickstart_text.index("server:\n")
    text = quickstart_text[:start] + "fleet: []\n" + quickstart_text[end:]
    assert any("fleet: expected at least one group of nodes, got none; add one" in fault for fault in faults_of(text))


def test_shared_data_have_a_node_each_at_least(edited: Edited, faults_of: FaultsOf) -> None:
    few = edited(("count: 12", "count: 5"), ("  holders: 1/2 ", "  shared: true\n  holders: 1/2 "))
    (fault,) = faults_of(few)
    assert "fleet[0].count: expected at least 12 nodes, as seglearn-watch gives (6 people), got 5; change" in fault


VALUES = st.sampled_from(
    ["", "no", "-1", "1e9", "1e-3", ".nan", "[]", "[a, b]", "{}", "{a: 1}", "'x'", "1 h", "9" * 30, "shipped"]
)


@settings(max_examples=40)  # a load takes a tenth of a second
@given(data=st.data())
def test_whatever_stands_for_a_value_is_read_or_refused_and_never_anything_else(data: st.DataObject) -> None:
    lines = (scenarios_dir() / "quickstart.yaml").read_text(encoding="utf-8").splitlines()
    keyed = [number for number, line in enumerate(lines) if ":" in line and not line.startswith("#")]
    for number in data.draw(st.lists(st.sampled_from(keyed), min_size=1, max_size=3, unique=True)):
        head, _, _ = lines[number].partition(":")
        lines[number] = f"{head}: {data.draw(VALUES)}"
    scenario, faults = _read("\n".join(lines))
    assert all(": expected " in fault and "; " in fault for fault in faults)
    assert scenario is None or loads(dump(scenario)) == scenario


def _read(text: str) -> tuple[Scenario | None, list[str]]:
    try:
        return loads(text), []
    except InputError as refused:
        return None, [str(fault) for fault in refused.faults]


def test_what_a_large_fleet_cannot_have_is_refused_at_once() -> None:
    text = (scenarios_dir() / "quickstart.yaml").read_text(encoding="utf-8")
    text = text.replace("count: 12", "count: 2000").replace("  holders: 1/2", "  shared: true\n  holders: 1/2")
    text = text.replace("every: 1 h ", "report: {every: 1 h, payload: 20 B}\n    every: 1 h ")
    with pytest.raises(InputError) as error:
        loads(text)
    said = [str(fault) for fault in error.value.faults]
    assert len(said) == 3
    assert all("at most 1,000 nodes" in line and "got 2,000" in line for line in said)


def test_updates_and_samples_that_cannot_be_are_refused() -> None:
    text = (
        (scenarios_dir() / "quickstart.yaml")
        .read_text(encoding="utf-8")
        .replace("rounds: 10", "rounds: 2\n  sample: 99")
    )
    text += "\nupdates:\n  - {name: v 2, content: firmware, at: 90 d, size: 10 kB}\n"
    text += "  - {name: b, content: firmware, at: 0 s}\n"
    with pytest.raises(InputError) as error:
        loads(text)
    said = "\n".join(str(fault) for fault in error.value.faults)
    assert "updates[0].name" in said
    assert "updates[0].at: expected less than 3 h, when the run ends (one interval after round 2), got 90 d" in said
    assert "updates[1].size: expected the length of the image with firmware, got none" in said
    assert "server.sample: expected at most 12, the nodes of the fleet, got 99" in said


def test_a_store_that_no_cohort_holds_is_refused() -> None:
    text = (
        (scenarios_dir() / "rollout_fuota.yaml")
        .read_text(encoding="utf-8")
        .replace("store: ideal", "store: li_socl2", 1)
    )
    with pytest.raises(
        InputError, match=r"fleet\[0\]\.energy\.store: expected a fleet of at most 1,000 nodes for li_socl2"
    ):
        loads(text)
