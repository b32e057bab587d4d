"""SPEC.md against the code: its vectors are the numbers the code gives, its names are all the names there are."""

import re
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from fleet.base import rng
from fleet.node.engine.build import headers
from fleet.node.model import fixed, reference
from fleet.node.model.fixed import Int64, Real
from fleet.node.model.graph import Curve, Graph, Reshape, Tensor
from fleet.node.model.recipe import Rule
from fleet.node.model.reference import curves_fixed, update
from fleet.node.model.reference.rules import stepped
from fleet.node.model.scheme import build_scheme, layout_of
from fleet.node.plan import bounds
from fleet.node.plan.plan import HEADER, HEADER_WORDS
from fleet.node.plan.steps import Code, Region
from fleet.node.protocol import Action, Event, State, react
from fleet.node.protocol.signature import is_signed, public_key, sign
from fleet.node.wire import slots
from fleet.node.wire.frames import HEAD, Push, Update, base_of, encode_push, encode_update
from fleet.node.wire.messages import KINDS
from fleet.node.wire.seal import seal
from tests.base.test_rng import POSITIONS, VECTORS
from tests.node.model.nets import Builder

SOURCES = headers()[0].parent
Row = tuple[str, ...]


@cache
def text() -> str:
    return (SOURCES.parent / "SPEC.md").read_text(encoding="utf-8").replace("−", "-")


@cache
def section(title: str) -> str:
    """What stands under a heading, up to the next."""
    return text().split(f"\n## {title}\n")[1].split("\n## ")[0]


def table(first_line: str) -> list[Row]:
    """The rows of the one table that begins with this line."""
    assert text().count(f"\n{first_line}\n") == 1
    below = text().split(f"\n{first_line}\n")[1].split("\n\n")[0].splitlines()[1:]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in below]


def header(name: str) -> str:
    return (SOURCES / name).read_text(encoding="utf-8")


@cache
def structs() -> dict[str, str]:
    """The body of every struct of the headers, without comments."""
    sources = "\n".join(path.read_text(encoding="utf-8") for path in headers())
    plain = re.sub(r"/\*.*?\*/", "", sources, flags=re.DOTALL)
    return {name: body for body, name in re.findall(r"typedef struct \{([^{}]*)\} (\w+);", plain)}


def fields_of(struct: str) -> list[str]:
    """The members of a C struct, in order, without the `step` that begins a step; of structs in it theirs."""
    found: list[str] = []
    for kind, names in re.findall(r"(?:const )?(\w+) ([^;]+);", structs()[struct]):
        for name in (name.strip(" *") for name in names.split(",")):
            if kind == "fe_real":
                found += [f"{name}.mant", f"{name}.exp"]
            elif kind in structs() and kind != "fe_step":
                found += fields_of(kind)
            elif name != "step":
                found.append(name)
    return found


def ints(cell: str) -> list[int]:
    return [int(part) for part in cell.split()]


def parts_of(cell: str) -> tuple[int, ...]:
    """Numbers such as 7, 2^63 and 2^64 - 1, in brackets."""
    parts = (re.fullmatch(r"(\d+)(?:\^(\d+))?(?: - (\d+))?", part) for part in cell.strip("()").split(", "))
    return tuple(int(p[1]) ** int(p[2] or 1) - int(p[3] or 0) for p in parts if p)


def one(cell: str) -> Int64:
    return np.array(int(cell), dtype=np.int64)


def a_real(cell: str) -> Real:
    mant, exp = cell.split(",")
    return Real(int(mant), int(exp))


def shown(value: Real) -> str:
    return f"{value.mant},{value.exp}"


def step_rows() -> list[tuple[str, str, int, str]]:
    """(name, code, words, fields) of every step code, by code."""
    rows = [
        (name, code, int(words), fields)
        for codes, words, fields in table("| codes | words | fields |")
        for code, name in re.findall(r"(\d+) (\w+)", codes)
    ]
    return sorted(rows, key=lambda row: int(row[1]))


