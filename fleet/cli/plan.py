"""`fleet plan --model`: one scheme with its plan, or a table of all. Nothing is trained and no data is read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from fleet.base.errors import DoesNotFit, Fault, InputError
from fleet.base.keys import nearest
from fleet.base.units import SIZE_BYTES, whole
from fleet.cli import plan_words as words
from fleet.cli import show
from fleet.node.model.recipe import Exponents, Gradients, Recipe, Rule
from fleet.node.plan.ledger import arithmetic
from fleet.node.plan.placement import Effort
from fleet.node.profile import Profile, load_profile
from fleet.run.paging import WAYS
from fleet.run.plans import Network, OnBoard, Said, Terms, check_budget, network, on_board, planned
from fleet.run.proposals import Search, changes, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of the command, as written."""

    model: str
    devices: tuple[str, ...]
    scheme: str | None
    gradients: str
    exponents: str
    rule: str
    window: str
    side: int | None
    classes: int | None
    budget: str | None
    html: Path | None
    as_json: bool
    prove: bool
    paging: str | None = None


def plan_model(asked: Asked) -> None:
    """Prints what was asked for; DoesNotFit after it where a scheme does not fit."""
    profiles, terms = checked(asked)
    net = network(asked.model, classes=asked.classes, side=asked.side)
    if asked.scheme is not None and asked.paging is not None:
        from fleet.cli.plan_paging import plan_paging

        plan_paging(net, terms, profiles, asked.scheme, asked.paging, as_json=asked.as_json)
    elif asked.scheme is not None:
        _one(asked, net, terms, profiles, asked.scheme)
    else:
        _table(asked, net, terms, profiles)


# --- options ---------------------------------------------------------------------------------------------------


def checked(asked: Asked) -> tuple[list[Profile], Terms]:
    """The boards and the terms that the options name; InputError with all faults at once."""
    faults: list[Fault] = []
    if asked.scheme is None:
        wants = {"--prove": asked.prove, "--html": asked.html is not None, "--budget": asked.budget is not None}
        wants["--paging"] = asked.paging is not None
        text = "expected --scheme beside it, got none; name the scheme"
        faults += [Fault(option, text) for option, given in wants.items() if given]
    faults += _odd_paging(asked)
    recipe = Recipe(
        gradients=Gradients(_one_of("--gradients", asked.gradients, [g.value for g in Gradients], faults)),
        exponents=Exponents(_one_of("--exponents", asked.exponents, [e.value for e in Exponents], faults)),
        rule=Rule(_one_of("--update", asked.rule, [r.value for r in Rule], faults)),
    )
    window = _one_of("--input", asked.window, ["streamed", "resident"], faults)
    budget = _budget(asked.budget, faults)
    profiles = _profiles(asked.devices, faults)
    if faults:
        raise InputError(faults)
    return profiles, Terms(recipe=recipe, input_streamed=window == "streamed", budget_bytes=budget)


def _odd_paging(asked: Asked) -> list[Fault]:
    """What --paging cannot stand beside, or without."""
    if asked.paging is None:
        return []
    faults: list[Fault] = []
    _one_of("--paging", asked.paging, WAYS, faults)
    if asked.budget is None:
        faults.append(Fault("--paging", "expected --budget beside it, got none; name the bytes it has to keep to"))
    for option, given in (("--html", asked.html is not None), ("--prove", asked.prove)):
        if given:
            faults.append(Fault(option, "expected a plan without --paging, got one with it; leave one of them out"))
    return faults


def _one_of(option: str, given: str, known: Sequence[str], faults: list[Fault]) -> str:
    if given in known:
        return given
    near = nearest(given, known)
    advice = f"did you mean '{near}'?" if near else "choose one of these"
    faults.append(Fault(option, f"expected one of {', '.join(known)}, got '{given}'; {advice}"))
    return known[0]


def _budget(text: str | None, faults: list[Fault]) -> int | None:
    if text is None:
        return None
    try:
        return int(text) if text.isdecimal() else whole(text, SIZE_BYTES)
    except ValueError as fault:
        faults.append(Fault("--budget", str(fault)))
        return None


def _profiles(devices: Sequence[str], faults: list[Fault]) -> list[Profile]:
    profiles = []
    for name in dict.fromkeys(devices):
        try:
            profiles.append(load_profile(name))
        except InputError as fault:
            faults += [Fault("--device" if each.where == "board" else each.where, each.text) for each in fault.faults]
    return profiles


# --- what is shown while it runs -----------------------------------------------------------------------------------


@contextmanager
def telling() -> Iterator[Said]:
    """Within it, a line on standard error that is overwritten in a terminal, and printed in a pipe."""
    screen = Console(stderr=True, highlight=False)
    if not screen.is_terminal:
        yield lambda text: screen.print(Text(text), soft_wrap=True)
        return
    with Live(Text(""), console=screen, transient=True, auto_refresh=False) as live:
        yield lambda text: live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)


# --- one scheme --------------------------------------------------------------------------------------------------


