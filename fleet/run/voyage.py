"""One run, from a Scenario to a finished run folder, and on from where one was interrupted."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fleet.base.errors import InputError, RunError
from fleet.federation.server_app import strategy_of
from fleet.node.plan.ledger import Ledger, check_fit, ledger
from fleet.node.plan.state import state_bytes
from fleet.record import RunFolder, ValueRow
from fleet.run import lines
from fleet.run.assemble import Assembly, assemble
from fleet.run.facts import describe, versions
from fleet.run.memory import Memory
from fleet.run.progress import Progress, Silent
from fleet.run.stage import Stage, Values
from fleet.scenario import Scenario, dump, load
from fleet.world.updates.planned import update_faults

Line = Callable[[Stage], Sequence[Values]]


def execute(scenario: Scenario, *, out: Path, jobs: int = 1, progress: Progress | None = None) -> Path:
    """Runs every line of a scenario into a new run folder. Returns the folder.

    jobs: threads that compute; the result does not depend on it. Raises DoesNotFit, and InputError for a strategy
    that cannot be built, before anything runs.
    """
    party = assemble(scenario)
    ledgers = memory_ledgers(party)
    check_strategy(party)
    check_updates(party)
    with RunFolder.create(out, dump(scenario), versions()) as folder:
        return _sail(party, ledgers, folder, jobs, progress or Silent())


def resume(run: Path, *, jobs: int = 1, progress: Progress | None = None, allow_code: bool = False) -> Path:
    """Finishes an interrupted run: what its journal holds is not computed again. Returns the folder."""
    with RunFolder.open(run, writing=True) as folder:
        if folder.fingerprint is not None:
            (progress or Silent()).message(f"{run} is finished already")
            return run
        origin = folder.path / "scenario.yaml"
        scenario = load(origin, origin=_origin(folder), allow_code=allow_code)
        party = assemble(scenario)
        return _sail(party, memory_ledgers(party), folder, jobs, progress or Silent())


def check_strategy(party: Assembly) -> None:
    """Nothing, or the InputError of a strategy that cannot be imported or built."""
    name, nodes = party.scenario.server.strategy, party.asked
    strategy_of(name, party.graph, party.plan.layout, nodes, lambda *_: None)


def check_updates(party: Assembly) -> None:
    """Nothing, or the InputError of updates that a board's flash has no room for."""
    if faults := update_faults(party.scenario.updates, party.plan, party.profiles):
        raise InputError(faults)


def memory_ledgers(party: Assembly) -> tuple[Ledger, ...]:
    """One ledger per board, sized for the node with the most windows. Raises DoesNotFit with the arithmetic."""
    ledgers = tuple(
        ledger(party.plan, profile, windows=party.windows_on(board)) for board, profile in party.profiles.items()
    )
    for one in ledgers:
        check_fit(one)
    return ledgers


def _sail(party: Assembly, ledgers: tuple[Ledger, ...], folder: RunFolder, jobs: int, progress: Progress) -> Path:
    with folder.journal() as journal:
        memory = Memory(journal, _identity(party))
        if memory.recalled:
            progress.message(f"resuming: {memory.recalled} answers of nodes are known and not computed again")
        with ThreadPoolExecutor(jobs) as pool:
            stage = Stage(party=party, memory=memory, folder=folder, pool=pool, progress=progress)
            if not folder.parts("values"):  # else all of it was written, with the file as the user named it
                describe(party, ledgers, folder)
            digests = [row for name, line in planned_lines(stage) for row in _digests(stage, name, line(stage))]
        folder.write_part("values", 1, digests)
        folder.write_fingerprint()
        progress.done()
    return folder.path


def planned_lines(stage: Stage) -> list[tuple[str, Line]]:
    """The comparison lines a scenario asks for, then its own."""
    scenario = stage.party.scenario
    own = lines.own_classes(stage)
    known: dict[str, Line] = {
        "pretrained": lines.pretrained,
        "alone": lines.alone,
        "fedavg": lambda s: lines.federation(s, "fedavg", "fedavg", lines.everything(s), personal_pass=False),
    }

    def federated(s: Stage) -> Sequence[Values]:
        return lines.federation(s, "federated", scenario.server.strategy, own, personal_pass=True)

    return [*((name, known[name]) for name in known if name in scenario.compare), ("federated", federated)]


def _digests(stage: Stage, name: str, values: Sequence[Values]) -> list[ValueRow]:
    """SHA-256 of the final trained values of every node that tables have a row for."""
    layout = stage.party.plan.layout
    return [
        ValueRow(
            key=f"digest:{name}:end:{node}", value=hashlib.sha256(state_bytes(layout, v)).hexdigest(), basis="counted"
        )
        for node, v in ((node, values[node]) for node in stage.party.watched if node < len(values))
    ]


def _identity(party: Assembly) -> dict[str, str]:
    """What must be the same for a journal to be worth anything."""
    return {
        "plan": party.plan.digest,
        "model": hashlib.sha256(party.plan.model).hexdigest(),
        "scenario": hashlib.sha256(dump(party.scenario).encode()).hexdigest(),
        "data": hashlib.sha256(party.dataset.x.tobytes() + party.dataset.y.tobytes()).hexdigest(),
        "boards": hashlib.sha256(repr(sorted(party.profiles.items())).encode()).hexdigest(),
        "software": ", ".join(f"{name} {number}" for name, number in sorted(versions().items())),
        "origin": str(party.scenario.path.resolve()) if party.scenario.path else "",
    }


def _origin(folder: RunFolder) -> Path | None:
    """The file that a run's relative paths count from."""
    with folder.journal() as journal:
        first = next(journal.replay(), None)
    if first is None:
        raise RunError(f"{folder.path}: expected a journal with a beginning, got an empty one; run the scenario again")
    return Path(first["origin"]) if first["origin"] else None