PRIMITIVES: dict[str, Callable[[str, str], str]] = {
    "high_mul": lambda a, b: str(fixed.doubling_high_mul(one(a), int(b))),
    "divide": lambda a, b: str(fixed.rounding_divide(one(a), int(b))),
    "round_shift": lambda a, b: str(fixed.round_shift(one(a), int(b))),
    "round_shift64": lambda a, b: str(fixed.round_shift64(one(a), int(b))),
    "scale": lambda a, b: str(fixed.scale(one(a), a_real(b))),
    "real": lambda a, _: shown(fixed.real(float(a))),
    "multiply": lambda a, b: shown(fixed.multiply(a_real(a), a_real(b))),
}


def test_vectors_of_the_primitives_are_what_the_code_gives() -> None:
    rows = table("| call | first | second | result |")
    assert {name for name, *_ in rows} == set(PRIMITIVES)
    assert [PRIMITIVES[name](first, second) for name, first, second, _ in rows] == [row[3] for row in rows]


def test_vectors_of_keys_and_draws_are_the_golden_ones() -> None:
    rows = table("| key of | key | draws 0, 1, 2, 2^31, 2^32 - 1 |")
    assert POSITIONS == (0, 1, 2, 2**31, 2**32 - 1)
    assert [(parts_of(r[0]), int(r[1], 16), tuple(ints(r[2]))) for r in rows] == VECTORS
    for parts, key, draws in rows:
        assert rng.key(*parts_of(parts)) == int(key, 16)
        assert [rng.draw32(int(key, 16), j) for j in POSITIONS] == ints(draws)


def test_vectors_of_the_softmax_are_what_the_code_gives() -> None:
    rows = table("| logits | own classes | p |")
    assert len(rows) >= 5
    for logits, own, p in rows:
        assert reference.probabilities(np.array(ints(logits), dtype=np.int64), ints(own)).tolist() == ints(p)


def test_vectors_of_block_are_what_the_code_gives() -> None:
    rows = table("| acc | k | e | new k |")
    assert len(rows) >= 4
    for acc, k, e, new_k in rows:
        result = reference.block(np.array(ints(acc), dtype=np.int64), int(k))
        assert (result.e.tolist(), result.k) == (ints(e), int(new_k))


def test_vectors_of_the_squared_error_are_what_the_code_gives() -> None:
    rows = table("| s_y | N | E | F |")
    assert len(rows) >= 3
    for s_y, size, e, factor in rows:
        y = Tensor(name="y", shape=(1, 1, int(size)), scale=float(s_y), zero_point=0)
        graph = Graph(name="any", tensors=(y,), ops=(Reshape(name="op", x="y", y="y"),))
        assert reference.square_factor(graph) == (int(e), int(factor))


def test_vectors_of_drives_are_what_the_code_gives() -> None:
    rows = table("| G | rate | q of a weight | q of a bias |")
    assert len(rows) >= 5
    for g, rate, *expected in rows:
        words = g.split()
        k = int(words[-1]) if "k" in words else None
        total = np.array([float(words[0])], np.float32) if k is None else np.array([int(words[0])])
        got = [int(update._drive(total, [a_real(rate)], k, bits)[0]) for bits in (16, 0)]
        assert got == [int(q) for q in expected], g


def test_vectors_of_momentum_are_what_the_code_gives() -> None:
    rows = table("| v | m | q | v then |")
    assert len(rows) >= 4
    for v, m, q, then in rows:
        kept = {"op": np.array([int(v)])}
        update._due(np.array([int(q)]), "op", {}, kept, int(m), ends=True)
        assert kept["op"].tolist() == [int(then)]


def test_vectors_of_the_rules_are_what_the_code_gives() -> None:
    rows = table("| rule | w | q | r | res | w then | res then |")
    assert {row[0] for row in rows} == {rule.value for rule in Rule} - {Rule.LATENT.value}
    for rule, *numbers in rows:
        w, q, r, res, w_then, res_then = (np.array([int(n)]) for n in numbers)
        after, kept = stepped(Rule(rule), w, q, r, res)
        assert (after.tolist(), kept.tolist()) == (w_then.tolist(), res_then.tolist()), (rule, numbers)


def test_rules_have_the_numbers_of_the_code_and_of_the_header() -> None:
    rows = table("| rule | number | w | what is kept |")
    assert {name: int(number) for name, number, *_ in rows} == {rule.value: rule.number for rule in Rule}
    declared = re.findall(r"FE_(\w+) = (\d+)", header("fe_update.h"))
    assert {name.lower(): int(number) for name, number in declared} == {rule.value: rule.number for rule in Rule}


