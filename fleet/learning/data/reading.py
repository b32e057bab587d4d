"""Data as a user's network reads them: the shape of its input, and for sets that ship its scale too."""

from dataclasses import replace
from typing import Final

import numpy as np

from fleet.learning.data.dataset import SHIPPED, DataSet
from fleet.node.model.graph import Tensor

Shape = tuple[int, ...]
_LEAST: Final = -128
_MOST: Final = 127


def same_but_for_ones(given: Shape, wanted: Shape) -> bool:
    """Whether windows of a shape are windows of another, byte for byte: [50, 1, 6] and [1, 50, 6] are."""
    return [side for side in given if side != 1] == [side for side in wanted if side != 1]


def as_read_by(tensor: Tensor, dataset: DataSet) -> DataSet:
    """The data set with windows of an input's shape; of the same shape but for sides of 1.

    Windows of a user's file are at the input's scale already, since no other is declared; those of a set that ships
    are brought to it: the nearest int8 to the same real value, halves to even.
    """
    scaled = dataset
    ours = (np.float32(dataset.input_scale), dataset.input_zero)
    if dataset.source in SHIPPED and ours != (np.float32(tensor.scale), tensor.zero_point):
        real = dataset.input_scale * (dataset.x.astype(np.float64) - dataset.input_zero)
        steps = np.rint(real / float(np.float32(tensor.scale))) + tensor.zero_point
        x = np.clip(steps, _LEAST, _MOST).astype(np.int8)
        scaled = replace(dataset, x=x, input_scale=tensor.scale, input_zero=tensor.zero_point)
    return replace(scaled, x=scaled.x.reshape(-1, *tensor.shape))
