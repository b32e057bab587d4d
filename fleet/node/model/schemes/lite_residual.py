"""TinyTL's lite residual modules in an int8 network, such that it computes what it did before, bit for bit.

A module reads what a block reads: average over 2 x 2, convolution of 2 groups with a kernel of at most 5 and the
block's stride, ReLU, 1 x 1 convolution, enlarged to the block's output and added to it. Kernels shrink to fit the
pooled map; where that is a single place, the module averages the whole map.
Source: Cai et al., "TinyTL", 2020; mit-han-lab/tinyml, tinytl/tinytl/model/modules.py, LiteResidualModule.

What differs from it, none of which is seen before training begins:
- enlarging copies the nearest place, where TinyTL interpolates (an int8 network has no bilinear operator);
- batch norms are folded: the first is measured on windows once, or estimated; of the last, which begins with a factor
  of zero, nothing is left but 1 x 1 weights of zero, which train themselves;
- the sum has the range of the block's output and is clipped to it.

Exact at the start because the module's map holds real zeros, and because the sum takes scale and zero point of the
block's output while the module's scale is no larger: the sum's factors are then 1/2 and 2^-19, and the rounding of
(q - z) 2^20 by them is exact.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.node.model.graph import Graph, Int8
from fleet.node.model.recipe import Recipe
from fleet.node.model.reference import forward
from fleet.node.model.scheme import Scheme, Trained
from fleet.node.model.schemes.layerwise import scheme_of_parts
from fleet.node.model.schemes.lite_module import Block, with_module
from fleet.node.model.schemes.outline import LITE, Outline, Part, outline


def with_lite_residuals(
    graph: Graph, *, windows: Int8 | None = None, blocks: Sequence[str] | None = None, seed: int = 0
) -> Graph:
    """The network with a module around each block, all of them without effect yet.

    windows: int8 [N, H, W, C] on which the first convolution's values are normalised; without, they are taken to
    spread over a quarter of their range. blocks: names of some; by default all of three layers or more, or where there
    are none, of two. seed: of the first convolution's weights.
    """
    view = outline(graph)
    if any(LITE in part.op.split(".") for part in view.parts):
        raise InputError.one(
            graph.name, "expected a network without lite residual modules, got one with; use it as it is"
        )
    traces = [forward(graph, window).maps for window in windows] if windows is not None else []
    made = graph
    for number, (name, chain) in enumerate(_chosen(graph, view, blocks).items()):
        block = _block(made, name, chain)
        made = with_module(made, block, traces, rng.key(seed, rng.Stream.START, number))
        for trace in traces:
            trace[made.op(f"{name}.{LITE}.sum").y] = trace[block.y]  # what the next block reads: the same values
    return made


def lite_residual_scheme(graph: Graph, *, recipe: Recipe | None = None) -> Scheme:
    """Modules whole, biases of all other layers, and the head. InputError for a network without modules."""
    view = outline(graph)
    modules = [part for part in view.weighted if LITE in part.op.split(".")]
    if not modules:
        text = f"expected a network with lite residual modules, got {graph.name} without"
        raise InputError.one("scheme", f"{text}; put them in with with_lite_residuals")
    parts = [Trained(op=part.op, channels=part.channels, bias=True) for part in modules]
    parts += [Trained(op=part.op, bias=True) for part in view.layers]
    return scheme_of_parts(graph, "lite_residual", parts, recipe)


# --- blocks ----------------------------------------------------------------------------------------------------


def _chosen(graph: Graph, view: Outline, names: Sequence[str] | None) -> dict[str, list[Part]]:
    chains = _chains(view)
    if names is None:
        longest = [name for name, chain in chains.items() if len(chain) >= 3]
        names = longest or [name for name, chain in chains.items() if len(chain) == 2]
    if unknown := [name for name in names if name not in chains] or ([] if names else ["none"]):
        text = f"expected blocks of two layers or more, got {', '.join(unknown)}"
        raise InputError.one(graph.name, f"{text}; there are {', '.join(chains) or 'none'}")
    return {name: chains[name] for name in names}


def _chains(view: Outline) -> dict[str, list[Part]]:
    """Layers of one name before the dot, where each reads what the one before makes."""
    chains: dict[str, list[Part]] = {}
    for part in view.layers:
        block, dot, _ = part.op.partition(".")
        if dot and not part.dense:
            chains.setdefault(block, []).append(part)
    return {
        name: chain for name, chain in chains.items() if len(chain) > 1 and all(b.x == a.y for a, b in pairwise(chain))
    }


def _block(graph: Graph, name: str, chain: Sequence[Part]) -> Block:
    strides = [getattr(graph.op(part.op), "stride", (1, 1)) for part in chain]
    down, right = (prod(stride[axis] for stride in strides) for axis in (0, 1))
    first, last = graph.op(chain[0].op), graph.op(chain[-1].op)
    return Block(name=name, x=first.x, y=last.y, last=last.name, stride=(down, right))
