"""Tables of counted instructions: what ships, and what is refused."""

from pathlib import Path

import pytest

from fleet.base.errors import InputError
from fleet.base.places import package_data
from fleet.node.cost import KINDS, core_table, cores, read_table

CORES = cores()


def altered(folder: Path, old: str, new: str) -> Path:
    """The table of the Cortex-M4 with one text changed."""
    text = (package_data("node", "cost", "counts") / "cortex-m4f.yaml").read_text()
    assert old in text, f"{old!r} is not in the table any more"
    path = folder / "cortex-m4f.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize("core", CORES)
def test_every_shipped_table_names_its_core_and_holds_every_kind_once(core: str) -> None:
    table = core_table(core)
    assert table.core == core
    assert [kernel.kind for kernel in table.kernels] == list(KINDS)


@pytest.mark.parametrize(
    "old, new, expected",
    [
        ("kind: dense,", "kind: conv,", "expected every kind, got none of dense; count the core again"),
        ("kind: dense,", "kind: conv,", "expected every kind once, got conv again; delete one"),
        ("kind: dense,", "kind: danse,", "got 'danse'; did you mean 'dense'?"),
        ("per_mac: ", "per_mac: x", "expected a number from -1000000 to 1000000"),
    ],
)
def test_a_damaged_table_is_refused_with_the_remedy(tmp_path: Path, old: str, new: str, expected: str) -> None:
    with pytest.raises(InputError) as refused:
        read_table(altered(tmp_path, old, new))
    assert any(expected in str(fault) for fault in refused.value.faults)


def test_a_core_without_counts_names_those_with() -> None:
    with pytest.raises(InputError, match=r"cortex-m4f.* whose instructions were counted, got 'z80'"):
        core_table("z80")
