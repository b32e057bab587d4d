"""How a node talks: the keys of `radio` and of `radio.link`. Which of them a kind reads, `radio_names` says.

A key that depends on the kind is None where neither the file nor the kind's defaults give it.
"""

from pathlib import Path
from typing import Annotated, Any

from fleet.base.declared import Key, declared, declared_fields
from fleet.base.units import LENGTH_MM, LEVEL_DB, RATE_BPS, SHARE, TIME_US
from fleet.scenario.radio_names import (
    BLE_PHYS,
    BLE_WRITES,
    CELLULAR_IDLES,
    LINKS,
    LORA_CLASSES,
    LORA_COLLISIONS,
    LORA_DOWNLINKS,
    LORA_REGIONS,
    RADIOS,
    WIFI_ASSOCIATIONS,
)


def _chance(meaning: str) -> Key:
    return Key(meaning, unit=SHARE, least="0 %", most="100 %")


def _length(meaning: str) -> Key:
    return Key(meaning, unit=LENGTH_MM, least="1 mm", most="100 km")


def _time(meaning: str) -> Key:
    return Key(meaning, unit=TIME_US, least="0 s", most="3 h")


def _rate(meaning: str) -> Key:
    return Key(meaning, unit=RATE_BPS, least="1 bit/s", most="100 Mbit/s")


@declared
class LinkChoice:
    """What loses packets."""

    kind: Annotated[str, Key("link model", one_of=tuple(LINKS))]
    loss: Annotated[float | None, Key("packets lost (independent)", unit=SHARE, least="0 %", most="90 %")] = None
    to_bad: Annotated[float | None, _chance("good state turns bad, with each packet (gilbert_elliott)")] = None
    to_good: Annotated[float | None, _chance("bad state turns good; 1 / this is the mean burst (gilbert_elliott)")] = (
        None
    )
    loss_bad: Annotated[float | None, _chance("packets lost in the bad state (gilbert_elliott)")] = None
    loss_good: Annotated[float | None, _chance("packets lost in the good state (gilbert_elliott)")] = None
    exponent: Annotated[float | None, Key("path loss exponent; 2 in free space (log_distance)", above=0, most=10)] = (
        None
    )
    distance_mm: Annotated[int | None, _length("from node to gateway (log_distance)")] = None
    radius_mm: Annotated[int | None, _length("of a disc on which the nodes lie evenly (log_distance)")] = None
    reference_distance_mm: Annotated[int | None, _length("where the reference loss holds (log_distance)")] = None
    reference_loss_db: Annotated[
        float | None,
        Key("path loss there; free space at 2.4 GHz (log_distance)", unit=LEVEL_DB, least="0 dB", most="200 dB"),
    ] = None
    shadowing_db: Annotated[
        float | None, Key("its standard deviation (log_distance)", unit=LEVEL_DB, least="0 dB", most="20 dB")
    ] = None
    file: Annotated[Path | None, Key("a .csv, from the scenario's folder (trace)", example="loss.csv")] = None
    repeat_us: Annotated[
        int | None, Key("when the trace begins again; 0 s: never (trace)", unit=TIME_US, least="0 s", most="365 d")
    ] = None

    def __post_init__(self) -> None:
        _fill(self, LINKS[self.kind].defaults)

    def settings(self) -> dict[str, Any]:
        """What the model of this kind is made with, by attribute."""
        return _read(self, set(LINKS[self.kind].keys) - {"kind"})


