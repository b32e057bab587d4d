"""What touches Flower's inside, but supernode.py: process-wide identity, message ids, logging, its global randomness.

Everything else uses Flower's public classes. tests/federation/test_flower.py pins the version these touch points were
read in; a newer Flower must be read again before the pin moves.
"""

import logging
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")  # read by Flower when it is imported
os.environ.setdefault("FLWR_DISABLE_UPDATE_CHECK", "1")

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

logging.getLogger("flwr").setLevel(logging.ERROR)  # what goes wrong in a round is in the run's own tables

RUN_ID = 1
SERVER_NODE_ID = 0


def enter() -> None:
    """Gives this process the identity that Flower's messages take their run and sender from."""
    TaskIdentity.run_id = RUN_ID
    TaskIdentity.node_id = SERVER_NODE_ID
    TaskIdentity.task_id = 1


def empty_run() -> Run:
    """A run record for a Grid that belongs to no SuperLink."""
    return Run.create_empty(RUN_ID)


def name_message(message: Message, number: int) -> str:
    """Gives a message its id, which Flower's transports would do. Returns it."""
    message.metadata.__dict__["_message_id"] = f"{number:016x}"
    return str(message.metadata.message_id)


def new_context(node_id: int, partition: int, partitions: int) -> Context:
    """The state Flower keeps for one node over the rounds."""
    return Context(
        run_id=RUN_ID,
        node_id=node_id,
        node_config={"partition-id": partition, "num-partitions": partitions},
        state=RecordDict(),
        run_config={},
    )


def copied(record: RecordDict) -> RecordDict:
    """A container of its own over the same read-only arrays: Flower's strategies hand one object to every node."""
    return RecordDict({key: _copied(value) for key, value in record.items()})


def _copied(value: ArrayRecord | MetricRecord | ConfigRecord) -> ArrayRecord | MetricRecord | ConfigRecord:
    match value:
        case ArrayRecord():
            return ArrayRecord(dict(value))
        case MetricRecord():
            return MetricRecord(dict(value))
        case _:
            return ConfigRecord(dict(value))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Server code draws from the process-wide generators (Flower's node sampling does): seeds them, puts them back."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
