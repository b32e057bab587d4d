"""Power cuts at every flash operation and every frame of updates: what nodes of all boards are left with.

    python -m analysis.interruption_sweep [--seeds N] [--every N] [--board NAME ...]

One line per board and mode: flash operations and frames of a clean update, points tried, cuts that happened (some
points have two or three), offers of strangers that were refused, failures. A point is a place where the power goes: an
operation, of which nothing, a part or scattered bits happen, by seed; or a frame. Each is played until the update is
over, with a trial that passes and one that fails. Modes that a board's flash has no room for say why.
"""

import argparse
import sys
from collections.abc import Sequence

from analysis.interruption.rig import Server, setup
from analysis.interruption.sweep import Tally, sweep
from fleet.base.errors import DoesNotFit
from fleet.node.profile import boards
from fleet.node.protocol.ota import Mode

HEAD = f"{'board':<12} {'mode':<13} {'ops':>4} {'frames':>6} {'points':>7} {'cuts':>7} {'strangers':>9} {'failures':>8}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m analysis.interruption_sweep")
    parser.add_argument("--seeds", type=int, default=2, help="outcomes tried for each cut operation")
    parser.add_argument("--every", type=int, default=1, help="one point in so many")
    parser.add_argument("--board", nargs="*", default=sorted(boards()))
    asked = parser.parse_args(arguments)
    print(HEAD)
    total = Tally()
    for board in asked.board:
        for mode in Mode:
            _line(board, mode, asked.seeds, asked.every, total)
    print(f"{total.points:,} points, {total.cuts:,} cuts, {len(total.failures)} failures")
    return int(bool(total.failures))


def _line(board: str, mode: Mode, seeds: int, every: int, total: Tally) -> None:
    try:
        made = setup(board, mode)
    except DoesNotFit as refusal:
        print(f"{board:<12} {mode.name:<13} {refusal}")
        return
    flash = made.factory.copy()
    clean = Server(made, flash)
    clean.run()
    tally = sweep(made, seeds, every=every)
    total.points += tally.points
    total.cuts += tally.cuts
    total.failures += tally.failures
    print(
        f"{board:<12} {mode.name:<13} {flash.operations:>4} {clean.frames:>6} {tally.points:>7,} {tally.cuts:>7,} "
        f"{tally.strangers:>9,} {len(tally.failures):>8}"
    )
    for text in tally.failures[:5]:
        print(f"    {text}")


if __name__ == "__main__":
    sys.exit(main())
