"""A hundred thousand damaged files: each gives a whole Graph or one InputError, quickly, and in little memory.

Half of what is found wrong in the bytes is found by the reader; files whose tables are whole but whose numbers are odd
reach everything behind it. What file number i is depends on i alone: any failure can be repeated by its number.
"""

import resource
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tflite_micro", reason="its package holds the format's own writer, for Linux on x86-64 only")

from fleet.base.errors import InputError
from fleet.base.rng import draws32, key
from fleet.node.model.graph import Graph
from fleet.node.model.tflite import imported
from tests.node.model.tflite.written import RELU6, SAME, VALID, Written

FILES = 100_000
ODD_FILES = 1_500
REAL_SHARE = 80  # one file in so many is a real one, where there are real ones: they are larger
LONGEST_S = 2.0  # of processor time for one file: a thousand times the usual
MOST_GROWTH_KIB = 200 * 1024
EXTREMES = (0, 1, 2, 4, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC)


def convolutional() -> Written:
    w = Written()
    x = w.op("QUANTIZE", [w.input(1, 4, 4, 1, kind="FLOAT32")], w.map(1, 4, 4, 1))
    options = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1, "padding": SAME}
    x = w.op(
        "CONV_2D", [x, w.weight(2, 3, 3, 1), w.bias(2)], w.map(1, 4, 4, 2), **options, fusedActivationFunction=RELU6
    )
    options["depthMultiplier"] = 1
    x = w.op("DEPTHWISE_CONV_2D", [x, w.weight(1, 3, 3, 2, axis=3), w.bias(2)], w.map(1, 4, 4, 2), **options)
    pool = {"filterHeight": 4, "filterWidth": 4, "strideH": 1, "strideW": 1, "padding": VALID}
    w.op("AVERAGE_POOL_2D", [x], w.map(1, 1, 1, 2), **pool)
    return w


def dense() -> Written:
    w = Written()
    x = w.op("FULLY_CONNECTED", [w.input(1, 4), w.weight(3, 4), w.bias(3)], w.map(1, 3))
    x = w.op("SOFTMAX", [x], w.map(1, 3, scale=1 / 256, zero=-128), beta=1.0)
    w.op("DEQUANTIZE", [x], w.map(1, 3, kind="FLOAT32"))
    return w


def moving() -> Written:
    w = Written()
    x = w.input(1, 2, 3, 2)
    x = w.op("TRANSPOSE", [x, w.whole([0, 2, 1, 3])], w.map(1, 3, 2, 2))
    x = w.op("PAD", [x, w.whole([[0, 0], [1, 0], [0, 1], [0, 0]])], w.map(1, 4, 3, 2))
    x = w.op("CONCATENATION", [x, x], w.map(1, 4, 3, 4), axis=3)
    w.op("MEAN", [x, w.whole([1, 2])], w.map(1, 4), keepDims=False)
    return w


def shaping() -> Written:
    w = Written()
    x = w.input(1, 3, 2, signature=[-1, 3, 2])
    sides = w.op("SHAPE", [x], w.map(3, kind="INT32"))
    first = w.op(
        "STRIDED_SLICE", [sides, w.whole([0]), w.whole([1]), w.whole([1])], w.map(kind="INT32"), shrinkAxisMask=1
    )
    wish = w.op("PACK", [first, w.whole(6)], w.map(2, kind="INT32"), valuesCount=2)
    x = w.op("RESHAPE", [x, wish], w.map(1, 6))
    w.op("MUL", [x, w.constant(np.array([3], dtype=np.int8), scales=[0.1], zeros=[0])], w.map(1, 6))
    return w


def few(draw: int) -> int:
    """Mostly 0, so that most files stay sound enough to be refused late."""
    return max(draw % 8 - 5, 0)


