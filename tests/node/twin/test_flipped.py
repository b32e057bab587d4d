"""A flipped byte in what a project holds makes `fleet verify` exit with 1 and say where, on other cores too."""

import re
import shutil
from pathlib import Path

import pytest

from fleet.base.errors import CheckFailed
from fleet.node.export import export
from fleet.node.profile import load_profile
from fleet.node.twin import verify
from tests.node.twin.test_verify import every_operator


@pytest.fixture(scope="module", params=["rp2040", "esp32c3"])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node with every operator, on another instruction set than the quickstart's."""
    board = load_profile(request.param)
    return export(every_operator(), board, out=tmp_path_factory.mktemp(request.param) / "node", name="node")


def flipped(match: re.Match[str]) -> str:
    """The same text, the lowest bit of its number flipped."""
    return f"{match[1]}{int(match[2], 0) ^ 1}"


@pytest.mark.parametrize(
    "place, number, said",
    [
        ("model_data.c", r"(op0_frozen = [{\s]*)(\d+)", r"op0 weight \[0, 0, 0, 2\]: expected (\d+), got (?!\1)"),
        ("model_data.c", r"(op0_scale_mantissa = \{)(\d+)", r"op0 scale mantissa \[0\]: expected (\d+), got (?!\1)"),
        ("plan_data.c", r"(fe_plan_words[^{]*\{\s*)(\d+)", r"fe_plan_words: expected the original plan, got .* word 0"),
        ("plan_data.c", r"(conv of op0 \*/\s+1, 27, )(\w+)", r"fe_plan_words: .*, got \d+ for \d+ in word 24"),
        ("plan_data.c", r"(fe_layout fe_trained = \{\s*\.\w+ = )(\d+)", r"fe_trained: expected the original .* word 0"),
    ],
)  # fmt: skip
def test_a_flipped_bit_of_a_table_is_named(project: Path, tmp_path: Path, place: str, number: str, said: str) -> None:
    copy = shutil.copytree(project, tmp_path / "copy")
    source = copy / "data" / place
    text, found = re.subn(number, flipped, source.read_text(encoding="utf-8"), count=1)
    assert found == 1
    source.write_text(text, encoding="utf-8")
    with pytest.raises(CheckFailed, match=said) as failed:
        verify(copy)
    assert failed.value.exit_code == 1


def test_a_flipped_bit_of_a_source_is_named_by_its_line(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "copy")
    source = copy / "engine" / "fe_node.c"
    content = bytearray(source.read_bytes())
    at = content.index(b"/* ") + 3  # in a comment: the image is the same
    content[at] ^= 1
    source.write_bytes(content)
    line = content[:at].count(b"\n") + 1
    with pytest.raises(CheckFailed, match=rf"engine/fe_node\.c:{line}: expected the package's file") as failed:
        verify(copy)
    assert failed.value.exit_code == 1
