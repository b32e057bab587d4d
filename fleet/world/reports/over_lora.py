"""Reports over LoRaWAN: one unconfirmed frame in each window, which may collide with those of others.

A node sends on a channel drawn anew each time, early enough that the off time of its duty cycle ends within the window.
Its gateway is the one that hears it best; a report arrives if that gateway can hear it and no other frame harms it.
In a fleet of objects each frame is held against all that were on the air with it; a cohort decides a window at once, so
frames of two windows never meet there: at most the first and the last airtime of a window differ.
Modelled: frames of rounds do not collide with reports, and nobody asks for a report again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.scenario.schema import Report
from fleet.world.power import Power
from fleet.world.radio.link import Direction
from fleet.world.radio.lora import region
from fleet.world.radio.lora.collisions import MODELS, Frames, delivered
from fleet.world.radio.lora.link import LoraLink
from fleet.world.radio.lora.path import reached
from fleet.world.radio.lora.site import Places
from fleet.world.reports.report import Block, Ints, Mask, report_block, start_us, starts_us


class LoraReports:
    """The reports of a group of LoRaWAN nodes, numbered from `first` on. link: a node's, with whatever factor."""

    def __init__(
        self, places: Places, link: LoraLink, powers: Mapping[int, Power], report: Report, *, seed: int, first: int
    ) -> None:
        """powers: of the board, by what its radio sends with, in dBm: all that occur in the places."""
        self.places = places
        self.model = MODELS[link.collisions]
        self.every_us = report.every_us
        self._seed, self._first = seed, first
        settings, kinds = np.unique(np.stack([places.sf, places.power_dbm]), axis=1, return_inverse=True)
        self.kinds: Ints = kinds.reshape(-1).astype(np.int64)
        self.blocks: Sequence[Block] = tuple(
            _block(link, powers[dbm], sf, report.payload_bytes) for sf, dbm in settings.T.tolist()
        )
        airtimes = [region.frame_us(region.rate_of(sf), report.payload_bytes) for sf in settings[0].tolist()]
        self.airtime_us: Ints = np.array(airtimes, dtype=np.int64)[self.kinds]
        self.free_us: Ints = self.every_us - region.UPLINK_BAND.cycle_us(1) * self.airtime_us
        if (short := int(self.free_us.min())) <= 0:
            text = f"expected windows above {self.every_us - short} us for a duty cycle of 1 %, got {self.every_us}"
            raise InputError.one("fleet.report.every", f"{text}; report less often")

    def start_us(self, window: int, place: int) -> int:
        """When in its window a node's report is due."""
        return start_us(self._seed, window, self._first + place, int(self.free_us[place]))

    def starts_us(self, window: int) -> Ints:
        """The same of all nodes."""
        return starts_us(self._seed, window, self._first, self.free_us)

    def block(self, window: int, place: int) -> Block:  # noqa: ARG002 (of the interface)
        """What a report of this node takes."""
        return self.blocks[int(self.kinds[place])]

    def arrived(self, window: int, sending: Mask) -> Mask:
        """Which reports of a window arrive, if these nodes send theirs."""
        nodes = np.flatnonzero(sending)
        heard = np.zeros(len(sending), dtype=np.bool_)
        frames = self.frames(nodes, self.starts_us(window)[nodes], self.channels(window)[nodes])
        heard[nodes] = delivered(frames, self.model) & reached(frames.rssi_cdbm, frames.sf)
        return heard

    def channels(self, window: int) -> Ints:
        """Frequency of each node's report, counted through all gateways."""
        key = rng.key(self._seed, rng.Stream.REPORT, window, 1)
        drawn = rng.draws32(key, self._first, len(self.kinds)).astype(np.int64)
        result: Ints = self.places.gateway * region.CHANNELS + (drawn * region.CHANNELS >> 32)
        return result

    def frames(self, nodes: Ints, starts: Ints, channels: Ints) -> Frames:
        """Frames as their gateways hear them."""
        return Frames(
            start_us=starts,
            duration_us=self.airtime_us[nodes],
            channel=channels,
            sf=self.places.sf[nodes],
            rssi_cdbm=self.places.rssi_cdbm[nodes],
        )

    def ether(self) -> "Air":
        """The air of one line."""
        return Air(reports=self)


@dataclass(slots=True, kw_only=True)
class Air:
    """Frames of a fleet of objects that may still be on the air, by (place, window): when they began."""

    reports: LoraReports
    _frames: dict[tuple[int, int], int] = field(default_factory=dict, init=False)

    def began(self, place: int, window: int, start_us: int) -> None:
        """A frame goes on the air; those that are long over are forgotten."""
        longest_us = max(block.time_us for block in self.reports.blocks) + int(self.reports.airtime_us.max())
        self._frames = {at: began_us for at, began_us in self._frames.items() if began_us > start_us - longest_us}
        self._frames[place, window] = start_us

    def arrived(self, place: int, window: int) -> bool:
        """Whether its gateway heard it among all that overlapped it."""
        nodes = np.array([node for node, _ in self._frames], dtype=np.int64)
        starts = np.array(list(self._frames.values()), dtype=np.int64)
        channels = np.array([self.reports.channels(number)[node] for node, number in self._frames], dtype=np.int64)
        frames = self.reports.frames(nodes, starts, channels)
        heard = delivered(frames, self.reports.model) & reached(frames.rssi_cdbm, frames.sf)
        return bool(heard[list(self._frames).index((place, window))])


def _block(link: LoraLink, power: Power, sf: int, payload_bytes: int) -> Block:
    """One unconfirmed frame, and both windows after it in which nothing comes."""
    setting = LoraLink(
        sf=sf, device_class="A", confirmed=False, trials=1, event_cpu_us=link.event_cpu_us, start_us=link.start_us
    )
    return report_block(power, setting.transfer(Direction.UP, payload_bytes, 0))
