"""Coefficients from equations: those of a known model come back, and what is missing is named."""

from fractions import Fraction

import pytest

from fleet.node.cost import KINDS, OpCount
from fleet.node.twin.calibrate.fit import Seen, fitted, misses

SHAPES = ((1, 3, 40, 7), (1, 9, 100, 5), (1, 2, 900, 80), (1, 30, 10, 11), (2, 4, 5, 600), (1, 1, 1, 1))


def equation(kind: str, shape: tuple[int, int, int, int], *more: OpCount, extra: int = 0) -> Seen:
    """A step of 100 instructions a call, 20 a tap, 3 a MAC, 7 an element."""
    calls, taps, macs, elements = shape
    count = OpCount(kind=kind, calls=calls, taps=taps, macs=macs, elements=elements)
    took = 100 * calls + 20 * taps + 3 * macs + 7 * elements + extra
    return Seen(what=kind, counts=(count, *more), instructions=took)


def everything() -> list[Seen]:
    """Every kind by the same law, each alone."""
    plain = [kind for kind in KINDS if not kind.startswith("take_")]
    found = [equation(kind, shape) for kind in plain for shape in SHAPES]
    for kind in KINDS:
        if kind.startswith("take_"):
            found += [equation("update_dense", SHAPES[1], OpCount(kind=kind, elements=n), extra=-2 * n) for n in (5, 9)]
    return found


def test_the_law_that_made_the_equations_is_found() -> None:
    kernels = {kernel.kind: kernel for kernel in fitted(everything())}
    assert list(kernels) == list(KINDS)
    conv = kernels["conv"]
    assert (conv.per_call, conv.per_tap, conv.per_mac, conv.per_element) == (100, 20, 3, 7)
    assert (conv.steps, conv.error) == (len(SHAPES), 0)


def test_what_making_weights_and_channels_ready_takes_is_found() -> None:
    seen = [
        Seen(
            what="conv",
            counts=(OpCount(kind="conv", calls=1, macs=m, weights=w, channels=c),),
            instructions=50 + 2 * m + 5 * w + 70 * c,
        )
        for m, w, c in ((900, 36, 6), (4_000, 128, 8), (9_000, 64, 16), (700, 300, 3), (20_000, 90, 30))
    ]
    rest = [each for each in everything() if each.counts[0].kind != "conv"]
    conv = next(kernel for kernel in fitted([*rest, *seen]) if kernel.kind == "conv")
    assert (conv.per_call, conv.per_mac, conv.per_weight, conv.per_channel, conv.error) == (50, 2, 5, 70, 0)


def test_what_a_recipe_saves_is_found_in_the_steps_that_hold_it() -> None:
    kernels = {kernel.kind: kernel for kernel in fitted(everything())}
    assert kernels["take_nearest"].per_element == -2
    assert all(said == seen.instructions for seen, said in misses(everything(), kernels))


def test_no_other_coefficient_is_negative() -> None:
    falling = [
        Seen(what="add", counts=(OpCount(kind="add", calls=1, elements=n),), instructions=1000 - n) for n in (1, 9, 40)
    ]
    rest = [seen for seen in everything() if seen.counts[0].kind != "add"]
    add = next(kernel for kernel in fitted([*rest, *falling]) if kernel.kind == "add")
    assert add.per_element == 0
    assert 960 < add.per_call < 999
    assert Fraction(str(add.error)) > 0


def test_a_kind_that_nobody_counted_is_named() -> None:
    with pytest.raises(ValueError, match="got none of pool; add a sample"):
        fitted(seen for seen in everything() if seen.counts[0].kind != "pool")
