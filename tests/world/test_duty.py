"""The duty cycle of transmitters: counted right, and obeyed in simulated time by every radio that has one."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.world.duty import HOUR_US, duty_cycle_ppm
from fleet.world.radio.clock import RadioClock
from fleet.world.radio.lora.link import LoraLink
from fleet.world.stores.ideal import ideal
from tests.world.fakes import Work, spec, world

SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=12)


def laid_out(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pauses and durations as starts and durations."""
    at_us, found = 0, []
    for pause_us, time_us in spans:
        found.append((at_us + pause_us, time_us))
        at_us += pause_us + time_us
    return found


@given(spans=SPANS, window_us=st.integers(1, 60))
def test_the_fullest_window_is_found(spans: list[tuple[int, int]], window_us: int) -> None:
    """Against every microsecond looked at one by one."""
    sent = laid_out(spans)
    on = {at for start, time in sent for at in range(start, start + time)}
    last = max(on, default=0)
    most = max(sum(at in on for at in range(begin, begin + window_us)) for begin in range(-window_us, last + 1))
    assert duty_cycle_ppm(sent, window_us=window_us) == -(-most * 1_000_000 // window_us)


def test_a_second_in_a_hundred_is_one_percent_wherever_the_window_lies() -> None:
    assert duty_cycle_ppm((100_000_000 * n, 1_000_000) for n in range(100)) == 10_000
    assert duty_cycle_ppm([(0, 1_000_000), (HOUR_US + 999_999, 5)]) == 278  # the windows end before the second one


def test_two_transmissions_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="one node has one radio"):
        duty_cycle_ppm([(0, 10), (9, 1)])


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[tuple[int, int]]]:
    """Every transmission of every node, by the link it went over."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    send = RadioClock.send

    def spied(clock: RadioClock, packet_us: int, bits: int) -> bool:
        link = getattr(clock, "link", None)
        found[id(link)].append((clock.at_us + clock.now_us, packet_us))
        return send(clock, packet_us, bits)

    monkeypatch.setattr(RadioClock, "send", spied)
    return found


@pytest.mark.parametrize("sf, device_class", [(7, "A"), (9, "A"), (7, "C")])
def test_lorawan_nodes_obey_their_duty_cycle_over_a_day_of_rounds(
    sf: int, device_class: str, sent: dict[int, list[tuple[int, int]]]
) -> None:
    """Rounds come faster than the duty cycle lets: silences reach over from one transfer to the next."""
    links = [LoraLink(sf=sf, device_class=device_class) for _ in range(3)]
    fleet, records = world(*(spec(node, link=link, store=ideal()) for node, link in enumerate(links)))
    for number in range(1, 6):
        work = [Work(node=node, round=number, down_bytes=300, reply_bytes=200 + 50 * node) for node in range(3)]
        fleet.exchange(work, deadline_us=fleet.now_us + 20 * HOUR_US)
    fleet.close()
    assert len(records.traffic) == 30
    assert len(sent) == 3
    for frames in sent.values():
        assert duty_cycle_ppm(frames) <= 10_000
        assert duty_cycle_ppm(frames) > 300  # it does transmit
