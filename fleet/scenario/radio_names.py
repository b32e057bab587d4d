"""Radios and link models that a scenario may name, each with the keys that it reads and what they are by default.

Defaults stand as they are stored: microseconds, shares, bits per second. A test holds both registries against the
models of the world, which repeat these figures with their sources.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

COMMON: Final = ("kind", "module", "tx", "loss", "link")
"""Keys of `radio` that every kind reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Radio:
    """A radio. defaults: every other key of `radio` that it reads, and what a scenario gets that does not say.

    later: those of the keys that came after the kind was first released; they are written only where they differ.
    interval_step_us: its time grid, 0 where it has none. shared: whether nodes can share a gateway with few links.
    """

    meaning: str
    defaults: Mapping[str, object] = field(default_factory=dict)
    later: tuple[str, ...] = ()
    interval_step_us: int = 0
    shared: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys of `radio` that it reads."""
        return (*COMMON, *self.defaults, *(("gateway",) if self.shared else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkModel:
    """What loses packets. needs: keys of `link` that must be given; either: of which exactly one must be."""

    meaning: str
    needs: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    defaults: Mapping[str, object] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys of `link` that it reads."""
        return ("kind", *self.needs, *self.either, *self.defaults)


BLE_PHYS: Final = ("1M", "2M", "S2", "S8")  # S2 and S8: coded PHY at 500 and 125 kbit/s
BLE_WRITES: Final = ("commands", "requests")
WIFI_ASSOCIATIONS: Final = ("cold", "fast", "kept")
CELLULAR_IDLES: Final = ("psm", "edrx")
LORA_REGIONS: Final = ("EU868",)
LORA_CLASSES: Final = ("A", "B", "C")
LORA_DOWNLINKS: Final = ("unicast", "multicast")
LORA_COLLISIONS: Final = ("simple", "capture", "goursaud", "croce")

CELLULAR: Final = {"repetitions": 1, "idle": "psm", "edrx": 20_480_000, "tail": 10_000_000, "active": 2_000_000}

RADIOS: Final = {
    # Bluetooth Core Specification 5.4, Vol 6, Part B, 4.5.1: intervals are multiples of 1.25 ms.
    "ble": Radio(
        meaning="Bluetooth Low Energy, one connection to a gateway",
        defaults={
            "phy": "1M",
            "interval": 50_000,
            "octets": 251,
            "packets": 0,
            "writes": "commands",
            "kept": False,
            "latency": 0,
        },
        later=("octets", "packets", "writes", "kept", "latency"),
        interval_step_us=1250,
        shared=True,
    ),
    "ieee802154": Radio(
        meaning="IEEE 802.15.4 at 2.4 GHz with 6LoWPAN and CoAP, as Thread uses it",
        defaults={"hops": 1, "block": 1024, "busy": 0.0, "retries": 3},
        shared=True,
    ),
    "wifi": Radio(
        meaning="Wi-Fi station at 2.4 GHz, TCP at a rate",
        defaults={"association": "fast", "rate": 5_000_000, "mcs": 7, "dtim": 3},
    ),
    "lorawan": Radio(
        meaning="LoRaWAN to one of several gateways; its distance is that of `link: {kind: log_distance, ...}`",
        defaults={
            "region": "EU868",
            "sf": 0,
            "class": "A",
            "confirmed": True,
            "trials": 0,
            "downlink": "unicast",
            "redundancy": 0.3,
            "group_sf": 0,
            "rx2": 0,
            "ping": 7,
            "gateways": 1,
            "peers": 0,
            "collisions": "capture",
        },
    ),
    "nbiot": Radio(meaning="NB-IoT, Cat-NB1", defaults={"down": 26_000, "up": 62_500, **CELLULAR}),
    "ltem": Radio(meaning="LTE-M, Cat-M1 half duplex", defaults={"down": 300_000, "up": 375_000, **CELLULAR}),
}

LINKS: Final = {
    "independent": LinkModel(meaning="every packet is lost with the same chance, as plain `loss`", needs=("loss",)),
    "gilbert_elliott": LinkModel(
        meaning="losses in bursts: a good and a bad state that change with every packet",
        needs=("to_bad", "to_good"),
        defaults={"loss_bad": 1.0, "loss_good": 0.0},
    ),
    "log_distance": LinkModel(
        meaning="path loss over distance with shadowing, drawn for each node; packet errors from received power",
        needs=("exponent",),
        either=("distance", "radius"),
        defaults={"reference_distance": 1_000, "reference_loss": 40.2, "shadowing": 0.0},
    ),
    "trace": LinkModel(
        meaning="shares over time from a CSV file with the columns time_s, loss",
        needs=("file",),
        defaults={"repeat": 0},
    ),
}
