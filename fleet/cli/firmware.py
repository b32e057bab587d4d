"""From a scenario, or from a network and a scheme, to a node's firmware project."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from fleet.base.errors import DoesNotFit, InputError
from fleet.base.keys import nearest
from fleet.base.rng import Stream
from fleet.cli.plan import Asked, check_boards, checked, telling
from fleet.learning.data import Shard
from fleet.learning.orders import sample_order
from fleet.node.export import Kind, Trial, export, random_trial
from fleet.node.export.trial import STEPS
from fleet.node.model.fixed import real
from fleet.node.model.recipe import Exponents, Gradients
from fleet.node.model.reference import calibrated
from fleet.node.model.scheme import Scheme
from fleet.node.plan import Plan
from fleet.node.plan.choice import best_plan
from fleet.node.plan.draft import draft_of
from fleet.node.plan.fit import plan_for
from fleet.node.plan.plan import finished
from fleet.node.profile import Profile, load_profile
from fleet.run.plans import Network, Terms, check_budget, network, on_board, planned
from fleet.run.prepare import node_data, starting_model, with_scheme
from fleet.scenario import Scenario, round_rate

RATE = 1 / 16  # of a trial on windows without meaning


Choice = TypeVar("Choice", bound=StrEnum)


def chosen(option: str, name: str, among: type[Choice]) -> Choice:
    """The member of this name; InputError, with the nearest one, for any other."""
    known = [member.value for member in among]
    if name not in known:
        near = nearest(name, known)
        advice = f"did you mean '{near}'?" if near else "choose one of these"
        raise InputError.one(option, f"expected one of {', '.join(known)}, got '{name}'; {advice}")
    return among(name)


# --- of a scenario ---------------------------------------------------------------------------------------------


def export_node(
    scenario: Scenario, board: str, out: Path, kind: Kind = Kind.TABLE, *, runtime: bool = False
) -> Path:  # fmt: skip
    """The project of the scenario's first node on a board; its trial is that node's first training steps.

    runtime: with what takes part in rounds by itself.
    """
    data = node_data(scenario)
    chosen = with_scheme(scenario, starting_model(scenario, data.dataset), data)
    boards = dict.fromkeys([*(group.board for group in scenario.fleet), board])
    plan = plan_for(chosen.graph, chosen.scheme, [load_profile(each) for each in boards], windows=data.most_windows)
    trial = _trial(scenario, data.shards[0])
    return export(
        plan, load_profile(board), out=out, name=scenario.name, trial=trial, windows=data.most_windows, kind=kind,
        runtime=runtime,
    )  # fmt: skip


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


# --- of a network ----------------------------------------------------------------------------------------------


def export_model(asked: Asked, out: Path, kind: Kind) -> tuple[Path, Sequence[str]]:
    """The project of a network under a scheme, or of one that only infers, and what is to be known of it.

    asked.scheme: None for one that only infers. Refuses what `fleet plan --model` refuses, in the same words.
    """
    [profile], terms = checked(replace(asked, scheme=asked.scheme or "inference"))
    net = network(asked.model, classes=asked.classes, side=asked.side, trains=asked.scheme is not None)
    plan = _inferring(net, terms) if asked.scheme is None else _training(net, asked.scheme, terms, profile)
    trial = random_trial(plan)
    if plan.trains and plan.scheme.recipe.exponents is Exponents.STATIC and _is_int8(plan):
        plan = _calibrated(plan, trial)
    made = export(plan, profile, out=out, name=_name(asked.model), trial=trial, kind=kind)
    return made, [*net.said, *_said(plan)]


def _is_int8(plan: Plan) -> bool:
    return plan.scheme.recipe.gradients is Gradients.INT8


def _training(net: Network, scheme: str, terms: Terms, profile: Profile) -> Plan:
    found = planned(net, scheme, terms)
    check_budget(found, terms)
    board = on_board(found, profile)
    check_boards([] if board.fits else [board], net, terms)
    return found.plan


def _inferring(net: Network, terms: Terms) -> Plan:
    nothing = Scheme(name="inference", trained=())
    plan = best_plan(net.graph, nothing, budget_bytes=terms.budget_bytes, input_streamed=terms.input_streamed)
    if terms.budget_bytes is not None and plan.arena_bytes > terms.budget_bytes:
        text = f"expected at most {terms.budget_bytes:,} B, got {plan.arena_bytes:,} B of arena, the least there is"
        raise DoesNotFit(f"--budget: {text}; allow more, or take a smaller network")
    return plan


def _calibrated(plan: Plan, trial: Trial) -> Plan:
    """The same steps in the same places, with exponents that fit the gradients of the trial's windows."""
    targets = trial.labels if trial.answers is None else trial.answers
    with telling() as said:
        said(f"fitting exponents to the gradients of {min(32, len(targets))} windows")
        scheme = calibrated(plan.graph, plan.scheme, trial.windows, targets, rate=RATE, own=frozenset(trial.own))
    return finished(draft_of(plan.graph, scheme, plan.tactics), plan.placement)


def _said(plan: Plan) -> Iterator[str]:
    """Where the trial of `fleet verify` is from, and what follows from that."""
    yield "trial: windows without meaning, drawn: bytes are compared, nothing is learnt; a scenario has real ones"
    if plan.trains and plan.scheme.recipe.exponents is Exponents.STATIC and _is_int8(plan):
        yield "static exponents: fitted to these windows; to train on data export a scenario, or --exponents dynamic"


def _name(model: str) -> str:
    """A name for files: that of the network, in letters that they may have."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(model).stem).strip("-.") or "net"
