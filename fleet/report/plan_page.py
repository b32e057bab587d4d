"""The page of one plan: its arena over a training step, its numbers as papers count them, and each board's ledger."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from fleet.base.errors import InputError
from fleet.record import write_whole
from fleet.report.numbers import THIN, duration, energy
from fleet.report.page import page
from fleet.report.plan_figure import arena_figure, load_figure
from fleet.report.sections import Sheet, section
from fleet.report.tables import table
from fleet.run.plans import Network, OnBoard, Planned


def write_plan(file: Path, net: Network, boards: Sequence[OnBoard]) -> Path:
    """Writes the page of a plan on some boards; the file. InputError where nothing can be written."""
    try:
        write_whole(file, render_plan(net, boards).encode())
    except OSError as fault:
        text = f"expected a place to write to, got {fault.strerror or fault}; name another"
        raise InputError.one(f"--html {file}", text) from fault
    return file


def render_plan(net: Network, boards: Sequence[OnBoard]) -> str:
    """The whole page."""
    found, sheet = boards[0].planned, Sheet()
    body = "".join(
        (
            _opening(net, found, boards),
            section("The plan of one training step", sheet.place(arena_figure(found.plan), load_figure(found.plan))),
            section("The same, as papers count it", _definitions(found)),
            *(section(f"The memory ledger of {each.profile.board}", _ledger(each)) for each in boards),
            section("How to get this again", _again(net, found, boards)),
        )
    )
    return page(f"{net.name}, {found.name}: plan", body, sheet, name=f"{net.name}-{found.name}".replace(":", "-"))


def _opening(net: Network, found: Planned, boards: Sequence[OnBoard]) -> str:
    title = f"What does training {found.name} of {net.name} take?"
    plan = found.plan
    said = f"{found.size_bytes:,}{THIN}B: {plan.state_bytes:,}{THIN}B of trained state and an arena of "
    proof = "proved to be the least for these steps" if plan.proved else "not yet proved to be the least"
    answers = "".join(f"<p>{escape(_verdict(each))}</p>" for each in boards)
    limits = "".join(f"<li>{escape(text)}</li>" for text in net.said)
    return (
        f"<header><p class=over>mcufleet · plan</p><h1>{escape(title)}</h1></header>"
        f"<section class=answer><p>{said}{plan.arena_bytes:,}{THIN}B, {proof}.</p>{answers}</section>"
        f"<ul class=limits>{limits}<li>Time and energy are modelled.</li></ul>\n"
    )


def _verdict(found: OnBoard) -> str:
    board, left = found.profile.board, found.free_bytes - found.sram_bytes
    fits = f"fits with {left:,} B to spare" if found.fits else f"does not fit: {_over(found)}"
    cost = f"a step takes {duration(found.cost.time_us)} and {energy(found.cost.energy_nj)}"
    return f"On {board} a whole node {fits}; {cost} (modelled)."


def _over(found: OnBoard) -> str:
    ledger = found.ledger
    return ", ".join(f"{ledger.taken(bank) - ledger.capacity(bank):,} B over in {bank}" for bank in found.over)


def _definitions(found: Planned) -> str:
    rows = [(item.name, item.counts, f"{item.size_bytes:,}") for item in found.definitions]
    return table(("counted as", "what is counted", "bytes"), rows, numbers_from=2, strong=0)


def _ledger(found: OnBoard) -> str:
    ledger = found.ledger
    rows = []
    for bank in dict.fromkeys(line.bank for line in ledger.lines):
        for line in (line for line in ledger.lines if line.bank == bank):
            basis = f"{line.basis}, unverified" if line.unverified else line.basis
            rows.append((bank, line.item, line.reason, basis, f"{line.size_bytes:,}"))
        rows.append((bank, "sum", f"of {ledger.capacity(bank):,} B", "", f"{ledger.taken(bank):,}"))
    return table(("bank", "item", "reason", "known by", "bytes"), rows, numbers_from=4)


def _again(net: Network, found: Planned, boards: Sequence[OnBoard]) -> str:
    devices = " ".join(f"--device {each.profile.board}" for each in boards)
    command = f"fleet plan --model {net.name} {devices} --scheme {found.name}"
    halves = (found.plan.digest[:32], found.plan.digest[32:])
    digest = "<wbr>".join(f"<code>{half}</code>" for half in halves)  # a narrow screen breaks it
    return f"<p><code>{escape(command)}</code></p><p>SHA-256 of the plan: {digest}</p>"
