"""Small pieces: lengths of functions and files, Python and C. Measured models: SimPy, h11, vessim, littlefs."""

import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.rules.tree import files, functions, length, python_files, shown

LONGEST_FUNCTION = 60
LONGEST_FILE = 500
LONGEST_KERNEL = 80
LONGEST_C_FILE = 300

# "file::function" -> why this one may be longer. An entry that is not needed fails.
LONGER_FUNCTIONS: dict[str, str] = {}
LONGER_FILES: dict[str, str] = {}

CODE = python_files("fleet/", "analysis/")
C_FILES = tuple(
    path for path in files() if path.suffix in (".c", ".h") and shown(path).startswith(("fleet/", "devices/"))
)


def lengths(paths: tuple[Path, ...]) -> dict[str, int]:
    return {f"{shown(path)}::{function.name}": length(function) for path in paths for function in functions(path)}


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def c_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of each function of a C file in the house style: its braces stand in the first column."""
    head, start = "", 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line[:1].isalpha() or line.startswith("_"):
            head, start = line, number
        if line.startswith("}") and (name := re.search(r"(\w+)\(", head)) and not head.startswith("typedef"):
            yield name.group(1), number - start + 1
            head = ""


def test_half_of_the_functions_are_short_and_nine_in_ten_are_not_long() -> None:
    ordered = sorted(lengths(CODE).values())
    assert median(ordered) <= 10
    assert ordered[len(ordered) * 9 // 10] < 35


def test_no_function_is_longer_than_a_screen() -> None:
    long = {name: size for name, size in lengths((*CODE, *python_files("tests/"))).items() if size > LONGEST_FUNCTION}
    assert long.keys() == LONGER_FUNCTIONS.keys(), long


def test_no_file_is_longer_than_can_be_read() -> None:
    sizes = {shown(path): lines(path) for path in (*CODE, *python_files("tests/"))}
    long = {name: size for name, size in sizes.items() if size > LONGEST_FILE}
    assert long.keys() == LONGER_FILES.keys(), long


def test_nine_in_ten_files_stay_under_250_lines() -> None:
    ordered = sorted(lines(path) for path in CODE)
    assert ordered[len(ordered) * 9 // 10] < 250


def test_a_c_function_fits_on_a_page() -> None:
    assert [
        f"{shown(path)}::{name} has {size} lines"
        for path in C_FILES
        for name, size in c_functions(path)
        if size > LONGEST_KERNEL
    ] == []


def test_a_c_file_holds_one_thing() -> None:
    assert [f"{shown(path)} has {lines(path)} lines" for path in C_FILES if lines(path) > LONGEST_C_FILE] == []


def test_c_functions_are_found_and_measured(tmp_path: Path) -> None:
    """The measure itself: a one-line head, a head over two lines, a table, a type."""
    source = tmp_path / "x.c"
    source.write_text(
        "static int f(int a)\n{\n    return a;\n}\n\nvoid g(int a,\n       int b)\n{\n    if (a) {\n    }\n}\n"
        "typedef struct {\n    int a;\n} t;\nconst int table[] = {\n    1,\n};\n"
    )
    assert list(c_functions(source)) == [("f", 4), ("g", 6)]
