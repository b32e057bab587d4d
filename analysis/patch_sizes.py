"""How large patches are: from one firmware of ours to another, and from a model to what it learned.

    python -m analysis.patch_sizes

Real pairs: images that the exporter and the packaged compiler make of the shipped network, and its values before and
after training steps on windows drawn for it (int8 weights, int32 biases). `in place` is what a node applies where the
image lies, in erase units of 4 KiB with two of them free; `sequential` needs room for both images. heatshrink has the
window that a node holds (2^8). lzma is what a host could unpack; no node does.
"""

import sys
from collections.abc import Iterator
from io import BytesIO

import numpy as np

from fleet.base.rng import Stream, draws32, key
from fleet.node.engine.binding import Course, Node
from fleet.node.model.fixed import real
from fleet.node.model.scheme import build_scheme
from fleet.node.model.zoo.shipped import shipped_model
from fleet.node.plan import Plan, plan_of
from fleet.node.profile import load_profile
from fleet.node.protocol.manifest import Compression
from fleet.node.protocol.patch import in_place_patch, sequential_patch
from fleet.node.twin.firmware import firmware_image
from fleet.node.twin.image import Image

PAGE = 4096
STEPS = (1, 16, 256)
HEAD = f"{'pair':<34} {'old':>8} {'new':>8} {'in place':>26} {'sequential':>26} {'lzma':>8}"


def flat(image: Image) -> bytes:
    """What a programmer writes into flash, from the lowest address on."""
    first = min(segment.load for segment in image.segments)
    end = max(segment.load + len(segment.content) for segment in image.segments)
    out = bytearray(b"\xff" * (end - first))
    for segment in image.segments:
        out[segment.load - first : segment.load - first + len(segment.content)] = segment.content
    return bytes(out)


def firmware_pairs(plans: tuple[Plan, Plan]) -> Iterator[tuple[str, bytes, bytes]]:
    """Releases of one node: another scheme, the runtime put in, other weights."""
    board = load_profile("nrf52840")
    first, second = plans
    one = flat(firmware_image(first, board, seed=1))
    yield "firmware: another scheme", one, flat(firmware_image(second, board, seed=1))
    yield "firmware: with the runtime", one, flat(firmware_image(first, board, seed=1, runtime=True))
    other = plan_of(shipped_model("imu-ds-cnn", "seglearn-watch", 1), first.scheme)
    yield "firmware: other weights", one, flat(firmware_image(other, board, seed=1))


def model_pairs(plan: Plan) -> Iterator[tuple[str, bytes, bytes]]:
    """Values before and after training steps."""
    for steps in STEPS:
        node = Node(plan)
        before = value_bytes(plan, node.values)
        shape = plan.graph.input.shape
        drawn = draws32(key(1, Stream.ORDER), 0, steps * int(np.prod(shape)) // 4 + 1).view(np.int8)
        windows = drawn[: steps * int(np.prod(shape))].reshape(steps, *shape)
        labels = np.arange(steps, dtype=np.uint8) % plan.layout.classes
        course = Course(key=key(1, Stream.UPDATE), rate=real(0.01), own=range(plan.layout.classes))
        node.train(windows, labels, np.arange(steps), course)
        yield f"model: {steps} steps of training", before, value_bytes(plan, node.values)


def value_bytes(plan: Plan, values: np.ndarray) -> bytes:
    """int8 weights, then int32 biases."""
    weights = plan.layout.weights
    return values[:weights].astype(np.int8).tobytes() + values[weights:].astype("<i4").tobytes()


def sizes(old: bytes, new: bytes) -> tuple[list[int], list[int], int]:
    """Bytes of patches in place and sequential by Compression, and of a sequential one with lzma."""
    import detools

    memory = max(-(-len(old) // PAGE) + 2, -(-len(new) // PAGE)) * PAGE
    in_place = [
        len(in_place_patch(old, new, memory_bytes=memory, segment_bytes=PAGE, compression=c)) for c in Compression
    ]
    best = BytesIO()
    detools.create_patch(BytesIO(old), BytesIO(new), best, compression="lzma", use_mmap=False)
    return in_place, [len(sequential_patch(old, new, compression=c)) for c in Compression], best.tell()


def main() -> int:
    """Prints the table: none / crle / heatshrink."""
    graph = shipped_model("imu-ds-cnn", "seglearn-watch", 0)
    plans = (plan_of(graph, build_scheme(graph, "head")), plan_of(graph, build_scheme(graph, "full")))
    print(HEAD)
    for name, old, new in (*firmware_pairs(plans), *model_pairs(plans[1])):
        in_place, sequential, lzma = sizes(old, new)
        texts = (" / ".join(f"{size:,}" for size in found) for found in (in_place, sequential))
        print(f"{name:<34} {len(old):>8,} {len(new):>8,} {next(texts):>26} {next(texts):>26} {lzma:>8,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
