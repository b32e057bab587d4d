"""The constant part of a node: frozen weights, biases, scales, training rates, first trained values.

It depends on the graph and on what trains, never on learning rates: a model pushed over the air fits any course.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.node.model.fixed import Real
from fleet.node.model.graph import Dense, Graph, Weighted
from fleet.node.model.reference import bias_rates, input_factors, logit_scales, output_scales, weight_rates
from fleet.node.model.scheme import Layout, Scheme, layout_of, trained_values
from fleet.node.plan.arena import aligned


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A run of constant bytes. use: 'weights', 'biases', 'scales' or 'training'."""

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


def image_of(graph: Graph, scheme: Scheme) -> Image:
    """The constant bytes of a graph under a scheme."""
    layout = layout_of(graph, scheme)
    parts: list[tuple[str, str, bytes]] = []
    for op in graph.weighted:
        parts.extend(_layer(graph, scheme, op))
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
    parts = [(f"{op.name} scale", "scales", reals(scales))]
    if part.channels < op.weight.shape[-1]:
        parts.append((f"{op.name} frozen", "weights", op.weight[..., part.channels :].tobytes()))
    if not part.bias:
        parts.append((f"{op.name} bias", "biases", op.bias.astype("<i4").tobytes()))
    parts.append((f"{op.name} r", "training", input_factors(op).r.astype("<u2").tobytes()))
    if part.channels:
        parts.append((f"{op.name} weight rate", "training", reals(weight_rates(graph, op))))
    if part.bias:
        parts.append((f"{op.name} bias rate", "training", reals(bias_rates(graph, op))))
    return parts


def reals(values: list[Real]) -> bytes:
    """fe_reals: mant s32 [n], then exp s8 [n]."""
    mant = np.array([v.mant for v in values], dtype="<i4").tobytes()
    return mant + np.array([v.exp for v in values], dtype=np.int8).tobytes()


def state_size(layout: Layout) -> int:
    """Bytes of the state: int8 weights, padded to four, then int32 biases."""
    return aligned(layout.weights) + 4 * layout.biases


def state_bytes(layout: Layout, values: NDArray[np.int32]) -> bytes:
    """Trained values int32 [size] as they lie in the node's state."""
    weights = values[: layout.weights].astype(np.int8).tobytes()
    biases = values[layout.weights :].astype("<i4").tobytes()
    return weights + bytes(aligned(layout.weights) - layout.weights) + biases


def state_values(layout: Layout, state: bytes | bytearray | memoryview) -> NDArray[np.int32]:
    """The trained values int32 [size] that a node's state holds."""
    weights = np.frombuffer(state, dtype=np.int8, count=layout.weights)
    biases = np.frombuffer(state, dtype="<i4", count=layout.biases, offset=aligned(layout.weights))
    return np.concatenate([weights.astype(np.int32), biases.astype(np.int32)])
