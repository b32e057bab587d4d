"""The commands. Each is a few lines: ask a room, print what came back. Rooms are imported where they are used."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

import fleet
from fleet.cli import show
from fleet.cli.exits import Commands, Interrupted, terminated_like_ctrl_c

if TYPE_CHECKING:
    from fleet.node.export import Kind

app = typer.Typer(
    cls=Commands,
    name="fleet",
    help="Federated and continual learning on microcontrollers, simulated to the byte.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ScenarioPath = Annotated[
    Path, typer.Argument(metavar="FILE", help="a scenario; `fleet scenarios` lists those that ship")
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="threads; the result does not depend on it")]
AllowCode = Annotated[bool, typer.Option("--allow-code", help="run a strategy that the file names by import path")]
NetName = Annotated[
    str | None, typer.Option("--model", metavar="NET", help="a net of the zoo, a .tflite, or an .npz of a graph")
]
GradientsName = Annotated[str, typer.Option("--gradients", help="int8 or fp32")]
ExponentsName = Annotated[str, typer.Option("--exponents", help="of int8 gradients: static or dynamic")]
UpdateName = Annotated[str, typer.Option("--update", help="rule of the update, as in a scenario")]
WindowPlace = Annotated[str, typer.Option("--input", help="streamed (read where it lies) or resident")]
Resolution = Annotated[int | None, typer.Option("--resolution", min=1, help="side of the input, of a net of the zoo")]
Classes = Annotated[int | None, typer.Option("--classes", min=2, help="of a new head")]
Budget = Annotated[
    str | None, typer.Option("--budget", metavar="SIZE", help="of trained state and arena, as '100 KiB'")
]

RUNS = Path("runs")
CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """Runs the command line and exits with its code."""
    with terminated_like_ctrl_c():
        app()


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"mcufleet {fleet.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version and exit")
    ] = False,
) -> None:
    """Options of every command."""


@app.command()
def run(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="a scenario")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="new folder; default runs/<name>")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="instead of the scenario's own")] = None,
    jobs: Jobs = CPUS,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="RUN", help="go on with an interrupted run")
    ] = None,
    allow_code: AllowCode = False,
) -> None:
    """Run a scenario: every line of the comparison, in virtual time."""
    if (file is None) == (resume is None):
        raise typer.BadParameter("expected a scenario FILE or --resume RUN, one of the two", param_hint="FILE")
    if resume is not None:
        if out is not None or seed is not None:
            raise typer.BadParameter(
                "expected neither --out nor --seed: a resumed run keeps its own", param_hint="--resume"
            )
        _resume(resume, jobs, allow_code=allow_code)
    elif file is not None:
        _run(file, out, seed, jobs, allow_code=allow_code)


def _run(file: Path, out: Path | None, seed: int | None, jobs: int, *, allow_code: bool) -> None:
    from fleet.scenario import load

    scenario = load(file, seed=seed, allow_code=allow_code)
    folder = out or fresh(RUNS / scenario.name)
    screen = show.console()
    screen.print(Text(scenario.question, style="bold"))
    with _interruptible(folder):
        from fleet.run import execute

        with show.progress(screen) as progress:
            execute(scenario, out=folder, jobs=jobs, progress=progress)
        _finish(folder)


def _resume(folder: Path, jobs: int, *, allow_code: bool) -> None:
    with _interruptible(folder):
        from fleet.run import resume

        with show.progress(show.console()) as progress:
            resume(folder, jobs=jobs, progress=progress, allow_code=allow_code)
        _finish(folder)


@contextmanager
def _interruptible(folder: Path) -> Iterator[None]:
    """Within it, Ctrl-C and SIGTERM end with a line that says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        kept = (folder / "versions.json").is_file()
        go_on = f"what is done is kept, go on with: fleet run --resume {folder}"
        raise Interrupted(go_on if kept else "nothing was recorded yet, run the command again") from None


def fresh(wanted: Path) -> Path:
    """The folder itself while it is free, else the same name with the next number."""
    numbered = (wanted.with_name(f"{wanted.name}-{n}") for n in count(2))
    return next(folder for folder in chain([wanted], numbered) if not folder.exists())


def _finish(folder: Path) -> None:
    """Writes the report and prints the table and where the report is."""
    from fleet.record import open_run
    from fleet.report import Story, write_page
    from fleet.report.summary import HEADINGS, lines, notes

    story = Story.read(open_run(folder))
    found = lines(story)
    screen = show.console()
    screen.print(show.table(HEADINGS, [line.cells() for line in found], marked=len(found) - 1))
    for note in notes(story):
        typer.echo(note)
    typer.echo(f"report: {write_page(story)}")


