"""Strict YAML: the values of YAML 1.2, each with its line; everything else is a fault, never a surprise."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.base.yaml import DEEPEST, LARGEST_BYTES, dotted, dump, parse, read, scalar


@pytest.mark.parametrize(
    "text,value",
    [
        ("1e-3", 0.001), ("1E3", 1000.0), (".5", 0.5), ("5.", 5.0), ("-0.0", 0.0), ("+12", 12), ("010", 10),
        ("0o17", 15), ("0x1F", 31), ("true", True),
        ("False", False), ("null", None), ("~", None), ("", None), (".inf", float("inf")),
    ],
)  # fmt: skip
def test_plain_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


@pytest.mark.parametrize(
    "word", ["no", "yes", "on", "off", "y", "1:30", "1_000", "2020-01-01", "0b11", "1M", "e3", "-", "<<"]
)
def test_what_only_yaml_1_1_reads_as_something_else_is_a_word(word: str) -> None:
    assert scalar(word) == word


@given(number=st.floats(allow_nan=False))
def test_any_float_reads_back_as_itself(number: float) -> None:
    assert scalar(repr(number).replace("inf", ".inf")) == number


@given(number=st.integers(-(10**399), 10**399))
def test_any_integer_reads_back_as_itself(number: int) -> None:
    assert scalar(str(number)) == number


def test_a_number_of_absurd_length_is_a_word_and_costs_nothing() -> None:
    assert scalar("9" * 5000) == "9" * 5000


def test_every_value_knows_its_line_and_path() -> None:
    document = parse("# why\n\na: 1\nfleet:\n  - radio:\n      loss: 2 %\n", "f.yaml")
    assert document.where(("fleet", 0, "radio", "loss")) == "f.yaml:6: fleet[0].radio.loss"
    assert document.where(("fleet", 0, "radio", "phy")) == "f.yaml:5: fleet[0].radio.phy"
    assert document.where(()) == "f.yaml:3"
    assert dotted(("a", 0, 1, "b")) == "a[0][1].b"
    assert dotted(("a", "\x1b[31m")) == "a['\\x1b[31m']"


def test_the_leading_comment_is_kept_and_later_ones_are_not() -> None:
    assert parse("# One,\n#   two?\n#\na: 1 # three\n# four\n", "f").comment == "One, two?"
    assert parse("a: 1\n", "f").comment == ""
    assert parse("", "f").value is None


def test_duplicates_tags_anchors_and_odd_keys_are_all_reported_at_once() -> None:
    text = "a: 1\nb: {c: 1, c: 2}\na: 2\nd: &x 3\ne: *x\nf: !!int 3\n1: 4\n? [g]\n: 5\n"
    faults = [str(fault) for fault in parse(text, "f.yaml").faults]
    assert faults == [
        "f.yaml:2: b.c: expected each key once, got it again (first in line 2); delete one",
        "f.yaml:3: a: expected each key once, got it again (first in line 1); delete one",
        "f.yaml:4: expected a plain value, got the anchor &x; delete it",
        "f.yaml:5: expected a value, got the alias *x; write the value out",
        "f.yaml:6: expected a plain value, got the tag tag:yaml.org,2002:int; delete it",
        "f.yaml:7: expected a word as key, got '1'; put it in quotes",
        "f.yaml:8: expected a word as key, got 'a list or mapping'; put it in quotes".replace(
            "'a list or mapping'", "a list or mapping"
        ),
    ]


@pytest.mark.parametrize(
    "text,line",
    [
        ("a: [1,\nb: }", 2),
        ("a: b\n---\nc: d\n", 2),
        ("a: 1\n\tb: 2\n", 2),
        ('a: "x', 1),
        ("a: \x01", 1),
        ("[" * 99, 1),
        ("a: b: c", 1),
    ],
)
def test_what_is_no_yaml_is_one_fault_with_its_line(text: str, line: int) -> None:
    with pytest.raises(InputError) as refused:
        parse(text, "f.yaml")
    assert str(refused.value).startswith(f"f.yaml:{line}: expected ")


def test_aliases_cannot_expand() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )
    assert len(parse(bomb, "f").faults) == 21 + 40


def test_nesting_up_to_the_limit_is_read() -> None:
    deep = DEEPEST - 1
    assert parse("[" * deep + "]" * deep, "f").faults == ()


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    binary, large = tmp_path / "b.yaml", tmp_path / "l.yaml"
    binary.write_bytes(b"a: 1\nb: \xff\n")
    large.write_bytes(b"#" * (LARGEST_BYTES + 1))
    for file, said in [
        (tmp_path / "none.yaml", "expected a YAML file, got an error (no such file or directory); check the path"),
        (tmp_path, "expected a YAML file, got an error (is a directory); check the path"),
        (binary, "expected UTF-8 text, got other bytes; save it as UTF-8"),
        (large, "expected at most 262,144 bytes, got more; is this the right file?"),
    ]:
        with pytest.raises(InputError) as refused:
            read(file)
        assert said in str(refused.value)
    with pytest.raises(InputError, match=r"b\.yaml:2: expected UTF-8"):
        read(binary)


def test_a_byte_order_mark_is_not_part_of_the_first_key(tmp_path: Path) -> None:
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read(file).value == {"a": 1}


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcnoy01 :#-", max_size=6), inner, max_size=4),
    max_leaves=20,
)


@given(value=st.dictionaries(st.text("abcxyzno019 :#-'", max_size=8), VALUES, max_size=5))
def test_what_is_dumped_parses_to_an_equal_value(value: dict[str, object]) -> None:
    document = parse(dump(value), "f")
    assert (document.value or {}) == value
    assert document.faults == ()


def test_the_dump_is_plain_where_it_can_be_and_quoted_where_another_reader_might_err() -> None:
    value = {
        "a": [1, "two words", 0.001],
        "b": {"c": "1/2", "d": "no", "e": "1"},
        "f": [{"g": "2 %", "h": []}],
        "i": {},
    }
    assert dump(value) == (
        'a: [1, two words, 0.001]\nb:\n  c: 1/2\n  d: "no"\n  e: "1"\nf:\n  - g: 2 %\n    h: []\ni: {}\n'
    )
