"""Names and words that have no place in the project, and the line that every C file starts with."""

import re
from pathlib import Path

from tests.rules.tree import files, python_files, shown

EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "handler", "handlers"}
HERE = "tests/rules/test_names.py"

# A path of one machine means nothing on another; a registry's name decides for the user where packages come from.
MACHINE_PATHS = re.compile(r"(?<![\w.<$}])/(?:work|root|tmp|home|mnt|Users)/[\w.]")
REGISTRIES = re.compile(r"pypi\.org|pythonhosted\.org|download\.pytorch\.org|--(?:extra-)?index-url|--find-links")
C_SUFFIXES = {".c", ".h", ".S", ".ld"}


def texts() -> list[tuple[Path, str]]:
    """Every file of the project that is text, but this one, which must name what it looks for."""
    found = []
    for path in files():
        content = path.read_bytes()
        if b"\0" not in content and shown(path) not in {HERE, ".git"}:  # a worktree has a file of that name
            found.append((path, content.decode("utf-8")))
    return found


def hits(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{shown(path)}:{number}: {line.strip()[:100]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_is_named_for_nothing_in_particular() -> None:
    stems = [path for path in files() if EMPTY_NAMES & {part.removesuffix(".py") for part in path.parts}]
    assert [shown(path) for path in stems] == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert hits(MACHINE_PATHS) == []


def test_no_file_names_a_registry() -> None:
    assert hits(REGISTRIES) == []


def test_the_patterns_find_what_they_are_for() -> None:
    assert MACHINE_PATHS.search("see /home/ana/x.py")
    assert MACHINE_PATHS.search('open("/tmp/x")')
    assert not MACHINE_PATHS.search("https://example.net/" + "work" + "/x")
    assert REGISTRIES.search("pip install --extra-index-url x")


def test_every_c_file_of_engine_and_ports_says_its_licence_first() -> None:
    sources = [path for path in files() if path.suffix in C_SUFFIXES and shown(path).startswith(("fleet/", "devices/"))]
    silent = [shown(path) for path in sources if "SPDX-License-Identifier: Apache-2.0" not in _first_line(path)]
    assert silent == []


def test_a_test_file_mirrors_the_package() -> None:
    """tests/base/test_x.py tests fleet/base; suites over many rooms have folders of their own."""
    rooms = {shown(path).split("/")[1].removesuffix(".py") for path in python_files("fleet/")}
    own = {"analysis", "contracts", "golden", "interrupt", "packaging", "rules", "conftest", "scenarios", "devices"}
    own |= {"test_menu", "quickstart"}  # of fleet itself; the shipped scenario, for all rooms above it
    placed = {shown(path).split("/")[1].removesuffix(".py") for path in python_files("tests/")}
    assert placed - rooms - own - {"__init__"} == set()


def _first_line(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0]
