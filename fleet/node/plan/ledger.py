"""Every byte of a board's SRAM and flash that a node takes, each with its reason, and the refusal of what does not fit.

`planned` lines are exact: `fleet verify` holds them against the symbols of a linked image. Code is `measured` once
an image was linked, before that `modelled` from images of the same engine, compiler and flags (code_size.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fleet.base.errors import DoesNotFit
from fleet.node.model.graph import Graph
from fleet.node.model.recipe import Recipe, Rule
from fleet.node.model.scheme import Layout, Scheme, build_scheme, layout_of
from fleet.node.plan.arena import EXPONENTS, aligned
from fleet.node.plan.banks import ARENA, STACK, arena_room, banks_of
from fleet.node.plan.choice import best_plan
from fleet.node.plan.code_size import code_size, largest_code_size
from fleet.node.plan.image import Section
from fleet.node.plan.plan import HEADER_WORDS, Plan
from fleet.node.plan.slots import HEAD_BYTES, checkpoint_bytes, model_bytes, slots_of
from fleet.node.plan.state import extras_of, state_size, whole_state_size
from fleet.node.profile import FLASH, Profile

if TYPE_CHECKING:
    from fleet.record.rows import LedgerRow, PlanRow

STACK_BYTES = 1024
"""Declared stack of a firmware. `fleet verify` paints it and counts: on Cortex-M4 and M7 892 to 916 bytes for the
deepest call of a training step; the rest is for an interrupt's frame (104 bytes with FPU registers) and its handler."""

STACKS = {"cortex-m0plus": 1280, "cortex-m55f": 1280}
"""Of cores where clang's frames are larger: 1,072 and 1,052 bytes counted for the same steps."""


def stack_of(core: str) -> int:
    """Declared stack of a core's firmware, unless somebody declares another."""
    return STACKS.get(core, STACK_BYTES)


