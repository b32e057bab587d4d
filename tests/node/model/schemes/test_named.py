"""Schemes in one word."""

from fractions import Fraction

import pytest

from fleet.base.errors import InputError
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.schemes import (
    all_layers,
    by_magnitude,
    last_biases,
    last_layers,
    named_scheme,
    published_scheme,
    sparse_layers,
)
from fleet.node.plan import plan_of
from tests.node.model.schemes.bottlenecks import published_graph, small_graph

GRAPH = small_graph()
MCUNET = published_graph("mcunet-5fps")


@pytest.mark.parametrize(
    "text", ["full", "head", "bias", "bias:3", "last_k:4", "lite_residual", "bn", "sparse:9,block3.pw1=1/2"]
)
def test_every_scheme_of_a_word_can_be_planned(text: str) -> None:
    choice = named_scheme(GRAPH, text, recipe=Recipe(gradients=Gradients.FP32))
    assert choice.scheme.name == text
    assert choice.scheme.recipe.gradients is Gradients.FP32
    assert plan_of(choice.graph, choice.scheme).layout.head == "head"


def test_words_name_the_schemes_that_calls_make() -> None:
    assert named_scheme(GRAPH, "full").scheme == all_layers(GRAPH)
    assert named_scheme(GRAPH, "bias").scheme == last_biases(GRAPH)
    assert named_scheme(GRAPH, "bias:3").scheme == last_biases(GRAPH, 3)
    assert named_scheme(GRAPH, "last_k:3").scheme == last_layers(GRAPH, 3)
    assert [part.op for part in named_scheme(GRAPH, "head").scheme.trained] == ["head"]
    assert named_scheme(MCUNET, "sparse:100kb").scheme == published_scheme(MCUNET, "100kb")


def test_shares_are_written_by_number_or_name() -> None:
    text = "sparse:9,4=1/4,block3.pw1=0.5"
    ratios: dict[int | str, Fraction] = {4: Fraction(1, 4), "block3.pw1": Fraction(1, 2)}
    wanted = sparse_layers(GRAPH, biases=9, ratios=ratios, name=text)
    assert named_scheme(GRAPH, text).scheme == wanted


def test_the_order_of_channels_is_a_word_behind() -> None:
    plain, moved = (named_scheme(MCUNET, text) for text in ("sparse:49kb", "sparse:49kb,joint"))
    assert plain.graph is MCUNET
    assert moved.scheme == plain.scheme
    wanted = by_magnitude(MCUNET, plain.scheme, joint=True)
    assert all((a.weight == b.weight).all() for a, b in zip(moved.graph.weighted, wanted.weighted, strict=True))
    with pytest.raises(InputError, match="order them jointly"):
        named_scheme(MCUNET, "sparse:49kb,magnitude")


@pytest.mark.parametrize(
    "text, reason",
    [
        ("all", "expected one of full, head, bias, bias:LAYERS, .*, got 'all'"),
        ("full:3", "got 'full:3'"),
        ("last_k", "got 'last_k'"),
        ("last_k:x", "got 'last_k:x'"),
        ("sparse:", "got 'sparse:'"),
        ("sparse:9,block3.pw1", r"expected LAYER=SHARE such as 24=1/4, got 'block3\.pw1'"),
        ("sparse:9,4=1/0", "expected LAYER=SHARE such as 24=1/4, got '4=1/0'"),
        ("sparse:9,4=1,4=1", "expected each layer once, got '4' again"),
        ("sparse:49kb,4=1", "expected a label alone, or a number of biases first"),
        ("sparse:49kb", "expected a network with published schemes"),
        ("last_k:99", "expected 1 to 10 layers"),
    ],
)
def test_a_word_that_is_none_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        named_scheme(GRAPH, text)


@pytest.mark.parametrize("text, near", [("ful", "full"), ("lastk:3", "last_k"), ("sparse49kb", "sparse:49kb")])
def test_a_text_that_is_no_scheme_is_answered_with_the_nearest(text: str, near: str) -> None:
    with pytest.raises(InputError, match=f"did you mean '{near}'"):
        named_scheme(MCUNET, text)
