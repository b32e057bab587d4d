"""The constant part of a node: frozen weights, biases, scales, training rates, first trained values.

It depends on the graph and on what trains, never on learning rates: a model pushed over the air fits any course.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fleet.base.errors import InputError
from fleet.node.model.fixed import Real
from fleet.node.model.graph import Dense, Graph, Weighted
from fleet.node.model.recipe import Gradients
from fleet.node.model.reference import bias_rates, input_factors, logit_scales, output_scales, weight_rates
from fleet.node.model.scheme import Layout, Scheme, Trained, trained_values
from fleet.node.plan.arena import aligned
from fleet.node.plan.state import state_bytes
from fleet.node.plan.tables import op_sections

MOST_EXPONENT: Final = 127  # of 8 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A run of constant bytes. use: 'weights', 'biases', 'scales', 'tables' or 'training'."""

    name: str
    use: str
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """All sections of a model, each at a multiple of four."""

    sections: tuple[Section, ...]

    @property
    def content(self) -> bytes:
        out = bytearray()
        for section in self.sections:
            out.extend(bytes(section.offset - len(out)))
            out.extend(section.content)
        return bytes(out) + bytes(aligned(len(out)) - len(out))

    def offset(self, name: str) -> int:
        return next(s.offset for s in self.sections if s.name == name)


def image_of(graph: Graph, scheme: Scheme, layout: Layout) -> Image:
    """The constant bytes of a graph under a scheme."""
    parts = [(f"{t.name} value", "weights", t.value.tobytes()) for t in graph.tensors if t.value is not None]
    for op in graph.ops:
        parts.extend(_layer(graph, scheme, op) if isinstance(op, Weighted) else op_sections(graph, scheme, op))
    if layout.size:
        parts.append(("first values", "training", state_bytes(layout, trained_values(graph, layout))))
    sections: list[Section] = []
    offset = 0
    for name, use, content in parts:
        sections.append(Section(name=name, use=use, offset=offset, content=content))
        offset = aligned(offset + len(content))
    return Image(sections=tuple(sections))


def _layer(graph: Graph, scheme: Scheme, op: Weighted) -> list[tuple[str, str, bytes]]:
    part = scheme.of(op.name)
    scales = logit_scales(graph, op) if isinstance(op, Dense) else output_scales(graph, op)
    parts = [(f"{op.name} scale", "scales", reals(op.name, scales))]
    if part.channels < op.weight.shape[-1]:
        parts.append((f"{op.name} frozen", "weights", op.weight[..., part.channels :].tobytes()))
    if not part.bias:
        parts.append((f"{op.name} bias", "biases", op.bias.astype("<i4").tobytes()))
    return parts + _training(graph, scheme, op, part) if scheme.trained else parts


def _training(graph: Graph, scheme: Scheme, op: Weighted, part: Trained) -> list[tuple[str, str, bytes]]:
    scaled = scheme.recipe.scaled
    if scheme.recipe.gradients is Gradients.FP32:
        parts = [(f"{op.name} weight scale", "training", op.weight_scale.astype("<f4").tobytes())]
    else:
        parts = [(f"{op.name} r", "training", input_factors(graph, op).r.astype("<u2").tobytes())]
    if part.channels:
        parts.append((f"{op.name} weight rate", "training", reals(op.name, weight_rates(graph, op, scaled=scaled))))
    if part.bias:
        parts.append((f"{op.name} bias rate", "training", reals(op.name, bias_rates(graph, op, scaled=scaled))))
    return parts


def reals(where: str, values: list[Real]) -> bytes:
    """fe_reals: mant s32 [n], then exp s8 [n]. InputError for a number that has no such exponent."""
    if (most := max(v.exp for v in values)) > MOST_EXPONENT:
        text = f"expected quotients of scales below 2^{MOST_EXPONENT}, got one of 2^{most - 1} or more"
        raise InputError.one(where, f"{text}; quantise the network again with windows as it will see them")
    mant = np.array([v.mant for v in values], dtype="<i4").tobytes()
    return mant + np.array([v.exp for v in values], dtype=np.int8).tobytes()
