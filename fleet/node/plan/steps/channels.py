"""Inverted bottlenecks whose way back runs channel by channel (SPEC.md, "Channels").

fe_channels_step, then the steps of the way back as they would stand alone, but that the gradients between the three
layers are planes of a few channels, and that no sums need a row. The gradient of the block's input may take the bytes
of its sums (int8), and those of what waits for it.
"""

from collections.abc import Collection
from dataclasses import dataclass

from fleet.base.errors import InputError
from fleet.node.model.graph import Graph, Weighted, positions
from fleet.node.model.scheme import Scheme
from fleet.node.plan.bottlenecks import Bottleneck, bottlenecks
from fleet.node.plan.steps import weighted
from fleet.node.plan.steps.program import NOTHING, Code, Flow, Flowing, Program, Ref, Region, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Arriving:
    """The gradient of a bottleneck's output.

    kept: somebody else reads it later, so it stays as it is. constant: it is that of one place, which all have.
    """

    g: Flowing
    kept: bool = False
    constant: bool = False

    @property
    def masked_within(self) -> bool:
        """Whether the group reads it through the mask, and so sums the last layer's biases as well."""
        return self.kept or self.constant


def streamable_blocks(graph: Graph, scheme: Scheme) -> tuple[str, ...]:
    """Names of the layers that end a bottleneck whose way back can run channel by channel; last ones first."""
    return tuple(block.project for block in bottlenecks(graph, scheme))


def chosen_blocks(graph: Graph, scheme: Scheme, names: Collection[str]) -> dict[str, Bottleneck]:
    """Bottlenecks by the layers that end them. Raises InputError for names that end none."""
    found = {block.project: block for block in bottlenecks(graph, scheme)} if names else {}
    if unknown := sorted(set(names) - set(found)):
        text = f"expected layers that end a bottleneck, {', '.join(found) or 'of which there are none'}"
        raise InputError.one("tactics.by_channels", f"{text}, got {', '.join(unknown)}; see streamable_blocks")
    return {name: block for name, block in found.items() if name in names}


def add_group(
    p: Program,
    graph: Graph,
    scheme: Scheme,
    block: Bottleneck,
    arriving: Arriving,
    waits: Flowing | None,
    *,
    needed: Collection[str],
    masked: Collection[str],
    group: int = 1,
) -> Flowing | None:
    """The group of a bottleneck, and what of its last layer comes before. Returns the gradient of the block's input.

    waits: what waits for that input. needed: maps that need a gradient. masked: operators with a mask. group: channels
    of the middle that are on their way at a time.
    """
    project, middle, expand = (_weighted(graph, n) for n in (block.project, block.depthwise, block.expand))
    if not arriving.masked_within:
        _mask(p, graph, project, arriving.g, masked)
        weighted.update_bias(p, graph, scheme.of(project.name), project, arriving.g)
    start, channels = len(p.steps), project.weight.shape[-1]
    group = min(group, channels)
    p.add(Code.CHANNELS, block.project)
    within = _plane(p, graph, project.x, arriving.g, group)
    _last(p, graph, scheme, project, within, arriving, masked)
    onward: Flow | None = None
    _mask(p, graph, middle, within.e, masked)
    if expand.y in needed:
        flow = _plane(p, graph, expand.y, within.e, group)
        _layer(p, graph, scheme, middle, within.e, flow)
        onward = _onward(p, graph, expand, flow.e, arriving.g, waits) if expand.x in needed else None
        _mask(p, graph, expand, flow.e, masked)
        _layer(p, graph, scheme, expand, flow.e, onward)
    else:
        _layer(p, graph, scheme, middle, within.e, None)
    p.steps[start] = Step(Code.CHANNELS, (len(p.steps) - start - 1, channels, group), block.project)
    return onward.e if onward is not None else waits


def _weighted(graph: Graph, name: str) -> Weighted:
    op = graph.op(name)
    assert isinstance(op, Weighted)
    return op


def _mask(p: Program, graph: Graph, op: Weighted, g: Flowing, masked: Collection[str]) -> None:
    if op.name in masked:
        p.add(Code.MASK, op.name, g.ref, Ref(Region.ARENA, f"{op.name} mask"), graph.tensor(op.y).size)


def _plane(p: Program, graph: Graph, name: str, g: Flowing, group: int) -> Flow:
    """Towards a map within the block: its gradient exists for `group` channels at a time."""
    places = positions(graph.tensor(name))
    e = Flowing(p.fresh(f"{name} plane", places * group * (4 if p.is_float else 1)), p.slot())
    shift = -1 if p.is_float else p.shift(name)
    return Flow(g=g, e=e, shift=shift, places=places, channels=graph.tensor(name).shape[2])


def _onward(p: Program, graph: Graph, expand: Weighted, g: Flowing, arriving: Flowing, waits: Flowing | None) -> Flow:
    """Towards the block's input: sums of all channels, int8, or the gradient itself. What waits is a gradient of its
    own, or the arriving one, which is read up to the last channel."""
    x = graph.tensor(expand.x)
    places, channels = positions(x), x.shape[2]
    earlier = waits or Flowing(NOTHING, 0)
    if p.is_float:
        e = waits if waits is not None and waits.ref != arriving.ref else p.gradient(x.name, x.size)
        return Flow(g=g, waiting=earlier, e=e, places=places, channels=channels)
    acc, shift = p.fresh(f"{x.name} sums from {expand.name}", 4 * x.size), p.shift(x.name)
    e = p.gradient(x.name, x.size)
    return Flow(g=g, acc=acc, waiting=earlier, e=e, shift=shift, places=places, channels=channels)


def _last(
    p: Program,
    graph: Graph,
    scheme: Scheme,
    project: Weighted,
    within: Flow,
    arriving: Arriving,
    masked: Collection[str],
) -> None:
    """Steps of the layer that ends the block, which is the first on the way back."""
    part, constant = scheme.of(project.name), arriving.constant
    if arriving.masked_within:
        _mask(p, graph, project, arriving.g, masked)
    weighted.gradient_weighted(p, graph, part, project, within, constant=constant)
    weighted.update_weights(p, graph, part, project, arriving.g, in_rows=False, constant=constant)
    if arriving.masked_within:
        weighted.update_bias(p, graph, part, project, arriving.g)


def _layer(p: Program, graph: Graph, scheme: Scheme, op: Weighted, g: Flowing, flow: Flow | None) -> None:
    """Input gradient, if there is one, and updates of a layer."""
    part = scheme.of(op.name)
    if flow is not None:
        weighted.gradient_weighted(p, graph, part, op, flow)
    weighted.update_weights(p, graph, part, op, g, in_rows=False)
    weighted.update_bias(p, graph, part, op, g)
