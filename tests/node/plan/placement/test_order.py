"""Operator orders: against every order there is, on known networks, and in time on large ones."""

from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.node.plan.placement import Call, best_order


def held_at_most(calls: Sequence[Call], sizes: dict[str, int], outputs: Sequence[str]) -> int | None:
    """The most held in this order, step by step from the definition; None where it cannot run."""
    made = {name for call in calls for name in call.outputs}
    there = {name for call in calls for name in call.inputs} - made | (set(outputs) - made)
    peak = sum(sizes.get(name, 0) for name in there)
    for i, call in enumerate(calls):
        if not set(call.inputs) <= there:
            return None
        there |= set(call.outputs)
        peak = max(peak, sum(sizes.get(name, 0) for name in there))
        later = {name for other in calls[i + 1 :] for name in other.inputs} | set(outputs)
        there &= later
    return peak


@st.composite
def nets(draw: st.DrawFn, most: int = 9) -> tuple[list[Call], dict[str, int], list[str]]:
    """Operators that read one to three of what lies before them, some make two tensors; constants have no size."""
    sizes = {"in": draw(st.integers(0, 20))}
    known, calls = ["in", "constant"], []
    for i in range(draw(st.integers(1, most))):
        reads = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True))
        makes = [f"t{i}"] + ([f"u{i}"] if draw(st.integers(0, 5)) == 0 else [])
        calls.append(Call(name=f"op{i}", inputs=tuple(reads), outputs=tuple(makes)))
        sizes |= {name: draw(st.integers(0, 20)) for name in makes}
        known += makes
    outputs = draw(st.lists(st.sampled_from(known[2:]), max_size=2, unique=True))
    return calls, sizes, sorted({*outputs, known[-1]})


@settings(max_examples=120)
@given(net=nets(7))
def test_it_equals_the_best_of_all_orders(net: tuple[list[Call], dict[str, int], list[str]]) -> None:
    calls, sizes, outputs = net
    peaks = [held_at_most(order, sizes, outputs) for order in permutations(calls)]
    found = best_order(calls, sizes, outputs)
    assert found.proved
    assert found.peak_bytes == min(peak for peak in peaks if peak is not None)
    assert held_at_most([calls[i] for i in found.calls], sizes, outputs) == found.peak_bytes


@settings(max_examples=15)
@given(net=nets(9))
def test_it_equals_the_best_of_all_orders_of_nine(net: tuple[list[Call], dict[str, int], list[str]]) -> None:
    calls, sizes, outputs = net
    assert best_order(calls, sizes, outputs).peak_bytes == best_of_all(calls, sizes, outputs, 0)


def best_of_all(calls: Sequence[Call], sizes: dict[str, int], outputs: Sequence[str], begun: int) -> int:
    """The least peak of all orders that keep the first `begun` operators: one by one, what cannot run left out."""
    if begun == len(calls):
        return held_at_most(calls, sizes, outputs) or 0
    made = {name for call in calls for name in call.outputs}
    there = {name for call in calls[:begun] for name in call.outputs}
    ways = []
    for i in range(begun, len(calls)):
        if not (set(calls[i].inputs) & made) - there:
            order = [*calls[:begun], calls[i], *calls[begun:i], *calls[i + 1 :]]
            ways.append(best_of_all(order, sizes, outputs, begun + 1))
    return min(ways)


@given(net=nets(30))
def test_it_is_never_worse_than_the_order_given(net: tuple[list[Call], dict[str, int], list[str]]) -> None:
    calls, sizes, outputs = net
    for states in (0, 3, 10_000):
        found = best_order(calls, sizes, outputs, states=states)
        assert sorted(found.calls) == list(range(len(calls)))
        assert held_at_most([calls[i] for i in found.calls], sizes, outputs) == found.peak_bytes
        assert found.peak_bytes <= (held_at_most(calls, sizes, outputs) or 0)


def fork(branches: int, length: int, size: int) -> tuple[list[Call], dict[str, int]]:
    """Branches that widen and narrow again, given layer by layer, which holds all of them wide at once."""
    sizes = {"in": 4} | {
        f"b{b}.{k}": (2 if k + 1 == length else size + b) for b in range(branches) for k in range(length)
    }
    calls = [
        Call(name=f"b{b}.{k}", inputs=(f"b{b}.{k - 1}" if k else "in",), outputs=(f"b{b}.{k}",))
        for k in range(length)
        for b in range(branches)
    ]
    calls.append(Call(name="join", inputs=tuple(f"b{b}.{length - 1}" for b in range(branches)), outputs=("out",)))
    return calls, sizes | {"out": 2}


def test_a_fork_is_run_branch_by_branch() -> None:
    """Beside 11 + 11 the end of another branch, 2, and the input, 4; beside 12 + 12 the ends of both others."""
    calls, sizes = fork(3, 3, 10)
    found = best_order(calls, sizes, ["out"])
    assert found.proved
    assert found.peak_bytes == 28
    assert held_at_most(calls, sizes, ["out"]) == 10 + 11 + 12 + 12


@pytest.mark.parametrize("branches, length", [(2, 50), (4, 25), (10, 10), (25, 4), (50, 2)])
def test_a_hundred_operators_are_ordered_with_proof_in_few_states(branches: int, length: int) -> None:
    calls, sizes = fork(branches, length, 10)
    assert best_order(calls, sizes, ["out"], states=1_000).proved


def test_an_order_that_cannot_run_is_refused() -> None:
    with pytest.raises(InputError, match="expected 'b' made before it is read"):
        best_order(
            [Call(name="a", inputs=("b",), outputs=("a",)), Call(name="b", inputs=(), outputs=("b",))], {}, ["a"]
        )
