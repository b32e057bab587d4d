"""Patches from strangers, by libFuzzer: what fe_patch_open lets through runs inside its memory."""

from pathlib import Path

import pytest

from fleet.node.protocol.manifest import Compression
from fleet.node.protocol.patch import in_place_patch
from tests.node.engine.test_fuzz import clang, fuzz
from tests.node.protocol.ota.patch_device import sources
from tests.node.protocol.ota.test_patch_in_c import related

__all__ = ["clang"]  # a fixture


def test_no_patch_leaves_its_memory(clang: str, tmp_path: Path) -> None:
    pytest.importorskip("detools", reason="patches: pip install 'mcufleet[ota]'")
    corpus = [b"", bytes([0x12, 0x80, 4])]
    for compression in Compression:
        old, new = related(3, 600)
        corpus.append(in_place_patch(old, new, memory_bytes=2048, segment_bytes=256, compression=compression))
    fuzz(clang, "patch", tmp_path, corpus, 1200, sources())
