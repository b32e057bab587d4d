"""What a node computes, in the amounts that its instructions grow with."""

from dataclasses import dataclass, fields

KINDS = {
    "conv": "forward convolution; elements: outputs",
    "depthwise": "forward depthwise convolution; elements: outputs",
    "dense": "forward dense head; elements: outputs",
    "add": "sum of two maps; elements: outputs",
    "pool": "global average pool; elements: inputs",
    "loss": "softmax cross-entropy; elements: classes",
    "mask": "zeroes gradients where the forward pass clipped; elements: gradients",
    "grad_conv": "input gradient of a convolution; elements: input gradients",
    "grad_depthwise": "input gradient of a depthwise convolution; elements: input gradients",
    "grad_dense": "input gradient of the head; elements: input gradients",
    "grad_add": "gradient through a sum; elements: gradients",
    "grad_pool": "gradient through the pool; elements: input gradients",
    "copy": "copy of a gradient; elements: gradients",
    "merge": "sum of two gradients; elements: gradients",
    "block": "int32 gradients to int8; elements: gradients",
    "update_conv": "weight gradient and update of a convolution; elements: trained weights",
    "update_depthwise": "weight gradient and update of a depthwise convolution; elements: trained weights",
    "update_dense": "weight gradient and update of the head; elements: trained weights",
    "update_bias": "bias gradient and update; MACs: gradients summed; elements: biases",
}
"""Kinds of work, named after the steps of a plan, and what counts as an element of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpCount:
    """Work of one kind. taps: inner loops begun. calls: how often its function is called."""

    kind: str
    calls: int = 0
    taps: int = 0
    macs: int = 0
    elements: int = 0

    def __post_init__(self) -> None:
        amounts = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "kind"}
        if min(amounts.values()) < 0:
            found = ", ".join(f"{name} {amount}" for name, amount in amounts.items())
            raise ValueError(f"expected counts of at least 0, got {found}; check the plan step's shape")
