"""Our strategy beside Flower's: exact on whole numbers, equal to Flower's own where everybody holds everything."""

from collections.abc import Sequence

import numpy as np
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.serverapp.strategy import FedAvg

from fleet.federation import flower
from fleet.federation.forms import RealUnits, WholeNumbers
from fleet.federation.strategy import MaskedFedAvg
from fleet.learning import aggregate
from fleet.node.wire.frames import Update, base_of, encode_update
from tests.run.quickstart import Party


class Enrolled:
    """The one thing configure_train asks of a Grid."""

    def __init__(self, count: int) -> None:
        self.count = count

    def get_node_ids(self) -> list[int]:
        return list(range(1, self.count + 1))


def frames(party: Party, base: int, own: Sequence[tuple[int, ...]]) -> list[bytes]:
    """One answer per node with deltas that are easy to tell apart."""
    layout = party.plan.layout
    made = []
    for node, classes in enumerate(own):
        deltas = ((np.arange(layout.size) * (node + 1)) % 41 - 20).astype(np.int32)
        deltas[~layout.held(classes)] = 0
        made.append(
            encode_update(
                layout,
                Update(
                    node=node, round=1, steps=4, windows=50 + node, base=base, own=classes, clipped=node, deltas=deltas
                ),
            )
        )
    return made


def replies(contents: Sequence[RecordDict]) -> list[Message]:
    flower.enter()
    sent = [Message(RecordDict(), node + 1, "train") for node in range(len(contents))]
    for number, message in enumerate(sent):
        flower.name_message(message, number + 1)
    return [Message(content, reply_to=message) for content, message in zip(contents, sent, strict=True)]


def test_plain_fedavg_is_flowers_own_average_of_the_same_replies(party: Party) -> None:
    form = RealUnits(party.graph, party.plan.layout)
    everybody = [tuple(range(7))] * 12
    start = form.arrays(party.initial)
    made = frames(party, base_of(party.plan.layout, party.initial), everybody)
    strategy = FedAvg(fraction_evaluate=0.0)
    arrays, _ = strategy.aggregate_train(1, replies([form.reply(start, frame) for frame in made]))
    assert arrays is not None
    exact = exact_average(party, made)
    assert (form.values(arrays) == aggregate.pushed(exact, party.plan.layout.weights)).all()


def exact_average(party: Party, made: Sequence[bytes]) -> aggregate.Int64:
    strategy = MaskedFedAvg(party.plan.layout, refused=never)
    return masked(party, strategy, made)


def masked(party: Party, strategy: MaskedFedAvg, made: Sequence[bytes]) -> aggregate.Int64:
    flower.enter()
    form = WholeNumbers(party.plan.layout)
    start = form.arrays(party.initial)
    list(strategy.configure_train(1, start, ConfigRecord(), Enrolled(12)))  # type: ignore[arg-type]
    arrays, metrics = strategy.aggregate_train(1, replies([form.reply(start, frame) for frame in made]))
    assert arrays is not None
    assert metrics is not None
    return np.asarray(arrays["master"].numpy(), dtype=np.int64)


def never(number: int, node: int, why: str) -> None:
    raise AssertionError((number, node, why))


def test_a_column_is_averaged_over_those_who_hold_it(party: Party) -> None:
    layout = party.plan.layout
    own = [tuple(range(7)) if node % 2 else (0, 1, 2, 3, 4) for node in range(12)]
    made = frames(party, base_of(layout, party.initial), own)
    master = masked(party, MaskedFedAvg(layout, refused=never), made)
    column = np.flatnonzero(~layout.held((0, 1, 2, 3, 4)))
    for i in column.tolist():
        deltas = [(50 + n, (i * (n + 1)) % 41 - 20) for n in range(12) if n % 2]
        total, weight = sum(w * d for w, d in deltas), sum(w for w, _ in deltas)
        expected = (int(party.initial[i]) << 16) + (2 * (total << 16) + weight) // (2 * weight)
        assert int(master[i]) == expected


def test_an_answer_to_another_push_is_refused_and_recorded(party: Party) -> None:
    layout = party.plan.layout
    told: list[tuple[int, int, str]] = []
    good = frames(party, base_of(layout, party.initial), [tuple(range(7))] * 12)
    stale = frames(party, 12345, [tuple(range(7))] * 12)
    strategy = MaskedFedAvg(layout, refused=lambda *what: told.append(what))
    mixed = masked(party, strategy, [*good[:5], stale[5], *good[6:]])
    assert told == [(1, 5, "its deltas are against another push")]
    without = MaskedFedAvg(layout, refused=never)
    assert (mixed == masked(party, without, [*good[:5], *good[6:]])).all()


def test_nobody_answering_changes_nothing(party: Party) -> None:
    strategy = MaskedFedAvg(party.plan.layout, refused=never)
    assert strategy.aggregate_train(1, []) == (None, None)


def test_the_order_of_the_answers_does_not_matter(party: Party) -> None:
    layout = party.plan.layout
    made = frames(party, base_of(layout, party.initial), [tuple(range(7))] * 12)
    strategy = MaskedFedAvg(layout, refused=never)
    assert (masked(party, strategy, made) == masked(party, strategy, made[::-1])).all()
