"""How the numbers of a run are known: what each radio, link, store and harvester of its fleet rests on.

Each name of `scenario.names` has its lines here, and a test says so. Sources are those of the modules that compute it.
"""

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from fleet.node.cost import MODELLED
from fleet.record import ValueRow
from fleet.scenario import FleetGroup

UNVERIFIED: Final = "unverified"
Basis: TypeAlias = tuple[str, str, str]  # of what, from what, how known

OWN: Final = "; one gateway per node"
RADIOS: Final[dict[str, tuple[Basis, ...]]] = {
    "ble": (
        ("time on the air", "BLE link-layer timing, Bluetooth Core specification", MODELLED),
        ("BLE connection set-up", f"six empty events, eight more for another PHY{OWN}", MODELLED),
    ),
    "ieee802154": (
        ("time on the air, IEEE 802.15.4", "frames, gaps and CSMA/CA of IEEE Std 802.15.4-2020", MODELLED),
        ("6LoWPAN and CoAP", "fragments of RFC 4944 and RFC 6282, blocks of RFC 7959; joining not charged", MODELLED),
    ),
    "wifi": (
        ("time on the air, Wi-Fi", "frames and gaps of IEEE Std 802.11-2020, TCP at a fixed rate", MODELLED),
        ("Wi-Fi rate of TCP", "what the maker states in open air; the scenario's own where it gives one", UNVERIFIED),
    ),
    "lorawan": (
        ("time on the air, LoRa", "symbols of Semtech AN1200.13; duty cycle as off time after each frame", MODELLED),
        (
            "LoRaWAN receive windows and rates",
            "LoRaWAN 1.0.3 and its EU868 parameters, TS004 for many frames",
            MODELLED,
        ),
        ("LoRa frames that meet", "each interferer against the frame alone, models of LoRaSim and ns-3", MODELLED),
    ),
    "nbiot": (
        ("time on the air, NB-IoT", "blocks at the rate of a connection, set-up and inactivity tail", MODELLED),
        ("NB-IoT rates and timers", "3GPP Release 13, Cat-NB1, as recalled", UNVERIFIED),
    ),
    "ltem": (
        ("time on the air, LTE-M", "blocks at the rate of a connection, set-up and inactivity tail", MODELLED),
        ("LTE-M rates and timers", "3GPP Release 13, Cat-M1, as recalled", UNVERIFIED),
    ),
}
LINKS: Final[dict[str, tuple[Basis, ...]]] = {
    "independent": (),
    "gilbert_elliott": (("lost packets", "two states of Gilbert and Elliott, as the scenario gives them", MODELLED),),
    "log_distance": (
        ("lost packets by distance", "log-distance path and shadowing of the scenario, no fading over time", MODELLED),
    ),
    "trace": (("lost packets", "shares over time from the scenario's file", "given"),),
}
STORES: Final[dict[str, tuple[Basis, ...]]] = {
    "ideal": (("ideal store", "constant voltage, no resistance, no self-discharge", MODELLED),),
    "cr2032": (
        ("CR2032 voltage and resistance", "piecewise linear between quoted points, without recovery", UNVERIFIED),
    ),
    "peukert": (("Peukert store", "Peukert's law, 1897: steady loads, no recovery", MODELLED),),
    "kibam": (("kinetic battery", "two wells of Manwell and McGowan, Solar Energy 50(5), 1993", MODELLED),),
    "li_socl2": (
        ("Li-SOCl2 cell", "flat voltage, self-discharge and pulse limit of its data sheet", MODELLED),
        ("Li-SOCl2 resistance and passivation", "a model of our own, no maker's curve was found", UNVERIFIED),
    ),
    "supercap": (
        ("supercapacitor", "E = C V^2 / 2 behind an ideal converter, leakage and series resistance", MODELLED),
        ("supercapacitor, parts not given", "leakage and series resistance where the scenario has none", UNVERIFIED),
    ),
}
HARVESTERS: Final[dict[str, tuple[Basis, ...]]] = {
    "solar": (
        ("clear sky", "Haurwitz 1945 through pvlib, Erbs on a tilted panel, by the hour", MODELLED),
        ("clouds", "three states that change by the hour, one sky for a region; no site was fitted", UNVERIFIED),
    ),
    "constant": (("harvested power", "constant, as the scenario gives it", "given"),),
    "trace": (("harvested power", "over time from the scenario's file", "given"),),
}
LIFE: Final[tuple[Basis, ...]] = (
    ("who is in reach, what breaks", "spells and faults drawn from the scenario's rates, without memory", MODELLED),
)
REPORTS: Final[tuple[Basis, ...]] = (
    ("reports", "one in each window at a drawn moment; none is sent again by the node", MODELLED),
)
SHARED: Final[Basis] = (
    "shared gateway", "nodes take turns and share the air; how they learn of their turn is not modelled", MODELLED,
)  # fmt: skip
NODE: Final[tuple[Basis, ...]] = (
    ("weights, logits, updates", "integer arithmetic of the node's own C engine", "counted"),
    ("bytes on the air", "length of the encoded frames", "counted"),
    ("memory of the node", "plan and ledger; code size from a linked image", "planned"),
)
ENERGY: Final[Basis] = ("energy", "currents of the board profile times time in each state", MODELLED)


def fleet_bases(fleet: Iterable[FleetGroup]) -> Iterator[ValueRow]:
    """One fact for each thing that the groups use, in order, none twice."""
    for name, value, basis in dict.fromkeys([*NODE, *_used(tuple(fleet))]):
        yield ValueRow(key=f"basis:{name}", value=value, basis=basis)


def _used(fleet: tuple[FleetGroup, ...]) -> Iterator[Basis]:
    for group in fleet:
        shared = group.radio.gateway is not None
        yield from (
            (name, value.removesuffix(OWN) if shared else value, b) for name, value, b in RADIOS[group.radio.kind]
        )
        if shared:
            yield SHARED
        if group.radio.link is not None:
            yield from LINKS[group.radio.link.kind]
    for group in fleet:
        yield from STORES[group.energy.kind]
        if group.energy.harvest is not None:
            yield from HARVESTERS[group.energy.harvest.kind]
    if any(group.life is not None for group in fleet):
        yield from LIFE
    if any(group.report is not None for group in fleet):
        yield from REPORTS
    yield ENERGY
