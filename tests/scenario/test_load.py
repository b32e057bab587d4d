"""The quickstart loads to what its comments say; what is dumped loads to an equal scenario."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.base.places import scenarios_dir
from fleet.node.model.scheme import KINDS
from fleet.scenario import SchemeChoice, dump, load, loads

QUICKSTART = scenarios_dir() / "quickstart.yaml"


def test_the_quickstart_is_what_its_comments_say() -> None:
    scenario = load(QUICKSTART)
    assert scenario.question.startswith("Two exercises are added to a therapy plan. Half of the people have done them.")
    assert scenario.question.endswith("without a recording leaving a wrist, and what does it cost?")
    assert (scenario.name, scenario.seed, scenario.nodes, scenario.path) == ("quickstart", 0, 12, QUICKSTART)
    assert scenario.training.scheme == SchemeChoice(kind="sparse", layers=2, ratio=Fraction(1, 4), blocks=2)
    assert (scenario.data.hold_out.kind, scenario.data.hold_out.train, scenario.data.hold_out.val) == (
        "within_recording",
        0.5,
        0.15,
    )
    group = scenario.fleet[0]
    assert (group.every_us, group.radio.loss, group.energy.kind) == (3_600_000_000, 0.02, "cr2032")
    assert scenario.server.timeout_us == 1_800_000_000
    assert scenario.compare == ("pretrained", "alone", "fedavg")
    assert (scenario.data_file, scenario.model_file) == (None, None)


def test_a_scenario_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        load(QUICKSTART).seed = 1  # type: ignore[misc]


def test_seed_and_overrides_replace_values_before_they_are_checked() -> None:
    scenario = load(
        QUICKSTART, seed=7, overrides={"data.draw": 3, "server.timeout": "5 min", "training.scheme": "head"}
    )
    assert (scenario.seed, scenario.data.draw, scenario.server.timeout_us) == (7, 3, 300_000_000)
    assert scenario.training.scheme.kind == "head"
    with pytest.raises(InputError, match=r"data\.draw: expected 0 to 9, .* got 12"):
        load(QUICKSTART, overrides={"data.draw": 12})
    with pytest.raises(InputError, match=r"server\.timeot: expected one of the keys .* did you mean 'timeout'"):
        load(QUICKSTART, overrides={"server.timeot": "5 min"})
    with pytest.raises(InputError, match=r"sever\.timeout: expected a key of"):
        load(QUICKSTART, overrides={"sever.timeout": "5 min"})


def test_what_is_dumped_loads_to_an_equal_scenario_and_dumps_the_same() -> None:
    scenario = load(QUICKSTART)
    again = loads(dump(scenario))
    assert again == scenario
    assert dump(again) == dump(scenario)
    assert again.question == scenario.question


@pytest.mark.parametrize("kind", KINDS)
def test_a_scheme_is_dumped_with_the_parameters_that_it_reads_so_that_a_run_of_it_can_be_resumed(kind: str) -> None:
    scenario = load(QUICKSTART, overrides={"training.scheme": kind})
    assert loads(dump(scenario)) == scenario


def test_a_link_model_is_dumped_in_place_of_the_loss() -> None:
    text = QUICKSTART.read_text(encoding="utf-8").replace("loss: 2 %", "link: {kind: independent, loss: 2 %}")
    scenario = loads(text)
    assert loads(dump(scenario)) == scenario
    assert "        kind: independent\n        loss: 2 %\n" in dump(scenario)


def test_a_scenario_without_personal_steps_is_dumped_so_that_a_run_of_it_can_be_resumed() -> None:
    text = QUICKSTART.read_text(encoding="utf-8").replace("  personal_rate: 0.03\n", "")
    scenario = loads(text, overrides={"training.personal_steps": 0})
    assert loads(dump(scenario)) == scenario


def test_the_dump_holds_every_default_and_no_path_of_the_machine(tmp_path: Path) -> None:
    copy = tmp_path / "copy.yaml"
    copy.write_text(QUICKSTART.read_text(encoding="utf-8"), encoding="utf-8")
    text = dump(load(copy))
    assert str(tmp_path) not in text
    assert "  hold_out:\n    kind: within_recording\n    train: 50 %\n    val: 15 %\n    gap: 1\n" in text
    assert text == dump(load(QUICKSTART))


@settings(max_examples=25)  # a load takes a tenth of a second
@given(
    seed=st.integers(0, 2**63 - 1),
    draw=st.integers(0, 9),
    rate=st.floats(1e-9, 1),
    every_s=st.integers(1800, 365 * 86400),
    loss=st.integers(0, 90_000),
    ratio=st.fractions("1/1000", 1, max_denominator=1000),
    holders=st.fractions(0, 1, max_denominator=1000),
    interval=st.integers(6, 3200),
    capacity=st.none() | st.integers(1, 10**8),
)
def test_any_good_values_survive_the_round_trip(
    seed: int,
    draw: int,
    rate: float,
    every_s: int,
    loss: int,
    ratio: Fraction,
    holders: Fraction,
    interval: int,
    capacity: int,
) -> None:
    energy = {"store": "cr2032"} | ({} if capacity is None else {"capacity": f"{capacity} uAh"})
    radio = {"kind": "ble", "loss": loss / 100_000, "interval": f"{interval * 1250} us"}
    group = {"board": "nrf52840", "count": 12, "energy": energy, "radio": radio, "every": f"{every_s} s"}
    changed: dict[str, object] = {
        "seed": seed,
        "data.draw": draw,
        "data.holders": f"{holders.numerator}/{holders.denominator}",
        "training.rate": rate,
        "training.scheme": {"kind": "sparse", "ratio": f"{ratio.numerator}/{ratio.denominator}"},
        "fleet": [group],
    }
    scenario = loads(QUICKSTART.read_text(encoding="utf-8"), overrides=changed)
    assert loads(dump(scenario)) == scenario


def test_relative_paths_count_from_the_scenario_or_from_the_file_it_was_copied_from(
    tmp_path: Path, edited: Callable[..., str]
) -> None:
    (tmp_path / "mine.npz").write_bytes(b"weights")
    text = edited(("pretrained: shipped ", "pretrained: mine.npz "))
    original, copy = tmp_path / "original.yaml", tmp_path / "run" / "scenario.yaml"
    copy.parent.mkdir()
    for file in (original, copy):
        file.write_text(text, encoding="utf-8")
    assert load(original).model_file == tmp_path / "mine.npz"
    assert load(copy, origin=original).model_file == tmp_path / "mine.npz"
    assert load(copy, preparing=True).model_file == copy.parent / "mine.npz"
    with pytest.raises(InputError, match=r"model\.pretrained: expected a file, got none at .*run/mine\.npz"):
        load(copy)


def test_own_code_runs_only_when_it_is_allowed(tmp_path: Path, edited: Callable[..., str]) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(edited(("strategy: masked-fedavg", "strategy: mine.deep:Strategy")), encoding="utf-8")
    assert load(file, allow_code=True).server.strategy == "mine.deep:Strategy"
    with pytest.raises(InputError, match="add --allow-code if you trust it"):
        load(file)
