"""The generated C: sizes, the model as named arrays, the plan as words. Data only; the same bytes for the same plan."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from numpy.typing import NDArray

from fleet.node.export.blocks import C_TYPES, Block, blocks_of, c_identifier
from fleet.node.export.kinds import Kind
from fleet.node.model.scheme import Layout
from fleet.node.plan.ledger import MAILBOX_BYTES, SESSION_BYTES, USES, client_bytes, frame_bytes, own_bytes
from fleet.node.plan.plan import HEADER, HEADER_WORDS, Plan
from fleet.node.plan.slots import Place, Slots, plan_id
from fleet.node.plan.steps import Ref, Region, Step
from fleet.node.plan.steps.program import output_size, size_bytes

WIDTH = 116
LICENCE = "/* SPDX-License-Identifier: Apache-2.0\n *\n"
MADE = " * Made by `fleet export`. Change the model or the scheme there, not the numbers here.\n */\n"


def project_header(
    plan: Plan, *, name: str, seed: int, zeroed: tuple[str, ...] = (), kind: Kind = Kind.TABLE,
    slots: Slots | None = None,
) -> str:  # fmt: skip
    """data/fe_project.h: sizes, the type of the model, what the data files define.

    zeroed: banks beside the first whose objects the start-up has to zero, each as FE_ZERO_<BANK>.
    slots: of a project with the runtime.
    """
    include, course = '#include "fe.h"\n', ""
    if plan.trains:
        include += '#include "fe_frame.h"\n'
        course = (
            "/* With the node's number it decides every rounding, as in the simulation. */\n"
            f"#define FE_FLEET_SEED {seed:#x}u{'ll' if seed >= 2**32 else ''}\n\n"
        )
    return (
        f"{LICENCE} * {name}: sizes and constants of this node.\n{MADE}"
        f"#ifndef FE_PROJECT_H\n#define FE_PROJECT_H\n\n{include}\n{course}"
        + "".join(f"#define {macro} {size}\n" for macro, size in _sizes(plan, kind, runtime=slots is not None).items())
        + (_runtime_macros(plan, slots) if slots else "")
        + "".join(f"#define FE_ZERO_{c_identifier(bank).upper()} 1\n" for bank in zeroed)
        + "\n"
        + "\n".join(_model_type(plan))
        + "\n\nextern const fe_model_data fe_model;\n"
        + ("extern const int32_t fe_plan_words[FE_PLAN_WORDS];\n" if kind is Kind.TABLE else "")
        + ("extern const fe_layout fe_trained;\n" if plan.trains else "")
        + "\n#endif\n"
    )


def _sizes(plan: Plan, kind: Kind, *, runtime: bool) -> dict[str, int]:
    sizes = {
        "FE_CLASSES": plan.layout.classes,
        "FE_INPUT_BYTES": size_bytes(plan.graph.input),
        "FE_OUTPUT_BYTES": output_size(plan.graph, plan.graph.outputs[0]),
        "FE_ARENA_BYTES": plan.arena_bytes,
    }
    if kind is Kind.TABLE:
        sizes["FE_PLAN_WORDS"] = len(plan.content) // 4
    if plan.trains:
        sizes |= {
            "FE_OWN_BYTES": own_bytes(plan.layout.classes),
            "FE_STATE_BYTES": plan.state_bytes,
            "FE_VALUE_BYTES": plan.value_bytes,
            "FE_FRAME_BYTES": frame_bytes(plan, runtime=runtime),
            "FE_RUNTIME_BYTES": client_bytes(plan, runtime=runtime),
            "FE_WITH_RUNTIME": int(runtime),
        }
    return sizes


def _runtime_macros(plan: Plan, slots: Slots) -> str:
    """What the runtime has to know of plan and board."""

    def listed(places: tuple[Place, ...]) -> str:
        return ", ".join(f"{{{place.start:#x}u, {place.size_bytes}u}}" for place in places)

    return (
        f"#define FE_SESSION_BYTES {SESSION_BYTES}\n#define FE_MAILBOX_BYTES {MAILBOX_BYTES}\n"
        f"#define FE_PLAN_ID {plan_id(plan):#x}u\n"
        f"#define FE_MODEL_PLACES {listed(slots.models)}\n#define FE_CHECKPOINT_PLACES {listed(slots.checkpoints)}\n"
    )


def model_source(plan: Plan, *, name: str) -> str:
    """data/model_data.c: every constant of the network, in the order of fe_model_data."""
    lines = [f'{LICENCE} * {name}: the model.\n{MADE}#include "fe_project.h"\n', "const fe_model_data fe_model = {"]
    for block, member in zip(blocks_of(plan), members(plan), strict=True):
        lines.append(f"    /* {in_comment(_described(block))} */")
        lines.append(f"    .{member} = {_array(block.values.reshape(c_shape(block)), 4)},")
    return "\n".join([*lines, "};", ""])


def plan_source(plan: Plan, *, name: str) -> str:
    """data/plan_data.c: the plan, a step per entry, and the layout of what trains."""
    words = [int.from_bytes(plan.content[i : i + 4], "little", signed=True) for i in range(0, len(plan.content), 4)]
    lines = [f'{LICENCE} * {name}: the plan, {plan.digest}.\n{MADE}#include "fe_project.h"\n']
    lines.append("const int32_t fe_plan_words[FE_PLAN_WORDS] = {")
    lines += [f"    {word}, /* {field} */" for word, field in zip(words, HEADER, strict=False)]
    at = HEADER_WORDS
    for number, step in enumerate(plan.steps, 1):
        lines.append(f"    /* {number}: {step.code.name.lower()} of {in_comment(step.op)} */")
        lines += _wrapped(_step_words(step, words[at : at + words[at + 1]]), 4, ",")
        at += words[at + 1]
    return "\n".join([*lines, "};", ""]) + (f"\n{layout_source(plan.layout)}" if plan.trains else "")


def members(plan: Plan) -> tuple[str, ...]:
    """The C name of every block, each once."""
    names: list[str] = []
    for block in blocks_of(plan):
        name = block.c_name
        while name in names:
            name += "_"
        names.append(name)
    return tuple(names)


def c_shape(block: Block) -> tuple[int, ...]:
    """The array's axes in C: those of length 1 are left out, the last one stays."""
    *outer, last = block.values.shape
    return (*(n for n in outer if n > 1), last)


