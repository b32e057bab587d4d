"""The radio that a board speaks through: one on its chip, or a module beside it."""

from dataclasses import replace

from fleet.base.errors import InputError
from fleet.base.keys import nearest
from fleet.node.profile.board import Profile
from fleet.node.profile.memory import FLASH, Reserved
from fleet.node.profile.modules import Module, load_module, modules
from fleet.node.profile.radio import Radio, RadioPart


def radio_of(profile: Profile, kind: str, module: str | None = None) -> RadioPart:
    """The radio of this kind that a board has, or that a module adds; InputError where there is none."""
    if (refusal := radio_refusal(profile, kind, module)) is not None:
        raise InputError.one("radio", refusal)
    if not module:
        return own_part(profile, next(radio for radio in profile.radios if radio.kind == kind))
    found = load_module(module)
    return _module_part(profile, found, next(radio for radio in found.radios if radio.kind == kind))


def radio_refusal(profile: Profile, kind: str, module: str | None = None) -> str | None:
    """Why a board cannot speak this kind of radio, as 'expected …, got …; what to do'; None if it can."""
    if module:
        return _module_refusal(kind, module)
    if kind in profile.kinds:
        return None
    others = [name for name in modules() if kind in load_module(name).kinds]
    advice = f"or a module: {', '.join(others)}" if others else "or another board"
    if not profile.kinds:
        choose = f"choose another board, {advice}" if others else "choose another board"
        return f"expected a board with a radio, got '{kind}' on {profile.board}, which has none; {choose}"
    listed = ", ".join(profile.kinds)
    return f"expected one of {listed} on {profile.board}, got '{kind}'; choose one, {advice}"


def own_part(profile: Profile, radio: Radio) -> RadioPart:
    """A radio on the chip: its currents are the whole chip's."""
    return _part(profile, radio, "", (profile.brown_out_mv, profile.supply_max_mv))


def doubtful(profile: Profile) -> tuple[str, ...]:
    """Numbers that nobody looked up, of the board and of the radios that it uses: 'nrf52840 currents.wake'."""
    own = {part.kind for part in profile.parts if not part.module}
    idle = tuple(f"radios[{i}]" for i, radio in enumerate(profile.radios) if radio.kind not in own)
    found = [f"{profile.board} {field}" for field in profile.unverified if not field.startswith(idle)]
    for part in (part for part in profile.parts if part.module):
        module = load_module(part.module)
        others = tuple(f"radios[{i}]" for i, radio in enumerate(module.radios) if radio.kind != part.kind)
        found += [f"{part.module} {field}" for field in module.unverified if not field.startswith(others)]
    return tuple(found)


def _module_refusal(kind: str, module: str) -> str | None:
    known = modules()
    if module not in known:
        near = nearest(module, known)
        advice = f"did you mean '{near}'?" if near else "add its file to devices/modules"
        return f"expected one of the modules {', '.join(known)}, got '{module}'; {advice}"
    kinds = load_module(module).kinds
    return None if kind in kinds else f"expected one of {', '.join(kinds)} on {module}, got '{kind}'; choose one"


def _module_part(profile: Profile, module: Module, radio: Radio) -> RadioPart:
    """A module: the board sleeps beside it, and a converter that keeps the power is assumed between the supplies."""
    plain = _part(profile, radio, module.module, (module.supply_min_mv, module.supply_max_mv))
    board_na = profile.currents.sleep_na

    def drawn(current_na: int) -> int:
        return -(-current_na * module.supply_mv // profile.supply_mv)

    return replace(
        plain,
        transmit=tuple((dbm, drawn(current_na) + board_na) for dbm, current_na in plain.transmit),
        receive_na=drawn(plain.receive_na) + board_na,
        idle_na=drawn(plain.idle_na) + board_na,
        sleep_na=drawn(plain.sleep_na),
        reserved=tuple(_placed(item, profile) for item in plain.reserved),
    )


def _placed(item: Reserved, profile: Profile) -> Reserved:
    return item if item.bank == FLASH else replace(item, bank=profile.banks[0].name)


def _part(profile: Profile, radio: Radio, module: str, range_mv: tuple[int, int]) -> RadioPart:
    return RadioPart(
        kind=radio.kind,
        board=profile.board,
        module=module,
        transmit=tuple((level.dbm, level.current_na) for level in radio.transmit),
        usual_dbm=radio.usual_dbm,
        receive_na=radio.receive_na,
        idle_na=radio.idle_na,
        sleep_na=radio.sleep_na,
        ramp_us=radio.ramp_us,
        start_us=profile.wake_us if radio.start_us is None else radio.start_us,
        event_cpu_us=radio.event_cpu_us,
        clock_ppm=radio.clock_ppm,
        least_mv=range_mv[0],
        most_mv=range_mv[1],
        reserved=radio.reserved,
    )
