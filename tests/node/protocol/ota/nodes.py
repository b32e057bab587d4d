"""Nodes to update; those that need a patch are skipped where nothing can make one."""

from functools import cache
from typing import Any

import pytest

from analysis.interruption.rig import Setup, setup
from fleet.node.protocol.manifest import Kind
from fleet.node.protocol.ota import Mode


def made_for(board: str, mode: Mode, kind: Kind = Kind.FIRMWARE, **sizes: Any) -> Setup:
    """A node as it leaves the factory; its flash is copied before it is used."""
    if mode is Mode.IN_PLACE:
        pytest.importorskip("detools", reason="patches: pip install 'mcufleet[ota]'")
    return _made(board, mode, kind, tuple(sizes.items()))


@cache
def _made(board: str, mode: Mode, kind: Kind, sizes: tuple[tuple[str, int], ...]) -> Setup:
    return setup(board, mode, kind, **dict(sizes))
