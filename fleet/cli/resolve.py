"""What a scenario comes to: data, model, plan and memory, for `fleet check` and `fleet plan`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from fleet.base import units
from fleet.base.errors import DoesNotFit, Fault, InputError
from fleet.base.units import CAPACITANCE_NF, TIME_US
from fleet.node.cost import step_cost
from fleet.node.model.graph import Graph
from fleet.node.plan import Plan
from fleet.node.plan.choice import plannable
from fleet.node.plan.counts import training_counts
from fleet.node.plan.fit import plan_for
from fleet.node.plan.ledger import Ledger, check_fit, ledger, over
from fleet.node.profile import Profile, load_profile
from fleet.node.wire.frames import push_bytes
from fleet.run.prepare import (
    NodeData,
    chosen_scheme,
    node_data,
    own_network,
    starting_model,
    with_scheme,
)
from fleet.scenario import (
    FleetGroup,
    RadioChoice,
    Scenario,
    SchemeChoice,
    StoreChoice,
    profiles_of,
    recipe_of,
    recipe_text,
)
from fleet.scenario.names import SCHEME_PARAMETERS, STORES
from fleet.world.specs import radio_link, supply_faults
from fleet.world.updates.planned import update_faults

Rows = Iterator[tuple[str, str]]
PLAN_HEADINGS = ("scheme", "values", "SRAM", "of", "fits", "step", "energy", "push")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A scenario with its data and its plan on each board of the fleet."""

    scenario: Scenario
    data: NodeData
    graph: Graph
    plan: Plan
    ledgers: tuple[Ledger, ...]


def resolve(scenario: Scenario) -> Resolved:
    """Everything but time; InputError with all that is wrong beyond the file itself, memory included."""
    faults = [fault for at, group in enumerate(scenario.fleet) for fault in _radio_faults(scenario, at, group)]
    data = node_data(scenario)
    chosen = with_scheme(scenario, starting_model(scenario, data.dataset), data)
    known = profiles_of(scenario.fleet)
    faults += _in_file(scenario, supply_faults(scenario.fleet, known, scenario=scenario.path))
    profiles = [known[board] for board in _boards(scenario)]
    plan = plan_for(chosen.graph, chosen.scheme, profiles, windows=data.most_windows)
    faults += _in_file(scenario, update_faults(scenario.updates, plan, known))
    ledgers = tuple(ledger(plan, profile, windows=data.most_windows) for profile in profiles)
    for each in ledgers:
        try:
            check_fit(each)
        except DoesNotFit as refusal:
            faults.append(Fault(_where(scenario), str(refusal)))
    if faults:
        raise InputError(faults)
    return Resolved(scenario=scenario, data=data, graph=chosen.graph, plan=plan, ledgers=ledgers)


def _boards(scenario: Scenario) -> list[str]:
    return list(dict.fromkeys(group.board for group in scenario.fleet))


def _where(scenario: Scenario) -> str:
    return str(scenario.path or scenario.name)


def _in_file(scenario: Scenario, faults: Iterable[Fault]) -> list[Fault]:
    """Faults of keys, each with the file before it."""
    return [Fault(f"{_where(scenario)}: {fault.where}", fault.text) for fault in faults]


def _radio_faults(scenario: Scenario, at: int, group: FleetGroup) -> list[Fault]:
    """What the radio's own model refuses: combinations of its settings. It names keys as 'ble.latency', 'link.file'."""
    try:
        radio_link(group.radio, scenario=scenario.path)
    except InputError as error:
        return _in_file(scenario, [_placed(fault, f"fleet[{at}].radio", group.radio.kind) for fault in error.faults])
    return []


def _placed(fault: Fault, radio: str, kind: str) -> Fault:
    """A fault of a key in its place in the scenario; of a line of another file as it is."""
    key = fault.where.removeprefix(f"{kind}.")
    own = key != fault.where or key.partition(".")[0] == "link"
    return Fault(f"{radio}.{key}", fault.text) if own else fault


def check_rows(found: Resolved) -> Rows:
    """What the scenario resolves to, in a few lines of two words or more."""
    scenario, training = found.scenario, found.scenario.training
    yield "scenario", f"{scenario.name}, seed {scenario.seed}, draw {scenario.data.draw}"
    yield from _data_rows(found)
    yield from (("nodes" if i == 0 else "", _group_text(group)) for i, group in enumerate(scenario.fleet))
    layout = found.plan.layout
    yield from _model_rows(found)
    trained = f"{layout.size:,} values ({layout.weights:,} weights, {layout.biases:,} biases)"
    yield "trains", f"{scheme_text(training.scheme)}: {trained}"
    yield "how", recipe_text(training)
    yield from (("SRAM", _memory_text(each)) for each in found.ledgers)
    personal = f", then {training.personal_steps} personal steps" if training.personal_steps else ""
    server = scenario.server
    yield "work", f"{server.rounds} rounds of {training.steps_per_round} steps{personal}; {server.strategy}"
    yield "beside it", ", ".join(scenario.compare) or "nothing"


def _model_rows(found: Resolved) -> Rows:
    """The network, and of one from a file what became of it."""
    scenario, graph = found.scenario, found.graph
    text = f"{graph.name}, {graph.parameters:,} parameters"
    if scenario.own_model is None:
        yield "model", f"{text}, {scenario.model.pretrained}"
        return
    own = own_network(scenario, found.data.dataset)
    yield "model", f"{text}, {scenario.model.file}"
    yield "head", "new, of zeros" if own.new_head else "that of the file"
    scale = (
        f"windows int8 {list(graph.input.shape)} of scale {graph.input.scale:.6g}, zero point {graph.input.zero_point}"
    )
    yield "reads", scale
    if own.left_out:
        yield "left out", ", ".join(own.left_out)