@app.command()
def check(file: ScenarioPath, allow_code: AllowCode = False) -> None:
    """Say what a scenario resolves to, or everything that is wrong with it."""
    from fleet.cli.resolve import check_rows, resolve
    from fleet.scenario import load

    scenario = load(file, allow_code=allow_code)
    found = resolve(scenario)
    screen = show.console()
    screen.print(Text(scenario.question, style="bold"))
    screen.print(show.words(None, check_rows(found)))


@app.command()
def plan(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="a scenario, instead of --model")] = None,
    allow_code: AllowCode = False,
    model: NetName = None,
    device: Annotated[list[str] | None, typer.Option("--device", metavar="BOARD", help="may be repeated")] = None,
    scheme: Annotated[
        str | None,
        typer.Option("--scheme", metavar="TEXT", help="full, head, bias:12, last_k:4, sparse:100kb, ...; default: all"),
    ] = None,
    gradients: GradientsName = "int8",
    exponents: ExponentsName = "static",
    update: UpdateName = "stochastic",
    window: WindowPlace = "streamed",
    resolution: Resolution = None,
    classes: Classes = None,
    budget: Budget = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="picture of the plan")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
    prove: Annotated[bool, typer.Option("--prove", help="look until the placement is proved to be the least")] = False,
    paging: Annotated[
        str | None, typer.Option("--paging", help="recompute, flash or both: into --budget, layer by layer")
    ] = None,
    search: Annotated[bool, typer.Option("--search", help="train to find the best scheme in --budget")] = False,
    selector: Annotated[str, typer.Option("--selector", help="of a search: contribution or fisher")] = "contribution",
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="of a search: new, or to go on with")] = None,
    jobs: Jobs = CPUS,
) -> None:
    """What each training scheme needs of a board: of a scenario, or of any network. Trains only to --search."""
    if search:
        _plan_search(file, model, budget, selector, out, jobs, allow_code=allow_code)
        return
    if out is not None:
        raise typer.BadParameter(
            "expected --search beside it, got none; only a search leaves files", param_hint="--out"
        )
    if (file is None) == (model is None):
        raise typer.BadParameter("expected a scenario FILE or --model NET, one of the two", param_hint="FILE")
    if file is not None:
        if file.suffix in (".tflite", ".npz"):
            raise typer.BadParameter(f"expected a scenario, got a network; write --model {file}", param_hint="FILE")
        _plan_scenario(file, allow_code=allow_code)
    elif model is not None:
        if not device:
            raise typer.BadParameter("expected a board; `fleet devices` lists them", param_hint="--device")
        from fleet.cli.plan import Asked, plan_model

        plan_model(
            Asked(
                model=model, devices=tuple(device), scheme=scheme, gradients=gradients, exponents=exponents,
                rule=update, window=window, side=resolution, classes=classes, budget=budget, html=html,
                as_json=as_json, prove=prove, paging=paging,
            )
        )  # fmt: skip


def _plan_search(
    file: Path | None,
    model: str | None,
    budget: str | None,
    selector: str,
    out: Path | None,
    jobs: int,
    *,
    allow_code: bool,
) -> None:
    if file is None or model is not None:
        text = "expected a scenario FILE, got none: a search trains, and needs its data beside its network"
        raise typer.BadParameter(text, param_hint="--search")
    from fleet.cli.search import Options, plan_search

    plan_search(file, Options(budget=budget, selector=selector, out=out, jobs=jobs, allow_code=allow_code))


def _plan_scenario(file: Path, *, allow_code: bool) -> None:
    from fleet.cli.resolve import PLAN_HEADINGS, plan_rows
    from fleet.scenario import load, recipe_text

    scenario = load(file, allow_code=allow_code)
    screen, how = show.console(), recipe_text(scenario.training)
    for board in dict.fromkeys(group.board for group in scenario.fleet):
        screen.print(
            Text(f"{scenario.net_name} on {board}, the scenario's own scheme first; time and energy are modelled")
        )
        screen.print(Text(f"every scheme with {how}"))
        screen.print(show.table(PLAN_HEADINGS, plan_rows(scenario, board), marked=0))


@app.command()
def prepare(
    file: ScenarioPath,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="NPZ", help="default: as the scenario or its net is named")
    ] = None,
) -> None:
    """Pretrain and quantise a scenario's model, as the shipped ones were made. Needs PyTorch."""
    from fleet.scenario import load

    scenario = load(file, preparing=True)
    with show.progress(show.console()) as progress:
        from fleet.run.prepare import prepare as make

        made = make(scenario, out=out or scenario.model_file, progress=progress)
    typer.echo(f"model: {made}")


