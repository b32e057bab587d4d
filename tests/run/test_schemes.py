"""Schemes that a scenario names in one word: they run, keep their name on resuming, and are refused in place."""

import pytest

from fleet.base.errors import InputError
from fleet.run.assemble import assemble
from fleet.scenario import Scenario, dump, loads
from tests.run.quickstart import short

NAMED = ("sparse:6,8=1/2", "bias:3", "last_k:1", "bn", "lite_residual")


def scenario(name: str) -> Scenario:
    return short(training__scheme={"kind": "named", "name": name})


@pytest.mark.parametrize("name", NAMED)
def test_a_named_scheme_trains_what_it_says_from_the_same_start(name: str) -> None:
    party, plain = assemble(scenario(name)), assemble(short())
    assert party.plan.scheme.trained != plain.plan.scheme.trained
    window = party.clients[0].shard.test.x[:3]
    before = party.backend.logits(party.initial, window)
    assert (before.argmax(axis=1) == plain.backend.logits(plain.initial, window).argmax(axis=1)).all()


def test_a_run_of_a_named_scheme_is_resolved_to_its_name() -> None:
    asked = scenario("sparse:6,8=1/2")
    assert loads(dump(asked)) == asked
    assert loads(dump(asked)).training.scheme.name == "sparse:6,8=1/2"


@pytest.mark.parametrize(
    "name, said",
    [
        ("sparse:100kb", "training.scheme.name: expected a network with published schemes .*, got imu-ds-cnn"),
        ("bies", "training.scheme.name: expected one of full, .*, got 'bies'; did you mean 'bias'?"),
        ("sparse:6,99=1/2", "training.scheme.name: .*99"),
    ],
)
def test_a_name_that_the_network_cannot_have_is_refused(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        assemble(scenario(name))
