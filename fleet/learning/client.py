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
from fleet.node.wire.frames import Update, base_of, decode_push, deltas_of, encode_update


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A node with its data. seed: of the run. It keeps nothing itself: how many steps it made is handed in."""

    shard: Shard
    backend: Backend
    seed: int

    def answer(self, frame: bytes, first_step: int) -> bytes:
        """The update frame to a push frame. first_step: steps this node made before. Raises FrameError."""
        layout = self.backend.plan.layout
        push = decode_push(layout, frame)
        values = self.train(
            push.values, steps=push.steps, rate=push.rate, own=push.own, first_step=first_step, stream=rng.Stream.ORDER
        )
        deltas, clipped = deltas_of(layout, values, push.values)
        deltas[~layout.held(push.own)] = 0  # exact already: an absent class gets no gradient
        return encode_update(
            layout,
            Update(
                node=push.node,
                round=push.round,
                steps=push.steps,
                windows=self.shard.train.size,
                base=base_of(layout, push.values),
                own=push.own,
                clipped=clipped,
                deltas=deltas,
            ),
        )

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
        train = self.shard.train
        place = first_step if first_window is None else first_window
        return self.backend.train(
            Work(
                values=values,
                windows=train.x,
                labels=train.y,
                order=sample_order(self.seed, stream, self.shard.node, train.size, place, steps),
                rate=rate,
                own=own,
                key=rng.key(self.seed, rng.Stream.UPDATE, self.shard.node),
                first_step=first_step,
            )
        )
