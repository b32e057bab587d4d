"""Gradients as sums of terms, each going to one place of an input: what all operators without weights come to.

Terms arrive in the order of the outputs, row by row. That order is the meaning of a sum of floats here.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.node.model.fixed import Int64


def scattered(start: NDArray[Any], into: Int64, terms: NDArray[Any]) -> NDArray[Any]:
    """start plus each term at place into[i] of it, one after the other. into < 0: a term that goes nowhere.

    into: flat places, as many as terms. The result has the shape and the type of start.
    """
    total = start.copy()
    flat, places = total.reshape(-1), into.ravel()
    kept = places >= 0
    np.add.at(flat, places[kept], terms.ravel()[kept])
    return total


def numbered(shape: tuple[int, ...]) -> Int64:
    """The flat place of every element of a map."""
    return np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
