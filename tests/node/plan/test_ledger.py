"""The ledger: every byte has a line, the sums are the board's, and a refusal says what to do."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import DoesNotFit
from fleet.node.model.recipe import Exponents, Gradients, Recipe, Rule
from fleet.node.model.scheme import KINDS, build_scheme
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.banks import banks_of
from fleet.node.plan.choice import best_plan
from fleet.node.plan.ledger import (
    Ledger,
    arena_parts,
    check_fit,
    frame_bytes,
    ledger,
    ledger_rows,
    node_room,
    over,
    plan_rows,
    runtime_bytes,
)
from fleet.node.profile import Profile, boards, load_profile
from fleet.node.wire.frames import push_bytes
from fleet.record.rows import check
from tests.node.model.nets import graphs, imu_net, recipes, schemes


@pytest.fixture(scope="module")
def plan() -> Plan:
    graph = imu_net()
    return plan_of(graph, build_scheme(graph, "sparse"))


@pytest.fixture(scope="module")
def nrf() -> Profile:
    return load_profile("nrf52840")


def with_ram(profile: Profile, size_bytes: int) -> Profile:
    """The board with another size of its first bank."""
    first, *rest = profile.banks
    return replace(profile, banks=(replace(first, size_bytes=size_bytes), *rest))


def sizes(found: Ledger) -> dict[str, int]:
    return {line.item: line.size_bytes for line in found.lines}


def test_every_line_of_the_quickstart_has_its_size_and_its_reason(plan: Plan, nrf: Profile) -> None:
    found = sizes(ledger(plan, nrf, windows=100))
    assert found["arena"] == plan.arena_bytes
    assert found["trained values"] == found["pushed values"] == found["first values"] == plan.state_bytes == 4412
    assert found["frame buffer"] == 4448
    assert found["runtime"] == 48
    assert found["plan"] == len(plan.content)
    assert found["window log"] == 100 * 301
    assert found["SoftDevice S140, working memory"] == 12 * 1024
    assert all(line.reason for line in ledger(plan, nrf).lines)


@given(st.data())
def test_the_lines_of_the_model_add_up_to_the_model(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    plan = plan_of(graph, data.draw(schemes(graph)))
    found = sizes(ledger(plan, load_profile("nrf52840")))
    parts = ("frozen weights", "frozen biases", "scales", "training tables", "first values")
    assert sum(found.get(part, 0) for part in parts) == len(plan.model)
    assert 0 <= frame_bytes(plan) - push_bytes(plan.layout) < 4


@pytest.mark.parametrize("classes, size_bytes", [(2, 48), (48, 48), (49, 56), (1000, 168)])
def test_the_runtime_grows_by_a_bit_per_class_in_steps_of_eight_bytes(classes: int, size_bytes: int) -> None:
    assert runtime_bytes(classes) == size_bytes


def test_code_is_modelled_until_an_image_was_measured(plan: Plan, nrf: Profile) -> None:
    bases = [
        next(line.basis for line in ledger(plan, nrf, code_bytes=given).lines if line.item == "code")
        for given in (None, 12_345)
    ]
    assert bases == ["modelled", "measured"]
    assert sizes(ledger(plan, nrf, code_bytes=12_345))["code"] == 12_345


def test_reserved_memory_that_nobody_looked_up_is_marked(plan: Plan, nrf: Profile) -> None:
    marked = {line.item for line in ledger(plan, nrf).lines if line.unverified}
    assert marked == {part.reason for part in nrf.reservations if part.unverified}


@pytest.mark.parametrize("board", boards())
def test_lines_become_rows_of_a_run(board: str, plan: Plan) -> None:
    found = ledger(plan, load_profile(board), windows=10)
    rows = ledger_rows(found)
    for row in rows:
        check("ledger", row)
    assert sum(row.bytes for row in rows) == sum(line.size_bytes for line in found.lines)
    boxes = plan_rows(plan)
    for box in boxes:
        check("plan", box)
    assert max(box.offset + box.bytes for box in boxes) <= plan.arena_bytes


def test_a_plan_that_fills_the_bank_to_the_last_byte_fits_and_one_byte_less_does_not(plan: Plan, nrf: Profile) -> None:
    needed = ledger(plan, nrf).taken("ram")
    check_fit(ledger(plan, with_ram(nrf, needed)))
    with pytest.raises(DoesNotFit, match=f"expected at most {needed - 1:,} B, got {needed:,} B, 1 B over"):
        check_fit(ledger(plan, with_ram(nrf, needed - 1)))


def test_a_refusal_names_the_bank_the_parts_the_peak_and_what_would_fit(nrf: Profile) -> None:
    graph = imu_net()
    full = plan_of(graph, build_scheme(graph, "full"))
    board = with_ram(nrf, 40 * 1024)
    with pytest.raises(DoesNotFit) as refused:
        check_fit(ledger(full, board))
    text = str(refused.value)
    arena = f"arena {full.arena_bytes:,}"
    peak = full.steps[full.peak_step]
    where = f"largest at step {full.peak_step + 1} of {len(full.steps)}, {peak.code.name.lower()} of {peak.op}"
    assert text.startswith("nrf52840, ram: expected at most 40,960 B, got ")
    assert arena in text
    assert where in text
    assert "the largest scheme that fits is `" in text


def test_the_proposed_scheme_fits_and_trains_most_of_those_that_fit(nrf: Profile) -> None:
    graph = imu_net()
    board = with_ram(nrf, 40 * 1024)
    plans = [best_plan(graph, build_scheme(graph, kind)) for kind in KINDS]
    plans += [best_plan(graph, build_scheme(graph, "last_k", layers=n)) for n in range(1, 6)]
    fitting = [p.layout.size for p in plans if ledger(p, board).taken("ram") <= 40 * 1024]
    with pytest.raises(DoesNotFit, match=f"with {max(fitting):,} trained values"):
        check_fit(ledger(plan_of(graph, build_scheme(graph, "full")), board))


def test_when_nothing_fits_the_refusal_says_so(plan: Plan, nrf: Profile) -> None:
    with pytest.raises(DoesNotFit, match="no scheme of this model fits; take a smaller model or another board"):
        check_fit(ledger(plan, with_ram(nrf, 16 * 1024)))


def test_a_window_log_that_overflows_the_flash_is_refused_with_the_longest_that_fits(plan: Plan, nrf: Profile) -> None:
    with pytest.raises(DoesNotFit, match=r"nrf52840, flash: .*; keep at most ([\d,]+) windows in the log") as refused:
        check_fit(ledger(plan, nrf, windows=3_000))
    longest = int(str(refused.value).split("keep at most ")[1].split()[0].replace(",", ""))
    check_fit(ledger(plan, nrf, windows=longest))
    with pytest.raises(DoesNotFit):
        check_fit(ledger(plan, nrf, windows=longest + 1))


# --- boards of several banks -----------------------------------------------------------------------------------


def banks_when_short(plan: Plan, short_bytes: int, second_bytes: int = 64 * 1024) -> tuple[Ledger, dict[str, str]]:
    """On an stm32f746 whose first bank lacks so many bytes for all: the ledger, and what left that bank and whither."""
    board = load_profile("stm32f746")
    sram, dtcm = board.banks
    needed = ledger(plan, board).taken("sram")
    banks = (replace(sram, size_bytes=needed - short_bytes), replace(dtcm, size_bytes=second_bytes))
    found = ledger(plan, replace(board, banks=banks))
    assert found.taken("sram") + found.taken("dtcm") == needed
    return found, {symbol: line.bank for symbol, line in found.symbols("sram").items() if line.bank != "sram"}


def test_all_of_a_node_lies_in_the_first_bank_while_that_holds_it(plan: Plan) -> None:
    found, moved = banks_when_short(plan, 0)
    assert moved == {}
    assert not over(found)


@pytest.mark.parametrize(
    "short_bytes, moved",
    [
        (1, ["fe_stack"]),
        (1024, ["fe_stack"]),
        (1025, ["fe_runtime", "fe_stack"]),
        (1024 + 48, ["fe_runtime", "fe_stack"]),
        (1024 + 48 + 1, ["fe_pushed", "fe_runtime", "fe_stack"]),
        (1024 + 48 + 4412 + 1, ["fe_pushed", "fe_runtime", "fe_stack", "fe_state"]),
        (1024 + 48 + 2 * 4412 + 1, ["fe_frame", "fe_pushed", "fe_runtime", "fe_stack", "fe_state"]),
    ],
)
def test_the_stack_leaves_a_full_bank_first_then_the_smallest(plan: Plan, short_bytes: int, moved: list[str]) -> None:
    found, banks = banks_when_short(plan, short_bytes)
    assert banks == dict.fromkeys(sorted(moved), "dtcm")
    check_fit(found)


def test_all_lines_of_an_object_move_together() -> None:
    graph = imu_net()
    plan = plan_of(graph, build_scheme(graph, "head", recipe=Recipe(rule=Rule.RESIDUAL8, momentum=0.5)))
    found, moved = banks_when_short(plan, 1024 + 48 + 2 * plan.value_bytes)
    assert "fe_state" not in moved
    found, moved = banks_when_short(plan, 1024 + 48 + plan.value_bytes + frame_bytes(plan) + 1)
    assert {line.bank for line in found.lines if line.symbol == "fe_state"} == {"dtcm"}
    assert len([line for line in found.lines if line.symbol == "fe_state"]) == 3


def test_what_the_other_banks_cannot_take_stays_and_is_refused_with_the_arithmetic(plan: Plan) -> None:
    found, moved = banks_when_short(plan, 1025, second_bytes=1024)
    assert moved == {}
    taken = found.taken("sram")
    with pytest.raises(DoesNotFit, match=f"sram: expected at most {taken - 1025:,} B, got {taken:,} B, 1,025 B over"):
        check_fit(found)


def test_an_object_goes_past_a_bank_without_room_and_nowhere_near_a_reservation() -> None:
    sizes = {"fe_arena": 900, "fe_frame": 300, "fe_stack": 400}
    assert banks_of(sizes, {"a": 1200, "b": 350, "c": 500}) == {"fe_arena": "a", "fe_frame": "a", "fe_stack": "c"}
    assert banks_of(sizes, {"a": 900, "b": 350, "c": 500}) == {"fe_arena": "a", "fe_frame": "b", "fe_stack": "c"}
    assert banks_of(sizes, {"a": 1300, "b": 350, "c": 399}) == {"fe_arena": "a", "fe_frame": "b", "fe_stack": "a"}
    assert set(banks_of(sizes, {"a": 900, "b": 350, "c": 399}).values()) == {"a"}


@pytest.mark.parametrize("second_bytes", [64 * 1024, 1024 + 47, 1024 + 48, 6_000, 10_000])
def test_state_and_arena_fit_exactly_where_the_board_has_room_for_them(plan: Plan, second_bytes: int) -> None:
    recipe, needed = plan.scheme.recipe, plan.state_bytes + plan.arena_bytes
    for short_bytes in (0, 1, 1024, 1025, 1072, 1073, 5484, 5485, 9896, 9897, 14_344, 14_345, 20_000):
        found, _moved = banks_when_short(plan, short_bytes, second_bytes)
        assert (not over(found)) == (node_room(found.profile, plan.layout, recipe, streamed=False) >= needed)


def test_reserved_memory_of_another_bank_is_not_room(plan: Plan) -> None:
    board = load_profile("stm32f746")
    sram, dtcm = board.banks
    taken = replace(load_profile("nrf52840").reservations[0], bank="dtcm", size_bytes=dtcm.size_bytes - 1023)
    short = replace(sram, size_bytes=ledger(plan, board).taken("sram") - 1)
    found = ledger(plan, replace(board, banks=(short, dtcm), reserved=(taken,)))
    assert found.symbols("sram")["fe_stack"].bank == "sram"
    assert found.symbols("sram")["fe_runtime"].bank == "dtcm"


# --- what a recipe remembers -----------------------------------------------------------------------------------


def recipe_lines(recipe: Recipe) -> dict[str, int]:
    """Lines of SRAM that a plain recipe does not have, by item."""
    graph = imu_net()
    profile = load_profile("nrf52840")
    plain = sizes(ledger(plan_of(graph, build_scheme(graph, "sparse")), profile))
    found = sizes(ledger(plan_of(graph, build_scheme(graph, "sparse", recipe=recipe)), profile))
    assert found["trained values"] == found["pushed values"] == found["first values"] == plain["trained values"]
    assert found["frame buffer"] == plain["frame buffer"]
    return {item: size for item, size in found.items() if item not in plain}


WEIGHTS, BIASES = 3232, 295  # of the sparse scheme: block3.pw 64 x 16, block4.pw 96 x 16, the head 7 x 96


@pytest.mark.parametrize(
    "recipe, lines",
    [
        (Recipe(rule=Rule.NEAREST), {}),
        (Recipe(rule=Rule.TRUNCATE, gradients=Gradients.FP32, scaled=False), {}),
        (Recipe(rule=Rule.RESIDUAL4), {"residuals": WEIGHTS // 2}),
        (Recipe(rule=Rule.RESIDUAL8), {"residuals": WEIGHTS}),
        (Recipe(rule=Rule.RESIDUAL16), {"residuals": 2 * WEIGHTS}),
        (Recipe(rule=Rule.LATENT), {"latent weights": 4 * WEIGHTS}),
        (Recipe(momentum=0.9), {"velocities": 4 * (WEIGHTS + BIASES)}),
        (Recipe(batch=8), {"batch sums": 4 * (WEIGHTS + BIASES)}),
        (
            Recipe(rule=Rule.RESIDUAL8, momentum=0.5, batch=2),
            {"residuals": WEIGHTS, "velocities": 4 * (WEIGHTS + BIASES), "batch sums": 4 * (WEIGHTS + BIASES)},
        ),
    ],
)
def test_everything_a_recipe_remembers_is_a_line_and_nothing_of_it_travels(
    recipe: Recipe, lines: dict[str, int]
) -> None:
    assert recipe_lines(recipe) == lines


@given(st.data())
def test_the_lines_of_the_state_add_up_to_the_state(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    plan = plan_of(graph, data.draw(schemes(graph, data.draw(recipes()))))
    found = ledger(plan, load_profile("nrf52840"))
    assert found.symbols("sram")["fe_state"].size_bytes == plan.state_bytes
    assert sum(line.size_bytes for line in found.lines if line.symbol == "fe_state") == plan.state_bytes


@given(st.data())
def test_what_lives_when_the_arena_is_fullest_is_named(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    plan = plan_of(graph, data.draw(schemes(graph, data.draw(recipes()))))
    parts = arena_parts(plan)
    assert sum(parts.values()) == plan.lower_bound_bytes
    reason = next(line.reason for line in ledger(plan, load_profile("nrf52840")).lines if line.item == "arena")
    assert all(f"{name} {size:,}" in reason for name, size in parts.items())


def test_gradients_in_fp32_and_static_exponents_change_the_arena() -> None:
    """Four bytes per gradient and no sums, or a row of sums and one byte: SPEC.md, "Plan"."""
    graph = imu_net()
    arenas = {
        name: plan_of(graph, build_scheme(graph, "full", recipe=recipe)).arena_bytes
        for name, recipe in (
            ("dynamic", Recipe()),
            ("static", Recipe(exponents=Exponents.STATIC, shifts=tuple((t.name, 8) for t in graph.tensors))),
            ("fp32", Recipe(gradients=Gradients.FP32)),
        )
    }
    assert arenas["static"] < arenas["dynamic"] < arenas["fp32"]


def test_a_plan_with_floating_point_needs_more_code_than_one_without(nrf: Profile) -> None:
    graph = imu_net()
    code = [
        sizes(ledger(plan_of(graph, build_scheme(graph, "sparse", recipe=recipe)), nrf))["code"]
        for recipe in (Recipe(), Recipe(rule=Rule.RESIDUAL8), Recipe(gradients=Gradients.FP32))
    ]
    assert code == sorted(set(code))
