"""What `fleet plan --model` prints: the network, a scheme and its plan, a board's ledger, the table of all schemes."""

from collections.abc import Iterable, Iterator, Sequence

from fleet.node.cost import counted_as
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.schemes.outline import outline
from fleet.node.plan import Plan
from fleet.node.profile import Profile
from fleet.run.plans import Network, OnBoard, Planned, Terms

Rows = Iterator[tuple[str, str]]

TABLE_HEADINGS = ("scheme", "values", "state + arena", "SRAM", "of", "fits", "step", "energy", "push", "update", "")
LEDGER_HEADINGS = ("bank", "item", "bytes", "known by", "reason")
DEFINITION_HEADINGS = ("counted as", "bytes", "what is counted")


def network_rows(net: Network, terms: Terms) -> Rows:
    """The network and the terms that hold for every scheme."""
    graph = net.graph
    shape = " x ".join(str(side) for side in graph.input.shape)
    classes = f", {graph.classes} classes" if graph.has_head else ""
    yield "model", f"{net.name}: {shape}{classes}, {graph.parameters:,} parameters in {len(graph.weighted)} layers"
    yield from (("", text) for text in net.said)
    yield "trained", recipe_words(terms.recipe)
    yield "window", "streamed: read where it lies" if terms.input_streamed else "resident: a map of the arena"


def recipe_words(recipe: Recipe) -> str:
    """'int8 gradients with static exponents, stochastic rounding'."""
    integer = recipe.gradients is Gradients.INT8
    exponents = f" with {recipe.exponents.value} exponents" if integer else ""
    return f"{recipe.gradients.value} gradients{exponents}, rule {recipe.rule.value}, a window at a time"


def scheme_rows(found: Planned, *, all_tried: bool = False) -> Rows:
    """A scheme, and the plan of one training step. all_tried: with --prove."""
    plan, layout = found.plan, found.plan.layout
    yield "scheme", f"{found.name}: {layout.size:,} values ({layout.weights:,} weights, {layout.biases:,} biases)"
    both = f"trained state {plan.state_bytes:,} and arena {plan.arena_bytes:,}"
    yield "memory", f"{found.size_bytes:,} B: {both}"
    yield "fullest", f"{peak_words(plan)}: {plan.lower_bound_bytes:,} B live"
    yield "arena", bound_words(plan, all_tried=all_tried)
    yield "floor", floor_words(found)
    yield "tactics", tactics_words(plan)
    yield "on the air", f"{found.push_bytes:,} B down, {found.update_bytes:,} B up from a node with every class"


def peak_words(plan: Plan) -> str:
    """'step 12 of 136, conv of block1.pw1', counted from 1."""
    step = plan.steps[plan.peak_step]
    return f"step {plan.peak_step + 1} of {len(plan.steps)}, {step.code.name.lower()} of {step.op}"


def bound_words(plan: Plan, *, all_tried: bool = False) -> str:
    """Whether the places are the best for these steps, or how far they may be from it. all_tried: with --prove."""
    if plan.proved:
        return "proved: no placement of these steps takes less; other steps may"
    above = plan.arena_bytes - plan.lower_bound_bytes
    share = f"{above / plan.lower_bound_bytes:.1%}"
    more = "the search for a proof ended at its limit" if all_tried else "--prove goes on"
    return f"not yet proved optimal: at most {above:,} B ({share}) above the least; {more}"


def floor_words(found: Planned) -> str:
    """The bytes that every plan holds at the turn, and how far this one is above."""
    floor = found.floor
    ratio = found.size_bytes / floor.total_bytes
    above = f"{ratio - 1:.1%} more" if ratio < 2 else f"{ratio:,.1f} times as much"
    parts = f"trained {floor.trained_bytes:,}, saved maps {floor.slices_bytes:,}, masks {floor.masks_bytes:,}"
    turn = f"{floor.total_bytes:,} B live at the turn from forward to backward whatever the plan"
    return f"{turn} ({parts}); this one takes {above}"


def tactics_words(plan: Plan) -> str:
    """How the plan departs from one operator after the other."""
    tactics, ops = plan.tactics, plan.tactics.ordered(plan.graph)
    runs = [f"{ops[first].name} to {ops[end - 1].name}" for first, end in tactics.segments]
    parts = [f"in another order: {', '.join(op.name for op in ops)}"] if tactics.order else []
    parts += [f"row by row: {'; '.join(runs)}"] if runs else []
    if tactics.by_channels:
        parts.append(f"backward by channels: {', '.join(sorted(tactics.by_channels))}")
    if tactics.over:
        parts.append(f"written over what was read: {', '.join(y for y, _ in tactics.over)}")
    return "; ".join(parts) or "layer by layer"


