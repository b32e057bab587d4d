"""Tests are held to something too: each one can fail, and none waits."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rules.tree import dotted, functions, python_files, shown

FILES = python_files("tests/")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def asserting(paths: tuple[Path, ...]) -> set[str]:
    """Names of functions that assert, or call one that does."""
    known = {function.name for path in paths for function in functions(path) if _asserts(function, frozenset())}
    while True:
        more = {f.name for path in paths for f in functions(path) if _asserts(f, frozenset(known))} - known
        if not more:
            return known
        known |= more


def _asserts(function: Function, known: frozenset[str]) -> bool:
    return any(
        isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and _judges(node, known))
        for node in ast.walk(function)
    )


def _judges(call: ast.Call, known: frozenset[str]) -> bool:
    name = dotted(call.func)
    last = name.rpartition(".")[2]
    return name in ("pytest.raises", "pytest.warns", "pytest.fail") or last.startswith("assert_") or last in known


def silent_tests(paths: tuple[Path, ...]) -> Iterator[str]:
    known = frozenset(asserting(paths))
    for path in paths:
        for function in functions(path):
            if function.name.startswith("test_") and not _asserts(function, known):
                yield f"{shown(path)}:{function.lineno} {function.name}"


def test_every_test_asserts_something() -> None:
    assert list(silent_tests(FILES)) == []


def test_every_test_is_a_sentence() -> None:
    """test_a_longer_payload_never_takes_less_time: a reader of the list of tests learns what holds."""
    short = [
        f"{shown(path)}:{function.lineno} {function.name}"
        for path in FILES
        for function in functions(path)
        if function.name.startswith("test_") and function.name.count("_") < 3
    ]
    assert short == []


def test_no_two_tests_of_a_file_share_a_name() -> None:
    """The second would silently replace the first."""
    for path in FILES:
        names = [node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, Function)]
        assert len(names) == len(set(names)), shown(path)


def test_nothing_is_expected_to_fail_or_left_out() -> None:
    """A test that is skipped must say what is missing, at run time; xfail hides what is broken."""
    marks = ("pytest.mark.xfail", "pytest.mark.skip", "pytest.xfail")
    found = [
        f"{shown(path)}:{node.lineno} {dotted(node)}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and dotted(node) in marks
    ]
    assert found == []


@pytest.mark.parametrize(
    "body, silent",
    [
        ("assert 1", False),
        ("np.testing.assert_array_equal(1, 1)", False),
        ("with pytest.raises(ValueError):\n        f()", False),
        ("outer()", False),
        ("print(1)", True),
    ],
)
def test_a_test_that_cannot_fail_is_found(tmp_path: Path, body: str, silent: bool) -> None:
    source = tmp_path / "test_x.py"
    source.write_text(f"def inner():\n    assert 0\ndef outer():\n    inner()\ndef test_it():\n    {body}\n")
    assert bool(list(silent_tests((source,)))) == silent