def _one(asked: Asked, net: Network, terms: Terms, profiles: Sequence[Profile], scheme: str) -> None:
    with telling() as said:

        def placed(method: str, peak_bytes: int, bound_bytes: int) -> None:
            said(f"{method}: arena {peak_bytes:,} B, no less than {bound_bytes:,} B")

        found = planned(
            net, scheme, terms, effort=Effort.PROVE if asked.prove else Effort.QUICK,
            progress=placed if asked.prove else None,
        )  # fmt: skip
    boards = [on_board(found, profile) for profile in profiles]
    if asked.as_json:
        from fleet.cli.plan_json import as_text

        typer.echo(as_text(net, terms, [boards], ()))
    else:
        _print_one(asked, net, terms, boards)
    if asked.html is not None:
        _write(asked.html, net, boards, asked.as_json)
    check_budget(found, terms)
    check_boards([each for each in boards if not each.fits], net, terms)


def _print_one(asked: Asked, net: Network, terms: Terms, boards: Sequence[OnBoard]) -> None:
    screen, found = show.console(), boards[0].planned
    screen.print(show.words(None, [*words.network_rows(net, terms), *words.scheme_rows(found, all_tried=asked.prove)]))
    screen.print()
    screen.print(show.table(words.DEFINITION_HEADINGS, words.definition_rows(found), left=1, wrapped=2))
    for each in boards:
        verdict = "fits" if each.fits else "does not fit"
        screen.print(Text(f"\n{each.profile.board}: {verdict}", style="bold"))
        screen.print(Text(words.cost_words(each)))
        screen.print(show.table(words.LEDGER_HEADINGS, words.ledger_cells(each), left=2, wrapped=4))


def _write(file: Path, net: Network, boards: Sequence[OnBoard], as_json: bool) -> None:
    from fleet.report.plan_page import write_plan

    typer.echo(f"picture: {write_plan(file, net, boards)}", err=as_json)


def check_boards(refused: Sequence[OnBoard], net: Network, terms: Terms) -> None:
    """Raises DoesNotFit with the arithmetic of every bank and what would fit."""
    if not refused:
        return
    texts = []
    with telling() as said:
        for each in refused:
            advice = _advice(Search(net=net, terms=_free(terms), profile=each.profile, said=said))
            texts += [f"{arithmetic(each.ledger, bank)}; {advice}" for bank in each.over]
    raise DoesNotFit("\n".join(texts))


def _free(terms: Terms) -> Terms:
    return Terms(recipe=terms.recipe, input_streamed=terms.input_streamed)


def _advice(search: Search) -> str:
    best = search.largest()
    if best is not None:
        size = f"{best.planned.plan.layout.size:,} trained values in {best.sram_bytes:,} of {best.free_bytes:,} B"
        return f"the largest scheme that fits is '{best.planned.name}', with {size}"
    ways = changes(search)
    if not ways:
        return "no scheme of this network fits on any board; take a smaller network"
    return f"no scheme of this network fits; with {' or '.join(ways)} `head` does"


# --- all schemes -------------------------------------------------------------------------------------------------


def _table(asked: Asked, net: Network, terms: Terms, profiles: Sequence[Profile]) -> None:
    found: list[list[OnBoard]] = []
    left_out: list[str] = []
    with telling() as said:
        schemes = listed(net.graph)
        for number, scheme in enumerate(schemes, start=1):
            said(f"planning {scheme}, {number} of {len(schemes)}")
            try:
                made = planned(net, scheme, terms)
            except InputError as fault:
                left_out.append(f"{scheme}: {fault.faults[0].text}")
                continue
            found.append([on_board(made, profile) for profile in profiles])
    if asked.as_json:
        from fleet.cli.plan_json import as_text

        typer.echo(as_text(net, terms, found, left_out))
    else:
        _print_table(net, terms, found, left_out)
    _check_some_fit(found, net, terms)


def _print_table(net: Network, terms: Terms, found: Sequence[Sequence[OnBoard]], left_out: Sequence[str]) -> None:
    screen = show.console()
    screen.print(show.words(None, [*words.network_rows(net, terms), ("", words.layers_words(net))]))
    for column in zip(*found, strict=True):
        profile, marked = column[0].profile, words.most_that_fits(column)
        screen.print(Text(f"\n{profile.board}", style="bold"))
        screen.print(show.table(words.TABLE_HEADINGS, words.table_rows(column, marked), marked=marked))
        screen.print(Text("\n".join(words.table_notes(column, profile))))
    for text in left_out:
        screen.print(Text(f"not for this network: {text}"))


def _check_some_fit(found: Sequence[Sequence[OnBoard]], net: Network, terms: Terms) -> None:
    """Raises DoesNotFit for the boards on which no row fits, by the smallest one."""
    columns = [column for column in zip(*found, strict=True) if not any(each.fits for each in column)]
    check_boards([min(column, key=lambda each: each.sram_bytes) for column in columns], net, terms)
