"""How trained values travel between Flower and the gateway: as whole numbers, or in real units for float strategies.

Nodes always speak frames. A form turns what a strategy holds into the values of a push, and an update frame into what
the strategy expects back.
"""

from typing import Protocol

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict
from numpy.typing import NDArray

from fleet.learning import aggregate
from fleet.node.model.graph import Graph
from fleet.node.model.scheme import Layout, real_scales
from fleet.node.wire.frames import Update, decode_update

MASTER = "master"
WIRE, FRAME = "wire", "frame"
EXAMPLES = "num-examples"


class Form(Protocol):
    """Between a strategy's arrays and trained values."""

    def arrays(self, values: NDArray[np.int32]) -> ArrayRecord:
        """What the strategy starts from."""
        ...

    def values(self, arrays: ArrayRecord) -> NDArray[np.int32]:
        """int32 [size]: what a push of these arrays carries."""
        ...

    def reply(self, arrays: ArrayRecord, frame: bytes) -> RecordDict:
        """A node's answer to a push of these arrays, from its update frame."""
        ...


class WholeNumbers:
    """An int64 master with 16 fractional bits; the reply is the frame itself."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def arrays(self, values: NDArray[np.int32]) -> ArrayRecord:
        """{'master': int64 [size]}."""
        return ArrayRecord({MASTER: Array(aggregate.master_of(values))})

    def values(self, arrays: ArrayRecord) -> NDArray[np.int32]:
        """int32 [size]: the master, rounded."""
        return aggregate.pushed(arrays[MASTER].numpy(), self.layout.weights)

    def reply(self, arrays: ArrayRecord, frame: bytes) -> RecordDict:  # noqa: ARG002 (deltas need no base here)
        """The frame, and the windows it counts for."""
        update = decode_update(self.layout, frame)
        return RecordDict({"metrics": _metrics(update), WIRE: ConfigRecord({FRAME: frame})})


class RealUnits:
    """float32 arrays in real units, one per trained tensor, as any Flower strategy averages them.

    The gateway adds a node's delta to the float arrays it was sent, so what rounding took from the push is kept.
    """

    def __init__(self, graph: Graph, layout: Layout) -> None:
        self.layout = layout
        self.scales = real_scales(graph, layout)

    def arrays(self, values: NDArray[np.int32]) -> ArrayRecord:
        """{'<op> <kind>': float32 in the tensor's shape}."""
        return self._record(values * self.scales)

    def values(self, arrays: ArrayRecord) -> NDArray[np.int32]:
        """int32 [size]: the nearest values; weights within +-127, biases within +-2^30."""
        nearest = np.rint(self._vector(arrays) / self.scales)
        limit = np.where(np.arange(self.layout.size) < self.layout.weights, 127, 2**30)
        return np.clip(nearest, -limit, limit).astype(np.int32)

    def reply(self, arrays: ArrayRecord, frame: bytes) -> RecordDict:
        """The arrays the node would have, from what it was sent and its deltas."""
        update = decode_update(self.layout, frame)
        after = self._record(self._vector(arrays) + update.deltas * self.scales)
        return RecordDict({"arrays": after, "metrics": _metrics(update), WIRE: ConfigRecord({FRAME: frame})})

    def _record(self, vector: NDArray[np.float64]) -> ArrayRecord:
        return ArrayRecord(
            {
                f"{s.op} {s.kind}": Array(vector[s.values].reshape(s.shape).astype(np.float32))
                for s in self.layout.slices
            }
        )

    def _vector(self, arrays: ArrayRecord) -> NDArray[np.float64]:
        parts = [arrays[f"{s.op} {s.kind}"].numpy().ravel() for s in self.layout.slices]
        return np.concatenate(parts).astype(np.float64)


def frame_of(content: RecordDict) -> bytes:
    """The update frame that a reply was made from."""
    frame = content.config_records[WIRE][FRAME]
    assert isinstance(frame, bytes)
    return frame


def _metrics(update: Update) -> MetricRecord:
    return MetricRecord({EXAMPLES: update.windows, "clipped": update.clipped})
