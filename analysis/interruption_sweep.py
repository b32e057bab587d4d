"""Power cuts at every flash operation and every frame of updates: what nodes of all boards are left with.

    python -m analysis.interruption_sweep [--seeds N] [--every N] [--board NAME ...]
    python -m analysis.interruption_sweep --node [--every N] [--board NAME ...]

One line per board and mode: flash operations and frames of a clean update, points tried, cuts that happened (some
points have two or three), offers of strangers that were refused, failures. A point is a place where the power goes: an
operation, of which nothing, a part or scattered bits happen, by seed; or a frame. Each is played until the update is
over, with a trial that passes and one that fails. Modes that a board's flash has no room for say why.

--node: the exported runtime in C, of three rounds and a pushed model, compiled for this machine over a flash of the
board's geometry (tests/interrupt/runtime_sweep.py): every operation torn in nine ways, every frame to it before and
after it was heard, and triples of cuts. By default two boards, with erase units of 4 and 8 KiB.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from analysis.interruption.rig import Server, setup
from analysis.interruption.sweep import Tally, sweep
from fleet.base.errors import DoesNotFit
from fleet.node.profile import boards
from fleet.node.protocol.ota import Mode

RUNTIME_BOARDS = ("nrf52840", "stm32u585")
HEAD = f"{'board':<12} {'mode':<13} {'ops':>4} {'frames':>6} {'points':>7} {'cuts':>7} {'strangers':>9} {'failures':>8}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m analysis.interruption_sweep")
    parser.add_argument("--seeds", type=int, default=2, help="outcomes tried for each cut operation")
    parser.add_argument("--every", type=int, default=1, help="one point in so many")
    parser.add_argument("--board", nargs="*")
    parser.add_argument("--node", action="store_true", help="the node runtime in C")
    asked = parser.parse_args(arguments)
    if asked.node:
        return _runtime(asked.board or RUNTIME_BOARDS, asked.every)
    print(HEAD)
    total = Tally()
    for board in asked.board or sorted(boards()):
        for mode in Mode:
            _line(board, mode, asked.seeds, asked.every, total)
    print(f"{total.points:,} points, {total.cuts:,} cuts, {len(total.failures)} failures")
    return int(bool(total.failures))


def _runtime(names: Sequence[str], every: int) -> int:
    """The same of the exported runtime; 1 if anything failed."""
    from tests.interrupt.runtime_sweep import clean_run, device_for
    from tests.interrupt.runtime_sweep import sweep as sweep_runtime

    failed = points = 0
    print(HEAD)
    for board in names:
        with TemporaryDirectory() as folder:
            device = device_for(board, Path(folder))
            clean, tally = clean_run(device), sweep_runtime(device, every=every)
        points, failed = points + tally.points, failed + len(tally.failures)
        print(
            f"{board:<12} {'node in C':<13} {clean.operations:>4} {clean.frames:>6} {tally.points:>7,} "
            f"{tally.cuts:>7,} {tally.strangers:>9,} {len(tally.failures):>8}"
        )
        for text in tally.failures[:5]:
            print(f"    {text}")
    print(f"{points:,} points, {failed} failures")
    return int(bool(failed))


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
