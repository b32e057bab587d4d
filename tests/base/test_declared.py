"""Declared classes: a document becomes an instance, or the complete list of what is wrong with it."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import pytest

from fleet.base.declared import Found, Key, declare, declared, declared_fields, undeclare
from fleet.base.errors import InputError
from fleet.base.units import CHARGE_MAH, SHARE, TIME_US
from fleet.base.yaml import KeyPath, parse


def _is_path(text: str) -> bool:
    return text.endswith(".npz")


@declared
class Radio:
    """A nested group."""

    kind: Annotated[str, Key("radio", one_of=("ble", "lora"))]
    loss: Annotated[float, Key("lost packets", unit=SHARE, least="0 %", most="90 %")] = 0.0
    interval_us: Annotated[int, Key("time between events", unit=TIME_US, least="7.5 ms", most="4 s")] = 50_000


@declared
class Scheme:
    """A group that one word can stand for."""

    kind: Annotated[str, Key("what trains", one_of=lambda: ("sparse", "full"))]
    layers: Annotated[int, Key("layers", least=1, most=4, why="with 0 nothing trains")] = 2


@declared
class File:
    """Every kind of key."""

    rounds: Annotated[int, Key("rounds", least=1, most=100, example="10")]
    scheme: Annotated[Scheme, Key("what trains", short="kind")]
    fleet: Annotated[tuple[Radio, ...], Key("groups")]
    weights: Annotated[str, Key("weights", one_of=("shipped",), also=(_is_path, "a path"))] = "shipped"
    part: Annotated[Fraction, Key("part", least="0/1", most="1/1")] = Fraction(1, 2)
    rate: Annotated[float, Key("rate", above=0, most=1)] = 0.1
    capacity_mah: Annotated[float | None, Key("charge", unit=CHARGE_MAH)] = None
    path: Annotated[Path | None, Key("file")] = None
    fast: Annotated[bool, Key("hurry")] = False
    words: Annotated[tuple[Annotated[str, Key("word", one_of=("a", "b"))], ...], Key("words")] = ("a",)


GOOD = "rounds: 3\nscheme: sparse\nfleet:\n  - {kind: ble, loss: 2 %}\n"


def faults(text: str, *rules: object) -> list[str]:
    with pytest.raises(InputError) as refused:
        declare(File, parse(text, "f"), rules)  # type: ignore[arg-type]
    return [str(fault) for fault in refused.value.faults]


def test_a_good_document_becomes_an_instance_in_stored_units() -> None:
    file = declare(File, parse(GOOD + "capacity: 225 mAh\npart: 1/4\npath: a/b.npz\nrate: 1\n", "f"))
    assert file == File(
        rounds=3,
        scheme=Scheme(kind="sparse"),
        fleet=(Radio(kind="ble", loss=0.02),),
        capacity_mah=225.0,
        part=Fraction(1, 4),
        path=Path("a/b.npz"),
        rate=1.0,
    )
    assert isinstance(file.rate, float)


def test_an_instance_is_written_as_its_file_would_be_and_reads_back() -> None:
    file = declare(File, parse(GOOD + "scheme: {kind: full, layers: 3}\n".replace("scheme", "words: [b]\n#"), "f"))
    written = undeclare(file)
    assert written["fleet"] == [{"kind": "ble", "loss": "2 %", "interval": "50 ms"}]
    assert written["scheme"] == {"kind": "sparse", "layers": 2}
    assert "capacity" not in written
    assert list(written) == [field.key for field in declared_fields(File) if field.key not in ("capacity", "path")]


def test_instances_are_frozen_and_made_in_code_without_units() -> None:
    radio = Radio(kind="ble", interval_us=7_500)
    with pytest.raises(AttributeError):
        radio.loss = 0.5  # type: ignore[misc]


@pytest.mark.parametrize(
    "change,expected,got",
    [
        ("rounds: x", "rounds: a whole number from 1 to 100", "'x'; write it like 10"),
        ("rounds: 1.0", "rounds: a whole number from 1 to 100", "1.0; write it like 10"),
        ("rounds: true", "rounds: a whole number from 1 to 100", "True; write it like 10"),
        ("rounds: 101", "rounds: a whole number from 1 to 100", "101; choose a value in that range"),
        ("rounds:", "rounds: a whole number from 1 to 100", "nothing; write it like 10"),
        ("scheme: sparze", "scheme.kind: one of sparse, full", "'sparze'; did you mean 'sparse'?"),
        ("scheme: {}", "scheme.kind: this key (what trains)", "nothing; add it"),
        ("scheme: [1]", "scheme: a mapping with the keys kind, layers", "a list; write one key per line"),
        (
            "scheme: {kind: full, layers: 0}",
            "scheme.layers: a whole number from 1 to 4",
            "0; with 0 nothing trains; choose a value in that range",
        ),
        ("fleet: {kind: ble}", "fleet: a list", "a mapping; write it like [a, b] or with dashes"),
        (
            "fleet: [{kind: ble, los: 1}]",
            "fleet[0].los: one of the keys kind, loss, interval",
            "'los'; did you mean 'loss'?",
        ),
        (
            "fleet: [{kind: ble, interval_us: 1}]",
            "fleet[0].interval_us: one of the keys kind, loss, interval",
            "'interval_us'; did you mean 'interval'?",
        ),
        (
            "fleet: [{kind: ble, loss: 95 %}]",
            "fleet[0].loss: a share from 0 % to 90 %",
            "'95 %'; choose a value in that range",
        ),
        (
            "fleet: [{kind: ble, interval: 5}]",
            "fleet[0].interval: a duration with its unit",
            "5; write it like '30 min'",
        ),
        ("weights: a.txt", "weights: one of shipped, or a path", "'a.txt'; choose one of these"),
        ("part: 3/2", "part: a fraction from 0/1 to 1/1", "'3/2'; choose a value in that range"),
        ("rate: 0", "rate: a number above 0 up to 1", "0; choose a value in that range"),
        ("rate: .nan", "rate: a number above 0 up to 1", "nan; write digits without a unit"),
        ("capacity: 5", "capacity: a charge with its unit", "5; write it like '225 mAh'"),
        ("capacity:", "capacity: a charge with its unit", "None; write it like '225 mAh'"),
        ("path: 7", "path: a path", "7; put it in quotes"),
        ("fast: no", "fast: true or false", "'no'; write true or false"),
        ("words: [a, c]", "words[1]: one of a, b", "'c'; choose one of these"),
        (
            "zzz: 1",
            "zzz: one of the keys rounds, scheme, fleet, weights, part, rate, capacity, path, fast, words",
            "'zzz'; delete it",
        ),
    ],
)
def test_a_fault_says_where_what_was_expected_what_was_got_and_what_to_do(change: str, expected: str, got: str) -> None:
    key = change.partition(":")[0]
    rest = "".join(
        f"{line}\n" for line in ("rounds: 3", "scheme: sparse", "fleet: [{kind: ble}]") if not line.startswith(key)
    )
    place, _, wanted = expected.partition(": ")
    assert faults(f"{change}\n{rest}") == [f"f:1: {place}: expected {wanted}, got {got}"]


def test_all_faults_come_at_once_in_the_order_of_the_file() -> None:
    text = "scheme: {kind: sparze, layers: 9}\nrate: 2\nrate: 3\nfleet:\n  - {loss: 95 %}\n  - 7\nfasst: true\n"
    assert [fault.split(": expected")[0] for fault in faults(text)] == [
        "f:1: rounds", "f:1: scheme.kind", "f:1: scheme.layers", "f:2: rate", "f:3: rate", "f:5: fleet[0].kind",
        "f:5: fleet[0].loss", "f:6: fleet[1]", "f:7: fasst",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "7", "[]", "just words"])
def test_a_document_that_is_no_mapping_is_told_its_keys(text: str) -> None:
    assert faults(text)[0].startswith("f:1: expected a mapping with the keys rounds, scheme, fleet")


def no_hurry(found: Found) -> Iterator[tuple[KeyPath, str]]:
    if found.get(("rounds",)) == 3 and found.given(("fast",)):
        yield ("fast",), "expected patience with 3 rounds, got fast; delete it"


def test_a_rule_sees_valid_parts_even_where_others_are_wrong() -> None:
    text = GOOD + "fast: true\nrate: 2\n"
    assert faults(text, no_hurry)[0] == "f:5: fast: expected patience with 3 rounds, got fast; delete it"
    assert len(faults(text, no_hurry)) == 2


def test_a_rule_sees_defaults_short_forms_and_the_items_of_lists() -> None:
    seen: dict[KeyPath, object] = {}

    def look(found: Found) -> Iterator[tuple[KeyPath, str]]:
        seen.update(found)
        yield from ()

    faults("rounds: 3\nscheme: sparse\nfleet:\n  - {kind: ble, loss: 99 %}\n", look)
    assert seen["scheme", "kind"] == "sparse"
    assert seen["rate",] == 0.1
    assert seen["fleet", 0, "kind"] == "ble"
    assert ("fleet", 0, "loss") not in seen
    assert ("fleet", 0) not in seen


def test_a_field_without_a_key_is_refused_when_it_is_declared() -> None:
    with pytest.raises(TypeError, match=r"Loose\.a: expected Annotated\[type, Key\(meaning\)\]"):

        @declared
        class Loose:
            a: int
