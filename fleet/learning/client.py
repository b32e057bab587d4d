"""One node's side of learning: a push comes in as bytes, an update goes out as bytes. No clock, no radio.

The same steps are the C client's (fleet/node/engine/node); here the arithmetic runs behind a Backend.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.learning.data.shards import Shard
from fleet.learning.orders import sample_order
from fleet.node.backend import Backend, Work
from fleet.node.model.fixed import Real
from fleet.node.wire.frames import decode_push, decode_update, encode_update


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A node with its data. seed: of the run. It keeps nothing itself: how many steps it made is handed in.

    windows_a_round: training windows that its sensor makes from one round to the next; None: all are there at once.
    lies: whether it answers with the opposite of what it learnt.
    """

    shard: Shard
    backend: Backend
    seed: int
    windows_a_round: Fraction | None = None
    lies: bool = False

    def answer(self, frame: bytes, first_step: int) -> bytes:
        """The update frame to a push frame. first_step: steps this node made before. Raises FrameError."""
        push = decode_push(self.backend.plan.layout, frame)
        order = self._order(rng.Stream.ORDER, first_step, push.steps, push.round)
        answer = self.backend.answer(
            frame, self._work(push.values, push.rate, push.own, first_step, order, self.windows(push.round))
        )
        return self._opposite(answer) if self.lies else answer

    def train(
        self,
        values: NDArray[np.int32],
        *,
        steps: int,
        rate: Real,
        own: Collection[int],
        first_step: int,
        stream: rng.Stream,
        round_number: int = 0,
        first_window: int | None = None,
    ) -> NDArray[np.int32]:
        """int32 [size] after some steps from these values.

        round_number: read where training windows come over time. first_window: place in their order, if not first_step.
        """
        place = first_step if first_window is None else first_window
        order = self._order(stream, place, steps, round_number)
        return self.backend.train(self._work(values, rate, own, first_step, order, self.windows(round_number)))

    def windows(self, round_number: int) -> int:
        """Training windows that there are when a round opens: the first ones of its data, at least one."""
        if self.windows_a_round is None:
            return self.shard.train.size
        return min(max(int(self.windows_a_round * round_number), 1), self.shard.train.size)

    def _order(self, stream: rng.Stream, place: int, steps: int, round_number: int) -> NDArray[np.int64]:
        return sample_order(self.seed, stream, self.shard.node, self.windows(round_number), place, steps)

    def _opposite(self, answer: bytes) -> bytes:
        layout = self.backend.plan.layout
        update = decode_update(layout, answer)
        return encode_update(layout, replace(update, deltas=-update.deltas))

    def _work(
        self,
        values: NDArray[np.int32],
        rate: Real,
        own: Collection[int],
        first_step: int,
        order: NDArray[np.int64],
        windows: int,
    ) -> Work:
        return Work(
            values=values,
            windows=self.shard.train.x[:windows],
            labels=self.shard.train.y[:windows],
            order=order,
            rate=rate,
            own=own,
            key=rng.key(self.seed, rng.Stream.UPDATE, self.shard.node),
            first_step=first_step,
        )
