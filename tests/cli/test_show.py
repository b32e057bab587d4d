"""What is shown while a run goes on."""

import io

import pytest
from rich.console import Console

from fleet.cli.show import LiveProgress, PlainProgress, progress, virtual_time

H = 3_600_000_000


@pytest.mark.parametrize(
    "us,text",
    [
        (0, "0 s"),
        (59_999_999, "59 s"),
        (60_000_000, "1 min"),
        (H, "1 h"),
        (9 * H + H // 2, "9 h 30 min"),
        (49 * H, "2 d 1 h"),
    ],
)
def test_virtual_time_reads_as_a_person_says_it(us: int, text: str) -> None:
    assert virtual_time(us) == text


def test_a_pipe_gets_one_line_for_each_round() -> None:
    screen = io.StringIO()
    with progress(Console(file=screen, width=160)) as shown:
        assert isinstance(shown, PlainProgress)
        shown.line("federated", 10)
        shown.update(virtual_us=3 * H, round=3, alive=12, accuracy=0.677)
        shown.message("node 4 died")
    assert screen.getvalue().splitlines() == [
        "federated   round 3 of 10    virtual 3 h            12 alive  validation 67.7%",
        "node 4 died",
    ]


def test_a_terminal_gets_one_line_that_is_overwritten_and_leaves_only_messages() -> None:
    screen = io.StringIO()
    with progress(Console(file=screen, force_terminal=True, width=160)) as shown:
        assert isinstance(shown, LiveProgress)
        shown.line("alone", 10)
        for number in range(1, 6):
            shown.update(virtual_us=number * H, round=number, alive=12, accuracy=0.5)
        shown.message("node 4 died")
        shown.done()
    text = screen.getvalue()
    assert "round 5 of 10" in text
    assert [line for line in text.split("\n") if "round" in line and "\x1b[2K" not in line] == []
    assert "node 4 died\n" in text


def test_what_comes_after_the_last_round_is_the_personal_pass() -> None:
    screen = io.StringIO()
    with progress(Console(file=screen, width=160)) as shown:
        shown.line("federated", 10)
        shown.update(virtual_us=11 * H, round=11, alive=12, accuracy=0.8)
    assert screen.getvalue().startswith("federated   personal pass ")