def test_every_curve_has_a_row() -> None:
    assert [row[0] for row in table("| curve | T before the clip to int8 | |")] == [
        curve.value for curve in (Curve.RELU, Curve.RELU6, Curve.REQUANTIZE, Curve.LOGISTIC, Curve.HARD_SWISH)
    ]


def test_constants_of_exp_and_logistic_are_those_of_the_code() -> None:
    text = " ".join(section("Forward").split())
    assert " ".join(str(factor) for factor in curves_fixed._EXP_POWERS) in text
    for number in (curves_fixed._EXP_EIGHTH, curves_fixed._THIRD, curves_fixed._48_OVER_17, curves_fixed._32_OVER_17):
        assert str(number) in text


def test_the_powers_of_two_that_the_text_names_are_in_the_table() -> None:
    named = re.search(r"\(T at ([\d, ]+): ([\d ]+)\)", section("Loss"))
    assert named is not None
    places = [int(i) for i in named[1].split(",")]
    assert len(places) == 5
    assert reference.EXP2_TABLE[places].tolist() == ints(named[2])


def test_streams_are_those_of_the_code() -> None:
    rows = table("| stream | number | draws |")
    assert {name: int(number) for name, number, _ in rows} == {s.name: s.value for s in rng.Stream}


def test_the_example_frames_are_the_bytes_that_the_code_writes() -> None:
    build = Builder(1)
    graph = build.head(build.input((1, 1, 2)), 3)
    layout = layout_of(graph, build_scheme(graph, "head"))
    values = np.array([1, -2, 3, -4, 5, -127, 256, -1, 2**30], dtype=np.int32)
    push = Push(node=258, round=3, steps=64, rate=Real(2**30, -3), own=(0, 2), values=values)
    deltas = np.array([1, -1, 0, 0, 127, -127, 1, 0, -2], dtype=np.int32)
    base = base_of(layout, values)
    update = Update(node=258, round=3, steps=64, windows=90, base=base, own=(0, 2), clipped=1, deltas=deltas)
    for kind, content in (("01", encode_push(layout, push)), ("02", encode_update(layout, update))):
        line = re.search(rf"^    4601{kind}01[0-9a-f |]+$", section("Frames"), flags=re.MULTILINE)
        assert line is not None
        assert bytes.fromhex(line[0].replace("|", "")) == content


def test_the_head_of_a_frame_lies_where_the_table_says() -> None:
    starts = [int(row[0]) for row in table("| byte | head | |")]
    sizes = [1, 1, 1, 1, 4, 2, 2, 2, 2, 4]
    assert starts == [sum(sizes[:i]) for i in range(len(sizes))]
    assert sum(sizes) == HEAD.size


def test_every_step_code_has_a_row_with_its_number() -> None:
    declared = re.findall(r"^    FE_(\w+) = (\d+),?$", header("fe_plan.h"), flags=re.MULTILINE)
    assert [(code.name, str(code.value)) for code in Code] == declared
    assert [(name.upper(), number) for name, number, _, _ in step_rows()] == sorted(declared, key=lambda d: int(d[1]))


