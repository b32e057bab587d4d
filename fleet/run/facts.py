"""What is known of a run before time begins, and what it is made with."""

import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import version

from fleet.node.cost import MODELLED, core_table
from fleet.node.plan.ledger import Ledger, ledger_rows, plan_rows
from fleet.node.profile import Profile, doubtful
from fleet.record import NodeRow, RunFolder, ValueRow
from fleet.run.assemble import Assembly
from fleet.run.bases import fleet_bases
from fleet.scenario.recipe import is_plain, recipe_text

PACKAGES = ("mcufleet", "numpy", "flwr", "simpy", "ziglang", "pandas", "pyarrow", "pydantic")


def versions() -> dict[str, str]:
    """What a run is made with."""
    made = {package: version(package) for package in PACKAGES}
    return {"python": platform.python_version(), **made}


def describe(party: Assembly, ledgers: Iterable[Ledger], folder: RunFolder) -> None:
    """Writes the tables that are known before time begins: nodes, memory, plan, and the small facts."""
    folder.write_part("nodes", 0, list(_node_rows(party)))
    folder.write_part("ledger", 0, [row for one in ledgers for row in ledger_rows(one)])
    folder.write_part("plan", 0, list(plan_rows(party.plan)))
    folder.write_part("values", 0, list(_facts(party)))


def _node_rows(party: Assembly) -> Iterator[NodeRow]:
    for node in party.watched:
        shard = party.clients[node].shard
        yield NodeRow(
            node=node,
            board=party.groups[node].board,
            subject=str(shard.subject),
            side=str(shard.side),
            did_new=shard.did_new,
            classes=",".join(map(str, shard.classes)),
            train_windows=shard.train.size,
            val_windows=shard.val.size,
            test_windows=shard.test.size,
        )


def _facts(party: Assembly) -> Iterator[ValueRow]:
    scenario, training = party.scenario, party.scenario.training
    layout = party.plan.layout
    raw = round(sum(s.train.size for s in party.shards) * party.graph.input.size / len(party.shards))
    given = {
        "question": scenario.question,
        "seed": str(scenario.seed),
        "command": _command(party),
        "scheme": f"{party.plan.scheme.name}: {layout.size:,} of {party.graph.parameters:,} values train",
        "steps:alone": str(scenario.server.rounds * training.steps_per_round),
        "steps:personal": str(training.personal_steps),
        "raw_bytes": str(raw),
        "peak_step": str(party.plan.peak_step),
        "limit:1": "The held-out windows come later in the same bout of each exercise, not from another day.",
    }
    if len(party.shards) < len(party.nodes):
        given["limit:3"] = (
            f"{len(party.nodes):,} nodes share the data of {len(party.shards)}: "
            "their energy, radio and time are their own, what they learn from is not."
        )
    if len(party.watched) < len(party.nodes):
        given["watched"] = f"{len(party.watched)} of {len(party.nodes):,} nodes have rows of their own; sums count all"
    if party.emulated:
        given["emulated"] = ", ".join(f"{node} ({party.groups[node].board})" for node in party.emulated)
    if not is_plain(training):
        given["recipe"] = recipe_text(training)
    if scenario.model_file is not None or scenario.own_model is not None:
        given["limit:2"] = (
            "The pretrained model is a file of the user's: that its training saw none of these nodes' windows "
            "could not be checked."
        )
    yield from (ValueRow(key=key, value=value, basis="given") for key, value in given.items())
    yield from _reports(party)
    yield from _banks(party)
    yield from _bases(party)


def _command(party: Assembly) -> str:
    """What makes this run again; the file as the user named it."""
    path = party.scenario.path
    return f"fleet run {path if path is not None else 'scenario.yaml'} --seed {party.scenario.seed}"


def _reports(party: Assembly) -> Iterator[ValueRow]:
    """What a report of nodes FIRST to FIRST + COUNT - 1 holds, in bytes: 'report:FIRST:COUNT'."""
    first = 0
    for group in party.scenario.fleet:
        if group.report is not None:
            key = f"report:{first}:{group.count}"
            yield ValueRow(key=key, value=str(group.report.payload_bytes), basis="given")
        first += group.count


def _banks(party: Assembly) -> Iterator[ValueRow]:
    for board, profile in party.profiles.items():
        for bank in profile.banks:
            yield ValueRow(key=f"bank:{board}:sram:{bank.name}", value=str(bank.size_bytes), basis="given")
        yield ValueRow(key=f"bank:{board}:flash:flash", value=str(profile.flash.size_bytes), basis="given")


def _bases(party: Assembly) -> Iterator[ValueRow]:
    for board in party.profiles:
        cost = party.costs[board]
        text = f"{cost.instructions:,} instructions, {cost.time_us / 1000:.3g} ms, {cost.energy_nj / 1e6:.3g} mJ"
        table = core_table(party.profiles[board].core)
        text += f"; counts of a {table.core}, the worst of its samples {100 * table.error:.0f} % off"
        yield ValueRow(key=f"basis:one training step on {board}", value=text, basis=MODELLED)
    yield from fleet_bases(party.scenario.fleet)
    for profile in party.profiles.values():
        yield from _rests_on(profile)
    for item in dict.fromkeys(each for profile in party.profiles.values() for each in doubtful(profile)):
        yield ValueRow(key=f"basis:{item}", value="not looked up in the maker's document", basis="unverified")


def _rests_on(profile: Profile) -> Iterator[ValueRow]:
    """What times and energies of a board's networks come from."""
    for what, field, unit in (
        ("cycles", "cycles_per_instruction", "an instruction"),
        ("power of a network", "nn_power_factor", "times that of currents.run"),
        ("power of other work", "currents.run", "in currents.run"),
    ):
        at = profile.origin(field)
        error = f", within {at.error:.0%}" if at.error is not None else ""
        yield ValueRow(
            key=f"basis:{what} on {profile.board}", value=f"{at.text} {unit}{error}: {at.source}", basis=MODELLED
        )
