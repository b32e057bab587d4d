"""Rows of `fleet devices`: all boards and modules, or one of them with the source of every number."""

from collections.abc import Iterator

from fleet.base.errors import InputError
from fleet.base.keys import nearest
from fleet.node.profile import FLASH, Module, Profile, Sourced, available, boards, load_module, load_profile, modules

Rows = Iterator[tuple[str, ...]]
DEVICE_HEADINGS = ("board", "core", "clock", "SRAM free of", "flash free of", "radios", "builds", "unverified")
MODULE_HEADINGS = ("module", "speaks", "sends up to", "supply", "unverified")
KIB = 1024


def device_rows() -> Rows:
    """One row for each board; free of: what the first radio's stack and the board's own reservations leave."""
    for name in boards():
        profile = load_profile(name)
        ram = sum(available(profile, bank.name) for bank in profile.banks)
        yield (
            name,
            profile.core,
            f"{profile.clock_hz / 1e6:g} MHz",
            _free_of(ram, sum(bank.size_bytes for bank in profile.banks)),
            _free_of(available(profile, FLASH), profile.flash.size_bytes),
            ", ".join(profile.kinds) or "–",
            "yes" if profile.can_build else "no",
            _doubtful(profile),
        )


def module_rows() -> Rows:
    """One row for each module."""
    for name in modules():
        module = load_module(name)
        most = max(level.dbm for radio in module.radios for level in radio.transmit)
        supply = f"{module.supply_min_mv / 1000:g} to {module.supply_max_mv / 1000:g} V"
        yield name, ", ".join(module.kinds), f"{most} dBm", supply, _doubtful(module)


def one_of(name: str) -> Profile | Module:
    """A board or a module by its name; InputError with the nearest name."""
    if name in boards():
        return load_profile(name)
    if name in modules():
        return load_module(name)
    known = (*boards(), *modules())
    near = nearest(name, known)
    advice = f"did you mean '{near}'?" if near else "choose one of these"
    raise InputError.one("device", f"expected one of {', '.join(known)}, got '{name}'; {advice}")


def origin_lines(found: Profile | Module) -> Iterator[str]:
    """A line for each number, its place in the file, value and how far it can be trusted; then its source and note."""
    for item in found.sources:
        yield f"{item.field}: {item.text} ({_trust(item)})"
        yield f"    {item.source}"
        if item.note:
            yield f"    {item.note}"


def _trust(item: Sourced) -> str:
    off = f", ±{item.error:.0%}" if item.error is not None else ""
    return ("unverified" if item.unverified else "quoted" if item.quoted else "read") + off


def _doubtful(found: Profile | Module) -> str:
    return f"{len(found.unverified)} of {len(found.sources)}"


def _free_of(free_bytes: int, size_bytes: int) -> str:
    """'242.25 of 256 KiB'."""
    return f"{free_bytes / KIB:g} of {size_bytes / KIB:g} KiB"
