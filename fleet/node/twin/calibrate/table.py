"""The table of a core: its samples counted, the model fitted to them, and both beside each other."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from fleet.base.errors import InputError
from fleet.node.cost import CoreTable, Kernel
from fleet.node.export.project import engine_sources
from fleet.node.export.target import target
from fleet.node.profile import Profile, boards, load_profile
from fleet.node.twin.build import compiler_name
from fleet.node.twin.calibrate.bench import Bench
from fleet.node.twin.calibrate.fit import Seen, fitted, misses
from fleet.node.twin.calibrate.observe import observed
from fleet.node.twin.calibrate.samples import DYNAMIC, Sample, imu, planned, samples
from fleet.node.twin.emulator import ARCHITECTURES

SCHEMA: Final = 1
HEADINGS: Final = ("sample", "counted", "modelled", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Instructions of a sample's step, counted and modelled."""

    sample: str
    counted: int
    modelled: int

    @property
    def off(self) -> Fraction:
        """How far the model is above what was counted, relatively."""
        return Fraction(self.modelled, max(1, self.counted)) - 1

    @property
    def cells(self) -> tuple[str, ...]:
        return self.sample, f"{self.counted:,}", f"{self.modelled:,}", f"{100 * float(self.off):+.1f} %"


def bench_of(core: str) -> Bench:
    """An emulated core with the engine in it; InputError for one that is not emulated or has no board with a port."""
    target(core)
    if core not in ARCHITECTURES:
        text = f"expected one of {', '.join(ARCHITECTURES)}, which are emulated, got '{core}'"
        raise InputError.one("core", f"{text}; count one of these")
    return Bench(_board(core), planned(imu(), "full", DYNAMIC))


def _board(core: str) -> Profile:
    """A board of this core; else another Cortex-M board with the core in its place: instructions do not depend on where
    they lie."""
    built = [profile for profile in map(load_profile, boards()) if profile.can_build]
    for profile in built:
        if profile.core == core:
            return profile
    if core.startswith("cortex-m"):
        return replace(next(profile for profile in built if profile.core.startswith("cortex-m")), core=core)
    raise InputError.one("core", f"expected a board with a port, got none of '{core}'; add it to the devices")


def counted_samples(
    bench: Bench, chosen: Iterable[Sample], progress: Callable[[str], None] = lambda _: None
) -> tuple[Seen, ...]:
    """Everything that is counted on a core. progress: told each sample's name."""
    found: list[Seen] = []
    for sample in chosen:
        progress(sample.name)
        found += observed(bench, sample)
    return tuple(found)


def table_of(core: str, seen: Iterable[Seen]) -> CoreTable:
    """The table that fits what was counted."""
    equations = tuple(seen)
    made = CoreTable(
        schema=SCHEMA, core=core, compiler=compiler_name(core), flags=" ".join(target(core).clang),
        engine=engine_digest(), error=0.0, kernels=fitted(equations),
    )  # fmt: skip
    worst = max(abs(line.off) for line in compared(made, equations))
    return replace(made, error=float(-(-worst * 1000 // 1)) / 1000)


def counted_table(core: str, progress: Callable[[str], None] = lambda _: None) -> tuple[CoreTable, tuple[Seen, ...]]:
    """The table of a core, and what it was fitted to."""
    seen = counted_samples(bench_of(core), samples(), progress)
    return table_of(core, seen), seen


def compared(table: CoreTable, seen: Iterable[Seen]) -> Iterator[Line]:
    """Each sample's step as a whole."""
    kernels = {kernel.kind: kernel for kernel in table.kernels}
    sums: dict[str, tuple[int, Fraction]] = {}
    for piece, modelled in misses(seen, kernels):
        name = piece.what.partition(": ")[0]
        counted, said = sums.get(name, (0, Fraction(0)))
        sums[name] = counted + piece.instructions, said + modelled
    for name, (counted, said) in sums.items():
        yield Line(sample=name, counted=counted, modelled=round(said))


def engine_digest() -> str:
    """First 16 hexadecimal digits of the SHA-256 of the operators' sources."""
    digest = hashlib.sha256()
    for place, content in sorted(engine_sources(trains=True, runtime=False).items()):
        if place.startswith("engine/"):
            digest.update(place.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


def table_text(table: CoreTable) -> str:
    """The file of a table: the same bytes for the same numbers."""
    head = (
        f"# Made by `fleet calibrate --core {table.core}`: instructions counted in an emulated core, then fitted.",
        "# A kind of work is so much of each amount of fleet/node/cost/kinds.py, each times its number.",
        "# error: of all steps together that it was fitted to; above, of the worst training step.",
        f"schema: {table.schema}",
        f"core: {table.core}",
        f'compiler: "{table.compiler}"',
        f'flags: "{table.flags}"',
        f'engine: "{table.engine}"',
        f"error: {_percent(table.error)}",
        "kernels:",
    )
    return "\n".join([*head, *map(_row, table.kernels), ""])


def _row(kernel: Kernel) -> str:
    names = ("per_call", "per_tap", "per_mac", "per_element", "per_weight", "per_channel")
    shown = [name for name in names if name in names[:4] or getattr(kernel, name)]
    numbers = ", ".join(f"{name}: {getattr(kernel, name):g}" for name in shown)
    return f"  - {{kind: {kernel.kind}, {numbers}, steps: {kernel.steps}, error: {_percent(kernel.error)}}}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
