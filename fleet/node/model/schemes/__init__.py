"""Schemes by name and by layer, what they put into a network, and how papers count their memory."""

from fleet.node.model.schemes.accounts import SparseUpdateCount, TinyTlCount, tiny_training_count, tinytl_count
from fleet.node.model.schemes.batch_norm import batch_norm_scheme, with_scales
from fleet.node.model.schemes.classes import ClassCost, class_cost, tinyol_bytes, with_classes
from fleet.node.model.schemes.layerwise import all_layers, last_biases, last_layers, sparse_layers
from fleet.node.model.schemes.lite_residual import lite_residual_scheme, with_lite_residuals
from fleet.node.model.schemes.magnitude import by_magnitude
from fleet.node.model.schemes.named import FORMS, Choice, named_scheme
from fleet.node.model.schemes.published import PUBLISHED_SCHEMES, published_scheme
from fleet.node.model.schemes.tinyengine import TinyEngineCount, tinyengine_count

__all__ = [
    "FORMS",
    "PUBLISHED_SCHEMES",
    "Choice",
    "ClassCost",
    "SparseUpdateCount",
    "TinyEngineCount",
    "TinyTlCount",
    "all_layers",
    "batch_norm_scheme",
    "by_magnitude",
    "class_cost",
    "last_biases",
    "last_layers",
    "lite_residual_scheme",
    "named_scheme",
    "published_scheme",
    "sparse_layers",
    "tiny_training_count",
    "tinyengine_count",
    "tinyol_bytes",
    "tinytl_count",
    "with_classes",
    "with_lite_residuals",
    "with_scales",
]