NAMED = {
    "geometry": "fe_geometry",
    "flow": "fe_flow",
    "pair": "fe_pair",
    "repeat": "fe_repeat",
    "moved": "fe_move",
    "resized": "fe_resize",
}
STRUCTS = {
    "fe_layer_step": ("conv", "depthwise", "logits", "dense"),
    "fe_add_step": ("add",),
    "fe_pool_step": ("pool",),
    "fe_loss_step": ("loss",),
    "fe_mask_step": ("mask",),
    "fe_grad_step": ("grad_conv", "grad_depthwise", "grad_dense"),
    "fe_grad_add_step": ("grad_add",),
    "fe_grad_pool_step": ("grad_pool",),
    "fe_move_step": ("copy", "merge", "block"),
    "fe_update_step": ("update_conv", "update_depthwise", "update_dense"),
    "fe_bias_step": ("update_bias",),
    "fe_mul_step": ("mul",),
    "fe_window_step": ("average_pool", "max_pool"),
    "fe_mean_over_step": ("mean",),
    "fe_moving_step": ("move",),
    "fe_resize_step": ("resize",),
    "fe_table_step": ("table",),
    "fe_softmax_step": ("softmax",),
    "fe_edge_step": ("quantize", "dequantize"),
    "fe_grad_mul_step": ("grad_mul",),
    "fe_grad_window_step": ("grad_average_pool", "grad_max_pool"),
    "fe_grad_mean_step": ("grad_mean",),
    "fe_grad_moving_step": ("grad_move",),
    "fe_grad_resize_step": ("grad_resize",),
    "fe_grad_table_step": ("grad_table",),
    "fe_squared_step": ("loss_squared",),
    "fe_apply_step": ("apply",),
    "fe_apply_bias_step": ("apply_bias",),
    "fe_rows_step": ("rows",),
    "fe_channels_step": ("channels",),
    "fe_in_place_step": ("depthwise_in_place",),
}


@cache
def named_words() -> dict[str, str]:
    """What each name in italics stands for, as the table says."""
    return {name.strip("*"): words for name, words in table("| name | words |")}


def spelled_out(fields: str) -> list[str]:
    """A row's fields with names in italics replaced by their words."""
    words = [named_words()[f.strip("*")] if re.fullmatch(r"\*\w+\*", f) else f for f in fields.split()]
    return " ".join(words).split()


def test_names_in_italics_stand_for_the_structs_of_the_code() -> None:
    assert set(named_words()) == set(NAMED)
    for name, struct in NAMED.items():
        assert named_words()[name].replace("*", "").split() == fields_of(struct), name


@pytest.mark.parametrize("struct", STRUCTS)
def test_the_fields_of_a_step_are_those_of_its_struct_in_order(struct: str) -> None:
    rows = {name: fields for name, _, _, fields in step_rows()}
    for code in STRUCTS[struct]:
        assert [name.strip("*") for name in spelled_out(rows[code])] == fields_of(struct), code


def test_every_code_has_a_struct() -> None:
    assert sorted(code for codes in STRUCTS.values() for code in codes) == sorted(code.name.lower() for code in Code)


@cache
def forms() -> dict[str, tuple[int, list[int], list[int]]]:
    """What the engine demands of each step: words, places of references, places of exponents."""
    source = header("fe_plan.c")
    macros = dict(re.findall(r"^#define (\w+) (.+)$", source, flags=re.MULTILINE))
    found = {}
    for code, form in re.findall(r"^    \[FE_(\w+)\] = ([^\n]+),$", source, flags=re.MULTILINE):
        words, refs, slots = macros.get(form, form).strip("{}").split(", ")
        places = [
            re.findall(r"BIT\((\d+)\)", re.sub(r"[A-Z_]+", lambda m: macros.get(m[0], m[0]), bits))
            for bits in (refs, slots)
        ]
        found[code.lower()] = int(words), [int(i) for i in places[0]], [int(i) for i in places[1]]
    return found


def test_every_row_says_what_the_engine_demands_of_its_step() -> None:
    assert set(forms()) == {name for name, *_ in step_rows()}
    for name, _, words, fields in step_rows():
        spelled = list(enumerate(spelled_out(fields), 2))
        bold = [i for i, field in spelled if field.startswith("**")]
        exponents = [i for i, field in spelled if re.fullmatch(r"k|gk|ek|\w+_k", field)]
        assert forms()[name] == (words, bold, exponents), name
        assert words == 2 + len(spelled), name


def test_every_field_of_the_header_stands_at_its_word() -> None:
    rows = table("| word | field | meaning |")
    assert [row[1] for row in rows] == fields_of("fe_plan")
    assert [row[1] for row in rows] == list(HEADER)
    assert [int(row[0]) for row in rows] == list(range(HEADER_WORDS))


def test_regions_are_those_of_the_code() -> None:
    listed = re.search(r"\((1 model, .*?)\)", section("Plan"))
    assert listed is not None
    assert listed[1] == ", ".join(f"{r.value} {r.name.lower()}" for r in Region if r is not Region.NONE)


