"""What a node runs on: the keys of `energy` and `energy.harvest`. Which of them a kind reads, `energy_names` says."""

from pathlib import Path
from typing import Annotated, Any

from fleet.base.declared import Key, declared, declared_fields
from fleet.base.units import AREA_MM2, CAPACITANCE_NF, CHARGE_MAH, POWER_NW, RESISTANCE_MOHM, SHARE, TIME_US, VOLTAGE_MV
from fleet.scenario.energy_names import HARVESTERS, STORES


@declared
class HarvestChoice:
    """What charges the store."""

    kind: Annotated[str, Key("harvester", one_of=tuple(HARVESTERS))]
    power_nw: Annotated[
        int | None, Key("power before the charger (constant)", unit=POWER_NW, least="0 nW", most="10 W")
    ] = None
    path: Annotated[Path | None, Key("file of powers; from the scenario's folder (trace)", example="light.csv")] = None
    area_mm2: Annotated[
        int | None, Key("of the panel (solar)", unit=AREA_MM2, least="1 mm2", most="10 m2", example="20 cm2")
    ] = None
    latitude: Annotated[float | None, Key("degrees, south negative (solar)", least=-90, most=90, example="51")] = None
    tilt: Annotated[float | None, Key("degrees from flat, towards the equator (solar)", least=0, most=90)] = None
    day: Annotated[int | None, Key("of the year, at whose first hour the run begins (solar)", least=1, most=365)] = None
    efficiency: Annotated[float | None, Key("of the panel (solar)", unit=SHARE, least="0.1 %", most="100 %")] = None
    regions: Annotated[
        int | None, Key("skies of their own, to which nodes belong in turn (solar)", least=1, most=1_000)
    ] = None

    def settings(self) -> dict[str, Any]:
        """Every key that the kind reads, by attribute; defaults filled in."""
        return _read(self, HARVESTERS[self.kind].defaults, HARVESTERS[self.kind].needs)


@declared
class StoreChoice:
    """What a node runs on."""

    kind: Annotated[str, Key("energy store", name="store", one_of=tuple(STORES))]
    capacity_mah: Annotated[
        float | None,
        Key("charge when new; the store's own when not given", unit=CHARGE_MAH, least="0.001 mAh", most="100 Ah"),
    ] = None
    voltage_mv: Annotated[int | None, Key("when full", unit=VOLTAGE_MV, least="1 V", most="6 V")] = None
    capacitance_nf: Annotated[int | None, Key("(supercap)", unit=CAPACITANCE_NF, least="1 uF", most="1000 F")] = None
    resistance_mohm: Annotated[
        int | None, Key("in series (supercap)", unit=RESISTANCE_MOHM, least="0 ohm", most="1 kohm")
    ] = None
    leak_mohm: Annotated[
        int | None,
        Key("resistance that leaks (supercap); by default 3 uA per farad when full", unit=RESISTANCE_MOHM,
            least="1 ohm", most="1000000 Mohm"),
    ] = None  # fmt: skip
    available: Annotated[
        float | None, Key("charge that is there without rest (kibam)", unit=SHARE, least="1 %", most="99 %")
    ] = None
    flow: Annotated[float | None, Key("k', at which the wells level, per hour (kibam)", above=0, most=3_600)] = None
    exponent: Annotated[float | None, Key("k of Peukert's law (peukert)", least=1, most=2)] = None
    rated_us: Annotated[
        int | None, Key("time over which the capacity is rated (peukert)", unit=TIME_US, least="1 min", most="365 d")
    ] = None
    charger: Annotated[
        float | None, Key("of a harvest, what arrives in the store", unit=SHARE, least="1 %", most="100 %")
    ] = None
    harvest: Annotated[HarvestChoice | None, Key("what charges it")] = None
    restart: Annotated[
        float | None,
        Key("level at which a harvesting node without power starts again; 60 % unless said",
            unit=SHARE, least="1 %", most="100 %"),
    ] = None  # fmt: skip
    checkpoint: Annotated[
        float | None,
        Key("level at which it keeps a round's work in flash and goes off; else RAM is all it has",
            unit=SHARE, least="1 %", most="99 %"),
    ] = None  # fmt: skip

    def settings(self) -> dict[str, Any]:
        """Every key that the store reads, by attribute; defaults filled in."""
        return _read(self, STORES[self.kind].defaults, ())


def _read(choice: Any, defaults: Any, needs: tuple[str, ...]) -> dict[str, Any]:
    fields = {field.key: field.attribute for field in declared_fields(type(choice))}
    given = {key: getattr(choice, fields[key]) for key in (*defaults, *needs)}
    return {fields[key]: defaults.get(key) if value is None else value for key, value in given.items()}
