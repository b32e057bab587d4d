"""One node's side of learning: a push comes in as bytes, an update goes out as bytes. No clock, no radio.

The same steps are the C client's (fleet/node/engine/node); here the arithmetic runs behind a Backend.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.learning.data.shards import Shard
from fleet.learning.orders import sample_order
from fleet.node.backend import Backend, Work
from fleet.node.model.fixed import Real
from fleet.node.wire.frames import decode_push


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A node with its data. seed: of the run. It keeps nothing itself: how many steps it made is handed in."""

    shard: Shard
    backend: Backend
    seed: int

    def answer(self, frame: bytes, first_step: int) -> bytes:
        """The update frame to a push frame. first_step: steps this node made before. Raises FrameError."""
        push = decode_push(self.backend.plan.layout, frame)
        order = self._order(rng.Stream.ORDER, first_step, push.steps)
        return self.backend.answer(frame, self._work(push.values, push.rate, push.own, first_step, order))

    def train(
        self,
        values: NDArray[np.int32],
        *,
        steps: int,
        rate: Real,
        own: Collection[int],
        first_step: int,
        stream: rng.Stream,
        first_window: int | None = None,
    ) -> NDArray[np.int32]:
        """int32 [size] after some steps from these values.

        first_window: place in the order of windows, where it is not first_step.
        """
        place = first_step if first_window is None else first_window
        return self.backend.train(self._work(values, rate, own, first_step, self._order(stream, place, steps)))

    def _order(self, stream: rng.Stream, place: int, steps: int) -> NDArray[np.int64]:
        return sample_order(self.seed, stream, self.shard.node, self.shard.train.size, place, steps)

    def _work(
        self, values: NDArray[np.int32], rate: Real, own: Collection[int], first_step: int, order: NDArray[np.int64]
    ) -> Work:
        return Work(
            values=values,
            windows=self.shard.train.x,
            labels=self.shard.train.y,
            order=order,
            rate=rate,
            own=own,
            key=rng.key(self.seed, rng.Stream.UPDATE, self.shard.node),
            first_step=first_step,
        )
