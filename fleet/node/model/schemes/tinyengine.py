"""Peak SRAM as TinyEngine's code generator defines it."""

from dataclasses import dataclass
from math import prod

from fleet.node.model.scheme import Scheme
from fleet.node.model.schemes.outline import Net, Outline, Part, outline
from fleet.node.model.zoo.structure import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyEngineCount:
    """trainable_bytes: weights and biases that train, which the published peak leaves out."""

    maps_bytes: int
    im2col_bytes: int
    kernel_bytes: int
    trainable_bytes: int

    @property
    def peak_bytes(self) -> int:
        """The number that TinyEngine prints and its tables hold."""
        return self.maps_bytes + self.im2col_bytes + self.kernel_bytes


def tinyengine_count(net: Net, scheme: Scheme | None = None, *, maps_bytes: int | None = None) -> TinyEngineCount:
    """TinyEngine's peak: one arena of maps, the largest im2col buffer, the largest kernel buffer.

    Counted: maps (the picture included, masks and gradients when training) in one arena, each from the operator that
    makes it to the last that reads it, a depthwise layer writing over its input; two columns of 16 bits for a
    convolution, or for a depthwise layer one padded channel of 16 bits; the weights of kernels wider than 1, as 16
    bits. Not counted: trained weights and biases (the line that adds them is commented out), stack, code.
    maps_bytes: the arena of a plan; without one, that of inference by TinyEngine's own placement, largest first.
    Source: mit-han-lab/tinyengine, code_generator/GeneralMemoryScheduler.py and operators/.
    """
    view = outline(net)
    convolutions = [part for part in view.weighted if not part.dense]
    trained = [(part, scheme.of(part.op)) for part in view.weighted] if scheme is not None else []
    return TinyEngineCount(
        maps_bytes=_inference_arena(view) if maps_bytes is None else maps_bytes,
        im2col_bytes=max((_im2col_bytes(view, part) for part in convolutions), default=0),
        kernel_bytes=max((_kernel_bytes(part) for part in convolutions), default=0),
        trainable_bytes=sum(
            prod(part.weight_shape) // part.channels * what.channels + 4 * part.outputs * what.bias
            for part, what in trained
        ),
    )


def _im2col_bytes(view: Outline, part: Part) -> int:
    height, width, inputs = view.shapes[part.x]
    if part.depthwise:
        top, left, bottom, right = part.pad
        return 2 * (height + top + bottom) * (width + left + right)
    return 2 * 2 * prod(part.kernel) * inputs


def _kernel_bytes(part: Part) -> int:
    return 0 if part.depthwise or part.kernel[0] == 1 else 2 * prod(part.weight_shape)


@dataclass(slots=True, kw_only=True)
class _Block:
    """Maps that share a place. shrunk: the last operator that sees the whole size; behind it `rest` bytes stay."""

    size: int
    first: int
    last: int
    shrunk: int
    rest: int
    offset: int = -1


def _inference_arena(view: Outline) -> int:
    """Bytes of the arena: first fit, largest block first. Intervals are closed: what an operator reads and writes."""
    blocks = _blocks(view)
    placed: list[_Block] = []
    for block in sorted(blocks, key=lambda b: -b.size):
        block.offset = _lowest(placed, block)
        placed.append(block)
    return max(block.offset + block.size for block in placed)


def _lowest(placed: list[_Block], block: _Block) -> int:
    offset = 0
    for other in sorted(placed, key=lambda b: b.offset):
        if other.first > block.last or other.last < block.first:
            continue
        size = other.rest if block.first > other.shrunk else other.size
        if other.offset >= offset + block.size:
            break
        offset = max(offset, other.offset + size)
    return offset


def _blocks(view: Outline) -> list[_Block]:
    last = {name: index for index, part in enumerate(view.parts) for name in part.xs}
    blocks: list[_Block] = []
    of: dict[str, _Block] = {}
    for name in view.inputs:
        of[name] = _new(view, name, 0, last.get(name, 0), blocks)
    for index, part in enumerate(view.parts):
        end = last.get(part.y, index)
        if _in_place(view, part) and last[part.x] == index:
            block = of[part.y] = of[part.x]
            block.last, block.shrunk, block.rest = end, index, _aligned(view.size(part.y))
        else:
            of[part.y] = _new(view, part.y, index, end, blocks)
    return blocks


def _new(view: Outline, name: str, first: int, last: int, blocks: list[_Block]) -> _Block:
    size = _aligned(view.size(name))
    blocks.append(_Block(size=size, first=first, last=last, shrunk=last, rest=size))
    return blocks[-1]


def _in_place(view: Outline, part: Part) -> bool:
    alike = part.depthwise or part.kind is Kind.RESHAPE
    return alike and view.size(part.y) <= view.size(part.x)


def _aligned(size: int) -> int:
    return -(-size // 4) * 4
