"""One training step's memory as papers count it, beside ours, so that a number is compared with its like."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Final

from fleet.node.model.schemes import tiny_training_count, tinyengine_count, tinytl_count
from fleet.node.plan.plan import Plan

KIB: Final = 1024
TINYTL_BATCH: Final = 8
"""Windows whose activations TinyTL's tables hold at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """key: for machines. name: whose count it is. counts: what is in it, and what is not."""

    key: str
    name: str
    size_bytes: int
    counts: str


def definitions(plan: Plan) -> tuple[Definition, ...]:
    """Our count of a plan that trains, then those of MCUNetV3, TinyEngine and TinyTL for the same scheme."""
    return (*_ours(plan), *_published(plan))


def _ours(plan: Plan) -> Iterator[Definition]:
    resident = not plan.tactics.input_streamed
    picture = "the window included" if resident else "the window aside, which is read where it lies"
    yield Definition(
        key="state_and_arena", name="trained state and arena (ours)", size_bytes=plan.state_bytes + plan.arena_bytes,
        counts=f"all that a step writes, {picture}; not stack, radio, pushed copy, frames",
    )  # fmt: skip
    yield Definition(
        key="arena", name="arena without trained state", size_bytes=plan.arena_bytes,
        counts="as above without weights and biases that train: what papers often call peak memory",
    )  # fmt: skip


def _published(plan: Plan) -> Iterator[Definition]:
    graph, scheme = plan.graph, plan.scheme
    label = tiny_training_count(graph, scheme)
    engine = tinyengine_count(graph, scheme, maps_bytes=plan.arena_bytes)
    tinytl = tinytl_count(graph, scheme)
    yield Definition(
        key="mcunetv3_label", name="MCUNetV3, label of a scheme", size_bytes=ceil(label.kib * KIB),
        counts="what trains below the head, its saved inputs and masks, what the head reads; no map, no gradient",
    )  # fmt: skip
    yield Definition(
        key="tinyengine_header", name="TinyEngine, peak in its header", size_bytes=engine.peak_bytes,
        counts="our arena in place of its own, its im2col and kernel buffers; not what trains",
    )  # fmt: skip
    yield Definition(
        key="tinytl", name=f"TinyTL, batch of {TINYTL_BATCH}", size_bytes=tinytl.total_bytes(TINYTL_BATCH),
        counts="all parameters, frozen ones too, and float32 activations; no gradient",
    )  # fmt: skip
