"""The model's bytes as typed, named arrays: what the exported C shows, and how a byte of it is called.

A section of the image becomes one array, or two where it holds reals (mantissas, then exponents); the first
values become one array per trained tensor. Together the blocks are the image, byte for byte.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.node.model.graph import Weighted
from fleet.node.plan.arena import aligned
from fleet.node.plan.image import Section
from fleet.node.plan.plan import Plan

C_TYPES = {
    "int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "uint16": "uint16_t", "int32": "int32_t",
    "float32": "float",
}  # fmt: skip

TABLES = {
    "table": ("uint8", "what each byte becomes"),
    "slopes": ("int16", "derivative at each byte, fixed point"),
    "places": ("uint16", "row of the input for each row, then column for each column"),
    "exps": ("int32", "powers of e, by steps below the largest value"),
}
"""Sections of operators without weights: the type of their numbers, and what they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """An array of the model. tensor: what people call it. first: index of its first entry on the tensor's last axis."""

    tensor: str
    c_name: str
    use: str
    offset: int
    first: int
    values: NDArray[Any]
    comment: str

    @property
    def end(self) -> int:
        return self.offset + self.values.nbytes

    def place(self, at: int) -> str:
        """What people call the value that holds the byte `at` of the model: `block4.pw weight [3, 0, 0, 17]`."""
        index = [int(i) for i in np.unravel_index((at - self.offset) // self.values.itemsize, self.values.shape)]
        index[-1] += self.first
        return f"{self.tensor} {index}"


def blocks_of(plan: Plan) -> tuple[Block, ...]:
    """All blocks, by offset."""
    return tuple(block for section in plan.image.sections for block in _blocks(plan, section))


def place_of(blocks: tuple[Block, ...], at: int) -> str:
    """What people call the byte `at` of the model."""
    return next((b.place(at) for b in blocks if b.offset <= at < b.end), f"padding at byte {at}")


def value_at(blocks: tuple[Block, ...], model: bytes, at: int) -> int | float:
    """The number that the byte `at` belongs to, in a model of these blocks."""
    block = next((b for b in blocks if b.offset <= at < b.end), None)
    if block is None:
        return model[at]
    first = at - (at - block.offset) % block.values.itemsize
    value: int | float = np.frombuffer(model, block.values.dtype, 1, first)[0].item()
    return value


def _blocks(plan: Plan, section: Section) -> Iterator[Block]:
    if section.name == "first values":
        yield from _first_values(plan, section)
        return
    name, _, kind = section.name.rpartition(" ")
    if kind == "value":
        yield _block(section, f"{name} constant", "int8", plan.graph.tensor(name).shape, comment="a constant map")
        return
    if kind in TABLES and not any(o.name == name for o in plan.graph.weighted):
        dtype, comment = TABLES[kind]
        count = len(section.content) // np.dtype(dtype).itemsize
        yield _block(section, section.name, dtype, (count,), comment=comment)
        return
    yield from _layer_blocks(plan, section)


def _layer_blocks(plan: Plan, section: Section) -> Iterator[Block]:
    """Sections of an operator with weights."""
    named = (o for o in plan.graph.weighted if section.name.startswith(f"{o.name} "))
    op = max(named, key=lambda o: len(o.name))  # of "pw" and "pw 2" the one that is meant
    name, kind = op.name, section.name.removeprefix(f"{op.name} ")
    match kind:
        case "weight scale":
            yield _block(section, f"{name} weight scale", "float32", (op.bias.size,), comment="one step of a weight")
        case "frozen":
            yield _frozen(plan, section, op)
        case "bias":
            yield _block(section, f"{name} bias", "int32", (op.bias.size,), comment="at scale_x * scale_w")
        case "r":
            yield _block(section, f"{name} gradient factor", "uint16", (op.bias.size,), comment="scale_w, fixed point")
        case _:
            yield from _reals(section, op.bias.size)


def _frozen(plan: Plan, section: Section, op: Weighted) -> Block:
    first = plan.scheme.of(op.name).channels
    shape = (*op.weight.shape[:-1], op.weight.shape[-1] - first)
    comment = scale_text(op)
    if first:
        comment += f"; entries {first} and up of the last axis, the first {first} train"
    return _block(section, f"{op.name} weight", "int8", shape, comment=comment, first=first, c_name=f"{op.name} frozen")


def scale_text(op: Weighted) -> str:
    """The scale of a weight, or the range of its scales, as a C comment says it."""
    low, high = float(op.weight_scale.min()), float(op.weight_scale.max())
    return f"scale {low:.9g}" if low == high else f"scale {low:.9g} to {high:.9g} by output"


def _reals(section: Section, count: int) -> Iterator[Block]:
    yield _block(section, f"{section.name} mantissa", "int32", (count,), comment="real = mant * 2^(exp - 31)")
    yield _block(section, f"{section.name} exponent", "int8", (count,), comment="", skip=4 * count)


def _first_values(plan: Plan, section: Section) -> Iterator[Block]:
    layout = plan.layout
    for part in layout.slices:
        op = next(o for o in plan.graph.weighted if o.name == part.op)
        weight = part.kind == "weight"
        skip = part.first if weight else aligned(layout.weights) + 4 * (part.first - layout.weights)
        comment = scale_text(op) if weight else "at scale_x * scale_w"
        name = f"{part.op} {part.kind}"
        yield _block(
            section, f"{name} (first value)", "int8" if weight else "int32", part.shape,
            comment=comment, skip=skip, c_name=f"{name} first",
        )  # fmt: skip


def _block(
    section: Section, tensor: str, dtype: str, shape: tuple[int, ...], *, comment: str, skip: int = 0, first: int = 0,
    c_name: str = "",
) -> Block:  # fmt: skip
    count = int(np.prod(shape))
    values = np.frombuffer(section.content, np.dtype(dtype).newbyteorder("<"), count, skip).reshape(shape)
    use = section.name if section.name == "first values" else section.use
    return Block(
        tensor=tensor, c_name=c_identifier(c_name or tensor), use=use, offset=section.offset + skip, first=first,
        values=values, comment=comment,
    )  # fmt: skip


def c_identifier(name: str) -> str:
    """A name as C allows it: block4.pw -> block4_pw."""
    safe = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
    return f"_{safe}" if safe[:1].isdigit() else safe
