"""What a node computes, in the amounts that its instructions grow with."""

from dataclasses import dataclass, fields

FORMATS = {"": "int8 gradients", "_f32": "gradients in fp32"}
FLOWS = {"": "int8, sums of a whole map", "_static": "int8, shifts known beforehand", "_f32": "fp32"}
RULES = ("stochastic", "nearest", "truncate", "residual4", "residual8", "residual16", "latent")

_FORWARD = {
    "conv": "forward convolution; taps: runs of products; elements: outputs",
    "pointwise": "forward convolution of one tap; taps: runs of products; elements: outputs",
    "depthwise": "forward depthwise convolution; taps: runs of products; elements: outputs",
    "depthwise_in_place": "the same, channel by channel; taps: rows of products; elements: outputs",
    "dense": "forward dense layer; elements: outputs",
    "logits": "forward classifier; elements: classes",
    "add": "sum of two maps; elements: outputs",
    "mul": "product of two maps; elements: outputs",
    "pool": "global average pool; elements: inputs",
    "average_pool": "average pool; MACs: values summed; elements: outputs",
    "max_pool": "max pool; MACs: values compared; elements: outputs",
    "mean": "mean over axes; elements: inputs",
    "move": "pad, transpose, concatenate, slice; elements: values moved",
    "resize": "nearest neighbours; elements: outputs",
    "table": "activation by table; elements: outputs",
    "softmax": "softmax of answers; elements: outputs",
    "quantize": "float32 to int8; elements: outputs",
    "dequantize": "int8 to float32; elements: outputs",
    "rows": "a group of rows; calls: rows made; taps: steps looked at for them; elements: bytes moved out",
}
_GRADIENTS = {
    "grad_conv": "through a convolution; taps: runs of products; elements: gradients in and out",
    "grad_pointwise": "through a convolution of one tap; taps: runs of products; elements: gradients in and out",
    "grad_depthwise": "through a depthwise convolution; taps: places of outputs; elements: gradients in and out",
    "grad_dense": "through a dense layer; elements: gradients in and out",
    "grad_add": "through a sum; elements: gradients of its output",
    "grad_mul": "through a product; MACs: values summed; elements: input gradients",
    "grad_pool": "through the global pool; elements: input gradients",
    "grad_average_pool": "through an average pool; MACs: values spread; elements: input gradients",
    "grad_max_pool": "through a max pool; MACs: values compared; elements: input gradients",
    "grad_mean": "through a mean; elements: input gradients",
    "grad_move": "through a move; elements: input gradients",
    "grad_resize": "through a resize; elements: input gradients",
    "grad_table": "through an activation; elements: input gradients",
}
_BY_FORMAT = {
    "loss": "softmax cross-entropy; elements: classes",
    "loss_squared": "squared error; elements: outputs",
    "mask": "zeroes gradients where the forward pass clipped; elements: gradients",
    "update_conv": "gradient and step of a convolution; taps: places and taps of outputs; elements: trained weights",
    "update_pointwise": "the same of one tap; taps: places of outputs; elements: trained weights",
    "update_depthwise": "the same of a depthwise one; taps: places of outputs; elements: trained weights",
    "update_dense": "gradient and step of a dense layer; elements: trained weights",
    "update_bias": "gradient and step of biases; MACs: gradients summed; elements: biases",
    "channels": "a group of channels; elements: gradients of the block's input",
    "channels_project": "gradient of one channel through the last layer; calls: channels; taps: places and channels",
    "channels_middle": "through the depthwise one; calls: channels; taps: places and channels",
    "channels_expand": "through the first one; calls: channels; taps: places and channels",
    "channels_update_project": "gradient and step of a column of the last layer; elements: trained weights",
    "channels_update_middle": "of the depthwise one; elements: trained weights",
    "channels_update_expand": "of a row of the first one; elements: trained weights",
    "channels_bias": "of the biases of the first two; MACs: gradients summed; elements: biases",
    "channels_project_bias": "of those of the last; MACs: gradients summed; elements: biases",
}
_INT8 = {
    "copy": "copy of a gradient; elements: gradients",
    "merge": "sum of two gradients; elements: gradients",
    "block": "int32 gradients to int8; elements: gradients",
}


def _ways() -> dict[str, str]:
    """Steps of weights other than a stochastic one without momentum, and ends of batches; elements: weights."""
    rules = [f"{rule}{momentum}" for momentum in ("", "_momentum") for rule in RULES]
    found = {
        f"take_{way}{form}": f"what {way} adds, {text}" for form, text in FORMATS.items() for way in ("sum", *rules[1:])
    }
    found |= {f"apply_{way}": f"end of a batch, {way}" for way in rules}
    biases = {"take_bias_sum": "what a batch adds", "take_bias_momentum": "what momentum adds"}
    return found | biases | {"apply_bias": "end of a batch", "apply_bias_momentum": "end of a batch, momentum"}


KINDS = (
    _FORWARD
    | {f"{kind}{form}": f"{text}; {flow}" for kind, text in _GRADIENTS.items() for form, flow in FLOWS.items()}
    | {f"{kind}{form}": f"{text}; {held}" for kind, text in _BY_FORMAT.items() for form, held in FORMATS.items()}
    | _INT8
    | _ways()
)
"""Kinds of work, named after the steps of a plan, and what counts as a tap, a MAC and an element of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpCount:
    """Work of one kind. taps: inner loops begun. calls: how often its function is called.

    weights, channels: of forward layers, weights and outputs' channels that are made ready.
    """

    kind: str
    calls: int = 0
    taps: int = 0
    macs: int = 0
    elements: int = 0
    weights: int = 0
    channels: int = 0

    def __post_init__(self) -> None:
        amounts = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "kind"}
        if min(amounts.values()) < 0:
            found = ", ".join(f"{name} {amount}" for name, amount in amounts.items())
            raise ValueError(f"expected counts of at least 0, got {found}; check the plan step's shape")
