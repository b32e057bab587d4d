"""Saturated senders of one air, simulated event by event: what the world's mean field is held against."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from fleet.base import rng
from fleet.world.radio.ieee802154 import timing

FRAME = 127
FRAME_US = timing.frame_us(FRAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Of all nodes together. delivered: frames in a second that were acknowledged."""

    delivered: float
    taken: tuple[float, float]  # of the first assessments of attempts, and of the later ones
    refused: float  # of the attempts: no free channel in five assessments
    collided: float  # of the frames on the air


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One frame and its acknowledgement. spoilt: something else was on the air at the same time."""

    node: int
    begin_us: int
    spoilt: bool = False
    acknowledged: bool = False

    def on_air(self) -> list[tuple[int, int]]:
        """When it is on the air."""
        ack_us = self.begin_us + FRAME_US + timing.TURNAROUND_US
        ack = [(ack_us, ack_us + timing.ACK_US)] if self.acknowledged else []
        return [(self.begin_us, self.begin_us + FRAME_US), *ack]

    def meets(self, begin_us: int, end_us: int) -> bool:
        """Whether it is on the air in a stretch of time."""
        return any(begin < end_us and end > begin_us for begin, end in self.on_air())


@dataclass(slots=True)
class Crowd:
    """Nodes that always have a full frame to send, all in hearing of each other; unslotted CSMA/CA, no retries."""

    nodes: int
    key: int
    queue: list[tuple[int, int, str, int, int]] = field(default_factory=list)  # time, node, what, tries, exponent
    air: list[Exchange] = field(default_factory=list)
    done: list[Exchange] = field(default_factory=list)
    refused: int = 0
    assessed: list[int] = field(default_factory=lambda: [0, 0])
    taken: list[int] = field(default_factory=lambda: [0, 0])
    draws: Iterator[int] = field(default_factory=lambda: iter(range(2**32)))

    def run(self, attempts: int) -> Course:
        """Until so many frames were tried."""
        for node in range(self.nodes):
            self._wait(0, node, 0, timing.MIN_BE)
        now_us = 0
        while len(self.done) + self.refused < attempts:
            now_us, node, what, tries, exponent = heapq.heappop(self.queue)
            if what == "assess":
                self._assess(now_us, node, tries, exponent)
            else:
                self._end(now_us, node)
        sent = len(self.done)
        good = sum(not exchange.spoilt for exchange in self.done)
        return Course(
            delivered=good / now_us * 1e6,
            taken=(self.taken[0] / self.assessed[0], self.taken[1] / max(self.assessed[1], 1)),
            refused=self.refused / (sent + self.refused),
            collided=1 - good / sent,
        )

    def _wait(self, from_us: int, node: int, tries: int, exponent: int) -> None:
        backoff_us = rng.below(self.key, next(self.draws), 2**exponent) * timing.BACKOFF_US
        heapq.heappush(self.queue, (from_us + backoff_us + timing.CCA_US, node, "assess", tries, exponent))

    def _assess(self, now_us: int, node: int, tries: int, exponent: int) -> None:
        """The end of an assessment: the channel was taken if anything was on the air in it."""
        self.air = [exchange for exchange in self.air if exchange.on_air()[-1][1] > now_us - 1_000]
        self.assessed[tries > 0] += 1
        if any(exchange.meets(now_us - timing.CCA_US, now_us) for exchange in self.air):
            self.taken[tries > 0] += 1
            if tries < timing.MAX_BACKOFFS:
                self._wait(now_us, node, tries + 1, min(exponent + 1, timing.MAX_BE))
            else:
                self.refused += 1
                self._wait(now_us, node, 0, timing.MIN_BE)
            return
        mine = Exchange(node=node, begin_us=now_us + timing.TURNAROUND_US)
        self._spoil(mine, mine.begin_us, mine.begin_us + FRAME_US)
        self.air.append(mine)
        heapq.heappush(self.queue, (mine.begin_us + FRAME_US, node, "end", 0, 0))

    def _end(self, now_us: int, node: int) -> None:
        """The end of a frame: an acknowledgement follows if nothing was in the way."""
        mine = next(exchange for exchange in reversed(self.air) if exchange.node == node)
        self.done.append(mine)
        if mine.spoilt:
            self._wait(now_us + timing.ACK_WAIT_US, node, 0, timing.MIN_BE)
            return
        mine.acknowledged = True
        begin_us, end_us = mine.on_air()[-1]
        self._spoil(mine, begin_us, end_us)
        self._wait(end_us + timing.LIFS_US, node, 0, timing.MIN_BE)

    def _spoil(self, mine: Exchange, begin_us: int, end_us: int) -> None:
        for other in self.air:
            if other is not mine and other.meets(begin_us, end_us):
                other.spoilt = mine.spoilt = True