def _data_rows(found: Resolved) -> Rows:
    data, drawn = found.data, found.data.drawn
    sizes = sorted(shard.train.size for shard in data.shards)
    labels = data.dataset.labels
    people = f"{len(drawn.pretrain_people)} people pretrain, {len(drawn.fleet_people)} are the fleet"
    yield "data", f"{data.dataset.source}: {data.dataset.size:,} windows; {people}"
    yield "windows", f"{sizes[0]} to {sizes[-1]} per node to train on"
    if drawn.new_classes:
        new = ", ".join(labels[c] for c in drawn.new_classes)
        holders = sum(shard.did_new for shard in data.shards)
        yield "new", f"{new}: {holders} of {len(data.shards)} nodes have them"


def _group_text(group: FleetGroup) -> str:
    store = _store_text(group.energy)
    every = units.show(group.every_us, TIME_US)
    twins = f", {group.twin} of them emulated" if group.twin else ""
    return f"{group.count} {group.board}{twins} on {store}, {_radio_text(group.radio)}; a round every {every}"


def _store_text(energy: StoreChoice) -> str:
    """'cr2032 of 225 mAh', 'supercap of 100 mF, solar'."""
    capacity = energy.capacity_mah or STORES[energy.kind].capacity_mah
    size = f" of {capacity:g} mAh" if capacity else ""
    if (capacitance_nf := energy.settings().get("capacitance_nf")) is not None:
        size = f" of {units.show(capacitance_nf, CAPACITANCE_NF)}"
    return f"{energy.kind}{size}{f', {energy.harvest.kind}' if energy.harvest else ''}"


def _radio_text(radio: RadioChoice) -> str:
    """'ble 1M, 2 % lost': the kind, its setting where it has one, and what loses packets."""
    named = " ".join(part for part in (radio.kind, radio.phy) if part)
    if radio.link is not None:
        return f"{named}, lost as {radio.link.kind} says"
    return f"{named}, {units.show(radio.loss, units.SHARE)} lost" if radio.loss else named


def scheme_text(choice: SchemeChoice) -> str:
    """'sparse, layers 2, ratio 1/4, blocks 2'."""
    used = {name: getattr(choice, name) for name in SCHEME_PARAMETERS[choice.kind]}
    return ", ".join([choice.kind, *(f"{name} {value}" for name, value in used.items())])


def _memory_text(each: Ledger) -> str:
    needed, free, reserved = _first_bank(each)
    text = f"{needed:,} of {free:,} bytes of {each.profile.board} ({reserved:,} more are reserved)"
    return "".join((text, *(_more_text(each, bank.name) for bank in each.profile.banks[1:])))


def _more_text(each: Ledger, bank: str) -> str:
    """What a node takes of another bank; nothing where nothing lies there."""
    needed, free, _reserved = _bank(each, bank)
    return f", {needed:,} of {free:,} of its {bank}" if needed else ""


def _first_bank(each: Ledger) -> tuple[int, int, int]:
    return _bank(each, each.profile.banks[0].name)


def _bank(each: Ledger, bank: str) -> tuple[int, int, int]:
    """Bytes of a bank that a node takes, that it may take, and that are reserved beside them."""
    reserved = sum(line.size_bytes for line in each.lines if line.bank == bank and line.basis == "reserved")
    return each.taken(bank) - reserved, each.capacity(bank) - reserved, reserved


def plan_rows(scenario: Scenario, board: str) -> Iterator[tuple[str, ...]]:
    """One row for each scheme of the scenario's net on a board, under PLAN_HEADINGS; the scenario's own comes first."""
    data = node_data(scenario)
    graph = starting_model(scenario, data.dataset)
    profile, recipe = load_profile(board), recipe_of(scenario.training)
    for choice in _choices(graph, scenario.training.scheme):
        made = chosen_scheme(choice, graph, data)
        scheme = plannable(made.graph, replace(made.scheme, recipe=recipe))
        plan = plan_for(made.graph, scheme, [profile], windows=data.most_windows)
        yield _plan_row(choice, plan, profile, data.most_windows)


def _plan_row(choice: SchemeChoice, plan: Plan, profile: Profile, windows: int) -> tuple[str, ...]:
    each = ledger(plan, profile, windows=windows)
    needed, free, _reserved = _first_bank(each)
    cost = step_cost(profile, training_counts(plan))
    return (
        scheme_text(choice),
        f"{plan.layout.size:,}",
        f"{needed:,}",
        f"{free:,} B",
        "no" if over(each) else "yes",
        f"{cost.time_us / 1000:.1f} ms",
        f"{cost.energy_nj / 1e6:.3g} mJ",
        f"{push_bytes(plan.layout):,} B",
    )


def _choices(graph: Graph, own: SchemeChoice) -> Iterator[SchemeChoice]:
    blocks = len({op.name.partition(".")[0] for op in graph.weighted}) - 1
    listed = [
        SchemeChoice(kind="head"),
        SchemeChoice(kind="bias"),
        SchemeChoice(kind="sparse"),
        SchemeChoice(kind="sparse", layers=2, ratio=Fraction(1, 2), blocks=2),
        *(SchemeChoice(kind="last_k", layers=count) for count in range(1, blocks)),
        SchemeChoice(kind="full"),
    ]
    shown = {scheme_text(choice): choice for choice in [own, *listed]}
    yield from shown.values()