def with_bits_flipped(content: bytes, draws: list[int], _: bytes) -> bytes:
    damaged = bytearray(content)
    for draw in draws[1 : 2 + few(draws[0])]:
        damaged[draw // 8 % len(content)] ^= 1 << draw % 8
    return bytes(damaged)


def cut_short(content: bytes, draws: list[int], _: bytes) -> bytes:
    return content[: draws[0] % len(content)]


def with_extreme_words(content: bytes, draws: list[int], _: bytes) -> bytes:
    """Offsets, lengths and counts are 32-bit words at multiples of 4."""
    damaged = bytearray(content)
    for at, value in list(zip(draws[1:4], draws[4:7], strict=True))[: 1 + few(draws[0])]:
        place = at % (len(content) // 4) * 4
        damaged[place : place + 4] = EXTREMES[value % len(EXTREMES)].to_bytes(4, "little")
    return bytes(damaged)


def with_nudged_words(content: bytes, draws: list[int], _: bytes) -> bytes:
    """Small changes of 16-bit words: offsets of fields, sides, indices that stay plausible."""
    damaged = bytearray(content)
    for at, change in list(zip(draws[1:4], draws[4:7], strict=True))[: 1 + few(draws[0])]:
        place = at % (len(content) // 2) * 2
        word = int.from_bytes(damaged[place : place + 2], "little") + change % 17 - 8
        damaged[place : place + 2] = (word & 0xFFFF).to_bytes(2, "little")
    return bytes(damaged)


def spliced(content: bytes, draws: list[int], other: bytes) -> bytes:
    """A piece of another file in place of a piece of this one, of another length."""
    start, length = draws[0] % len(content) // 4 * 4, 4 * (draws[1] % 9)
    source, taken = draws[2] % len(other) // 4 * 4, 4 * (draws[3] % 9) if draws[4] % 2 else length
    return content[:start] + other[source : source + taken] + content[start + length :]


SOURCES = (convolutional, dense, moving, shaping)
DAMAGE: tuple[Callable[[bytes, list[int], bytes], bytes], ...] = (
    with_bits_flipped,
    with_bits_flipped,
    cut_short,
    with_extreme_words,
    with_extreme_words,
    with_nudged_words,
    with_nudged_words,
    spliced,
)


def damaged_file(number: int, sources: list[bytes], real: list[bytes]) -> bytes:
    draws = [int(draw) for draw in draws32(key(1, number), 0, 12)]
    group = real if real and draws[8] % REAL_SHARE == 0 else sources
    content, other = group[draws[9] % len(group)], sources[draws[10] % len(sources)]
    return DAMAGE[draws[11] % len(DAMAGE)](content, draws, other)


def outcome(content: bytes, number: int = -1) -> Graph | InputError:
    """What a file gives; any other exception fails."""
    try:
        graph = imported(content, "file.tflite", "file").graph
    except InputError as refusal:
        return refusal
    except Exception as fault:
        fault.add_note(f"damaged file number {number}")
        raise
    return graph


def assert_told(refusal: InputError) -> None:
    """Every fault says where, and what was expected and found."""
    assert refusal.faults
    for fault in refusal.faults:
        assert fault.where.startswith("file.tflite")
        assert fault.text.startswith("expected ")
        assert ", got " in fault.text


@pytest.fixture(scope="module")
def real_files(request: pytest.FixtureRequest) -> list[bytes]:
    """Small real models, where the folder of data has them."""
    try:
        folder: Path = request.getfixturevalue("shared_data")
    except pytest.skip.Exception:
        return []
    names = ("tflm/hello_world_int8.tflite", "mlperf-tiny/kws_ref_model.tflite")
    return [(folder / name).read_bytes() for name in names]


def test_damaged_files_give_a_graph_or_one_refusal(real_files: list[bytes]) -> None:
    sources = [make().content() for make in SOURCES]
    assert all(isinstance(outcome(content), Graph) for content in (*sources, *real_files))
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    graphs = 0
    longest_s = 0.0
    for number in range(FILES):
        content = damaged_file(number, sources, real_files)
        start_s = process_time()
        found = outcome(content, number)
        longest_s = max(longest_s, process_time() - start_s)
        if isinstance(found, InputError):
            assert_told(found)
        else:
            graphs += 1
    growth_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    assert FILES // 20 < graphs < FILES - FILES // 20
    assert longest_s < LONGEST_S
    assert growth_kib < MOST_GROWTH_KIB


WISHES = (-(2**31), -129, -2, -1, 0, 1, 2, 3, 4, 5, 9, 127, 255, 4096, 65_536, 2**24 + 1, 2**31 - 1)


def with_odd_numbers(number: int) -> bytes:
    """A file whose tables are whole, of which a few numbers are not what they were: sides, indices, options, types."""
    draws = [int(draw) for draw in draws32(key(2, number), 0, 40)]
    made = SOURCES[draws[0] % len(SOURCES)]()
    output = made.operators[-1].outputs[0]
    things = [*made.tensors, *made.operators, *(t.quantization for t in made.tensors if t.quantization)]
    things += [step.builtinOptions for step in made.operators if step.builtinOptions]
    for first in range(2, 3 + 4 * (1 + few(draws[1])), 4):
        thing = things[draws[first] % len(things)]
        fields = [name for name, value in vars(thing).items() if isinstance(value, int | float | list)]
        if fields:
            name = fields[draws[first + 1] % len(fields)]
            setattr(thing, name, odd(thing, name, draws[first + 2], draws[first + 3]))
    return made.content(output)


def odd(thing: Any, name: str, draw: int, place: int) -> Any:
    """Another value for a field, which its type can hold."""
    wish, before = WISHES[draw % len(WISHES)], getattr(thing, name)
    if isinstance(before, list):
        if not before or draw % 3 == 0:
            return [*before, wish] if draw % 2 else before[:-1]
        return [wish if at == place % len(before) else value for at, value in enumerate(before)]
    if isinstance(before, bool):
        return not before
    if isinstance(before, float):
        return (0.0, -1.0, float("nan"), float("inf"), 1e-30, 1e30)[draw % 6]
    if name in ("buffer", "opcodeIndex") or name.startswith(("large", "external")):
        return abs(wish) % 12  # these have no sign
    narrow = name in ("type", "padding", "fusedActivationFunction") or name.endswith(("Type", "Type2", "Format"))
    return abs(wish) % 7 if narrow else wish  # these have eight bits


def test_whole_files_of_odd_numbers_give_a_graph_or_one_refusal() -> None:
    graphs = 0
    for number in range(ODD_FILES):
        found = outcome(with_odd_numbers(number), number)
        if isinstance(found, InputError):
            assert_told(found)
        else:
            graphs += 1
    assert ODD_FILES // 20 < graphs < ODD_FILES - ODD_FILES // 20