@declared
class GatewayChoice:
    """A gateway that nodes share: those of every group that names it."""

    links: Annotated[int, Key("nodes that it serves at once; others sleep until their turn", least=1, most=100_000)]
    name: Annotated[str, Key("groups with one name share one gateway")] = "gateway"


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
    octets: Annotated[
        int | None, Key("payload of a packet; 27: no data length extension (ble)", least=27, most=251)
    ] = None
    packets_per_event: Annotated[
        int | None, Key("most in one connection event; 0: what fits (ble)", name="packets", least=0, most=1000)
    ] = None
    writes: Annotated[str | None, Key("whether each packet waits for an answer (ble)", one_of=BLE_WRITES)] = None
    kept: Annotated[bool | None, Key("connection lasts from round to round (ble)")] = None
    latency: Annotated[int | None, Key("events a silent node may sleep through (ble, kept)", least=0, most=499)] = None
    hops: Annotated[int | None, Key("hops to the gateway (ieee802154)", least=1, most=32)] = None
    block_bytes: Annotated[
        int | None,
        Key("bytes of a CoAP block; 16 to 1024, a power of two (ieee802154)", name="block", least=16, most=1024),
    ] = None
    busy: Annotated[
        float | None, Key("chance that the channel is taken (ieee802154)", unit=SHARE, least="0 %", most="90 %")
    ] = None
    retries: Annotated[int | None, Key("of one frame; OpenThread takes 15 (ieee802154)", least=0, most=15)] = None
    association: Annotated[
        str | None, Key("made anew with or without a scan, or kept (wifi)", one_of=WIFI_ASSOCIATIONS)
    ] = None
    rate_bps: Annotated[int | None, _rate("of TCP (wifi)")] = None
    mcs: Annotated[int | None, Key("modulation of the frames (wifi)", least=0, most=7)] = None
    dtim: Annotated[int | None, Key("beacons between two that are heard (wifi, kept)", least=1, most=255)] = None
    down_bps: Annotated[int | None, _rate("to the node (nbiot, ltem)")] = None
    up_bps: Annotated[int | None, _rate("from the node (nbiot, ltem)")] = None
    repetitions: Annotated[
        int | None, Key("of each block, by coverage; a power of two (nbiot, ltem)", least=1, most=2048)
    ] = None
    idle: Annotated[str | None, Key("between two rounds (nbiot, ltem)", one_of=CELLULAR_IDLES)] = None
    edrx_us: Annotated[int | None, _time("from one paging to the next in eDRX (nbiot, ltem)")] = None
    tail_us: Annotated[int | None, _time("connection held without data, by the network (nbiot, ltem)")] = None
    active_us: Annotated[int | None, _time("still paged before power saving mode (nbiot, ltem)")] = None
    region: Annotated[str | None, Key("band plan (lorawan)", one_of=LORA_REGIONS)] = None
    sf: Annotated[
        int | None, Key("spreading factor, 7 to 12; 0: adaptive data rate, settled (lorawan)", least=0, most=12)
    ] = None
    device_class: Annotated[
        str | None, Key("when the node listens: after its own frames, in slots, always (lorawan)", name="class",
                        one_of=LORA_CLASSES)
    ] = None  # fmt: skip
    confirmed: Annotated[bool | None, Key("frames of messages are acknowledged (lorawan)")] = None
    trials: Annotated[
        int | None, Key("sends of a frame, at most if confirmed; 0: 8 and 1 (lorawan)", least=0, most=15)
    ] = None
    downlink: Annotated[
        str | None, Key("to each node, or once to all with parity (lorawan)", one_of=LORA_DOWNLINKS)
    ] = None
    redundancy: Annotated[
        float | None, Key("sums sent beyond the fragments (lorawan, multicast)", unit=SHARE, least="0 %", most="400 %")
    ] = None
    group_sf: Annotated[
        int | None, Key("spreading factor of a multicast; 0: the node's (lorawan)", least=0, most=12)
    ] = None
    rx2_rate: Annotated[int | None, Key("data rate of the second window (lorawan)", name="rx2", least=0, most=5)] = None
    periodicity: Annotated[
        int | None, Key("a ping slot each 2^k s (lorawan, class B)", name="ping", least=0, most=7)
    ] = None
    gateways: Annotated[int | None, Key("nodes are spread over them (lorawan)", least=1, most=100_000)] = None
    peers: Annotated[
        int | None, Key("nodes that a gateway serves at a time; 0: all that it has (lorawan)", least=0, most=1_000_000)
    ] = None
    collisions: Annotated[str | None, Key("what happens to frames that meet (lorawan)", one_of=LORA_COLLISIONS)] = None
    module: Annotated[str | None, Key("radio or modem on a chip of its own, as `devices/modules` has them")] = None
    tx_dbm: Annotated[int | None, Key("transmit power in dBm", name="tx", least=-40, most=30)] = None
    gateway: Annotated[GatewayChoice | None, Key("shared with few links or one air (ble, ieee802154)")] = None
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
