"""What a training step holds at the turn from forward to backward, whatever its plan: the floor of its memory.

The weights and biases that train, the inputs that their gradients read and the bits of what was clipped all live
there at once, so that no plan without recomputation takes less than their sum.
"""

from dataclasses import dataclass

from fleet.node.model.graph import (
    Activation,
    AveragePool,
    Conv2d,
    Dense,
    Depthwise,
    FullyConnected,
    Graph,
    MaxPool,
    Mul,
    Op,
    Weighted,
    inputs,
    positions,
)
from fleet.node.model.reference import tensors_with_gradient
from fleet.node.model.scheme import Scheme, Trained, layout_of
from fleet.node.plan.state import whole_state_size
from fleet.node.plan.steps.passes import can_clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """trained_bytes: the state, with what a recipe remembers. slices_bytes: what the way back reads of maps.

    masks_bytes: a bit for each value that could be clipped on the way of a gradient.
    """

    trained_bytes: int
    slices_bytes: int
    masks_bytes: int

    @property
    def total_bytes(self) -> int:
        """All that lives at the turn."""
        return self.trained_bytes + self.slices_bytes + self.masks_bytes


def floor_of(graph: Graph, scheme: Scheme) -> Floor:
    """The floor of one step of this scheme. Source: the definition above; counted from shapes alone."""
    needed = tensors_with_gradient(graph, scheme)
    return Floor(
        trained_bytes=whole_state_size(layout_of(graph, scheme), scheme.recipe),
        slices_bytes=sum(kept_bytes(graph, scheme).values()),
        masks_bytes=sum(mask_bytes(graph, op) for op in graph.ops if op.y in needed and can_clip(op)),
    )


def mask_bytes(graph: Graph, op: Op) -> int:
    """Bytes of the bits that say which values of an operator's output were not clipped."""
    return -(-graph.tensor(op.y).size // 8)


def kept_bytes(graph: Graph, scheme: Scheme) -> dict[str, int]:
    """Bytes that the way back reads of each map the forward pass made, by the map's name."""
    needed, kept = tensors_with_gradient(graph, scheme), dict[str, int]()
    for op in graph.ops:
        for name, size in _read_back(graph, scheme.of(op.name), op, needed):
            if graph.tensor(name).value is None:
                kept[name] = max(kept.get(name, 0), size)
    return kept


def _read_back(graph: Graph, part: Trained, op: Op, needed: set[str]) -> list[tuple[str, int]]:
    """Maps that the way back through an operator reads, and how much of them."""
    if isinstance(op, Weighted):
        return [(op.x, slice_channels(graph, op, part) * slice_places(graph, op))] if part.channels else []
    if isinstance(op, Mul):
        both = inputs(op)
        return [(both[1 - i], graph.tensor(both[1 - i]).size) for i in (0, 1) if both[i] in needed]
    if isinstance(op, Activation | AveragePool | MaxPool) and op.x in needed:
        return [(op.x, graph.tensor(op.x).size)]
    return []


def slice_channels(graph: Graph, op: Weighted, part: Trained) -> int:
    """First channels of its input that a layer's weight gradient reads; of a dense layer, values."""
    if isinstance(op, Depthwise):
        return -(-part.channels * graph.tensor(op.x).shape[2] // int(op.weight.shape[2]))
    if isinstance(op, Conv2d) and op.groups > 1:
        return graph.tensor(op.x).shape[2]
    return part.channels


def slice_places(graph: Graph, op: Weighted) -> int:
    """Places of its input that a layer's weight gradient reads."""
    return 1 if isinstance(op, Dense | FullyConnected) else positions(graph.tensor(op.x))
