"""How many instructions each kind of work takes on a core, with one compiler and one engine: counted, then fitted.

One file per core, `counts/<core>.yaml`, written by `fleet calibrate`.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated

from fleet.base.declared import Found, Key, declare, declared
from fleet.base.errors import InputError
from fleet.base.places import package_data
from fleet.base.units import SHARE
from fleet.base.yaml import KeyPath, read
from fleet.node.cost.kinds import KINDS


def _coefficient(of: str) -> Key:
    return Key(f"instructions per {of}", least=-(10**6), most=10**6)


@declared
class Kernel:
    """Instructions of one kind of work: each amount of an OpCount times its number here."""

    kind: Annotated[str, Key("kind of work", one_of=tuple(KINDS))]
    per_call: Annotated[float, _coefficient("call")]
    per_tap: Annotated[float, _coefficient("inner loop")]
    per_mac: Annotated[float, _coefficient("multiply-accumulate")]
    per_element: Annotated[float, _coefficient("element")]
    steps: Annotated[int, Key("plan steps that it was fitted to", least=0, most=10**6)]
    error: Annotated[
        float, Key("of all of them together, modelled against counted", unit=SHARE, least="0 %", most="500 %")
    ]
    per_weight: Annotated[float, _coefficient("weight made ready")] = 0.0
    per_channel: Annotated[float, _coefficient("channel of outputs made ready")] = 0.0


@declared
class CoreTable:
    """What `counts/<core>.yaml` holds. engine: digest of the sources that were counted."""

    schema: Annotated[int, Key("version of this format", least=1, most=1)]
    core: Annotated[str, Key("processor core")]
    compiler: Annotated[str, Key("compiler, version and level")]
    flags: Annotated[str, Key("what names the core to the compiler")]
    engine: Annotated[str, Key("SHA-256 of the engine's sources, first 16 digits")]
    error: Annotated[
        float, Key("of whole training steps, modelled against counted", unit=SHARE, least="0 %", most="500 %")
    ]
    kernels: Annotated[tuple[Kernel, ...], Key("every kind of work once")]

    def kernel(self, kind: str) -> Kernel:
        """Instruction counts of one kind of KINDS."""
        return next(kernel for kernel in self.kernels if kernel.kind == kind)


def cores() -> tuple[str, ...]:
    """The cores that have counts, sorted."""
    return tuple(sorted(file.stem for file in _folder().glob("*.yaml")))


STAND_IN = {"cortex-m55f": "cortex-m33f", "xtensa-lx7f": "rv32imc"}
"""A core that nobody counted step by step, and one whose counts stand for it. What a Cortex-M55 runs with Helium takes
up to 6 times fewer instructions than this says: CMSIS-NN, pointwise 16 to 32, 1.07 for 3.8 per MAC on a Cortex-M33.
No compiler for Xtensa is here: an RV32IMC has as many registers and no vectors either, but no floating point, so steps
in fp32 are charged for software that an LX7 does not need."""


def counted_as(core: str) -> str:
    """The core whose counts a core is modelled from: itself, or the one that stands for it."""
    return STAND_IN.get(core, core)


@cache
def core_table(core: str) -> CoreTable:
    """The counts of a core, or of the one that stands for it; InputError for one that has none."""
    core = counted_as(core)
    if core not in cores():
        text = f"expected one of {', '.join(cores())}, whose instructions were counted, got '{core}'"
        raise InputError.one("core", f"{text}; count them with `fleet calibrate --core {core}`")
    return read_table(_folder() / f"{core}.yaml")


def read_table(path: Path) -> CoreTable:
    """The counts in a file; InputError with every fault."""
    return declare(CoreTable, read(path), (_every_kind_once,))


def _folder() -> Path:
    return package_data("node", "cost", "counts")


def _every_kind_once(found: Found) -> Iterator[tuple[KeyPath, str]]:
    kernels = found.get(("kernels",))
    kinds = [kernel.kind for kernel in kernels] if isinstance(kernels, tuple) else list(KINDS)
    missing = [kind for kind in KINDS if kind not in kinds]
    doubled = [kind for kind in KINDS if kinds.count(kind) > 1]
    if missing:
        yield ("kernels",), f"expected every kind, got none of {', '.join(missing)}; count the core again"
    if doubled:
        yield ("kernels",), f"expected every kind once, got {', '.join(doubled)} again; delete one"