@app.command()
def report(folder: Annotated[Path, typer.Argument(metavar="RUN", help="a run folder")]) -> None:
    """Write the report of a run again, from its tables."""
    _finish(folder)


@app.command()
def devices(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="one board or module, with its sources")] = None,
) -> None:
    """List boards, with the memory that their radio stacks leave, and radio modules; or one with its sources."""
    from fleet.cli import boards

    if name is not None:
        typer.echo("\n".join(boards.origin_lines(boards.one_of(name))))
        return
    show.console().print(show.table(boards.DEVICE_HEADINGS, boards.device_rows()))
    show.console().print(show.table(boards.MODULE_HEADINGS, boards.module_rows()))


@app.command()
def scenarios(
    fields: Annotated[bool, typer.Option("--fields", help="print every key of a scenario, as Markdown")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="print the JSON Schema, for editors")] = False,
) -> None:
    """List the scenarios that ship, each with its question."""
    from fleet.cli.listing import scenario_rows
    from fleet.scenario.tables import json_schema_text, readme

    if fields or schema:
        typer.echo(readme() if fields else json_schema_text(), nl=False)
    else:
        show.console().print(show.words(("scenario", "question"), scenario_rows()))


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="a new folder")],
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="a scenario, instead of --model")] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="BOARD", help="default of a scenario: the first of its fleet")
    ] = None,
    profile: Annotated[
        str, typer.Option("--profile", help="table (plans can be pushed) or static (calls; smallest)")
    ] = "table",
    model: NetName = None,
    scheme: Annotated[
        str | None, typer.Option("--scheme", metavar="TEXT", help="of --model, as in `fleet plan`")
    ] = None,
    inference: Annotated[bool, typer.Option("--inference", help="of --model: nothing trains")] = False,
    runtime: Annotated[
        bool, typer.Option("--runtime", help="of a scenario: with what takes part in rounds by itself")
    ] = False,
    gradients: GradientsName = "int8",
    exponents: ExponentsName = "static",
    update: UpdateName = "stochastic",
    window: WindowPlace = "streamed",
    resolution: Resolution = None,
    classes: Classes = None,
    budget: Budget = None,
) -> None:
    """Write a node as a C project for a board: of a scenario with windows to verify it on, or of any network."""
    from fleet.cli.firmware import chosen, export_model
    from fleet.cli.plan import Asked
    from fleet.node.export import Kind

    if (file is None) == (model is None):
        raise typer.BadParameter("expected a scenario FILE or --model NET, one of the two", param_hint="FILE")
    kind = chosen("--profile", profile, Kind)
    if file is not None:
        made = _export_scenario(file, device, out, kind, given=scheme is not None or inference, runtime=runtime)
    elif model is not None:
        if device is None:
            raise typer.BadParameter("expected a board; `fleet devices` lists them", param_hint="--device")
        if runtime:
            raise typer.BadParameter("expected a scenario, whose rounds it takes part in", param_hint="--runtime")
        if (scheme is None) != inference:
            text = "expected --scheme TEXT or --inference, one of the two; `fleet plan --model` lists schemes"
            raise typer.BadParameter(text, param_hint="--scheme")
        asked = Asked(
            model=model, devices=(device,), scheme=scheme, gradients=gradients, exponents=exponents, rule=update,
            window=window, side=resolution, classes=classes, budget=budget, html=None, as_json=False, prove=False,
        )  # fmt: skip
        made, said = export_model(asked, out, kind)
        typer.echo("\n".join(said))
    typer.echo(f"project: {made}\nnext: fleet verify {made}")


def _export_scenario(file: Path, device: str | None, out: Path, kind: "Kind", *, given: bool, runtime: bool) -> Path:
    """given: whether an option is there that a scenario says itself."""
    from fleet.cli.firmware import export_node
    from fleet.scenario import load

    if file.suffix in (".tflite", ".npz"):
        raise typer.BadParameter(f"expected a scenario, got a network; write --model {file}", param_hint="FILE")
    if given:
        raise typer.BadParameter("expected --model beside it, got a scenario, which has its own", param_hint="--scheme")
    scenario = load(file, allow_code=True)  # nothing of a strategy runs here
    return export_node(scenario, device or scenario.fleet[0].board, out, kind, runtime=runtime)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a project that `fleet export` wrote")],
    backend: Annotated[
        str | None, typer.Option("--backend", help="unicorn or qemu; default: unicorn where it knows the core")
    ] = None,
    compiler: Annotated[str, typer.Option("--compiler", help="clang (packaged) or gcc (installed by you)")] = "clang",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output, for machines")] = False,
) -> None:
    """Build a project, run it in an emulator, and compare every byte with the simulation."""
    from fleet.cli.firmware import chosen
    from fleet.cli.verify import verified
    from fleet.node import twin

    emulator = None if backend is None else chosen("--backend", backend, twin.Emulator)
    verified(folder, emulator, chosen("--compiler", compiler, twin.Compiler), as_json=as_json)


