"""What `fleet plan --json` prints: stable keys with units in their names. New keys may come; none goes or changes."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import fleet
from fleet.node.plan import Plan
from fleet.run.plans import Network, OnBoard, Planned, Terms

SCHEMA: Final = 1


def as_text(net: Network, terms: Terms, found: Sequence[Sequence[OnBoard]], left_out: Sequence[str]) -> str:
    """One object. found: of each scheme, one per board."""
    content = {
        "schema": SCHEMA,
        "mcufleet": fleet.__version__,
        "model": _network(net),
        "terms": _terms(terms),
        "schemes": [_planned(boards[0].planned) | {"boards": [_board(b) for b in boards]} for boards in found],
        "left_out": list(left_out),
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def _network(net: Network) -> dict[str, Any]:
    graph = net.graph
    return {
        "name": net.name,
        "input_shape": list(graph.input.shape),
        "classes": graph.classes if graph.has_head else None,
        "parameters": graph.parameters,
        "notes": list(net.said),
    }


def _terms(terms: Terms) -> dict[str, Any]:
    recipe = terms.recipe
    return {
        "gradients": recipe.gradients.value,
        "exponents": recipe.exponents.value,
        "rule": recipe.rule.value,
        "input": "streamed" if terms.input_streamed else "resident",
        "budget_bytes": terms.budget_bytes,
    }


def _planned(found: Planned) -> dict[str, Any]:
    plan, floor = found.plan, found.floor
    return {
        "scheme": found.name,
        "values": plan.layout.size,
        "weights": plan.layout.weights,
        "biases": plan.layout.biases,
        "state_and_arena_bytes": found.size_bytes,
        "state_bytes": plan.state_bytes,
        "arena_bytes": plan.arena_bytes,
        "arena_bound_bytes": plan.lower_bound_bytes,
        "arena_proved": plan.proved,
        "floor_bytes": floor.total_bytes,
        "floor": asdict(floor),
        "peak": _peak(plan),
        "tactics": _tactics(plan),
        "push_bytes": found.push_bytes,
        "update_bytes": found.update_bytes,
        "counted_as": {item.key: {"bytes": item.size_bytes, "counts": item.counts} for item in found.definitions},
        "plan_sha256": plan.digest,
    }


def _peak(plan: Plan) -> dict[str, Any]:
    """step: counted from 0."""
    step = plan.steps[plan.peak_step]
    return {"step": plan.peak_step, "steps": len(plan.steps), "kind": step.code.name.lower(), "operator": step.op}


def _tactics(plan: Plan) -> dict[str, Any]:
    tactics, ops = plan.tactics, plan.tactics.ordered(plan.graph)
    return {
        "order": [op.name for op in ops] if tactics.order else [],
        "rows": [[op.name for op in ops[first:end]] for first, end in tactics.segments],
        "by_channels": sorted(tactics.by_channels),
        "over": [list(pair) for pair in tactics.over],
        "input_streamed": tactics.input_streamed,
        "slices": tactics.slices,
    }


def _board(found: OnBoard) -> dict[str, Any]:
    cost = found.cost
    return {
        "board": found.profile.board,
        "fits": found.fits,
        "over": {bank: found.ledger.taken(bank) - found.ledger.capacity(bank) for bank in found.over},
        "sram_bank": found.bank,
        "sram_bytes": found.sram_bytes,
        "sram_available_bytes": found.free_bytes,
        "sram_reserved_bytes": found.reserved_bytes,
        "step_basis": cost.basis,
        "step_instructions": cost.instructions,
        "step_time_us": cost.time_us,
        "step_energy_nj": cost.energy_nj,
        "ledger": [_line(line) for line in found.ledger.lines],
    }


def _line(line: Any) -> dict[str, Any]:
    return {key: value for key, value in asdict(line).items() if key != "symbol"}
