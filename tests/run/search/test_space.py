"""Every scheme of a search has a word that a command line turns into the same scheme."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.node.model.recipe import Recipe
from fleet.node.model.schemes import named_scheme
from fleet.run.search import Genes, Space
from tests.run.search.tiny import tiny_net

SPACE = Space(tiny_net(), Recipe())


@st.composite
def genes(draw: st.DrawFn) -> Genes:
    biases = draw(st.integers(0, SPACE.layers))
    made = SPACE.biases(biases)
    for layer in range(SPACE.layers - biases, SPACE.layers):
        made = made.with_share(layer, draw(st.sampled_from([Fraction(0), *SPACE.options[layer]])))
    return made


@given(genes())
def test_a_scheme_and_its_word_are_the_same(one: Genes) -> None:
    assert named_scheme(SPACE.graph, one.text).scheme.trained == SPACE.scheme(one).trained


def test_the_ends_of_the_space_have_the_usual_names() -> None:
    assert SPACE.biases(0).text == SPACE.last(0).text == "head"
    assert SPACE.biases(3).text == "bias:3"
    assert SPACE.last(2).text == "last_k:2"
    assert SPACE.biases(2).with_share(SPACE.layers - 1, Fraction(1, 2)).text == f"sparse:2,{SPACE.layers - 1}=1/2"


def test_a_share_brings_the_biases_it_needs_and_fewer_biases_take_shares_away() -> None:
    deep = SPACE.biases(1).with_share(0, Fraction(1))
    assert deep.biases == SPACE.layers
    assert deep.with_biases(2) == SPACE.biases(2)


def test_weights_of_a_layer_whose_bias_is_frozen_are_no_scheme() -> None:
    with pytest.raises(ValueError, match="among the last 1 layers"):
        Genes(biases=1, shares=(Fraction(1), *[Fraction(0)] * (SPACE.layers - 1)))


def test_shares_that_train_the_same_channels_are_one() -> None:
    """A layer of 4 input channels has three shares: an eighth of it is no channel."""
    assert SPACE.view.layers[0].channels == 4
    assert SPACE.options[0] == (Fraction(1, 4), Fraction(1, 2), Fraction(1))
