"""A board with round numbers, a link without surprises, and a job that remembers what was asked of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fleet.record.rows import EnergyRow
from fleet.world.job import Job
from fleet.world.node import NodeSpec
from fleet.world.power import Power
from fleet.world.radio import BleLink, Link
from fleet.world.radio.channel import Independent
from fleet.world.records import Records
from fleet.world.stores import Store
from fleet.world.stores.cr2032 import cr2032
from fleet.world.world import World

HOUR_US = 3_600_000_000

POWER = Power(
    supply_mv=3_000,
    brown_out_mv=1_700,
    sleep_na=3_000,
    wake_na=250_000,
    run_na=3_000_000,
    compute_na=4_000_000,
    transmit_na=6_000_000,
    receive_na=6_500_000,
    radio_idle_na=3_000_000,
    flash_na=8_000_000,
    wake_us=1_400,
)


@dataclass(slots=True, kw_only=True)
class Work:
    """A job of 64 steps of 10 ms that replies with `reply_bytes` zeros."""

    node: int
    round: int = 1
    down_bytes: int = 4_412
    steps: int = 64
    step_us: int = 10_000
    reply_bytes: int = 4_312
    calls: list[str] = field(default_factory=list)

    def start(self) -> None:
        self.calls.append("start")

    def finish(self) -> bytes:
        self.calls.append("finish")
        return bytes(self.reply_bytes)

    def abandon(self, steps_done: int) -> None:
        self.calls.append(f"abandon {steps_done}")


def lossy(loss: float) -> BleLink:
    """A link that loses this share of its packets."""
    return BleLink(channel=Independent(loss=loss))


def spec(
    node: int = 0, *, store: Store | None = None, link: Link | None = None, power: Power = POWER, flash_us: int = 0
) -> NodeSpec:
    return NodeSpec(node=node, power=power, store=store or cr2032(), link=link or BleLink(), flash_us=flash_us)


def world(*specs: NodeSpec, seed: int = 0) -> tuple[World, Records]:
    records = Records()
    return World(specs, seed=seed, line="federated", records=records), records


def jobs(*nodes: int, in_round: int = 1) -> list[Job]:
    return [Work(node=node, round=in_round) for node in nodes]


def by_cause(rows: Sequence[EnergyRow], node: int = 0) -> dict[str, tuple[int, int]]:
    return {row.cause: (row.energy_nj, row.time_us) for row in rows if row.node == node}
