"""Checks of a profile across its keys. Each sees the valid parts only, so that one bad number hides no other fault."""

from collections.abc import Iterator

from fleet.base.declared import Found
from fleet.base.yaml import KeyPath
from fleet.node.profile.board import FLASH, Bank, Reserved


def _banks_lie_apart(found: Found) -> Iterator[tuple[KeyPath, str]]:
    if found.get(("banks",)) == ():
        yield ("banks",), "expected at least one SRAM bank, got none; add it"
    banks = [(path, part) for path, part in found.items() if isinstance(part, Bank)]
    for i, (path, bank) in enumerate(banks):
        if bank.name == FLASH:
            yield (*path, "bank"), f"expected a name for SRAM, got '{FLASH}', which is the program flash; rename it"
        for _, other in banks[:i]:
            if bank.name == other.name:
                yield (*path, "bank"), f"expected each name once, got '{bank.name}' again; rename one"
            if bank.start < other.end and other.start < bank.end:
                yield (*path, "start"), f"expected a bank apart from {other.name}, got an overlap; check start and size"


def _reservations_fit(found: Found) -> Iterator[tuple[KeyPath, str]]:
    room = {part.name: part.size_bytes for part in found.values() if isinstance(part, Bank)}
    size = found.get((FLASH, "size"))
    if isinstance(size, int):
        room[FLASH] = size
    for path, part in found.items():
        if not isinstance(part, Reserved):
            continue
        if part.bank not in room:
            yield (*path, "bank"), f"expected one of {', '.join(room)}, got '{part.bank}'; name a bank of this board"
            continue
        room[part.bank] -= part.size_bytes
        if room[part.bank] <= 0:
            over = f"{-room[part.bank]:,} B more than {part.bank} has"
            yield (*path, "size"), f"expected reservations that leave memory, got {over}; check the sizes"


def _erase_units_fill_the_flash(found: Found) -> Iterator[tuple[KeyPath, str]]:
    groups, size = found.get((FLASH, "erase_units")), found.get((FLASH, "size"))
    if isinstance(groups, tuple) and isinstance(size, int):
        total = sum(group.count * group.size_bytes for group in groups)
        if total != size:
            yield (FLASH, "erase_units"), f"expected {size:,} B in all, got {total:,} B; check counts and sizes"


def _radio_has_currents(found: Found) -> Iterator[tuple[KeyPath, str]]:
    for name in ("transmit", "receive", "radio_idle"):
        path = ("currents", name)
        if path in found and ("radio",) in found:
            if found["radio",] is not None and found[path] is None:
                yield path, "expected its current, since the board has a radio, got nothing; add it"
            elif found["radio",] is None and found[path] is not None:
                yield path, "expected no current, since the board has no radio, got one; add `radio` or delete it"


RULES = (_banks_lie_apart, _reservations_fit, _erase_units_fill_the_flash, _radio_has_currents)