def test_every_status_code_is_there_with_its_number() -> None:
    declared = re.findall(r"(FE_\w+) = (-?\d+)", header("fe.h"))
    assert [row[:2] for row in table("| code | number | meaning |")] == declared


def test_fields_of_the_layout_are_those_of_the_struct() -> None:
    assert [row[0] for row in table("| field | meaning |")] == fields_of("fe_layout")


def test_versions_are_those_of_the_headers() -> None:
    rows = table("| number | where | freezes |")
    files = {"FE_PLAN_VERSION": "fe_plan.h", "FE_FRAME_VERSION": "fe_frame.h", "FE_ENGINE_VERSION": "fe.h"}
    files["FE_SLOT_VERSION"] = "../runtime/fe_slot.h"
    declared = {name: re.search(rf"#define {name} (\d+)", header(file)) for name, file in files.items()}
    assert [row[0] for row in rows] == [f"{name} {found[1]}" for name, found in declared.items() if found]


def test_bounds_are_those_that_a_plan_is_refused_for() -> None:
    for limit in (bounds.MOST_PRODUCTS, bounds.MOST_POSITIONS, bounds.MOST_CLASSES):
        assert f"more than {limit:,} " in section("Bounds").replace("\n", " ")


def test_an_input_gradient_of_100096_products_fits_and_the_next_need_not() -> None:
    """The last F that the table of bounds claims, with the largest t and a merge on top."""

    def largest(products: int) -> int:
        spare = (-(-products // 782) - 1).bit_length()
        t = int(fixed.round_shift(np.array(127 * 32768, dtype=np.int64), 8 + spare))
        return products * t * 127 + (127 << 22)

    assert "F ≤ 100,096" in section("Bounds")
    assert max(largest(782 << j) for j in range(8)) < 2**31
    assert largest(782 << 7) == largest(100_096)
    assert largest(782 << 8) > 2**31


@pytest.mark.parametrize("title", ["Plan", "Random numbers", "Bounds", "Frames"])
def test_sections_that_the_sources_refer_to_exist(title: str) -> None:
    assert section(title).strip()


def test_the_round_is_the_table_of_both_sides() -> None:
    def cell(state: State, event: Event) -> str:
        following, action = react(state, event)
        return "" if action is Action.NOTHING else f"{_words(action)} → {_words(following)}"

    rows = table("| state | " + " | ".join(map(_words, Event)) + " |")
    assert rows == [(_words(state), *(cell(state, event) for event in Event)) for state in State]


def test_the_sealed_frame_is_the_one_both_sides_make() -> None:
    frame, counter, tag = section("Seal").split("\n    ")[1].split()
    sealed = seal(bytes(range(32)), int.from_bytes(bytes.fromhex(counter), "little"), bytes.fromhex(frame))
    assert sealed.hex() == frame + counter + tag


def test_the_signature_of_a_model_is_the_one_that_a_node_takes() -> None:
    (block,) = re.findall(r"\n    signer .*?\n\n", section("Slots"), re.DOTALL)
    parts = [bytes.fromhex(part) for part in re.findall(r"\b[0-9a-f]{64}\b", block)]
    signer, units, signature = parts[0], parts[1] + parts[2], parts[3] + parts[4]
    slot = slots.Slot(kind=slots.NEW_MODEL, number=1, sequence=5, plan=0x89ABCDEF, content=b"model")
    assert (signer, units) == (public_key(bytes(range(32))), slot.description)
    assert signature == sign(bytes(range(32)), units)
    assert is_signed(signer, units, signature)


def _words(name: Event | State | Action) -> str:
    return name.name.lower().replace("_", " ")


def test_kinds_of_frames_and_slots_are_those_of_the_code() -> None:
    kinds = ", ".join(f"{kind} {name}" for kind, name in KINDS.items())
    assert f"kind: 1 push, 2 update, {kinds} |" in section("Frames")
    declared = re.findall(r"FE_[A-Z]+ = (\d), (?=FE|/)|FE_PIECE = (\d)", header("fe_message.h"))
    assert [int(a or b) for a, b in declared] == list(KINDS)
    assert "Kinds: 1 checkpoint, 2 model, 3 plan." in section("Slots")
    assert (slots.CHECKPOINT, slots.NEW_MODEL, slots.NEW_PLAN) == (1, 2, 3)
