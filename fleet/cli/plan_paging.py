"""`fleet plan --paging`: what recomputing and paging to flash save, and what they cost."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from rich.text import Text

from fleet.cli import plan_words as words
from fleet.cli import show
from fleet.node.profile import Profile
from fleet.run.paging import Paged, paged
from fleet.run.plans import Network, Terms

Rows = Iterator[tuple[str, str]]


def plan_paging(
    net: Network, terms: Terms, profiles: Sequence[Profile], scheme: str, way: str, *, as_json: bool
) -> None:
    """Prints the plan on each board; InputError and DoesNotFit as paged."""
    found = [paged(net, scheme, terms, profile, way) for profile in profiles]
    if as_json:
        typer.echo(json.dumps({"schema": 1, "model": net.name, "plans": [_keys(each) for each in found]}, indent=2))
        return
    screen = show.console()
    screen.print(show.words(None, list(words.network_rows(net, terms))))
    for each in found:
        screen.print(Text(f"\n{each.profile.board}", style="bold"))
        screen.print(show.words(None, list(_rows(each))))


def _rows(each: Paged) -> Rows:
    found, schedule = each.found, each.found.schedule
    yield "memory", f"{each.state_bytes + found.memory_bytes:,} B: trained state and arena {found.memory_bytes:,}"
    yield "without", f"arena {each.plain.arena_bytes:,} B layer by layer, {each.fused.arena_bytes:,} B row by row"
    yield "computed again", ", ".join(found.recomputed) or "nothing"
    yield "paged to flash", ", ".join(f"{name} ({size:,} B)" for name, size in found.paged) or "nothing"
    plain_j, plain_s = schedule.problem.energy_j, schedule.problem.time_s
    yield "energy", f"{schedule.energy_j * 1e3:.3g} mJ a step, {plain_j * 1e3:.3g} layer by layer; {_proof(each)}"
    copies = f", {each.paging_s * 1e3:.4g} of it copies to and from flash" if found.paged else ""
    yield "time", f"{each.time_s * 1e3:.4g} ms a step{copies}; {plain_s * 1e3:.4g} layer by layer"
    yield "", words.doubt(each.profile)
    if found.wears_out is not None:
        cycles = f"{each.profile.flash.endurance:,} erase cycles"
        yield "wear", f"worn out after {found.wears_out:,} steps: {schedule.paged_bytes:,} B a step, {cycles}"
        yield "", f"of a page file of {found.file_bytes:,} B in whole erase units; no firmware writes one yet"
    yield "applies to", "layer by layer plans, for which alone the problem is stated"
    if each.fused.arena_bytes <= found.memory_bytes:
        yield "advice", "row by row takes no more memory and needs neither: leave --paging out"


def _proof(each: Paged) -> str:
    gap = each.found.schedule.gap
    return "proved to be the least" if gap == 0 else f"not proved: the least is at most {gap:.2%} below"


def _keys(each: Paged) -> dict[str, Any]:
    found, schedule = each.found, each.found.schedule
    return {
        "board": each.profile.board, "scheme": each.name, "paging": each.way, "state_bytes": each.state_bytes,
        "arena_bytes": found.memory_bytes, "layerwise_arena_bytes": each.plain.arena_bytes,
        "fused_arena_bytes": each.fused.arena_bytes, "recomputed": list(found.recomputed),
        "paged": [{"buffer": name, "bytes": size} for name, size in found.paged], "energy_basis": "modelled",
        "step_energy_j": schedule.energy_j, "layerwise_energy_j": schedule.problem.energy_j,
        "step_time_s": each.time_s, "layerwise_time_s": schedule.problem.time_s, "paging_time_s": each.paging_s,
        "energy_gap": schedule.gap, "written_bytes": schedule.paged_bytes, "page_file_bytes": found.file_bytes,
        "worn_out_after_steps": found.wears_out, "plan_sha256": found.plan.digest,
    }  # fmt: skip
