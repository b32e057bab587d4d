"""Fragments from strangers, by libFuzzer, and the decoder as firmware compiles it."""

import subprocess
from pathlib import Path

import pytest

from fleet.base import rng
from fleet.base.places import package_data
from fleet.node.engine.build import WARNINGS, compiler
from fleet.node.wire.parity import cut, fragment
from tests.node.engine.test_fuzz import clang, fuzz

__all__ = ["clang"]  # a fixture
SOURCES = package_data("node", "engine", "parity")


def session(fragments: int, size: int, lost: int) -> bytes:
    """One that ends well: the input of parity.c."""
    content = rng.draws32(rng.key(fragments, size), 0, fragments * size).astype("uint8").tobytes()
    pieces = cut(content, size)
    numbers = [n for n in range(1, fragments + 2 * lost + 12) if not lost or n % max(1, fragments // lost) != 1]
    sent = b"".join(number.to_bytes(2, "little") + fragment(pieces, number) for number in numbers)
    return fragments.to_bytes(2, "little") + bytes([size]) + sent


def test_no_fragment_leads_out_of_the_memory_of_a_session(clang: str, tmp_path: Path) -> None:
    corpus = [session(*case) for case in ((1, 1, 0), (4, 3, 1), (10, 2, 3), (16, 5, 4), (40, 1, 6), (300, 1, 20))]
    files = (f"-I{SOURCES}", SOURCES / "fe_parity.c")
    fuzz(clang, "parity", tmp_path, corpus, max(map(len, corpus)), files)


@pytest.mark.parametrize(
    "target", ["thumb-freestanding-eabi -mcpu=cortex_m0plus", "riscv32-freestanding-none -mcpu=generic_rv32+m+c"]
)
def test_it_compiles_for_small_cores_without_a_library(target: str, tmp_path: Path) -> None:
    name, cpu = target.split()
    told = ["-target", name, cpu, *WARNINGS, "-Os", "-ffreestanding", "-c", str(SOURCES / "fe_parity.c")]
    command = [*compiler(), *told, "-o", str(tmp_path / "o.o")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "o.o").stat().st_size > 0
