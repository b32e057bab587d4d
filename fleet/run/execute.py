"""One run, from a Scenario to a finished run folder, and on from where one was interrupted."""

import hashlib
import platform
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import fleet
from fleet.base.errors import RunError
from fleet.node.cost import MODELLED
from fleet.node.plan.image import state_bytes
from fleet.node.plan.ledger import Ledger, check_fit, ledger, ledger_rows, plan_rows
from fleet.record import NodeRow, RunFolder, ValueRow
from fleet.run import lines
from fleet.run.assemble import Assembly, assemble
from fleet.run.memory import Memory
from fleet.run.progress import Progress, Silent
from fleet.run.stage import Stage, Values
from fleet.scenario import Scenario, dump, load

PACKAGES = ("numpy", "flwr", "simpy", "ziglang", "pandas", "pyarrow", "pydantic")
Line = Callable[[Stage], list[Values]]


def execute(scenario: Scenario, *, out: Path, jobs: int = 1, progress: Progress | None = None) -> Path:
    """Runs every line of a scenario into a new run folder. Returns the folder.

    jobs: threads that compute; the result does not depend on it. Raises DoesNotFit before anything runs.
    """
    party = assemble(scenario)
    ledgers = memory_ledgers(party)
    with RunFolder.create(out, dump(scenario), versions()) as folder:
        return _sail(party, ledgers, folder, jobs, progress or Silent())


def resume(run: Path, *, jobs: int = 1, progress: Progress | None = None, allow_code: bool = True) -> Path:
    """Finishes an interrupted run: what its journal holds is not computed again. Returns the folder."""
    with RunFolder.open(run, writing=True) as folder:
        if folder.fingerprint is not None:
            (progress or Silent()).message(f"{run} is finished already")
            return run
        origin = folder.path / "scenario.yaml"
        scenario = load(origin, origin=_origin(folder), allow_code=allow_code)
        party = assemble(scenario)
        return _sail(party, memory_ledgers(party), folder, jobs, progress or Silent())


def memory_ledgers(party: Assembly) -> tuple[Ledger, ...]:
    """One ledger per board, sized for the node with the most windows. Raises DoesNotFit with the arithmetic."""
    most = {
        board: max(c.shard.train.size for c, g in zip(party.clients, party.groups, strict=True) if g.board == board)
        for board in party.profiles
    }
    ledgers = tuple(ledger(party.plan, profile, windows=most[board]) for board, profile in party.profiles.items())
    for one in ledgers:
        check_fit(one)
    return ledgers


def versions() -> dict[str, str]:
    """What a run is made with."""
    made = {package: version(package) for package in PACKAGES}
    return {"mcufleet": fleet.__version__, "python": platform.python_version(), **made}


def _sail(party: Assembly, ledgers: tuple[Ledger, ...], folder: RunFolder, jobs: int, progress: Progress) -> Path:
    memory = Memory(folder.journal(), _identity(party))
    try:
        if memory.recalled:
            progress.message(f"resuming: {memory.recalled} answers of nodes are known and not computed again")
        with ThreadPoolExecutor(jobs) as pool:
            stage = Stage(party=party, memory=memory, folder=folder, pool=pool, progress=progress)
            _describe(stage, ledgers)
            digests = [row for name, line in planned_lines(stage) for row in _digests(stage, name, line(stage))]
        folder.write_part("values", 1, digests)
        folder.write_fingerprint()
        progress.done()
    finally:
        memory.close()
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

    def federated(s: Stage) -> list[Values]:
        return lines.federation(s, "federated", scenario.server.strategy, own, personal_pass=True)

    return [*((name, known[name]) for name in known if name in scenario.compare), ("federated", federated)]


def _describe(stage: Stage, ledgers: tuple[Ledger, ...]) -> None:
    """The tables that are known before time begins."""
    stage.folder.write_part("nodes", 0, list(_node_rows(stage.party)))
    stage.folder.write_part("ledger", 0, [row for one in ledgers for row in ledger_rows(one)])
    stage.folder.write_part("plan", 0, list(plan_rows(stage.party.plan)))
    stage.folder.write_part("values", 0, list(_facts(stage.party)))


