from fleet.world.life import Clock

DAY_US = 86_400_000_000


def test_a_clock_of_20_ppm_is_off_by_at_most_1_728_ms_a_day() -> None:
    clock = Clock(ppm=20)
    late = [clock.late_us(0, node, DAY_US) for node in range(2000)]
    assert -1_728_000 <= min(late) < -1_600_000
    assert 1_600_000 < max(late) <= 1_728_000
    assert abs(sum(late)) / 2000 < 60_000


def test_a_node_that_guards_for_both_clocks_never_misses() -> None:
    clock = Clock(ppm=50)
    assert clock.guard_us(3_600_000_000) == 360_000
    assert all(0 <= clock.listens_us(0, node, DAY_US) <= 3 * 4_320_000 for node in range(200))


def test_a_perfect_clock_needs_no_guard() -> None:
    assert (Clock().guard_us(DAY_US), Clock().listens_us(0, 1, DAY_US)) == (0, 0)
