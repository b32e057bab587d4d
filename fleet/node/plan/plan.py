"""Plan = graph x scheme: canonical bytes that the C interpreter runs as they are, and what they cost."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fleet.node.model.graph import Dequantize, Graph, Quantize
from fleet.node.model.recipe import Gradients, Rule
from fleet.node.model.scheme import Layout, Scheme
from fleet.node.plan.arena import EXPONENTS, Buffer, aligned, live_peak
from fleet.node.plan.draft import Draft, draft_of, inference_draft
from fleet.node.plan.image import Image, image_of
from fleet.node.plan.lifetimes import fullest
from fleet.node.plan.placement import Effort, Placement
from fleet.node.plan.state import extras_of, state_size, whole_state_size
from fleet.node.plan.steps import NOTHING, Program, Ref, Region, Step
from fleet.node.plan.steps.program import output_size, size_bytes
from fleet.node.plan.tactics import LAYERWISE, Tactics

MAGIC = 0x4C504546  # "FEPL"
VERSION = 2
HEADER = (
    "magic", "version", "words", "arena_bytes", "state_bytes", "model_bytes", "classes", "input", "input_bytes",
    "output", "output_bytes", "exponents", "exponent_count", "first_values", "value_bytes", "weights", "loss_word",
    "apply_word", "gradients", "rule", "momentum", "batch",
)  # fmt: skip
HEADER_WORDS = len(HEADER)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a node runs. content: the plan's bytes. image: its constants. buffers: the arena over time.

    maps: where each map of the graph lies, by its name; a reshaped map has its source's buffer.
    A plan for inference has a scheme that trains nothing, no loss and no state. placement: of the draft's blocks, None
    where they were placed greedily by size.
    """

    graph: Graph
    scheme: Scheme
    layout: Layout
    image: Image
    steps: tuple[Step, ...]
    buffers: tuple[Buffer, ...]
    maps: Mapping[str, Ref]
    content: bytes
    draft: Draft
    placement: Placement | None = None

    @property
    def arena_bytes(self) -> int:
        return arena_size(self.buffers)

    @property
    def state_bytes(self) -> int:
        """Bytes of the state: trained values and extras."""
        return whole_state_size(self.layout, self.scheme.recipe)

    @property
    def value_bytes(self) -> int:
        """Bytes of the trained values at the beginning of the state."""
        return state_size(self.layout)

    @property
    def trains(self) -> bool:
        """Whether the plan has a loss."""
        return bool(self.scheme.trained)

    @property
    def floats(self) -> bool:
        """Whether it needs an engine with floating point."""
        recipe = self.scheme.recipe
        edges = any(isinstance(op, Quantize | Dequantize) for op in self.graph.ops)
        return edges or (self.trains and (recipe.gradients is Gradients.FP32 or recipe.rule is Rule.LATENT))

    @property
    def tactics(self) -> Tactics:
        """How it spends memory."""
        return self.draft.tactics

    @property
    def lower_bound_bytes(self) -> int:
        """No placement of these steps can use less arena."""
        return self._fullest[0]

    @property
    def peak_step(self) -> int:
        """The step at which the most bytes live."""
        return self._fullest[1]

    @property
    def proved(self) -> bool:
        """Whether no placement of these steps uses less arena."""
        exhausted = self.placement is not None and self.placement.exhausted
        return exhausted or self.arena_bytes == self.lower_bound_bytes

    @cached_property
    def _fullest(self) -> tuple[int, int]:
        return live_peak(self.buffers) if self.placement is None else fullest(self.draft.blocks)

    @property
    def digest(self) -> str:
        """SHA-256 of the plan's bytes, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def model(self) -> bytes:
        return self.image.content


def plan_of(graph: Graph, scheme: Scheme, tactics: Tactics = LAYERWISE, *, effort: Effort = Effort.QUICK) -> Plan:
    """The plan of a scheme over a graph. Raises InputError for a graph whose sums could overflow.

    effort: how far to look for a small placement; the default tactics place greedily by size.
    """
    return _placed(draft_of(graph, scheme, tactics), effort)


def inference_plan(graph: Graph, tactics: Tactics = LAYERWISE, *, effort: Effort = Effort.QUICK) -> Plan:
    """The plan of a graph that only infers: no loss, no state. Raises InputError as plan_of."""
    return _placed(inference_draft(graph, tactics), effort)


def _placed(draft: Draft, effort: Effort) -> Plan:
    return finished(draft, None if draft.tactics == LAYERWISE else draft.placed(effort))


def finished(draft: Draft, placement: Placement | None) -> Plan:
    """The plan of a draft. placement: of its blocks; None places greedily by size."""
    graph, scheme, layout, steps = draft.graph, draft.scheme, draft.layout, draft.program
    image, buffers = image_of(graph, scheme, layout), draft.buffers(placement)
    addresses = _Addresses(layout=layout, scheme=scheme, image=image, buffers=buffers)
    return Plan(
        graph=graph, scheme=scheme, layout=layout, image=image, steps=tuple(steps.steps), buffers=buffers,
        maps=dict(steps.maps), content=_encode(graph, steps, addresses), draft=draft, placement=placement,
    )  # fmt: skip


def arena_size(buffers: tuple[Buffer, ...]) -> int:
    """Bytes of an arena that holds these buffers."""
    return max((aligned(b.end) for b in buffers), default=0)


@dataclass(frozen=True, kw_only=True)
class _Addresses:
    layout: Layout
    scheme: Scheme
    image: Image
    buffers: tuple[Buffer, ...]

    @cached_property
    def arena(self) -> dict[str, int]:
        return {b.name: b.offset for b in self.buffers}

    @cached_property
    def state(self) -> dict[str, int]:
        first_bias = aligned(self.layout.weights)
        values = {
            f"{s.op} {s.kind}": s.first if s.kind == "weight" else first_bias + 4 * (s.first - self.layout.weights)
            for s in self.layout.slices
        }
        return values | {extra.name: extra.offset for extra in extras_of(self.layout, self.scheme.recipe)}

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
            case Region.INPUT:
                return Region.INPUT << 28
            case Region.NONE:
                return 0


def _encode(graph: Graph, steps: Program, at: _Addresses) -> bytes:
    body: list[int] = []
    starts: list[int] = []
    for step in steps.steps:
        starts.append(HEADER_WORDS + len(body))
        body.extend([step.code, 2 + len(step.fields), *(at.word(f) for f in step.fields)])
    starts.append(HEADER_WORDS + len(body))
    header = _header(graph, steps, at, starts)
    return np.array([header[name] for name in HEADER] + body, dtype="<i4").tobytes()


def _header(graph: Graph, steps: Program, at: _Addresses, starts: list[int]) -> dict[str, int]:
    """The words before the steps. starts: the word at which each step begins, and the end."""
    layout, recipe = at.layout, at.scheme.recipe
    exponents = Ref(Region.ARENA, EXPONENTS) if steps.exponents else NOTHING
    first_values = Ref(Region.MODEL, "first values") if layout.size else NOTHING
    return _sizes(graph, steps, at, starts[-1]) | {
        "exponents": at.word(exponents),
        "exponent_count": steps.exponents,
        "first_values": at.word(first_values),
        "value_bytes": state_size(layout),
        "weights": layout.weights,
        "loss_word": starts[steps.loss],
        "apply_word": starts[steps.apply],
        "gradients": list(Gradients).index(recipe.gradients),
        "rule": recipe.rule.number,
        "momentum": recipe.momentum_q15,
        "batch": recipe.batch,
    }


def _sizes(graph: Graph, steps: Program, at: _Addresses, words: int) -> dict[str, int]:
    output = steps.maps[graph.outputs[0]]
    return {
        "magic": MAGIC,
        "version": VERSION,
        "words": words,
        "arena_bytes": arena_size(at.buffers),
        "state_bytes": whole_state_size(at.layout, at.scheme.recipe),
        "model_bytes": len(at.image.content),
        "classes": at.layout.classes,
        "input": at.word(steps.maps[graph.inputs[0]]),
        "input_bytes": size_bytes(graph.input),
        "output": at.word(output),
        "output_bytes": output_size(graph, graph.outputs[0]),
    }