def _node_rows(party: Assembly) -> Iterator[NodeRow]:
    for client, group in zip(party.clients, party.groups, strict=True):
        shard = client.shard
        yield NodeRow(
            node=shard.node,
            board=group.board,
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
    raw = round(sum(c.shard.train.size for c in party.clients) * party.graph.input.size / len(party.clients))
    given = {
        "question": scenario.question,
        "seed": str(scenario.seed),
        "scheme": f"{party.plan.scheme.name}: {layout.size:,} of {party.graph.parameters:,} values train",
        "steps:alone": str(scenario.server.rounds * training.steps_per_round),
        "steps:personal": str(training.personal_steps),
        "raw_bytes": str(raw),
        "peak_step": str(party.plan.peak_step),
        "limit:1": "The held-out windows come later in the same bout of each exercise, not from another day.",
        "limit:2": "Training alone on the same number of steps comes close in the mean; "
        "it never recognises an exercise its own node has not done.",
    }
    yield from (ValueRow(key=key, value=value, basis="given") for key, value in given.items())
    yield from _banks(party)
    yield from _bases(party)


def _banks(party: Assembly) -> Iterator[ValueRow]:
    for board, profile in party.profiles.items():
        for bank in profile.banks:
            yield ValueRow(key=f"bank:{board}:sram:{bank.name}", value=str(bank.size_bytes), basis="given")
        yield ValueRow(key=f"bank:{board}:flash:flash", value=str(profile.flash.size_bytes), basis="given")


def _bases(party: Assembly) -> Iterator[ValueRow]:
    for board in party.profiles:
        node = next(n for n, group in enumerate(party.groups) if group.board == board)
        cost = party.step_cost(node)
        text = f"{cost.instructions:,} instructions, {cost.time_us / 1000:.3g} ms, {cost.energy_nj / 1e6:.3g} mJ"
        yield ValueRow(key=f"basis:one training step on {board}", value=text, basis=MODELLED)
    for name, value, basis in (
        ("weights, logits, updates", "integer arithmetic of the node's own C engine", "counted"),
        ("bytes on the air", "length of the encoded frames", "counted"),
        ("memory of the node", "plan and ledger; code size from a linked image", "planned"),
        ("time on the air", "BLE link-layer timing, Bluetooth Core specification", MODELLED),
        ("energy", "currents of the board profile times time in each state", MODELLED),
    ):
        yield ValueRow(key=f"basis:{name}", value=value, basis=basis)
    for board, profile in party.profiles.items():
        for item in profile.unverified:
            yield ValueRow(key=f"basis:{board} {item}", value="not looked up in the maker's document", basis="unverified")


def _digests(stage: Stage, name: str, values: list[Values]) -> list[ValueRow]:
    """SHA-256 of every node's final trained values."""
    layout = stage.party.plan.layout
    return [
        ValueRow(
            key=f"digest:{name}:end:{node}", value=hashlib.sha256(state_bytes(layout, v)).hexdigest(), basis="counted"
        )
        for node, v in enumerate(values)
    ]


def _identity(party: Assembly) -> dict[str, str]:
    """What must be the same for a journal to be worth anything."""
    return {
        "plan": party.plan.digest,
        "model": hashlib.sha256(party.plan.model).hexdigest(),
        "scenario": hashlib.sha256(dump(party.scenario).encode()).hexdigest(),
        "mcufleet": fleet.__version__,
        "origin": str(party.scenario.path.resolve()) if party.scenario.path else "",
    }


def _origin(folder: RunFolder) -> Path | None:
    """The file that a run's relative paths count from."""
    with folder.journal() as journal:
        first = next(journal.replay(), None)
    if first is None:
        raise RunError(f"{folder.path}: expected a journal with a beginning, got an empty one; run the scenario again")
    return Path(first["origin"]) if first["origin"] else None
