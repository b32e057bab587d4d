"""Mul: the product of two maps, one of which may be repeated along sides of 1 (squeeze-excite)."""

from math import floor

import numpy as np

from fleet.node.model import fixed
from fleet.node.model.fixed import Int64, Real
from fleet.node.model.graph import Graph, Mul
from fleet.node.model.reference.flow import Arrived, Float, Gradient, f32, places_of, summed
