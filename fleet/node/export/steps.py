"""data/steps.c of a static project: the plan's steps as typed constants, and a call of each in the order they run.

The constants are the plan's words behind its header, byte for byte; what the header says is FE_HEADER of fe_config.h.
"""

import re
from collections.abc import Iterator, Mapping
from textwrap import wrap
from types import MappingProxyType

from fleet.node.export.blocks import blocks_of, c_identifier
from fleet.node.export.c_data import LICENCE, MADE, WIDTH, in_comment, layout_source, members
from fleet.node.export.c_structs import initialiser, words_of
from fleet.node.model.graph import Graph, Tensor
from fleet.node.plan.plan import HEADER, HEADER_WORDS, Plan
from fleet.node.plan.steps import Code, Ref, Region, Step

STEPS = "fe_steps"
"""The object that holds all constants of steps."""

FORWARD = {
    Code.CONV: ("fe_layer_step", "fe_run_layer"),
    Code.DEPTHWISE: ("fe_layer_step", "fe_run_layer"),
    Code.LOGITS: ("fe_layer_step", "fe_run_layer"),
    Code.DENSE: ("fe_layer_step", "fe_run_layer"),
    Code.DEPTHWISE_IN_PLACE: ("fe_in_place_step", "fe_run_in_place"),
    Code.ADD: ("fe_add_step", "fe_run_add"),
    Code.POOL: ("fe_pool_step", "fe_run_pool"),
    Code.MUL: ("fe_mul_step", "fe_run_mul"),
    Code.AVERAGE_POOL: ("fe_window_step", "fe_run_window"),
    Code.MAX_POOL: ("fe_window_step", "fe_run_window"),
    Code.MEAN: ("fe_mean_over_step", "fe_run_mean"),
    Code.MOVE: ("fe_moving_step", "fe_run_moving"),
    Code.RESIZE: ("fe_resize_step", "fe_run_resize"),
    Code.TABLE: ("fe_table_step", "fe_run_table"),
    Code.SOFTMAX: ("fe_softmax_step", "fe_run_softmax"),
    Code.QUANTIZE: ("fe_edge_step", "fe_run_edge"),
    Code.DEQUANTIZE: ("fe_edge_step", "fe_run_edge"),
    Code.ROWS: ("fe_rows_step", "fe_run_rows"),
}
LOSSES = {Code.LOSS: "fe_loss_step", Code.LOSS_SQUARED: "fe_squared_step"}
BACKWARD = {
    Code.MASK: ("fe_mask_step", "fe_run_mask"),
    Code.GRAD_CONV: ("fe_grad_step", "fe_run_grad"),
    Code.GRAD_DEPTHWISE: ("fe_grad_step", "fe_run_grad"),
    Code.GRAD_DENSE: ("fe_grad_step", "fe_run_grad"),
    Code.GRAD_ADD: ("fe_grad_add_step", "fe_run_grad_add"),
    Code.GRAD_POOL: ("fe_grad_pool_step", "fe_run_grad_pool"),
    Code.COPY: ("fe_move_step", "fe_run_move"),
    Code.MERGE: ("fe_move_step", "fe_run_move"),
    Code.BLOCK: ("fe_move_step", "fe_run_move"),
    Code.GRAD_MUL: ("fe_grad_mul_step", "fe_run_grad_mul"),
    Code.GRAD_AVERAGE_POOL: ("fe_grad_window_step", "fe_run_grad_window"),
    Code.GRAD_MAX_POOL: ("fe_grad_window_step", "fe_run_grad_window"),
    Code.GRAD_MEAN: ("fe_grad_mean_step", "fe_run_grad_mean"),
    Code.GRAD_MOVE: ("fe_grad_moving_step", "fe_run_grad_moving"),
    Code.GRAD_RESIZE: ("fe_grad_resize_step", "fe_run_grad_resize"),
    Code.GRAD_TABLE: ("fe_grad_table_step", "fe_run_grad_table"),
}
UPDATES = {
    Code.UPDATE_CONV: ("fe_update_step", "fe_run_weights"),
    Code.UPDATE_DEPTHWISE: ("fe_update_step", "fe_run_weights"),
    Code.UPDATE_DENSE: ("fe_update_step", "fe_run_weights"),
    Code.UPDATE_BIAS: ("fe_bias_step", "fe_run_biases"),
    Code.APPLY: ("fe_apply_step", "fe_run_apply"),
    Code.APPLY_BIAS: ("fe_apply_bias_step", "fe_run_apply_bias"),
    Code.CHANNELS: ("fe_channels_step", "fe_run_channels"),
}
KEYED = (Code.UPDATE_CONV, Code.UPDATE_DEPTHWISE, Code.UPDATE_DENSE, Code.APPLY, Code.CHANNELS)
"""Updates that draw random numbers."""

