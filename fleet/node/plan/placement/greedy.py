"""TensorFlow Lite Micro's own plan: largest first, each in the first gap, what has a place first of all.

Source: tensorflow/tflite-micro, tensorflow/lite/micro/memory_planner/greedy_memory_planner.cc, whose sort is stable
over the blocks in reverse: of blocks of one size the one added last comes first.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from fleet.base.errors import Fault, InputError
from fleet.node.plan.placement.blocks import Block, Part, Placement, check_blocks
from fleet.node.plan.placement.cells import cells_of

MICRO_ALIGN: Final = 16  # MicroArenaBufferAlignment: every size is rounded up to it


def greedy_by_size(
    blocks: Sequence[Block], *, align: int = MICRO_ALIGN, fixed: Mapping[str, int] | None = None
) -> Placement:
    """The offsets that TensorFlow Lite Micro gives these blocks, in the order in which it adds them.

    fixed: offsets that are given (its offline plan); they may overlap, and then the peak may be below the bound.
    InputError for a block that is not one part at its base, or a fixed one that is none of them.
    """
    check_blocks(blocks, align)
    fixed = fixed or {}
    _check(blocks, fixed)
    free = [block for block in reversed(blocks) if block.name not in fixed]
    free.sort(key=lambda block: -_size(block, align))
    taken: list[tuple[int, int, Part]] = []  # begin, end, life, by begin
    offsets: dict[str, int] = {}
    for block in [*(block for block in blocks if block.name in fixed), *free]:
        (part,) = block.parts
        size = _size(block, align)
        offset = fixed.get(block.name)
        offsets[block.name] = offset = _first_gap(taken, size, part) if offset is None else offset
        taken.append((offset, offset + size, part))
        taken.sort(key=lambda of: of[0])
    peak = max((end for _, end, _ in taken), default=0)
    bound = cells_of(blocks, align).bound * align
    return Placement(offsets=offsets, peak_bytes=peak, bound_bytes=bound, method="greedy by size")


def _first_gap(taken: Sequence[tuple[int, int, Part]], size: int, life: Part) -> int:
    offset = 0
    for begin, end, other in taken:
        if other.first <= life.last and life.first <= other.last:
            if begin - offset >= size:
                break
            offset = max(offset, end)
    return offset


def _size(block: Block, align: int) -> int:
    return -(-block.parts[0].size_bytes // align) * align


def _check(blocks: Sequence[Block], fixed: Mapping[str, int]) -> None:
    faults = [
        Fault(f"placement: {block.name}", "expected one part at its base, got a chain; use place_blocks")
        for block in blocks
        if len(block.parts) != 1 or block.parts[0].delta
    ]
    names = {block.name for block in blocks}
    faults += [
        Fault(f"placement: {name}", f"expected a block at offset {at}, got none of that name; take it out")
        for name, at in fixed.items()
        if name not in names
    ]
    if faults:
        raise InputError(faults)
