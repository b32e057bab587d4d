"""Cuts the power of one update at every flash operation and every frame, and sees the node through each time."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from analysis.interruption.rig import Broken, Server, Setup, check_end, check_strangers
from fleet.base.errors import FleetError
from fleet.node.flash import PowerCut, WornOut


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where the power goes: at operations one after the other, each counted from the start before, or with a frame.
    seed: of what is left of the operation."""

    operations: tuple[int, ...] = ()
    frame: int | None = None
    seed: int = 0
    healthy: bool = True


@dataclass(slots=True)
class Tally:
    """What a sweep saw."""

    points: int = 0
    cuts: int = 0
    strangers: int = 0
    failures: list[str] = field(default_factory=list)


def points(made: Setup, seeds: int, *, healthy: bool) -> Iterator[Point]:
    """All of them: every operation `seeds` times, every frame once, and two and three cuts here and there."""
    flash = made.factory.copy()
    server = Server(made, flash, healthy=healthy)
    server.run()
    check_end(made, flash, server)
    for frame in range(1, server.frames + 1):
        yield Point(frame=frame, healthy=healthy)
    for operation in range(1, flash.operations + 1):
        for seed in range(seeds):
            yield Point(operations=(operation,), seed=seed, healthy=healthy)
        again = (operation, 1 + operation * 7 % 23, 1 + operation * 5 % 11)
        yield Point(operations=again[: 2 + operation % 2], seed=operation, healthy=healthy)


def try_point(made: Setup, point: Point) -> tuple[int, int]:
    """Plays one point to its end; Broken if a promise does not hold. Cuts that happened, strangers refused."""
    flash = made.factory.copy()
    flash.seed = point.seed
    server = Server(made, flash, point.frame, healthy=point.healthy)
    cuts, strangers, ahead = 0, 0, list(point.operations)
    flash.power_on(cut_at=ahead.pop(0) if ahead else None)
    while True:
        try:
            server.run()
            break
        except PowerCut:
            cuts += 1
            server.cut_frame = None
            flash.power_on()
            strangers += check_strangers(made, flash.copy())
            flash.power_on(cut_at=ahead.pop(0) if ahead else None)
    flash.power_on()
    check_end(made, flash, server)
    return cuts, strangers


def sweep(made: Setup, seeds: int, *, every: int = 1) -> Tally:
    """All points of a node, or one in `every`; with a trial that passes, and where there is one with one that fails."""
    tally = Tally()
    for healthy in (True, False) if made.has_trial else (True,):
        for number, point in enumerate(points(made, seeds, healthy=healthy)):
            if number % every:
                continue
            tally.points += 1
            try:
                cuts, strangers = try_point(made, point)
            except (Broken, FleetError, ValueError, WornOut) as error:
                tally.failures.append(f"{point}: {type(error).__name__}: {error}")
                continue
            tally.cuts += cuts
            tally.strangers += strangers
    return tally
