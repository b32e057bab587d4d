"""Plan = graph x scheme: canonical bytes that the C interpreter runs as they are, and what they cost."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fleet.node.model.graph import Graph
from fleet.node.model.scheme import Layout, Scheme, layout_of
from fleet.node.plan.arena import Buffer, aligned, lifetimes, live_peak, place
from fleet.node.plan.bounds import check_bounds
from fleet.node.plan.image import Image, image_of, state_size
from fleet.node.plan.steps import Program, Ref, Region, Step, program

MAGIC = 0x4C504546  # "FEPL"
VERSION = 1
HEADER_WORDS = 14
EXPONENTS = "gradient exponents"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a node runs. content: the plan's bytes. image: its constants. buffers: the arena over time."""

    graph: Graph
    scheme: Scheme
    layout: Layout
    image: Image
    steps: tuple[Step, ...]
    buffers: tuple[Buffer, ...]
    content: bytes

    @property
    def arena_bytes(self) -> int:
        return max(aligned(b.end) for b in self.buffers)

    @property
    def state_bytes(self) -> int:
        return state_size(self.layout)

    @cached_property
    def lower_bound_bytes(self) -> int:
        """No placement of these steps can use less arena."""
        return live_peak(self.buffers)[0]

    @cached_property
    def peak_step(self) -> int:
        """The step at which the most bytes live."""
        return live_peak(self.buffers)[1]

    @property
    def digest(self) -> str:
        """SHA-256 of the plan's bytes, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def model(self) -> bytes:
        return self.image.content


def plan_of(graph: Graph, scheme: Scheme) -> Plan:
    """The plan of a scheme over a graph. Raises InputError for a graph whose sums could overflow."""
    check_bounds(graph)
    layout = layout_of(graph, scheme)
    image = image_of(graph, scheme)
    steps = program(graph, scheme)
    sizes = steps.sizes | {EXPONENTS: 4 * steps.exponents}
    buffers = place(sizes, lifetimes(steps, EXPONENTS))
    content = _encode(graph, steps, _Addresses(layout=layout, image=image, buffers=buffers))
    return Plan(
        graph=graph,
        scheme=scheme,
        layout=layout,
        image=image,
        steps=tuple(steps.steps),
        buffers=buffers,
        content=content,
    )


@dataclass(frozen=True, kw_only=True)
class _Addresses:
    layout: Layout
    image: Image
    buffers: tuple[Buffer, ...]

    @cached_property
    def arena(self) -> dict[str, int]:
        return {b.name: b.offset for b in self.buffers}

    @cached_property
    def state(self) -> dict[str, int]:
        first_bias = aligned(self.layout.weights)
        return {
            f"{s.op} {s.kind}": s.first if s.kind == "weight" else first_bias + 4 * (s.first - self.layout.weights)
            for s in self.layout.slices
        }

    def word(self, field: int | Ref) -> int:
        if isinstance(field, int):
            return field
        match field.region:
            case Region.MODEL:
                return Region.MODEL << 28 | self.image.offset(field.name)
            case Region.STATE:
                return Region.STATE << 28 | self.state[field.name]
            case Region.ARENA:
                return Region.ARENA << 28 | self.arena[field.name]
            case Region.NONE:
                return 0


def _encode(graph: Graph, steps: Program, at: _Addresses) -> bytes:
    body: list[int] = []
    starts: list[int] = []
    for step in steps.steps:
        starts.append(HEADER_WORDS + len(body))
        body.extend([step.code, 2 + len(step.fields), *(at.word(f) for f in step.fields)])
    header = [
        *(MAGIC, VERSION, HEADER_WORDS + len(body)),
        *(max(aligned(b.end) for b in at.buffers), state_size(at.layout), len(at.image.content)),
        graph.classes,
        *(at.word(Ref(Region.ARENA, graph.input.name)), graph.input.size),
        at.word(Ref(Region.ARENA, graph.head.y)),
        *(at.word(Ref(Region.ARENA, EXPONENTS)), steps.exponents),
        at.word(Ref(Region.MODEL, "first values")),
        starts[steps.loss],
    ]
    return np.array(header + body, dtype="<i4").tobytes()
