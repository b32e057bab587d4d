"""Networks whose sums could leave 32 bits are refused before they are planned. SPEC.md, section "Bounds"."""

from typing import Final

import numpy as np

from fleet.base.errors import Fault, InputError
from fleet.node.model.graph import BIAS_LIMIT, Dense, Depthwise, FullyConnected, Graph, Weighted, positions
from fleet.node.model.reference import products_per_input
from fleet.node.model.scheme import Scheme
from fleet.node.plan.map_bounds import map_faults

MOST_PRODUCTS: Final = 33_155  # 33155 * 255 * 127 + 2^30 < 2^31: products of one output and its bias
MOST_LOPSIDED: Final = 32_896  # 32896 * 255 * 128 + 2^30 < 2^31: the same with a weight of -128
MOST_POSITIONS: Final = 66_311  # 66311 * 255 * 127 < 2^31: products of one weight gradient
MOST_GRADIENTS: Final = 100_096  # 782 * 2^7: products of one input gradient, whose operand has at most 7 spare bits
MOST_CLASSES: Final = 2_040  # a frame counts the bytes of a class mask in 8 bits


def check_bounds(graph: Graph, scheme: Scheme) -> None:
    """Raises InputError with every operator that the engine's 32-bit sums cannot hold.

    Sums of gradients are bounded only where something trains.
    """
    faults = [Fault(op.name, text) for op in graph.weighted for text in _excesses(op)]
    if scheme.trained:
        faults += [Fault(op.name, text) for op in graph.weighted for text in _gradient_excesses(graph, op)]
    faults += map_faults(graph, trains=bool(scheme.trained))
    if graph.has_head and graph.classes > MOST_CLASSES:
        faults.append(
            Fault(graph.head.name, f"expected at most {MOST_CLASSES} classes, got {graph.classes}; merge some")
        )
    if faults:
        raise InputError(faults)


def _excesses(op: Weighted) -> list[str]:
    """What a forward pass cannot hold."""
    texts = []
    products = op.weight[..., 0].size if isinstance(op, Depthwise) else op.weight[0].size
    most = MOST_PRODUCTS if int(op.weight.min()) >= -127 else MOST_LOPSIDED
    if products > most:
        texts.append(f"expected at most {most} products per output, got {products}; make the kernel smaller")
    largest = int(np.abs(op.bias.astype(np.int64)).max())
    if largest > BIAS_LIMIT:
        texts.append(f"expected biases within 2^30, got {largest}; retrain the layer")
    return texts


def _gradient_excesses(graph: Graph, op: Weighted) -> list[str]:
    """What a backward pass cannot hold."""
    texts = []
    if int(op.weight.min()) < -127:
        texts.append("expected weights from -127 to 127, got -128; quantise symmetrically")
    places = 1 if isinstance(op, Dense | FullyConnected) else positions(graph.tensor(op.y))
    if places > MOST_POSITIONS:
        texts.append(f"expected at most {MOST_POSITIONS} output positions, got {places}; make the input smaller")
    gradients = products_per_input(graph, op)
    if gradients > MOST_GRADIENTS:
        texts.append(
            f"expected at most {MOST_GRADIENTS} products per input gradient, got {gradients}; use fewer outputs"
        )
    return texts
