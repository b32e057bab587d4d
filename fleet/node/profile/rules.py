"""Checks of a profile across its keys. Each sees the valid parts only, so that one bad number hides no other fault."""

from collections.abc import Iterator

from fleet.base.declared import Found
from fleet.base.yaml import KeyPath
from fleet.node.profile.board import SleepState
from fleet.node.profile.memory import FLASH, Bank, Reserved
from fleet.node.profile.radio import Radio

Said = Iterator[tuple[KeyPath, str]]


def _banks_lie_apart(found: Found) -> Said:
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


def _reservations_fit(found: Found) -> Said:
    """What the board keeps, and with it what each of its radios keeps."""
    parts = [(path, part) for path, part in found.items() if isinstance(part, Reserved)]
    own = [item for item in parts if item[0][0] == "reserved"]
    yield from _fit(found, own, ())
    for radio in sorted({path[:2] for path, _ in parts} - {path[:2] for path, _ in own}, key=str):
        yield from _fit(found, [item for item in parts if item[0][:2] == radio], own)


def _fit(found: Found, parts: list[tuple[KeyPath, Reserved]], beside: object) -> Said:
    room = {part.name: part.size_bytes for part in found.values() if isinstance(part, Bank)}
    size = found.get((FLASH, "size"))
    if isinstance(size, int):
        room[FLASH] = size
    for _, part in beside if isinstance(beside, list) else ():
        if part.bank in room:
            room[part.bank] -= part.size_bytes
    for path, part in parts:
        if part.bank not in room:
            yield (*path, "bank"), f"expected one of {', '.join(room)}, got '{part.bank}'; name a bank of this board"
            continue
        room[part.bank] -= part.size_bytes
        if room[part.bank] <= 0:
            over = f"{-room[part.bank]:,} B more than {part.bank} has"
            yield (*path, "size"), f"expected reservations that leave memory, got {over}; check the sizes"


def _erase_units_fill_the_flash(found: Found) -> Said:
    groups, size = found.get((FLASH, "erase_units")), found.get((FLASH, "size"))
    if isinstance(groups, tuple) and isinstance(size, int):
        total = sum(group.count * group.size_bytes for group in groups)
        if total != size:
            yield (FLASH, "erase_units"), f"expected {size:,} B in all, got {total:,} B; check counts and sizes"


def _sleeps_keep_what_there_is(found: Found) -> Said:
    total = sum(part.size_bytes for part in found.values() if isinstance(part, Bank))
    for path, part in found.items():
        if isinstance(part, SleepState) and part.kept_bytes > total > 0:
            yield (*path, "kept"), f"expected at most {total:,} B, the banks of this board, got {part.kept_bytes:,} B"


def _supply_in_its_range(found: Found) -> Said:
    low, high = found.get(("brown_out",)), found.get(("supply_max",))
    supply = found.get(("supply",))
    if isinstance(low, int) and isinstance(high, int) and isinstance(supply, int) and not low <= supply <= high:
        yield ("supply",), f"expected {low} to {high} mV, brown_out to supply_max, got {supply} mV; check the three"


def levels_ascend(found: Found) -> Said:
    """Each kind of radio once; its transmit levels from the lowest up, its usual one within them."""
    radios = [(path, part) for path, part in found.items() if isinstance(part, Radio)]
    for i, (path, radio) in enumerate(radios):
        if radio.kind in [other.kind for _, other in radios[:i]]:
            yield (*path, "kind"), f"expected each kind once, got '{radio.kind}' again; delete one"
        levels = [level.dbm for level in radio.transmit]
        if not levels or levels != sorted(set(levels)):
            shown = ", ".join(map(str, levels)) or "none"
            yield (*path, "transmit"), f"expected one or more powers, each once, ascending, got {shown}; sort them"
        elif radio.usual_dbm > levels[-1]:
            yield (*path, "usual_dbm"), f"expected at most {levels[-1]}, the highest in transmit, got {radio.usual_dbm}"


RULES = (
    _banks_lie_apart,
    _reservations_fit,
    _erase_units_fill_the_flash,
    _sleeps_keep_what_there_is,
    _supply_in_its_range,
    levels_ascend,
)
