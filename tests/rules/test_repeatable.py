"""What would make a second run differ from the first, or a file run code when it is read."""

import ast
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.rules.tree import dotted, imports, python_files, shown, tree

# Generators of one's own are fine: they are seeded and passed on.
OWN_GENERATORS = {"Generator", "default_rng", "SeedSequence", "PCG64", "PCG64DXSM", "Philox", "BitGenerator"}
CHANCE_MODULES = {"random", "secrets", "uuid"}
CHANCE_CALLS = {"os.urandom", "torch.manual_seed", "torch.seed", "torch.rand", "torch.randn", "torch.randperm"}
CLOCKS = {
    f"time.{name}"
    for name in (
        "time",
        "time_ns",
        "monotonic",
        "monotonic_ns",
        "perf_counter",
        "perf_counter_ns",
        "sleep",
        "localtime",
    )
} | {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "datetime.datetime.now", "datetime.date.today"}
PICKLES = {"pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib"}

# "pattern of files" -> why. An entry that no file needs fails.
MAY_USE_CHANCE = {
    "fleet/federation/links/keys.py": "keys are to be guessed by nobody, and no result depends on one",
    "fleet/federation/flower.py": "Flower samples nodes from the process-wide generators: seeded for it, then put back",
}
MAY_READ_THE_CLOCK: dict[str, str] = {}

FLEET = python_files("fleet/")


def chance(path: Path) -> Iterator[str]:
    """Draws from a generator that the whole process shares."""
    for found in imports(path):
        if found.name.split(".")[0] in CHANCE_MODULES:
            yield f"{shown(path)}:{found.line} imports {found.name}"
    for node in ast.walk(tree(path)):
        name = dotted(node)
        if name in CHANCE_CALLS or _shared_numpy(name):
            yield f"{shown(path)}:{getattr(node, 'lineno', 0)} uses {name}"
        if isinstance(node, ast.Call) and dotted(node.func).endswith("default_rng") and not node.args:
            yield f"{shown(path)}:{node.lineno} takes a generator without a seed"


def _shared_numpy(name: str) -> bool:
    head, _, tail = name.rpartition(".")
    return head in ("np.random", "numpy.random") and tail not in OWN_GENERATORS


def clocks(path: Path) -> Iterator[str]:
    """Readings of the wall clock, and waits for it."""
    for found in imports(path):
        if found.name in CLOCKS:
            yield f"{shown(path)}:{found.line} imports {found.name}"
    for node in ast.walk(tree(path)):
        if dotted(node) in CLOCKS:
            yield f"{shown(path)}:{getattr(node, 'lineno', 0)} uses {dotted(node)}"


def pickles(path: Path) -> Iterator[str]:
    """Readers and writers of a format that runs code when it is read."""
    for found in imports(path):
        if found.name.split(".")[0] in PICKLES:
            yield f"{shown(path)}:{found.line} imports {found.name}"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and _pickling(node):
            yield f"{shown(path)}:{node.lineno} {dotted(node.func)}"


def _pickling(call: ast.Call) -> bool:
    given = {word.arg: isinstance(word.value, ast.Constant) and word.value.value for word in call.keywords}
    name = dotted(call.func)
    if name == "torch.load":
        return given.get("weights_only") is not True
    return name.endswith(("read_pickle", "to_pickle")) or (
        "allow_pickle" in given and given["allow_pickle"] is not False
    )


def check(found: dict[str, list[str]], allowed: dict[str, str]) -> None:
    """Nothing is found where nothing is allowed, and every allowance is needed."""
    outside = [text for name, texts in found.items() for text in texts if not _allowed(name, allowed)]
    assert outside == []
    assert [
        pattern for pattern in allowed if not any(texts and fnmatch(name, pattern) for name, texts in found.items())
    ] == []


def _allowed(name: str, allowed: dict[str, str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in allowed)


def test_no_generator_is_shared_by_the_whole_process() -> None:
    check({shown(path): list(chance(path)) for path in FLEET}, MAY_USE_CHANCE)


def test_no_run_reads_the_wall_clock() -> None:
    check({shown(path): list(clocks(path)) for path in FLEET}, MAY_READ_THE_CLOCK)


def test_nothing_is_pickled() -> None:
    check({shown(path): list(pickles(path)) for path in python_files("fleet/", "analysis/")}, {})


def test_no_test_sleeps() -> None:
    asleep = [text for path in python_files("tests/") for text in clocks(path) if text.endswith("time.sleep")]
    assert asleep == []


@pytest.mark.parametrize(
    "code, finder",
    [
        ("import random", chance),
        ("from random import shuffle", chance),
        ("import numpy as np\nnp.random.shuffle([1])", chance),
        ("import numpy as np\ng = np.random.default_rng()", chance),
        ("import os\nos.urandom(3)", chance),
        ("import time\ntime.time()", clocks),
        ("from time import monotonic", clocks),
        ("from datetime import datetime\ndatetime.now()", clocks),
        ("import pickle", pickles),
        ("import numpy as np\nnp.load('x', allow_pickle=True)", pickles),
        ("import torch\ntorch.load('x')", pickles),
    ],
)
def test_what_is_forbidden_is_found(code: str, finder: Callable[[Path], Iterator[str]], tmp_path: Path) -> None:
    source = tmp_path / "x.py"
    source.write_text(code)
    assert len(list(finder(source))) == 1
