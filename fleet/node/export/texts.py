"""The texts of a project that come from templates: Makefile, README, the board's link script."""

import re
from collections.abc import Mapping

from fleet.base.errors import InputError
from fleet.base.places import package_data
from fleet.node.export.kinds import Kind
from fleet.node.export.record import Project
from fleet.node.export.target import clang_flags, gnu_flags, target
from fleet.node.plan.banks import STACK
from fleet.node.plan.ledger import Ledger
from fleet.node.plan.plan import Plan
from fleet.node.plan.slots import slots_of
from fleet.node.profile import FLASH, usable

TABLE_TEXT = """Profile `table`: `data/plan_data.c` holds the plan as words that the engine's interpreter runs."""
STATIC_TEXT = """Profile `static`: `data/steps.c` calls the operators in the order in which they run, with shapes and
scales beside them; there is no interpreter, and what no step uses is not linked. Values can be pushed, plans cannot."""
ROUND_CALLS = """A round, in calls (`node/fe_client.h`):

```c
fe_client_start(node);                 /* once; the number of this node in its fleet */
fe_client_push(frame, length);         /* what the server sent */
/* fill fe_client_input() with a window, or hand its address to fe_client_window(), then */
fe_client_train(label);                /* as often as the round asks for */
length = fe_client_update(windows);    /* the answer lies in fe_frame */
```"""
INFERENCE_CALLS = """An inference, in calls (`node/fe_client.h`):

```c
fe_client_start(0);                    /* once */
/* fill fe_client_input() with a window, or hand its address to fe_client_window(), then */
output = fe_client_infer();            /* stays until the next one */
```"""


def makefile(project: Project) -> str:
    """The project's Makefile, for the packaged clang and for GNU."""
    return own(
        "Makefile",
        {
            "name": project.name,
            "clang": " ".join(clang_flags(project.core, project.stack_bytes, ())),
            "gnu_compiler": target(project.core).gnu_compiler,
            "gnu": " ".join(gnu_flags(project.core, project.stack_bytes, ())),
        },
    )


def readme(planned: Ledger, project: Project) -> str:
    """One page: what this is, how to build it, what is whose, what it takes."""
    plan, profile = planned.plan, planned.profile
    board = {"board": profile.board, "core": profile.core, "gnu_compiler": target(profile.core).gnu_compiler}
    return own("README.md", {**_words(plan, project), **board, "name": project.name, "memory": memory_table(planned)})


def _words(plan: Plan, project: Project) -> dict[str, str]:
    """What differs between projects that train and that infer, that interpret and that call."""
    network, parameters = f"`{plan.graph.name}`", f"{plan.graph.parameters:,}"
    trains = f"A node that learns on the device: {network}, {plan.layout.size:,} of its {parameters} parameters train"
    return {
        "what": f"{trains} (scheme `{plan.scheme.name}`)"
        if plan.trains
        else f"A node that infers: {network}, {parameters} parameters",
        "numbers": "no libm; floating point where gradients or edges are" if plan.floats else "no floating point",
        "profile": STATIC_TEXT if project.kind is Kind.STATIC else TABLE_TEXT,
        "runs": f"runs {project.trial.steps} training steps" if plan.trains else "infers on each window",
        "data": "the model and the steps" if project.kind is Kind.STATIC else "the model and the plan",
        "calls": ROUND_CALLS if plan.trains else INFERENCE_CALLS,
    }


def link_script(template: str, planned: Ledger) -> str:
    """A board's link script: start and size of what reservations leave of every bank, and what lies where.

    @stack.bank@ is the bank of the stack in capitals; @bank.objects@ lists what a bank holds besides, nothing for the
    first, which takes what is left over.
    """
    profile = planned.profile
    known = {f"bank.{part}": f"@bank.{part}@" for part in ("start", "size", "objects")}  # how templates name themselves
    known["stack.bank"] = planned.symbols("sram")[STACK].bank.upper()
    for bank in [*(b.name for b in profile.banks), FLASH]:
        part = usable(profile, bank)
        end = slots_of(planned.plan, profile).first if bank == FLASH and planned.runtime else part.end
        known |= {f"{bank}.start": f"{part.start:#010x}", f"{bank}.size": str(end - part.start)}
    for other in profile.banks[1:]:
        known[f"{other.name}.objects"] = _input_sections(moved(planned, other.name))
    return filled(template, known, where=f"{profile.board}/port")


def _input_sections(objects: list[str]) -> str:
    """In one list they keep the order of their source, where the widest alignment comes first."""
    return f"*({' '.join(f'.bss.{symbol}' for symbol in objects)})" if objects else ""


def moved(planned: Ledger, bank: str) -> list[str]:
    """Objects that a bank other than the first holds and the start-up has to zero: all but the stack."""
    if bank == planned.profile.banks[0].name:
        return []
    return [symbol for symbol, line in planned.symbols("sram").items() if line.bank == bank and symbol != STACK]


def filled(template: str, known: Mapping[str, str], *, where: str) -> str:
    """The template with every @name@ replaced; InputError for a name that is not known."""

    def value(found: re.Match[str]) -> str:
        if found.group(1) not in known:
            text = f"expected one of {', '.join(known)}, got '@{found.group(1)}@'; correct the template"
            raise InputError.one(where, text)
        return known[found.group(1)]

    return re.sub(r"@([\w.]+)@", value, template)


def memory_table(ledger: Ledger) -> str:
    """The ledger as Markdown."""
    head = ["| bank | item | bytes | known by | why |", "|---|---|---:|---|---|"]
    rows = []
    for line in ledger.lines:
        basis = f"{line.basis}, unverified" if line.unverified else line.basis
        rows.append(f"| {line.bank} | {line.item} | {line.size_bytes:,} | {basis} | {line.reason} |")
    banks = dict.fromkeys(line.bank for line in ledger.lines)
    totals = [
        f"| {bank} | **in all** | **{ledger.taken(bank):,}** | | of {ledger.capacity(bank):,} |" for bank in banks
    ]
    return "\n".join([*head, *rows, *totals])


def own(name: str, known: Mapping[str, str]) -> str:
    """A template of this package, filled."""
    path = package_data("node", "export", "templates", f"{name}.in")
    return filled(path.read_text(encoding="utf-8"), known, where=name)
