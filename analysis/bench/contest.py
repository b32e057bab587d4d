"""Contests: several ways to do one thing, timed in turns, so that a busy moment of the machine hits all of them."""

import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter

Run = Callable[[], int]  # does some of it and says how many
Speeds = dict[str, list[float]]


def alternated(contestants: Mapping[str, Run], repetitions: int, seconds: float) -> Speeds:
    """How many per second in each turn, by contestant; one unmeasured call first."""
    speeds: Speeds = {name: [] for name in contestants}
    for run in contestants.values():
        run()
    for _ in range(repetitions):
        for name, run in contestants.items():
            speeds[name].append(speed(run, seconds))
    return speeds


def speed(run: Run, seconds: float) -> float:
    """How many per second over at least this time."""
    done, start = 0, perf_counter()
    while True:
        done += run()
        taken = perf_counter() - start
        if taken >= seconds:
            return done / taken


def table(title: str, turns: Speeds) -> str:
    """Medians and spread, a line per contestant."""
    width = max(map(len, turns)) + 2
    lines = [f"{title:<{width}}{'median':>12}{'least':>12}{'most':>12}"]
    for name, speeds in turns.items():
        lines.append(f"{name:<{width}}{median(speeds):>12,.0f}{min(speeds):>12,.0f}{max(speeds):>12,.0f}")
    return "\n".join(lines)


def ratio(turns: Speeds, ours: str, theirs: str) -> str:
    """How many times faster ours is, of turns side by side."""
    by_turn = [a / b for a, b in zip(turns[ours], turns[theirs], strict=True)]
    return f"{ours} / {theirs}: {median(by_turn):.1f} (turn by turn {min(by_turn):.1f} to {max(by_turn):.1f})"


def processor() -> str:
    """The processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()
