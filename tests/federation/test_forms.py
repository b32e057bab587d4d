"""Values through Flower's arrays and back."""

import numpy as np

from fleet.federation.forms import FRAME, WIRE, RealUnits, WholeNumbers, frame_of
from fleet.node.model.scheme import real_scales
from fleet.node.wire.frames import Update, encode_update
from tests.run.quickstart import Party


def test_whole_numbers_come_back_as_they_were(party: Party) -> None:
    form = WholeNumbers(party.plan.layout)
    assert (form.values(form.arrays(party.initial)) == party.initial).all()


def test_real_units_come_back_as_they_were(party: Party) -> None:
    form = RealUnits(party.graph, party.plan.layout)
    assert (form.values(form.arrays(party.initial)) == party.initial).all()


def test_real_units_are_the_dequantised_tensors(party: Party) -> None:
    arrays = RealUnits(party.graph, party.plan.layout).arrays(party.initial)
    head = party.graph.head
    expected = head.weight.astype(np.float64) * head.weight_scale.astype(np.float64)[:, None]
    assert (arrays["head weight"].numpy() == expected.astype(np.float32)).all()
    assert arrays["block3.pw weight"].numpy().shape == (64, 1, 1, 16)


def test_a_gateway_adds_deltas_to_what_it_was_sent_so_that_nothing_is_lost_to_rounding(party: Party) -> None:
    layout = party.plan.layout
    form = RealUnits(party.graph, layout)
    scales = real_scales(party.graph, layout)
    sent = form._record(party.initial * scales + 0.4 * scales)
    deltas = np.ones(layout.size, dtype=np.int32)
    update = Update(node=0, round=1, steps=1, windows=9, base=0, own=tuple(range(7)), clipped=0, deltas=deltas)
    back = form.reply(sent, encode_update(layout, update))
    moved = (form._vector(back.array_records["arrays"]) - form._vector(sent)) / scales
    assert np.abs(moved - 1).max() < 0.01  # float32 in Flower's arrays
    assert back.metric_records["metrics"]["num-examples"] == 9
    assert frame_of(back) == back.config_records[WIRE][FRAME]
