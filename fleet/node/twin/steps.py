"""Steps of the plan in an image: where their words lie, and which functions begin one."""

from collections.abc import Iterator
from typing import Final

from fleet.node.export.steps import CALLED, STEPS
from fleet.node.plan.plan import HEADER_WORDS
from fleet.node.plan.steps import Code
from fleet.node.twin.blocks import ARGUMENT
from fleet.node.twin.image import Image

PLAN: Final = "fe_plan_words"
STEP: Final = ("fe_run_step", "fe_run_operator")
LOSS: Final = ("fe_run_loss", "fe_softmax_ce", "fe_squared_s8", "fe_squared_f32")
"""Functions that begin a step: of the interpreter the one that it is told, of both profiles the plan's loss; those that
a static image calls are CALLED."""
LOSS_CODES: Final = (Code.LOSS, Code.LOSS_SQUARED)


def plan_words(image: Image) -> tuple[tuple[int, int], memoryview]:
    """Where the plan's words start and end, and what they are; a static image holds all but the header.

    Nothing of an image that has neither.
    """
    symbol = image.objects.get(PLAN) or image.objects.get(STEPS)
    if symbol is None:
        return (0, 0), memoryview(b"").cast("i")
    header = 4 * HEADER_WORDS if symbol.name == STEPS else 0
    words = memoryview(bytes(header) + image.content(symbol)).cast("i")
    return (symbol.address - header, symbol.address + symbol.size_bytes), words


def step_starts(words: memoryview) -> Iterator[int]:
    """Word of the plan where each of its steps begins. A plan that somebody changed may say nonsense of its lengths."""
    at = HEADER_WORDS
    while at + 1 < len(words):
        yield at
        at += max(1, words[at + 1])


def marks(image: Image, words: memoryview) -> Iterator[tuple[int, int]]:
    """Address of each function that begins a step, and the step: ARGUMENT where its second argument points at it."""
    loss = next((at for at in step_starts(words) if words[at] in LOSS_CODES), None)
    static = STEPS in image.objects and PLAN not in image.objects
    for names, step in ((CALLED if static else STEP, ARGUMENT), *(((LOSS, loss),) if loss is not None else ())):
        for name in names:
            if name in image.functions:
                yield image.functions[name].address, step