@app.command()
def gateway(
    file: ScenarioPath,
    nodes: Annotated[
        str | None,
        typer.Option("--nodes", metavar="LIST", help="udp:HOST:PORT, serial:DEVICE[:BAUD], emulated:N, simulated:N"),
    ] = None,
    superlink: Annotated[
        str, typer.Option("--superlink", metavar="HOST:PORT", help="where flower-superlink listens")
    ] = "127.0.0.1:8000",
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="of nodes at a link: `fleet keys`")
    ] = None,
    first: Annotated[int, typer.Option("--first", min=0, help="number of the first of these nodes")] = 0,
    once: Annotated[bool, typer.Option("--once", help="leave when the run that asked is over; default: stay")] = False,
    patience: Annotated[str, typer.Option("--patience", help="how long a node may train in a round")] = "60 s",
    certificates: Annotated[
        Path | None, typer.Option("--root-certificates", metavar="PEM", help="default: a SuperLink with --insecure")
    ] = None,
    app_folder: Annotated[
        Path | None, typer.Option("--app", metavar="DIR", help="write the Flower app for `flwr run`, and end")
    ] = None,
    model: Annotated[
        Path, typer.Option("--model", metavar="NPZ", help="of --app: what the trained model becomes")
    ] = Path("model.npz"),
    jobs: Jobs = CPUS,
    allow_code: AllowCode = False,
) -> None:
    """Join boards, emulated and simulated nodes to a Flower federation, as its SuperNodes."""
    from fleet.cli.gateway import Asked, make_app, run_gateway
    from fleet.scenario import load

    scenario = load(file, allow_code=allow_code)
    if app_folder is not None:
        make_app(scenario, app_folder, model)
    elif nodes is None:
        raise typer.BadParameter("expected nodes to join, got none; write --nodes emulated:2", param_hint="--nodes")
    else:
        asked = Asked(
            superlink=superlink, nodes=nodes, keys=keys, first=first, once=once, patience=patience,
            certificates=certificates, jobs=jobs,
        )  # fmt: skip
        run_gateway(scenario, asked)


@app.command()
def node(
    file: ScenarioPath,
    number: Annotated[int, typer.Option("--node", min=0, help="which of the scenario's nodes")],
    at: Annotated[str, typer.Option("--at", metavar="PLACE", help="udp:HOST:PORT or serial:DEVICE[:BAUD]")],
    keys: Annotated[Path, typer.Option("--keys", metavar="FILE", help="as `fleet keys` makes it")],
    project: Annotated[
        Path | None,
        typer.Option("--project", metavar="DIR", help="an export with --runtime; default: a fresh one"),
    ] = None,
    flash: Annotated[
        Path | None,
        typer.Option("--flash", metavar="FILE", help="where the node remembers what a restart must not forget"),
    ] = None,
) -> None:
    """Be one emulated node of a scenario, for a gateway to talk to."""
    from fleet.cli.gateway import run_node
    from fleet.scenario import load

    run_node(load(file, allow_code=True), number, at, keys, project, flash)


@app.command()
def keys(
    count: Annotated[int, typer.Argument(min=1, max=100_000, help="nodes")],
    first: Annotated[int, typer.Option("--first", min=0, help="number of the first")] = 0,
) -> None:
    """Print new keys of nodes: keep them in a file that only you can read."""
    from fleet.cli.gateway import make_keys

    make_keys(count, first)


@app.command()
def calibrate(
    core: Annotated[
        list[str] | None, typer.Option("--core", metavar="CORE", help="may be repeated; default: all")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="default: the package's own tables")] = None,
    check: Annotated[bool, typer.Option("--check", help="hold the tables against new counts, write nothing")] = False,
) -> None:
    """Count the engine's instructions on emulated cores, which time and energy are modelled from."""
    from fleet.cli.calibrate import check_tables, write_tables

    if check and out is not None:
        raise typer.BadParameter("expected no --out beside --check, which writes nothing", param_hint="--out")
    if check:
        check_tables(tuple(core or ()))
    else:
        write_tables(tuple(core or ()), out)
