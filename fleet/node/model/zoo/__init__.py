"""Networks by name, as lists of layers before any weight exists, and the int8 models that ship.

`structure` says what a layer is, one module per family lists its nets, `registry` finds them by name; `mcunet` reads
published int8 weights.
"""

from fleet.node.model.zoo.registry import ZOO, zoo_net
from fleet.node.model.zoo.shipped import shipped_model, shipped_path
from fleet.node.model.zoo.structure import Clip, Kind, Layer, NetSpec

__all__ = ["ZOO", "Clip", "Kind", "Layer", "NetSpec", "shipped_model", "shipped_path", "zoo_net"]
