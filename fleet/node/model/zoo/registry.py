"""Networks by name."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from numbers import Integral
from typing import Final

from fleet.base.errors import Fault, InputError
from fleet.node.model.zoo.autoencoder import ad_autoencoder
from fleet.node.model.zoo.mobile import BOTTLENECKS, mobile_net
from fleet.node.model.zoo.residual import resnet_8, signal_resnet
from fleet.node.model.zoo.separable import ds_cnn, imu_ds_cnn
from fleet.node.model.zoo.structure import NetSpec, Shape

LARGEST_SIDE: Final = 4096
MOST_OUTPUTS: Final = 2**16  # as the largest side of a map


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A net of the zoo: how it is built for so many classes and an input, and the published numbers of both.

    over_time: its input is a signal, W = 1.
    """

    build: Callable[[int, Shape], NetSpec]
    shape: Shape
    classes: int
    over_time: bool = False


def _mobile(name: str, side: int) -> Entry:
    return Entry(build=partial(mobile_net, name), shape=(side, side, 3), classes=1000)


ZOO: Final[dict[str, Entry]] = {
    "imu-ds-cnn": Entry(build=imu_ds_cnn, shape=(50, 1, 6), classes=7, over_time=True),
    "signal-resnet": Entry(build=signal_resnet, shape=(50, 1, 6), classes=5, over_time=True),
    "ds-cnn": Entry(build=ds_cnn, shape=(49, 10, 1), classes=12),
    "resnet-8": Entry(build=resnet_8, shape=(32, 32, 3), classes=10),
    "mcunet-5fps": _mobile("mcunet-5fps", 128),
    "mcunet-in3": _mobile("mcunet-in3", 176),
    "mbv2-w0.35": _mobile("mbv2-w0.35", 128),
    "proxyless-w0.3": _mobile("proxyless-w0.3", 128),
}  # nets that recognise classes
AUTOENCODERS: Final = {"ad-autoencoder": (ad_autoencoder, (1, 1, 640))}
assert BOTTLENECKS.keys() <= ZOO.keys()


def zoo_net(name: str, classes: int | None = None, shape: Shape | None = None) -> NetSpec:
    """The network of this name. classes, shape (H, W, C) of the input: the published ones unless given.

    InputError for a name that is none, for classes of a net that knows none, for an input it cannot read.
    """
    if not isinstance(name, str):
        raise InputError.one("model.zoo", _unknown(repr(name)))
    if name in AUTOENCODERS:
        build, published = AUTOENCODERS[name]
        if classes is not None:
            raise InputError.one("model.zoo", f"expected a net that recognises classes, got {name}; choose another")
        return build(_checked(name, published if shape is None else shape, over_time=False))
    if name not in ZOO:
        raise InputError.one("model.zoo", _unknown(name))
    entry = ZOO[name]
    wanted = entry.classes if classes is None else classes
    if not _whole(wanted) or not 1 <= wanted <= MOST_OUTPUTS:
        text = f"expected a whole number of classes from 1 to {MOST_OUTPUTS}, got {wanted!r}; count those of the data"
        raise InputError.one("model.zoo", text)
    return entry.build(int(wanted), _checked(name, entry.shape if shape is None else shape, over_time=entry.over_time))


def _checked(name: str, shape: Shape, *, over_time: bool) -> Shape:
    if not isinstance(shape, tuple | list) or len(shape) != 3 or not all(_whole(side) for side in shape):
        text = f"expected (height, width, channels) in whole numbers, got an input {shape!r} for {name}; change it"
        raise InputError.one("model.zoo", text)
    if sides := [Fault("model.zoo", text) for text in _faults(name, shape, over_time)]:
        raise InputError(sides)
    height, width, channels = (int(side) for side in shape)
    return height, width, channels


def _whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _faults(name: str, shape: Shape, over_time: bool) -> list[str]:
    found = [
        f"expected sides from 1 to {LARGEST_SIDE}, got an input {list(shape)} for {name}; change it"
        for side in shape
        if not 1 <= side <= LARGEST_SIDE
    ][:1]
    if over_time and shape[1] != 1:
        found.append(f"expected a signal over time, (H, 1, C), got an input {list(shape)} for {name}; reshape it")
    return found


def _unknown(name: str) -> str:
    names = (*ZOO, *AUTOENCODERS)
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "choose one of them"
    return f"expected one of {', '.join(names)}, got {name!r}; {hint}"
