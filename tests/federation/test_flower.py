"""The touch points inside Flower, and the version they were read in."""

import random
from importlib.metadata import version

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict

from fleet.federation import flower


def test_the_private_touch_points_were_read_in_this_version() -> None:
    # A newer Flower: read flower.py's touch points there again, then move this line and pyproject's range.
    assert version("flwr").startswith("1.41.")


def test_messages_can_be_made_named_and_answered_outside_a_superlink() -> None:
    flower.enter()
    message = Message(RecordDict(), 7, "train")
    assert flower.name_message(message, 255) == f"{255:016x}"
    reply = Message(RecordDict(), reply_to=message)
    assert reply.metadata.src_node_id == 7


def test_a_copied_container_belongs_to_one_node_alone() -> None:
    record = RecordDict(
        {
            "arrays": ArrayRecord([np.arange(3)]),
            "config": ConfigRecord({"server-round": 1}),
            "metrics": MetricRecord({"a": 1.0}),
        }
    )
    copy = flower.copied(record)
    copy.config_records["config"]["server-round"] = 2
    del copy.metric_records["metrics"]["a"]
    assert record.config_records["config"]["server-round"] == 1
    assert record.metric_records["metrics"]["a"] == 1.0
    assert copy.array_records["arrays"]["0"].numpy().tolist() == [0, 1, 2]


def test_server_code_draws_the_same_numbers_and_the_process_gets_its_own_back() -> None:
    before = random.getstate()
    drawn = []
    for _ in range(2):
        with flower.seeded(5):
            drawn.append((random.random(), np.random.get_state()[1].tolist()))  # type: ignore[index]  # noqa: NPY002
    assert drawn[0] == drawn[1]
    assert random.getstate() == before