def definition_rows(found: Planned) -> Iterator[tuple[str, ...]]:
    """The same scheme as papers count it, ours first."""
    for item in found.definitions:
        yield item.name, f"{item.size_bytes:,}", item.counts


def ledger_cells(found: OnBoard) -> Iterator[tuple[str, ...]]:
    """Every line of the ledger, banks in order, each closed by its sum."""
    for bank in dict.fromkeys(line.bank for line in found.ledger.lines):
        for line in (line for line in found.ledger.lines if line.bank == bank):
            basis = f"{line.basis}, unverified" if line.unverified else line.basis
            yield bank, line.item, f"{line.size_bytes:,}", basis, line.reason
        taken, size = found.ledger.taken(bank), found.ledger.capacity(bank)
        left = f"{size - taken:,} B free" if taken <= size else f"{taken - size:,} B over"
        yield bank, "sum", f"{taken:,}", "", f"of {size:,} B: {left}"


def cost_words(found: OnBoard) -> str:
    """Time and energy of one step, how they are known, and their known errors."""
    cost = found.cost
    return f"one training step: {_time(cost.time_us)}, {_energy(cost.energy_nj)}; {doubt(found.profile)}"


def doubt(profile: Profile) -> str:
    """What to know of a board's times and energies."""
    time, power = profile.origin("cycles_per_instruction"), profile.origin("nn_power_factor")
    errors = [f"{what} within {at.error:.0%}" for what, at in (("cycles", time), ("power", power)) if at.error]
    unverified = [what for what, at in (("cycles", time), ("power", power)) if at.unverified]
    text = "modelled from counted instructions"
    if (other := counted_as(profile.core)) != profile.core:
        text = f"modelled from instructions of a {other}, since nobody counted a {profile.core}'s"
    text += f": {', '.join(errors)}" if errors else ""
    return f"{text}; unverified: {', '.join(unverified)}" if unverified else text


def table_rows(found: Sequence[OnBoard], marked: int | None) -> Iterator[tuple[str, ...]]:
    """A row for each scheme on one board, under TABLE_HEADINGS."""
    for index, each in enumerate(found):
        yield (
            each.planned.name,
            f"{each.planned.plan.layout.size:,}",
            f"{each.planned.size_bytes:,}" + ("" if each.planned.plan.proved else " *"),
            f"{each.sram_bytes:,}",
            f"{each.free_bytes:,} B",
            "yes" if each.fits else "no",
            _time(each.cost.time_us),
            _energy(each.cost.energy_nj),
            f"{each.planned.push_bytes:,} B",
            f"{each.planned.update_bytes:,} B",
            "< trains most of those that fit" if index == marked else "",
        )


def most_that_fits(found: Sequence[OnBoard]) -> int | None:
    """The row of the scheme that trains most and fits; of equals the first."""
    fitting = [(each.planned.plan.layout.size, -index) for index, each in enumerate(found) if each.fits]
    return -max(fitting)[1] if fitting else None


def table_notes(found: Iterable[OnBoard], profile: Profile) -> Iterator[str]:
    """What the columns mean, and what the radio stack keeps."""
    listed = list(found)
    reserved = listed[0].reserved_bytes if listed else 0
    kept = f" beside {reserved:,} B that are reserved" if reserved else ""
    where = f"{profile.banks[0].name} of {profile.board}{kept}"
    yield f"SRAM: what a node takes in {where}; step and energy {doubt(profile)}"
    if any(not each.planned.plan.proved for each in listed):
        yield "*: placement not yet proved optimal; see it alone with --scheme, and --prove"


def layers_words(net: Network) -> str:
    """How schemes number the layers of this network."""
    names = [part.op for part in outline(net.graph).layers]
    return f"layers 0 to {len(names) - 1}: {names[0]} to {names[-1]}" if names else "no layer below the head"


def _time(us: int) -> str:
    return f"{us / 1000:,.1f} ms" if us < 10_000_000 else f"{us / 1_000_000:,.1f} s"


def _energy(nj: int) -> str:
    """Three digits; below a joule in mJ."""
    value, unit = (nj / 1e6, "mJ") if nj < 10**9 else (nj / 1e9, "J")
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f} {unit}"