USES = {
    "weights": ("frozen weights", "weights that never train, read where they lie"),
    "biases": ("frozen biases", "biases that never train"),
    "scales": ("scales", "one multiplier and shift per output channel"),
    "tables": ("tables", "curves, places and powers of e of operators without weights"),
    "training": ("training tables", "gradient factors and quantisation-aware rates per channel"),
    "first values": ("first values", "what the trained values are after reset"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Some bytes of one bank. symbol: the object of a linked image that must have this size, '' if none has."""

    memory: str
    bank: str
    item: str
    size_bytes: int
    reason: str
    basis: str = "planned"
    unverified: bool = False
    symbol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What a node of this plan takes of this board. windows: how many the log in flash holds. static, runtime: as
    ledger."""

    plan: Plan
    profile: Profile
    windows: int
    lines: tuple[Line, ...]
    static: bool = False
    runtime: bool = False

    def taken(self, bank: str) -> int:
        """Bytes of a bank that the lines add up to, reservations included."""
        return sum(line.size_bytes for line in self.lines if line.bank == bank)

    def capacity(self, bank: str) -> int:
        """Bytes of a whole bank."""
        sizes = {b.name: b.size_bytes for b in self.profile.banks} | {FLASH: self.profile.flash.size_bytes}
        return sizes[bank]

    def symbols(self, memory: str) -> dict[str, Line]:
        """What a linked image must show, by symbol; lines of one symbol as one."""
        found: dict[str, Line] = {}
        for line in self.lines:
            if line.symbol and line.memory == memory:
                first = found.get(line.symbol)
                size = line.size_bytes + (first.size_bytes if first else 0)
                found[line.symbol] = replace(first or line, size_bytes=size)
        return found


def ledger(
    plan: Plan,
    profile: Profile,
    *,
    windows: int = 0,
    code_bytes: int | None = None,
    stack_bytes: int | None = None,
    static: bool = False,
    runtime: bool = False,
) -> Ledger:
    """All lines of a plan on a board. windows: kept in flash to train on. code_bytes: of a linked image, if any.

    static: the steps are calls that were compiled, not words of a plan. runtime: with what takes part in rounds by
    itself. stack_bytes: by default what the core needs.
    """
    stack_bytes = stack_of(profile.core) if stack_bytes is None else stack_bytes
    lines = (
        *_spread(tuple(_sram(plan, profile.banks[0].name, stack_bytes, runtime)), profile),
        *_model(plan, static=static),
        *_code(plan, profile, code_bytes, runtime=runtime),
        *_log(plan, windows),
        *(_slots(plan, profile) if runtime else ()),
        *_reserved(profile),
    )
    order = {bank.name: i for i, bank in enumerate(profile.banks)}
    return Ledger(
        plan=plan, profile=profile, windows=windows, static=static, runtime=runtime,
        lines=tuple(sorted(lines, key=lambda l: order.get(l.bank, 99))),
    )  # fmt: skip


SESSION_BYTES = 148
"""sizeof(fe_session): counters, sequences, a slot being written, states."""

MAILBOX_BYTES = 84
"""sizeof(fe_mailbox): 21 words."""

SEAL_BYTES = 24
"""Behind a sealed frame: counter and tag. SPEC.md, section "Seal"."""

OFFER_BYTES = 152
"""A model's description and signature, the longest frame that no plan shortens. SPEC.md, section "Frames"."""


def runtime_bytes(classes: int, *, streamed: bool = False, runtime: bool = False) -> int:
    """sizeof(fe_client) with 32-bit addresses: 24 of its course, 18 of round and model, the class bits, aligned to 8.

    streamed: 4 more for the address of the window. runtime: 12 more for those of plan, model and layout.
    """
    return -(-(42 + 4 * streamed + 12 * runtime + max(1, own_bytes(classes))) // 8) * 8


def client_bytes(plan: Plan, *, runtime: bool = False) -> int:
    """runtime_bytes of a plan; of a node that only infers the address of the window, if the plan streams it."""
    if not plan.trains:
        return 4 * plan.tactics.input_streamed
    return runtime_bytes(plan.layout.classes, streamed=plan.tactics.input_streamed, runtime=runtime)


def own_bytes(classes: int) -> int:
    """Bytes of a set of classes, a bit each."""
    return -(-classes // 8)


def frame_bytes(plan: Plan, *, runtime: bool = False) -> int:
    """The frame buffer of a plan, as frame_size; none where nothing trains."""
    return frame_size(plan.layout, runtime=runtime) if plan.trains else 0


def frame_size(layout: Layout, *, runtime: bool = False) -> int:
    """The frame buffer: the longest frame, which is the push (SPEC.md, "Frames"), up to the next word.

    runtime: with its seal, room for a model's offer, and for a push of any plan whose values lie in as many bytes: its
    weights may be those that fill up the last word.
    """
    weights = aligned(layout.weights) if runtime else layout.weights
    push = aligned(20 + 8 + own_bytes(layout.classes) + weights + 4 * layout.biases + 4)
    return max(push, OFFER_BYTES) + SEAL_BYTES if runtime else push


def _sram(plan: Plan, bank: str, stack_bytes: int, runtime: bool) -> Iterator[Line]:
    values = f"{plan.layout.weights:,} int8 weights and {plan.layout.biases:,} int32 biases"
    peak = plan.steps[plan.peak_step]
    where = f"most at step {plan.peak_step + 1} of {len(plan.steps)}, {peak.code.name.lower()} of {peak.op}"
    parts = arena_parts(plan)
    lives = ", ".join(f"{name} {size:,}" for name, size in parts.items())
    lives += ", some of them over another" * (sum(parts.values()) > plan.lower_bound_bytes)
    for item, size, reason, symbol in (
        ("arena", plan.arena_bytes, f"everything within one step; {where}: {lives}", ARENA),
        ("trained values", plan.value_bytes, values, "fe_state"),
        *_extras(plan),
        ("pushed values", plan.value_bytes, "the values a round began with: an update is the difference", "fe_pushed"),
        (
            "frame buffer",
            frame_bytes(plan, runtime=runtime),
            "the longest frame, a push of all trained values",
            "fe_frame",
        ),
        ("runtime", client_bytes(plan, runtime=runtime), "course, round and classes of the client", "fe_runtime"),
        *(_RUNTIME_OBJECTS if runtime else ()),
        ("stack", stack_bytes, "declared; `fleet verify` paints it and counts", STACK),
    ):
        if not plan.trains and not size:
            continue  # a client that only infers has none
        yield Line(memory="sram", bank=bank, item=item, size_bytes=size, reason=reason, symbol=symbol)


_RUNTIME_OBJECTS = (
    ("session", SESSION_BYTES, "counters of seals, round, model on trial, a slot being written", "fe_now"),
    ("mailbox", MAILBOX_BYTES, "radio, clock and sensor of an emulated board; goes with port/port.c", "fe_mail"),
)


def _slots(plan: Plan, profile: Profile) -> Iterator[Line]:
    places = slots_of(plan, profile)
    for item, slots, size, what in (
        ("models", places.models, model_bytes(plan), "the model in use and the next one"),
        (
            "checkpoints",
            places.checkpoints,
            checkpoint_bytes(plan),
            "what a power cut leaves, one to go back to, the next",
        ),
    ):
        reason = f"{what}: {size:,} bytes and a head of {HEAD_BYTES} each, in whole erase units"
        yield Line(memory="flash", bank=FLASH, item=item, size_bytes=sum(p.size_bytes for p in slots), reason=reason)


def _spread(lines: tuple[Line, ...], profile: Profile) -> Iterator[Line]:
    """The lines over the board's banks, all lines of one object in one."""
    sizes: dict[str, int] = {}
    for line in lines:
        sizes[line.symbol] = sizes.get(line.symbol, 0) + line.size_bytes
    banks = banks_of(sizes, _rooms(profile))
    for line in lines:
        yield line if line.bank == banks[line.symbol] else replace(line, bank=banks[line.symbol])


def _rooms(profile: Profile) -> dict[str, int]:
    return {bank.name: bank.size_bytes for bank in profile.sram_banks}


def node_room(profile: Profile, layout: Layout, recipe: Recipe, *, streamed: bool) -> int:
    """Bytes that a board has for state and arena beside what no tactics change. streamed: the plan's input."""
    state_bytes = whole_state_size(layout, recipe)
    sizes = {
        "fe_state": state_bytes,
        "fe_pushed": state_size(layout),
        "fe_frame": frame_size(layout),
        "fe_runtime": runtime_bytes(layout.classes, streamed=streamed),
        STACK: stack_of(profile.core),
    }
    return state_bytes + arena_room(sizes, _rooms(profile))


def arena_parts(plan: Plan) -> dict[str, int]:
    """Bytes that live when the arena is fullest, by what they are; of what there is."""
    parts = dict.fromkeys(("maps", "masks", "gradients", "sums and scratch", "exponents"), 0)
    maps = {tensor.name for tensor in plan.graph.tensors}
    for buffer in plan.buffers:
        if buffer.first <= plan.peak_step <= buffer.last:
            parts[part_of(buffer.name, maps)] += aligned(buffer.size_bytes)
    return {name: size for name, size in parts.items() if size}


def part_of(buffer: str, maps: set[str]) -> str:
    """What a buffer of the arena is. maps: names of the graph's maps."""
    if buffer in maps:
        return "maps"
    if buffer == EXPONENTS:
        return "exponents"
    if buffer.endswith(" mask"):
        return "masks"
    return "gradients" if " gradient" in buffer else "sums and scratch"


EXTRA_ITEMS = {
    "kept": ("residuals", "what rounding left over of each trained weight"),
    "velocity": ("velocities", "momentum: an int32 per trained value"),
    "sum": ("batch sums", "steps of a batch that is not full: an int32 per trained value"),
}
LATENT_ITEM = ("latent weights", "a float32 of each trained weight")


def _extras(plan: Plan) -> Iterator[tuple[str, int, str, str]]:
    """What a recipe remembers between steps: it lies behind the trained values."""
    sizes: dict[str, int] = {}
    for extra in extras_of(plan.layout, plan.scheme.recipe):
        sizes[extra.kind] = sizes.get(extra.kind, 0) + aligned(extra.size_bytes)
    for kind, size in sizes.items():
        latent = kind == "kept" and plan.scheme.recipe.rule is Rule.LATENT
        item, reason = LATENT_ITEM if latent else EXTRA_ITEMS[kind]
        yield item, size, reason, "fe_state"


def _model(plan: Plan, *, static: bool) -> Iterator[Line]:
    sizes = dict.fromkeys(USES, 0)
    for section in plan.image.sections:
        sizes[use_of(section)] += aligned(len(section.content))
    for use, size in sizes.items():
        item, reason = USES[use]
        if size:
            yield Line(memory="flash", bank=FLASH, item=item, size_bytes=size, reason=reason)
    yield _plan_line(plan, static=static)
    if plan.trains:
        reason = "which values are whose, for frames"
        yield Line(memory="flash", bank=FLASH, item="layout", size_bytes=24, reason=reason, symbol="fe_trained")


def _plan_line(plan: Plan, *, static: bool) -> Line:
    size, count = len(plan.content), len(plan.steps)
    if static:
        size -= 4 * HEADER_WORDS
        reason, symbol = f"constants of {count} steps; their calls are code", "fe_steps"
    else:
        reason, symbol = f"{count} steps, run by the interpreter as they are", "fe_plan_words"
    return Line(memory="flash", bank=FLASH, item="plan", size_bytes=size, reason=reason, symbol=symbol)


def use_of(section: Section) -> str:
    """The key of USES that a section of the model belongs to."""
    return section.name if section.name in USES else section.use


def _code(plan: Plan, profile: Profile, code_bytes: int | None, *, runtime: bool) -> Iterator[Line]:
    reason = "vectors, plan interpreter, the operators of this plan, client, compiler runtime"
    reason += ", node runtime" * runtime
    modelled = code_size(plan, profile.core, runtime=runtime)
    if code_bytes is not None:
        yield Line(memory="flash", bank=FLASH, item="code", size_bytes=code_bytes, reason=reason, basis="measured")
    elif modelled is not None:
        reason += "; from images by clang 22 -Os"
        yield Line(memory="flash", bank=FLASH, item="code", size_bytes=modelled, reason=reason, basis="modelled")
    else:
        reason += f"; no image for {profile.core} was measured, so the largest of other cores stands here"
        size = largest_code_size(plan, runtime=runtime)
        yield Line(
            memory="flash", bank=FLASH, item="code", size_bytes=size, reason=reason, basis="modelled", unverified=True
        )


def _log(plan: Plan, windows: int) -> Iterator[Line]:
    if windows:
        each = plan.graph.input.size + 1
        reason = f"{windows:,} windows to train on, {each} bytes each with the label"
        yield Line(memory="flash", bank=FLASH, item="window log", size_bytes=windows * each, reason=reason)


def _reserved(profile: Profile) -> Iterator[Line]:
    for part in profile.reservations:
        memory = "flash" if part.bank == FLASH else "sram"
        yield Line(
            memory=memory, bank=part.bank, item=part.reason, size_bytes=part.size_bytes, reason=part.source,
            basis="reserved", unverified=part.unverified,
        )  # fmt: skip


def ledger_rows(ledger: Ledger) -> "tuple[LedgerRow, ...]":
    """The lines as rows of a run folder."""
    from fleet.record.rows import LedgerRow

    return tuple(
        LedgerRow(
            board=ledger.profile.board,
            memory=line.memory,
            bank=line.bank,
            item=line.item,
            bytes=line.size_bytes,
            reason=line.reason,
            basis=line.basis,
            unverified=line.unverified,
        )
        for line in ledger.lines
    )


def plan_rows(plan: Plan) -> "tuple[PlanRow, ...]":
    """The arena over time as rows of a run folder."""
    from fleet.record.rows import PlanRow

    return tuple(
        PlanRow(tensor=b.name, bytes=b.size_bytes, offset=b.offset, first_step=b.first, last_step=b.last)
        for b in plan.buffers
    )


def check_fit(ledger: Ledger) -> None:
    """Raises DoesNotFit with the arithmetic of every bank that is too small and the largest scheme that would fit."""
    if banks := over(ledger):
        remedy = _remedy(ledger)
        raise DoesNotFit("\n".join(f"{arithmetic(ledger, bank)}; {remedy}" for bank in banks))


def over(ledger: Ledger) -> list[str]:
    """Banks of which the lines take more than there is."""
    return [bank for bank in _banks(ledger.profile) if ledger.taken(bank) > ledger.capacity(bank)]


def _banks(profile: Profile) -> list[str]:
    return [*(bank.name for bank in profile.banks), FLASH]


def arithmetic(ledger: Ledger, bank: str) -> str:
    """What a bank was expected to hold and what it would have to, line by line, the largest first."""
    taken, capacity = ledger.taken(bank), ledger.capacity(bank)
    lines = [line for line in ledger.lines if line.bank == bank]
    parts = ", ".join(f"{line.item} {line.size_bytes:,}" for line in sorted(lines, key=lambda l: -l.size_bytes))
    plan = ledger.plan
    peak = plan.steps[plan.peak_step]
    where = f"{ledger.profile.board}, {bank}"
    text = f"{where}: expected at most {capacity:,} B, got {taken:,} B, {taken - capacity:,} B over ({parts})"
    if bank == FLASH:
        return text
    step = f"step {plan.peak_step + 1} of {len(plan.steps)}, {peak.code.name.lower()} of {peak.op}"
    return f"{text}; the arena is largest at {step}"


def _remedy(ledger: Ledger) -> str:
    room = _room_for_windows(ledger)
    if over(ledger) == [FLASH] and room > 0:
        return f"keep at most {room:,} windows in the log"
    if not ledger.plan.trains:
        return "take a smaller network or another board"
    fitting = _largest_fitting(ledger)
    if fitting is None:
        return "no scheme of this model fits; take a smaller model or another board"
    text, plan = fitting
    return f"the largest scheme that fits is {text}, with {plan.layout.size:,} trained values"


def _room_for_windows(ledger: Ledger) -> int:
    """Windows that the flash holds beside all else."""
    each = ledger.plan.graph.input.size + 1
    return (ledger.capacity(FLASH) - ledger.taken(FLASH)) // each + ledger.windows


def _largest_fitting(ledger: Ledger) -> tuple[str, Plan] | None:
    """That of most trained values, by its smallest plan: a scenario takes that where layer by layer does not fit."""
    graph, recipe = ledger.plan.graph, replace(ledger.plan.scheme.recipe, shifts=())  # shifts take no bytes
    choices = [(text, replace(scheme, recipe=recipe)) for text, scheme in _schemes(graph)]
    for text, scheme in sorted(choices, key=lambda c: -layout_of(graph, c[1]).size):
        plan = best_plan(graph, scheme)
        if not over(_of(ledger, plan)):
            return text, plan
    return None


def _of(other: Ledger, plan: Plan) -> Ledger:
    """The ledger of another plan under the same conditions."""
    stack = other.symbols("sram")[STACK].size_bytes
    code = next(line for line in other.lines if line.item == "code")
    measured = code.size_bytes if code.basis == "measured" else None
    return ledger(
        plan, other.profile, windows=other.windows, code_bytes=measured, stack_bytes=stack, static=other.static,
        runtime=other.runtime,
    )  # fmt: skip


def _schemes(graph: Graph) -> Iterator[tuple[str, Scheme]]:
    """Schemes to propose, each as a scenario writes it."""
    blocks = len({op.name.split(".")[0] for op in graph.weighted}) - 1
    counts = range(1, blocks + 1)
    yield from (("`full`", build_scheme(graph, "full")), ("`head`", build_scheme(graph, "head")))
    for n in counts:
        yield f"`last_k` with layers: {n}", build_scheme(graph, "last_k", layers=n)
        yield f"`bias` with blocks: {n}", build_scheme(graph, "bias", blocks=n)
    yield "`sparse`", build_scheme(graph, "sparse")
