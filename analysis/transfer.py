"""Transfer tasks on real data for studies of on-device training: who pretrains, who adapts, who is asked.

    speech    spoken digits (FSDD): five speakers pretrain, the sixth adapts and is asked. One seed per speaker
    motion    activities (GeoTecINIT): phones of 12 people pretrain, watches of 5 others adapt, watches of 4 are asked
    pictures  clothes (Fashion-MNIST) enlarged for a network pretrained on ImageNet

Every task has a validation part, disjoint from both others, on which learning rates are chosen. Data is found in the
folder that the environment variable FLEET_DATA names.
"""

import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.base.arrays import read_arrays
from fleet.base.errors import InputError
from fleet.base.rng import Stream
from fleet.node.model.graph import Int8

Labels = NDArray[np.uint8]
REMEDY: Final = "set FLEET_DATA to the folder of data sets"
FASHION: Final = Path("/usr/share/datasets/fashion-mnist")  # of the Debian package dataset-fashion-mnist


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """windows: int8 [n, H, W, C]. labels: uint8 [n]."""

    windows: Int8
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One seed of a task. source: what pretrains; empty where the network comes with its weights.

    real value of a window: scale * (x - zero_point). The units are ours, chosen so that inputs are of size 1: a net
    without batch norm can't be tuned on cepstra in their own units, which go up to 60.
    """

    name: str
    classes: int
    scale: float
    zero_point: int
    source: Part
    train: Part
    validation: Part
    test: Part


def speech(seed: int) -> Transfer:
    """The speaker number `seed`, 0 to 5: 240 recordings to adapt, 60 to validate, the 200 of index 0 to 19 to ask."""
    found = _read("fsdd/fsdd_mfcc_int8.npz", "x", "y", "speaker", "index", "zero_point")
    x = found["x"].transpose(0, 1, 3, 2)  # 49 frames of 10 coefficients: a signal over time, W = 1
    own, index = found["speaker"] == seed, found["index"]
    pick = _picker(x, found["y"])
    return Transfer(
        name="speech",
        classes=10,
        scale=1 / 64,
        zero_point=int(found["zero_point"]),
        source=pick(~own & (index >= 5)),
        train=pick(own & (index >= 26)),
        validation=pick(own & (index >= 20) & (index < 26)),
        test=pick(own & (index < 20)),
    )


def motion(seed: int) -> Transfer:
    """23 people in an order drawn by seed: 12 pretrain on phones; 5, 2 and 4 adapt, validate and are asked on watches.

    At most 400, 400 and 800 windows of watches, drawn.
    """
    phone, watch = (_read(f"har/har_{where}_int8.npz", "x", "y", "subject") for where in ("phone", "watch"))
    people = np.unique(phone["subject"])
    people = people[rng.permutation(rng.key(seed, Stream.SPLIT, 0), len(people))]
    on_phone, on_watch = (_picker(found["x"][:, :, None, :], found["y"]) for found in (phone, watch))

    def watches(part: int, who: NDArray[Any], most: int) -> Part:
        drawn = rng.permutation(rng.key(seed, Stream.SPLIT, part), len(watch["y"]))
        return on_watch(drawn[np.isin(watch["subject"][drawn], who)][:most])

    return Transfer(
        name="motion",
        classes=5,
        scale=1 / 64,
        zero_point=0,
        source=on_phone(np.isin(phone["subject"], people[:12])),
        train=watches(1, people[12:17], 400),
        validation=watches(2, people[17:19], 400),
        test=watches(3, people[19:23], 800),
    )


def pictures(seed: int, *, side: int = 64, train: int = 500, others: int = 1000) -> Transfer:
    """Ten kinds of clothes, grey, enlarged to side x side x 3, value - 128; the parts are drawn by seed.

    The source is empty: the network brings the weights it learned on ImageNet.
    """
    x, y = _fashion("train")
    asked_x, asked_y = _fashion("t10k")
    drawn = rng.permutation(rng.key(seed, Stream.SPLIT, 4), len(y))
    asked = rng.permutation(rng.key(seed, Stream.SPLIT, 5), len(asked_y))[:others]
    part = _picker(x, y)
    enlarged = [
        _enlarged(chosen, side)
        for chosen in (
            part(drawn[:train]),
            part(drawn[train : train + others]),
            _picker(asked_x, asked_y)(asked),
            part(drawn[:0]),
        )
    ]
    return Transfer(
        name="pictures",
        classes=10,
        scale=1 / 127.5,
        zero_point=0,
        train=enlarged[0],
        validation=enlarged[1],
        test=enlarged[2],
        source=enlarged[3],
    )


TASKS: Final[dict[str, Callable[[int], Transfer]]] = {
    "speech": speech,
    "speech-small": lambda seed: replace(speech(seed), name="speech-small"),  # the same data, learned in small steps
    "motion": motion,
    "pictures": pictures,
}


def folder() -> Path:
    """The folder of data sets."""
    named = os.environ.get("FLEET_DATA")
    if named is None:
        raise InputError.one("FLEET_DATA", f"expected the name of a folder, got nothing; {REMEDY}")
    return Path(named)


def _read(name: str, *arrays: str) -> dict[str, NDArray[Any]]:
    return read_arrays(folder() / name, arrays, remedy=REMEDY)


def _picker(x: Int8, y: Labels) -> Callable[[NDArray[Any]], Part]:
    return lambda chosen: Part(windows=np.ascontiguousarray(x[chosen]), labels=y[chosen].astype(np.uint8))


def _fashion(part: str) -> tuple[NDArray[np.int8], Labels]:
    """Pictures int8 [n, 28, 28, 1] and labels. Format: IDX, LeCun et al., "The MNIST database"."""
    images = FASHION / f"{part}-images-idx3-ubyte.gz"
    if not images.is_file():
        raise InputError.one(
            str(images), "expected the pictures, got nothing; install the Debian package dataset-fashion-mnist"
        )
    pixels = np.frombuffer(gzip.decompress(images.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28, 1)
    labels = gzip.decompress((FASHION / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    return (pixels.astype(np.int16) - 128).astype(np.int8), np.frombuffer(labels, np.uint8, offset=8)


def _enlarged(part: Part, side: int) -> Part:
    """Each picture at side x side by bilinear interpolation of pixel centres, its grey value in three channels."""
    at = np.clip((np.arange(side) + 0.5) * (28 / side) - 0.5, 0, 27)
    low = np.minimum(at.astype(int), 26)
    rest = at - low
    x = part.windows[..., 0].astype(np.float32)
    rows = x[:, low] * (1 - rest)[:, None] + x[:, low + 1] * rest[:, None]
    both = rows[:, :, low] * (1 - rest) + rows[:, :, low + 1] * rest
    grey = np.rint(both).astype(np.int8)[..., None]
    return Part(windows=np.repeat(grey, 3, axis=3), labels=part.labels)