PLACES = ("input", "output", "exponents", "first_values")
"""Words of a plan's header that are references."""
OF_TABLES = ("magic", "version", "words", "loss_word", "apply_word")
"""Those that say where words begin and end."""

_CALLS = FORWARD | BACKWARD | UPDATES
CALLED = tuple(dict.fromkeys(function for _, function in _CALLS.values()))
"""Functions that a static image calls, each with a step."""


def steps_bytes(plan: Plan) -> bytes:
    """What fe_steps holds."""
    return plan.content[4 * HEADER_WORDS :]


def static_header(plan: Plan) -> str:
    """FE_HEADER: an initialiser of fe_plan, a line of it for each word that is not 0."""
    words = dict(zip(HEADER, _words(plan, 0, HEADER_WORDS), strict=True))
    texts = {name: _place(words[name]) if name in PLACES else str(words[name]) for name in HEADER}
    fields = [f"    .{name} = {texts[name]}, \\" for name in HEADER if words[name] and name not in OF_TABLES]
    return "\n".join(["#define FE_HEADER { \\", *fields, "}", ""])


def steps_source(plan: Plan, *, name: str) -> str:
    """The text of data/steps.c."""
    head = f"{LICENCE} * {name}: what the node runs, call by call; plan {plan.digest}.\n{MADE}"
    lines = [f'{head}#include <stddef.h>\n\n#include "fe_project.h"\n#include "fe_steps.h"\n']
    names, groups = step_names(plan), dict(_groups(plan))
    lines += [*_constants(plan, names), ""]
    ends = _ends(plan)
    for function, first, end, keyed in (
        ("fe_forward_steps", 0, ends[0], False),
        ("fe_backward_steps", ends[0] + 1, ends[1], True),
        ("fe_batch_steps", ends[1], len(plan.steps), True),
    ):
        lines += [*_function(plan, function, range(first, end), names, groups, keyed=keyed), ""]
    lines += _loss(plan, names, ends[0])
    return "\n".join(lines) + (f"\n{layout_source(plan.layout)}" if plan.trains else "")


def step_names(plan: Plan) -> tuple[str, ...]:
    """The member of fe_steps of every step: its number and its operator."""
    return tuple(f"step{number}_{c_identifier(step.op)}" for number, step in enumerate(plan.steps, 1))


def _ends(plan: Plan) -> tuple[int, int]:
    """Indices of the loss and of the first step that ends a batch."""
    starts, at = {}, HEADER_WORDS
    for index, step in enumerate(plan.steps):
        starts[at] = index
        at += 2 + len(step.fields)
    starts[at] = len(plan.steps)
    header = dict(zip(HEADER, _words(plan, 0, HEADER_WORDS), strict=True))
    return min(starts[header["loss_word"]], len(plan.steps)), starts[header["apply_word"]]


def _words(plan: Plan, first: int, end: int) -> list[int]:
    content = plan.content
    return [int.from_bytes(content[4 * i : 4 * i + 4], "little", signed=True) for i in range(first, end)]


def _groups(plan: Plan) -> Iterator[tuple[int, int]]:
    """Each group's index and the number of steps in it."""
    for index, step in enumerate(plan.steps):
        if step.code in (Code.ROWS, Code.CHANNELS) and isinstance(count := step.fields[0], int):
            yield index, count


def _struct(step: Step) -> str:
    return LOSSES[step.code] if step.code in LOSSES else _CALLS[step.code][0]


# --- constants -------------------------------------------------------------------------------------------------


def _constants(plan: Plan, names: tuple[str, ...]) -> Iterator[str]:
    """fe_steps: its type, then its content; a group of rows has a form for each of its steps behind it."""
    yield "static const struct {"
    for step, name in zip(plan.steps, names, strict=True):
        yield f"    {_struct(step)} {name};"
        if step.code is Code.ROWS:
            yield f"    fe_row_form {name}_forms[{step.fields[0]}];"
    yield f"}} {STEPS} = {{"
    offsets = {block.offset: member for block, member in zip(blocks_of(plan), members(plan), strict=True)}
    at = HEADER_WORDS
    for step, name in zip(plan.steps, names, strict=True):
        size = 2 + len(step.fields)
        yield from _constant(step, name, _texts(step, _words(plan, at, at + size), offsets))
        at += size
    yield "};"
    yield f"typedef char fe_check_steps[sizeof {STEPS} == {len(steps_bytes(plan))} ? 1 : -1];"


def _constant(step: Step, name: str, texts: list[str]) -> Iterator[str]:
    own = words_of(_struct(step))
    yield f"    .{name} = {{"
    for field in initialiser(_struct(step), texts[:own]):
        yield from _wrapped(f"{field},", 8)
    yield "    },"
    if step.code is Code.ROWS:
        forms = [initialiser("fe_row_form", texts[i : i + 3]) for i in range(own, len(texts), 3)]
        inner = ", ".join(f"{{{', '.join(form) or '0'}}}" for form in forms)
        yield from _wrapped(f".{name}_forms = {{{inner}}},", 4)


