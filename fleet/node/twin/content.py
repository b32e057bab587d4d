"""What an image and its project hold against what they should: sources, model, plan, layout."""

import struct
from collections.abc import Iterator
from pathlib import Path

from fleet.node.export.blocks import Block, blocks_of, place_of, value_at
from fleet.node.export.c_data import layout_fields
from fleet.node.export.project import engine_sources
from fleet.node.export.record import Project
from fleet.node.export.steps import STEPS, steps_bytes
from fleet.node.plan.plan import Plan
from fleet.node.twin.image import Image
from fleet.node.twin.report import Check, Difference

SHOWN = 3  # faults of one kind that are written out


def check_sources(folder: Path, plan: Plan, project: Project) -> Check:
    """The engine's files in a project are the package's."""
    faults = []
    expected = engine_sources(trains=plan.trains, runtime=project.runtime)
    for place, content in expected.items():
        path = folder / place
        if not path.is_file():
            faults.append(_file(f"{path}", "none", "export again"))
        elif path.read_bytes() != content:
            line = _first_line(content, path.read_bytes())
            faults.append(_file(f"{path}:{line}", "another from this line on", "restore it"))
    return Check(name="sources", against=f"{len(expected)} files of the package, byte for byte", faults=tuple(faults))


def _file(place: str, got: str, remedy: str) -> Difference:
    return Difference(place=place, expected="the package's file", got=got, remedy=remedy)


def _first_line(expected: bytes, got: bytes) -> int:
    """Number of the first line that differs."""
    lines = zip(expected.splitlines(), got.splitlines(), strict=False)
    return next((i for i, (a, b) in enumerate(lines, 1) if a != b), min(expected.count(b"\n"), got.count(b"\n")) + 1)


def check_constants(image: Image, plan: Plan, *, is_static: bool) -> Iterator[Check]:
    """Model, plan or steps, and layout in the image are the original's."""
    blocks = blocks_of(plan)
    model = _bytes_of(image, "fe_model")
    faults = tuple(_model_faults(model, plan, blocks))
    yield Check(
        name="model", against=f"{len(plan.model):,} bytes of the original, {len(blocks)} arrays",
        faults=faults[:SHOWN], more=max(0, len(faults) - SHOWN),
    )  # fmt: skip
    words = ("steps", STEPS, steps_bytes(plan)) if is_static else ("plan", "fe_plan_words", plan.content)
    layout = ("layout", "fe_trained", struct.pack("<6i", *layout_fields(plan.layout)))
    for name, symbol, expected in (words, layout) if plan.trains else (words,):
        got = _bytes_of(image, symbol)
        fault = Difference(
            place=symbol, expected=f"the original {name}", got=_word(expected, got), remedy="export again"
        )
        differs = () if got == expected else (fault,)
        yield Check(name=name, against=f"{len(expected):,} bytes of the original", faults=differs)


def _bytes_of(image: Image, symbol: str) -> bytes:
    return image.content(image.objects[symbol]) if symbol in image.objects else b""


def _word(expected: bytes, got: bytes) -> str:
    if len(got) != len(expected) or got == expected:
        return f"{len(got):,} bytes for {len(expected):,}"
    at = next(i for i, (a, b) in enumerate(zip(expected, got, strict=True)) if a != b) // 4
    old, new = (int.from_bytes(content[4 * at : 4 * at + 4], "little", signed=True) for content in (expected, got))
    return f"{new} for {old} in word {at}"


def _model_faults(got: bytes, plan: Plan, blocks: tuple[Block, ...]) -> Iterator[Difference]:
    """All values that differ, each by its tensor and index."""
    if len(got) != len(plan.model):
        expected = f"{len(plan.model):,} bytes"
        yield Difference(place="fe_model", expected=expected, got=f"{len(got):,}", remedy="export again")
        return
    seen: set[str] = set()
    for at in (i for i, (a, b) in enumerate(zip(plan.model, got, strict=True)) if a != b):
        place = place_of(blocks, at)
        if place not in seen:
            seen.add(place)
            old, new = value_at(blocks, plan.model, at), value_at(blocks, got, at)
            remedy = "export again, or undo the change in data/model_data.c"
            yield Difference(place=place, expected=f"{old}", got=f"{new}", remedy=remedy)
