"""How a node talks: the keys of `radio` and of `radio.link`. Which of them a kind reads, `radio_names` says.

A key that depends on the kind is None where neither the file nor the kind's defaults give it.
"""

from typing import Annotated, Any

from fleet.base.declared import Key, declared, declared_fields
from fleet.base.units import SHARE, TIME_US
from fleet.scenario.radio_names import BLE_PHYS, LINKS, RADIOS


@declared
class LinkChoice:
    """What loses packets."""

    kind: Annotated[str, Key("link model", one_of=tuple(LINKS))]
    loss: Annotated[float | None, Key("packets lost (independent)", unit=SHARE, least="0 %", most="90 %")] = None

    def __post_init__(self) -> None:
        _fill(self, LINKS[self.kind].defaults)

    def settings(self) -> dict[str, Any]:
        """What the model of this kind is made with, by attribute."""
        return _read(self, set(LINKS[self.kind].keys) - {"kind"})


@declared
class RadioChoice:
    """How a node talks to the gateway."""

    kind: Annotated[str, Key("radio", one_of=tuple(RADIOS))]
    phy: Annotated[str | None, Key("setting of the physical layer (ble)", one_of=BLE_PHYS)] = None
    loss: Annotated[float, Key("packets lost on the air; or say `link`", unit=SHARE, least="0 %", most="90 %")] = 0.0
    interval_us: Annotated[
        int | None,
        Key("time between two connection events (ble)", name="interval", unit=TIME_US, least="7.5 ms", most="4 s"),
    ] = None
    module: Annotated[str | None, Key("radio or modem on a chip of its own, as `devices/modules` has them")] = None
    tx_dbm: Annotated[int | None, Key("transmit power in dBm", name="tx", least=-40, most=30)] = None
    link: Annotated[LinkChoice | None, Key("what loses packets, where `loss` does not say it", short="kind")] = None

    def __post_init__(self) -> None:
        _fill(self, RADIOS[self.kind].defaults)

    def settings(self) -> dict[str, Any]:
        """What the radio of this kind is made with, by attribute: the keys that no other part of the world reads."""
        return _read(self, set(RADIOS[self.kind].defaults))


def _fill(choice: Any, defaults: Any) -> None:
    """Gives what the file leaves out the default of its kind, so that a choice always says what it means."""
    for field in declared_fields(type(choice)):
        if getattr(choice, field.attribute) is None and field.key in defaults:
            object.__setattr__(choice, field.attribute, defaults[field.key])


def _read(choice: Any, keys: set[str]) -> dict[str, Any]:
    fields = declared_fields(type(choice))
    return {field.attribute: getattr(choice, field.attribute) for field in fields if field.key in keys}
