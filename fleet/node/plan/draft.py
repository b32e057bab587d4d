"""A plan before its buffers have places: steps, blocks, and the bytes that no placement can do without."""

from dataclasses import dataclass
from functools import cached_property

from fleet.node.model.graph import Graph
from fleet.node.model.scheme import Layout, Scheme, layout_of
from fleet.node.plan.arena import Buffer, lifetimes, place, sizes_of
from fleet.node.plan.bounds import check_bounds
from fleet.node.plan.lifetimes import Blocks, blocks_of
from fleet.node.plan.placement import Block, Effort, Placement, Progress, place_blocks
from fleet.node.plan.steps import Program, inference, program
from fleet.node.plan.tactics import LAYERWISE, Tactics


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a plan's tactics make of a graph and a scheme."""

    graph: Graph
    scheme: Scheme
    layout: Layout
    tactics: Tactics
    program: Program

    @cached_property
    def lives(self) -> Blocks:
        """Blocks to place, and which buffers lie in them."""
        return blocks_of(self.program, self.graph, self.tactics)

    @property
    def blocks(self) -> tuple[Block, ...]:
        return self.lives.blocks

    def placed(self, effort: Effort, progress: Progress | None = None) -> Placement:
        """A place for every block."""
        return place_blocks(self.blocks, effort=effort, progress=progress)

    def buffers(self, placement: Placement | None) -> tuple[Buffer, ...]:
        """Every buffer with its offset, in order of first use; without a placement, greedy by size."""
        sizes = sizes_of(self.program)
        if placement is None:
            return place(sizes, lifetimes(self.program))
        found = [
            Buffer(name=name, size_bytes=sizes[name], offset=placement.offsets[at.block] + at.delta,
                   first=at.first, last=at.last)
            for name, at in self.lives.lying.items()
        ]  # fmt: skip
        return tuple(sorted(found, key=lambda b: (b.first, b.offset, b.name)))


def draft_of(graph: Graph, scheme: Scheme, tactics: Tactics = LAYERWISE) -> Draft:
    """The draft of a scheme over a graph. Raises InputError for a graph whose sums could overflow."""
    check_bounds(graph, scheme)
    steps = program(graph, scheme, tactics)
    return Draft(graph=graph, scheme=scheme, layout=layout_of(graph, scheme), tactics=tactics, program=steps)


def inference_draft(graph: Graph, tactics: Tactics = LAYERWISE) -> Draft:
    """The draft of a graph that only infers: no loss, no state. Raises InputError as draft_of."""
    scheme = Scheme(name="inference", trained=())
    check_bounds(graph, scheme)
    classes = graph.classes if graph.has_head else 0
    nothing = Layout(slices=(), weights=0, biases=0, head=graph.head.name if classes else "", classes=classes)
    steps = inference(graph, tactics)
    return Draft(graph=graph, scheme=scheme, layout=nothing, tactics=tactics, program=steps)