def layout_fields(layout: Layout) -> tuple[int, ...]:
    """fe_layout, field by field."""
    head = {part.kind: part for part in layout.slices if part.op == layout.head}
    weight, bias = head.get("weight"), head.get("bias")
    return (
        layout.weights, layout.biases, layout.classes,
        weight.first if weight else 0, weight.shape[-1] if weight else 0,
        bias.first - layout.weights if bias else -1,
    )  # fmt: skip


def layout_source(layout: Layout) -> str:
    """The definition of fe_trained."""
    names = ("weights", "biases", "classes", "head_weight", "head_inputs", "head_bias")
    fields = [f"    .{name} = {value}," for name, value in zip(names, layout_fields(layout), strict=True)]
    return "\n".join(["const fe_layout fe_trained = {", *fields, "};", ""])


def _model_type(plan: Plan) -> Iterator[str]:
    yield "typedef struct {"
    at, pads = 0, 0
    for block, member in zip(blocks_of(plan), members(plan), strict=True):
        natural = -(-at // block.values.itemsize) * block.values.itemsize  # where C would put it
        if block.offset != natural:
            yield f"    uint8_t pad{pads}[{block.offset - at}];"
            pads += 1
        sizes = "".join(f"[{n}]" for n in c_shape(block))
        yield f"    {C_TYPES[block.values.dtype.name]} {member}{sizes};"
        at = block.end
    yield "} fe_model_data;"
    yield ""
    yield f"typedef char fe_check_model[sizeof(fe_model_data) == {len(plan.model)} ? 1 : -1];"


def in_comment(text: str) -> str:
    """A text that people chose, as a C comment may hold it: on one line, and neither ending one nor beginning one."""
    return " ".join(text.split()).replace("*/", "* /").replace("/*", "/ *")


def _described(block: Block) -> str:
    shape = " x ".join(str(n) for n in block.values.shape)
    use = USES[block.use][0]
    return f"{block.tensor}, {block.values.dtype} {shape}, {use}" + (f"; {block.comment}" if block.comment else "")


def _array(values: NDArray[Any], indent: int) -> str:
    """A C initialiser, braces per axis."""
    margin = " " * indent
    if values.ndim == 1:
        numbers = ", ".join(_number(v.item()) for v in values)
        if indent + len(numbers) + 2 <= WIDTH - 30:
            return f"{{{numbers}}}"
        return (
            "{\n"
            + "\n".join(wrap(numbers, WIDTH, initial_indent=margin + "    ", subsequent_indent=margin + "    "))
            + f"\n{margin}}}"
        )
    inner = ",\n".join(f"{margin}    {_array(row, indent + 4)}" for row in values)
    return f"{{\n{inner}\n{margin}}}"


def _number(value: int | float) -> str:
    if isinstance(value, float):
        return f"{value:.9g}f" if any(c in f"{value:.9g}" for c in ".e") else f"{value:.9g}.0f"
    return "-2147483647 - 1" if value == -(2**31) else str(value)


def _step_words(step: Step, words: list[int]) -> str:
    shown = [str(words[0]), str(words[1])]
    for field, word in zip(step.fields, words[2:], strict=True):
        is_place = isinstance(field, Ref) and field.region is not Region.NONE
        shown.append(f"{word:#010x}" if is_place else _number(word))
    return ", ".join(shown)


def _wrapped(text: str, indent: int, end: str) -> list[str]:
    margin = " " * indent
    return wrap(text + end, WIDTH, initial_indent=margin, subsequent_indent=margin)
