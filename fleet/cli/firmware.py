"""From a scenario to a node's firmware project."""

from pathlib import Path

from fleet.base.errors import InputError
from fleet.base.keys import nearest
from fleet.base.rng import Stream
from fleet.learning.data import Shard
from fleet.learning.orders import sample_order
from fleet.node.export import Kind, Trial, export
from fleet.node.export.trial import STEPS
from fleet.node.model.fixed import real
from fleet.node.plan.fit import plan_for
from fleet.node.profile import load_profile
from fleet.run.prepare import node_data, starting_model, with_scheme
from fleet.scenario import Scenario, round_rate


def kind_of(profile: str) -> Kind:
    """The kind of project by its name; InputError for any other."""
    known = [kind.value for kind in Kind]
    if profile not in known:
        near = nearest(profile, known)
        advice = f"did you mean '{near}'?" if near else "choose one of these"
        raise InputError.one("--profile", f"expected one of {', '.join(known)}, got '{profile}'; {advice}")
    return Kind(profile)


def export_node(scenario: Scenario, board: str, out: Path, kind: Kind = Kind.TABLE) -> Path:
    """The project of the scenario's first node on a board; its trial is that node's first training steps."""
    data = node_data(scenario)
    chosen = with_scheme(scenario, starting_model(scenario, data.dataset), data)
    boards = dict.fromkeys([*(group.board for group in scenario.fleet), board])
    plan = plan_for(chosen.graph, chosen.scheme, [load_profile(each) for each in boards], windows=data.most_windows)
    trial = _trial(scenario, data.shards[0])
    return export(
        plan, load_profile(board), out=out, name=scenario.name, trial=trial, windows=data.most_windows, kind=kind
    )


def _trial(scenario: Scenario, shard: Shard) -> Trial:
    order = sample_order(scenario.seed, Stream.ORDER, shard.node, shard.train.size, 0, STEPS)
    return Trial(
        windows=shard.train.x[order],
        labels=shard.train.y[order],
        own=shard.classes,
        rate=real(round_rate(scenario, 1)),
        seed=scenario.seed,
        node=shard.node,
    )
