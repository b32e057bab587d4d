"""Schemes by name and by layer, what they put into a network, and how papers count their memory."""

from fleet.node.model.schemes.accounts import tiny_training_count, tinytl_count
from fleet.node.model.schemes.layerwise import all_layers, last_biases, last_layers, sparse_layers
from fleet.node.model.schemes.published import PUBLISHED_SCHEMES, published_scheme
from fleet.node.model.schemes.tinyengine import tinyengine_count

__all__ = [
    "PUBLISHED_SCHEMES",
    "all_layers",
    "last_biases",
    "last_layers",
    "published_scheme",
    "sparse_layers",
    "tiny_training_count",
    "tinyengine_count",
    "tinytl_count",
]
