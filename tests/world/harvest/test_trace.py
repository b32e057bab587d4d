"""Harvests from a file, and constant ones."""

from pathlib import Path

import pytest

from fleet.base.errors import InputError
from fleet.world.harvest import NEVER, Constant, Trace, read_trace


def written(folder: Path, text: str) -> Path:
    path = folder / "light.csv"
    path.write_text(text)
    return path


def test_each_line_holds_until_the_next(tmp_path: Path) -> None:
    trace = read_trace(written(tmp_path, "time_s,power_uw\n0,10\n0.5,2.5e1\n3600, 0\n"))
    assert trace == Trace(starts_us=(0, 500_000, 3_600_000_000), powers_nw=(10_000, 25_000, 0))
    assert [trace.power_nw(t) for t in (0, 499_999, 500_000, 10**12)] == [10_000, 10_000, 25_000, 0]
    assert [trace.until_us(t) for t in (0, 500_000, 10**12)] == [500_000, 3_600_000_000, NEVER]


def test_every_fault_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "time_s,power_uw\n1,5\n2,-1\n2,x\n1.5,3\n7\n8,1/2\n9,0.0001\n")
    with pytest.raises(InputError) as caught:
        read_trace(path)
    assert [str(fault).removeprefix(str(path)) for fault in caught.value.faults] == [
        ":3: expected power_uw from 0 to 1000000000 in steps of 1 nW, got '-1'; correct it",
        ":4: expected power_uw from 0 to 1000000000 in steps of 1 nW, got 'x'; correct it",
        ":6: expected 2 numbers, got 1; write one time and one power a line",
        ":7: expected power_uw from 0 to 1000000000 in steps of 1 nW, got '1/2'; correct it",
        ":8: expected power_uw from 0 to 1000000000 in steps of 1 nW, got '0.0001'; correct it",
        ":2: expected the first time to be 0, got 1000000 us; add a line at 0",
    ]


def test_lines_out_of_order_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=":4: expected a time after 2000000 us of the line before, got 1000000 us"):
        read_trace(written(tmp_path, "time_s,power_uw\n0,1\n2,1\n1,1\n"))


@pytest.mark.parametrize("text", ["", "a,b\n0,0\n", "time_s,power_uw\n"])
def test_a_file_without_a_trace_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"light\.csv:[12]: expected"):
        read_trace(written(tmp_path, text))


@pytest.mark.parametrize("number", ["1e999999999", "9" * 50, "nan", "inf", "0x10", "1_0"])
def test_numbers_that_are_none_end_in_a_sentence(tmp_path: Path, number: str) -> None:
    with pytest.raises(InputError, match=r":3: expected time_s"):
        read_trace(written(tmp_path, f"time_s,power_uw\n0,1\n{number},1\n"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: expected a trace in CSV"):
        read_trace(tmp_path / "none.csv")


def test_a_constant_harvest_never_changes() -> None:
    assert (Constant(harvest_nw=7).power_nw(10**15), Constant(harvest_nw=7).until_us(0)) == (7, NEVER)
