"""Does the cost model foretell what boards were measured to take? MLPerf Tiny v1.1, three networks, three boards.

    python -m analysis.mlperf_anchors [--modelled]

Instructions of one inference by this engine are counted in an emulated core (--modelled: foretold by the core's table,
as the simulator does). For each board and runtime one factor is fitted to one network and foretells the two others:
the misses within a board. Then one board's factors foretell another board: the misses from board to board, which are
larger. Last come the numbers that profiles take from here. The published runtimes are not this engine; what that means
is said in fleet/node/twin/calibrate/anchors.py. Networks: the folder `mlperf-tiny` of $FLEET_DATA.
"""

import argparse
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

from analysis.transfer import folder
from fleet.node.cost import core_table, instructions_of
from fleet.node.model.tflite import load_tflite
from fleet.node.plan import Plan, inference_plan
from fleet.node.plan.counts import training_counts
from fleet.node.profile import load_profile
from fleet.node.twin.calibrate import bench_of, counted_samples
from fleet.node.twin.calibrate.anchors import (
    BASE,
    BASE_CYCLES,
    Counts,
    cycles_per_instruction,
    energy_misses,
    factor,
    power_factor,
    run_nw,
    time_misses,
)
from fleet.node.twin.calibrate.published import NETWORKS, PUBLISHED, Submission
from fleet.node.twin.calibrate.samples import Sample

FILES: Final = {"ic": "pretrainedResnet_quant", "vww": "vww_96_int8", "kws": "kws_ref_model"}
MEASURED: Final = tuple(s for s in PUBLISHED if s.energy)
GOALS: Final = (Fraction(30, 100), Fraction(50, 100))  # latency, energy: of a board's other two networks


def plans() -> dict[str, Plan]:
    """The inference of each network, layer by layer. InputError where $FLEET_DATA does not hold them."""
    return {n: inference_plan(load_tflite(folder() / "mlperf-tiny" / f"{file}.tflite")) for n, file in FILES.items()}


def counted(core: str, found: dict[str, Plan]) -> Counts:
    """Instructions of one inference of each network, counted in an emulated core."""
    bench = bench_of(core)
    samples = {network: Sample(name=network, plan=plan) for network, plan in found.items()}
    return {n: sum(seen.instructions for seen in counted_samples(bench, [s])) for n, s in samples.items()}


def modelled(core: str, found: dict[str, Plan]) -> Counts:
    """Instructions of one inference of each network, as the simulator's table has them."""
    return {n: instructions_of(core_table(core), training_counts(plan)) for n, plan in found.items()}


def percent(value: Fraction) -> str:
    return f"{100 * float(value):+.0f} %"


def within_lines(counts: dict[str, Counts]) -> Iterator[str]:
    """Each submission: the factor of each network, and what each foretells of the others."""
    yield f"{'board':11}{'runtime':24}{'fitted to':10}{'factor':>7}   latency of the others   energy of the others"
    for each in PUBLISHED:
        own = counts[load_profile(each.board).core]
        for on in NETWORKS:
            time = _missed(time_misses(each, own, on))
            energy = _missed(energy_misses(each, own, on)) if each.energy else ""
            yield f"{each.board:11}{each.runtime:24}{on:10}{float(factor(each, own, on)):>7.2f}   {time:24}{energy}"


def _missed(misses: dict[str, Fraction]) -> str:
    return ", ".join(f"{network} {percent(miss)}" for network, miss in misses.items())


def between_lines(counts: dict[str, Counts]) -> Iterator[str]:
    """ST's three boards: time and energy of one by the factors of another, the worst of three networks."""
    yield f"{'fitted on':12}{'foretold':12}{'latency':>9}{'energy':>9}"
    for one in MEASURED:
        for other in MEASURED:
            if one is not other:
                time, energy = worst_between(one, other, counts)
                yield f"{one.board:12}{other.board:12}{percent(time):>9}{percent(energy):>9}"


def worst_between(one: Submission, other: Submission, counts: dict[str, Counts]) -> tuple[Fraction, Fraction]:
    """The largest misses of time and energy of `other` by cycles per instruction and power factor of `one`."""
    times, energies = [], []
    first, second = load_profile(one.board), load_profile(other.board)
    for network in NETWORKS:
        cycles = factor(one, counts[first.core], network) * counts[second.core][network]
        power = one.power_nw(network) / run_nw(first, one) * run_nw(second, other)
        times.append(cycles / other.cycles(network) - 1)
        energies.append(cycles / other.clock_hz * power / other.energy[network][0] - 1)
    return max(times, key=abs), max(energies, key=abs)


def profile_lines() -> Iterator[str]:
    """What the profiles of boards take from here."""
    yield f"{'board':12}{'cycles_per_instruction':>24}{'of':>5}{'spread':>8}{'nn_power_factor':>18}{'spread':>8}"
    for board in dict.fromkeys(s.board for s in PUBLISHED):
        profile = load_profile(board)
        time = cycles_per_instruction(board)
        line = f"{board:12}{float(time.value):>24.2f}{time.of:>5}{100 * float(time.spread):>6.0f} %"
        if any(s.board == board and s.energy for s in PUBLISHED):
            power = power_factor(profile)
            line += f"{float(power.value):>18.2f}{100 * float(power.spread):>6.0f} %"
        yield line
    base = f"{float(BASE_CYCLES):.2f} of a Cortex-M4 ({BASE}, an instruction mix)"
    yield f"cycles: {base} times the ratio of published cycles"


def lines(counts: dict[str, Counts], basis: str) -> Iterator[str]:
    """Everything that is printed."""
    yield f"instructions of one inference by this engine, {basis}"
    for core, own in counts.items():
        yield f"  {core:14}" + ", ".join(f"{network} {own[network]:,}" for network in NETWORKS)
    yield "\nwithin a board: published cycles per instruction of ours on one network, and how it foretells the others"
    yield from within_lines(counts)
    yield "\nfrom board to board: the same network, factors of another board"
    yield from between_lines(counts)
    yield "\nfor the profiles"
    yield from profile_lines()


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--modelled", action="store_true", help="instructions by the simulator's table")
    asked = parser.parse_args(argv)
    found, cores = plans(), dict.fromkeys(load_profile(s.board).core for s in PUBLISHED)
    take, basis = (modelled, "modelled") if asked.modelled else (counted, "counted in an emulated core")
    print("\n".join(lines({core: take(core, found) for core in cores}, basis)))


if __name__ == "__main__":
    main()
