"""How time and memory grow with the fleet: the city of a million sensors, from ten thousand on.

    python -m analysis.scale [--days 3] [--nodes 10000 100000 1000000] [--jobs 2]

Each size is a run of scenarios/city_million.yaml in a process of its own, with as many nodes for each gateway, the same
thousand asked each night, and so many days. Printed: reports sent, processor seconds, the most memory, both for each
node. A thousand trainings a night are the same in every row; what a node costs is the slope between rows.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from fleet.base.places import scenarios_dir
from fleet.record import open_run
from fleet.run.voyage import execute
from fleet.scenario import Scenario, load

PER_GATEWAY: Final = 2_500
HEAD: Final = f"{'nodes':>9} {'reports':>12} {'heard':>7} {'CPU s':>7} {'MB':>6} {'us a report':>12} {'B a node':>9}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table; one line for each size, as it is done."""
    parser = argparse.ArgumentParser(prog="python -m analysis.scale")
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--nodes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, help="of one size: run it here and print nothing")
    asked = parser.parse_args(arguments)
    if asked.out is not None:
        execute(city(asked.nodes[0], asked.days), out=asked.out, jobs=asked.jobs)
        return
    print(HEAD)
    for nodes in asked.nodes:
        print(_line(nodes, asked.days, asked.jobs), flush=True)


def city(nodes: int, days: int) -> Scenario:
    """The city with so many nodes, over so many days."""
    whole = load(scenarios_dir() / "city_million.yaml")
    (group,) = whole.fleet
    radio = replace(group.radio, gateways=max(1, nodes // PER_GATEWAY))
    server = replace(whole.server, rounds=max(1, days - 1))
    return replace(whole, fleet=(replace(group, count=nodes, radio=radio),), server=server)


def _line(nodes: int, days: int, jobs: int) -> str:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "analysis.scale", "--nodes", str(nodes), "--days", str(days)]
        subprocess.run([*command, "--jobs", str(jobs), "--out", str(out)], check=True)
        totals = open_run(out).table("totals")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sent, heard = int(totals["reports"].sum()), int(totals["heard"].sum())
    most_bytes = after.ru_maxrss * 1024  # of the largest child so far: sizes ascend
    return (
        f"{nodes:>9,} {sent:>12,} {heard / sent:>7.1%} {seconds:>7.1f} {most_bytes / 1e6:>6,.0f} "
        f"{seconds * 1e6 / sent:>12.3f} {most_bytes / nodes:>9,.0f}"
    )


if __name__ == "__main__":
    main()
