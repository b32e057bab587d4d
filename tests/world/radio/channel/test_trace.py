"""A trace of losses: what its file may say, and what holds when."""

from pathlib import Path

import pytest

from fleet.base.errors import InputError
from fleet.world.radio.channel import Receiver, Site, Trace
from fleet.world.radio.channel.trace import trace

SITE = Site(node=0, seed=0, transmit_dbm=0, receiver=Receiver(sensitivity_dbm=-95, bit_errors=1e-3))


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "loss.csv"


def test_each_row_holds_until_the_next_and_the_last_for_ever(written: Path) -> None:
    written.write_text("time_s,loss\n0,0.1\n60,50 %\n3600.5,0\n", encoding="utf-8")
    channel = trace(SITE, file=written)
    assert channel == Trace(times_us=(0, 60_000_000, 3_600_500_000), losses=(0.1, 0.5, 0.0))
    at = {0: 0.1, 59_999_999: 0.1, 60_000_000: 0.5, 3_600_499_999: 0.5, 3_600_500_000: 0.0, 10**15: 0.0}
    assert {time_us: channel.share(0, time_us) for time_us in at} == at
    assert channel.lost(lambda: 2**31 - 1, 60_000_000, 0)
    assert not channel.lost(lambda: 2**31, 60_000_000, 0)


def test_a_trace_that_repeats_begins_again() -> None:
    channel = Trace(times_us=(0, 10), losses=(0.0, 1.0), repeat_us=20)
    assert [channel.share(0, time_us) for time_us in (0, 9, 10, 19, 20, 35)] == [0.0, 0.0, 1.0, 1.0, 0.0, 1.0]


def test_its_path_counts_from_the_scenarios_folder(written: Path) -> None:
    written.write_text("time_s,loss\n0,1 %\n", encoding="utf-8")
    beside = Site(node=0, seed=0, transmit_dbm=0, receiver=SITE.receiver, scenario=written.parent / "s.yaml")
    assert trace(beside, file=Path("loss.csv")).losses == (0.01,)


@pytest.mark.parametrize(
    "text, said",
    [
        ("time,loss\n0,0\n", "expected the columns time_s, loss and at least one row"),
        ("time_s,loss\n", "at least one row"),
        ("time_s,loss\n0,0\nsoon,1\n", "loss.csv:3: expected a time in seconds and a share, got soon,1"),
        ("time_s,loss\n0,0,0\n", "loss.csv:2: expected a time in seconds and a share, got 0,0,0"),
        ("time_s,loss\n0,1.5\n", "loss.csv:2: expected a time of whole microseconds from 0 and a share from 0 to 1"),
        ("time_s,loss\n0.0000001,0\n", "expected a time of whole microseconds"),
        ("time_s,loss\n1,0\n", "loss.csv:2: expected the first row at 0 s, got 1 s; add one"),
        ("time_s,loss\n0,0\n2,0\n2,0\n", "loss.csv:4: expected a later time than the row before"),
    ],
)
def test_what_a_file_may_not_say_is_refused_with_its_line(written: Path, text: str, said: str) -> None:
    written.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        trace(SITE, file=written)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_and_a_repeat_before_its_end_are_refused(written: Path) -> None:
    with pytest.raises(InputError, match=r"link\.file: expected a readable file, got .*loss\.csv"):
        trace(SITE, file=written)
    written.write_text("time_s,loss\n0,0\n60,1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"link\.repeat: expected more than 1 min"):
        trace(SITE, file=written, repeat_us=60_000_000)