def _texts(step: Step, words: list[int], members: dict[int, str]) -> list[str]:
    """A step's words as C: its code by name, places by region and, in the model, by member."""
    texts = [f"FE_{step.code.name}", str(words[1])]
    for field, word in zip(step.fields, words[2:], strict=True):
        if not isinstance(field, Ref) or field.region is Region.NONE:
            texts.append("-2147483647 - 1" if word == -(2**31) else str(word))
            continue
        texts.append(_place(word, members))
    return texts


def _place(word: int, members: Mapping[int, str] = MappingProxyType({})) -> str:
    """A reference as C. members: of the model, by offset."""
    region, offset = Region(word >> 28), word & 0x0FFFFFFF
    known = region is Region.MODEL and offset in members
    place = f"offsetof(fe_model_data, {members[offset]})" if known else str(offset)
    return f"FE_REF(FE_{region.name}, {place})"


# --- calls -----------------------------------------------------------------------------------------------------


def _function(
    plan: Plan, function: str, steps: range, names: tuple[str, ...], groups: dict[int, int], *, keyed: bool
) -> Iterator[str]:
    parameters = "const fe_node *node" + (", const fe_course *course, uint64_t key" if keyed else "")
    yield f"void {function}({parameters})"
    yield "{"
    used = {plan.steps[i].code for i in steps}
    unused = [("node", not used)]
    if keyed:
        unused += [("course", not used & UPDATES.keys()), ("key", not used & set(KEYED))]
    yield from (f"    (void){name};" for name, is_unused in unused if is_unused)
    within = 0
    for i in steps:
        text = described(plan.graph, plan.steps[i])
        yield from _comment(i + 1, text, 8 if within else 4, within=within > 0)
        if within:
            within -= 1
            continue
        yield f"    {_call(plan.steps[i], names[i])}"
        within = groups.get(i, 0)
    yield "}"


def _call(step: Step, name: str) -> str:
    more = ""
    if step.code in UPDATES:
        more = ", course, key" if step.code in KEYED else ", course"
    return f"{_CALLS[step.code][1]}(node, &{STEPS}.{name}{more});"


def _loss(plan: Plan, names: tuple[str, ...], index: int) -> Iterator[str]:
    yield "const fe_step *fe_loss_of(const fe_node *node)"
    yield "{"
    yield "    (void)node;"
    if plan.trains:
        yield from _comment(index + 1, described(plan.graph, plan.steps[index]), 4)
    yield f"    return {f'&{STEPS}.{names[index]}.step' if plan.trains else '0'};"
    yield "}"
    yield ""


def described(graph: Graph, step: Step) -> str:
    """What a step does, in words: 'conv of stem: 50 x 1 x 6 (scale 0.02, zero -3) to 25 x 1 x 16 (...)'."""
    text = f"{step.code.name.lower().replace('_', ' ')} of {step.op}"
    op = next((op for op in graph.ops if op.name == step.op), None)
    if op is None:
        return text
    x, y = (graph.tensor(name) for name in (op.x, op.y))
    if step.code in FORWARD and step.code is not Code.ROWS:
        return f"{text}: {_map(x)} to {_map(y)}"
    if step.code.name.startswith("GRAD_"):
        return f"{text}: {_sides(y)} to {_sides(x)}"
    return text


def _map(tensor: Tensor) -> str:
    return f"{_sides(tensor)} (scale {tensor.scale:.6g}, zero {tensor.zero_point})"


def _sides(tensor: Tensor) -> str:
    return " x ".join(str(side) for side in tensor.shape)


def _comment(number: int, text: str, indent: int, *, within: bool = False) -> list[str]:
    """What step `number` does. within: a group's own call runs it."""
    first = f"/* {'with it ' * within}{number}: {in_comment(text)}"
    *lines, last = wrap(first, WIDTH - 3, initial_indent=" " * indent, subsequent_indent=" " * (indent + 3))
    return [*lines, f"{last} */"]


def _wrapped(text: str, indent: int) -> list[str]:
    """A line of C; what belongs together, `.k_h = 5` or a reference, stays on one."""
    bound = text.replace(" = ", "\0=\0").replace(", offsetof(fe_model_data, ", ",\0offsetof(fe_model_data,\0")
    bound = re.sub(r"FE_REF\((\w+), ", "FE_REF(\\1,\0", bound)
    margin = " " * indent
    lines = wrap(bound, WIDTH, initial_indent=margin, subsequent_indent=margin + "    ", break_long_words=False)
    return [line.replace("\0", " ") for line in lines]
