"""From what a scenario says of an update to what the world runs: bills per board, and the campaign's rules."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from fleet.base.errors import DoesNotFit, Fault, InputError
from fleet.node.flash import geometry_of
from fleet.node.plan import Plan
from fleet.node.profile import Profile
from fleet.node.protocol.admission import ENVELOPE_BYTES
from fleet.node.protocol.ota.journal import MOST_FRAGMENTS
from fleet.node.protocol.ota.mcuboot import Mode
from fleet.node.protocol.ota.rehearsal import Bill, End, largest_fragment, rehearsed
from fleet.scenario.updates import UpdateChoice
from fleet.world.campaign import Rules
from fleet.world.updates.update import PPM, Update

MODES: Final = {
    "slots": Mode.DIRECT_XIP,
    "swap-scratch": Mode.SWAP_SCRATCH,
    "swap-move": Mode.SWAP_MOVE,
    "swap-offset": Mode.SWAP_OFFSET,
    "overwrite": Mode.OVERWRITE,
}
SHA256_CYCLES_A_BYTE: Final = 60  # plain C on a Cortex-M; recalled, unverified
ED25519_CYCLES: Final = 10_000_000  # one verification in plain C on a Cortex-M4; recalled, unverified


def planned_update(number: int, choice: UpdateChoice, plan: Plan, profiles: Mapping[str, Profile]) -> Update:
    """An update of a fleet on these boards. Raises InputError with every board whose flash has no room for it."""
    size = choice.size_bytes or len(plan.model if choice.content == "model" else plan.content)
    faults: list[Fault] = []
    bills: dict[tuple[str, End], Bill] = {}
    for board, profile in profiles.items():
        try:
            bills.update(_bills(board, profile, choice, size))
        except DoesNotFit as refusal:
            faults += InputError.one(f"updates[{number}].mode", f"{board}: {refusal}").faults
    if faults:
        raise InputError(faults)
    return Update(
        number=number,
        name=choice.name,
        payload_bytes=ENVELOPE_BYTES + size,
        bills=bills,
        erase_us={board: geometry_of(profile).units[-1].erase_us for board, profile in profiles.items()},
        verify_us={board: _verify_us(profile, size) for board, profile in profiles.items()},
        floor_ppm=round(choice.floor * PPM),
        defective=choice.defective,
    )


def update_faults(choices: Sequence[UpdateChoice], plan: Plan, profiles: Mapping[str, Profile]) -> list[Fault]:
    """Every board whose flash has no room for one of the updates, with the arithmetic."""
    faults: list[Fault] = []
    for number, choice in enumerate(choices):
        try:
            planned_update(number, choice, plan, profiles)
        except InputError as refusal:
            faults += refusal.faults
    return faults


def rules_of(choice: UpdateChoice, nodes: int) -> Rules:
    """Stages that grow from the canaries to the whole fleet."""
    shares: list[Fraction] = []
    asked = choice.canaries * choice.growth
    while choice.growth > 1 and asked < nodes:
        shares.append(Fraction(asked, nodes))
        asked *= choice.growth
    return Rules(
        canaries=min(choice.canaries, nodes),
        shares=(*shares, Fraction(1)),
        most_failures=Fraction(str(choice.halt_above)),
        retries=choice.retries,
        low_retries=choice.retries,
        retry_us=choice.retry_us,
        least_charge_permille=round(1000 * choice.floor),
    )


def _bills(board: str, profile: Profile, choice: UpdateChoice, size: int) -> dict[tuple[str, End], Bill]:
    fragment = max(choice.fragment_bytes, largest_fragment(profile, size, MOST_FRAGMENTS))
    ends: Sequence[End] = (End.CONFIRMED, End.REVERTED)
    return {(board, end): rehearsed(profile, MODES[choice.mode], size, fragment, end) for end in ends}


def _verify_us(profile: Profile, size: int) -> int:
    """SHA-256 over the content and one signature. Modelled."""
    return (SHA256_CYCLES_A_BYTE * size + ED25519_CYCLES) * 1_000_000 // profile.clock_hz
