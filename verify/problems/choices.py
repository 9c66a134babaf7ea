"""What a network can be put together from, by name: known without importing an equation."""

from __future__ import annotations

from collections.abc import Mapping

ACTIVATIONS = (
    "relu",
    "leaky_relu",
    "elu",
    "softplus",
    "sigmoid",
    "tanh",
    "swish",
    "gelu",
    "gelu_tanh",
    "gelu_sigmoid",
    "identity",
    "relu6",
    "hard_tanh",
    "hard_sigmoid",
    "hard_swish",
    "mish",
    "selu",
    "celu",
    "prelu",
    "softsign",
    "log_sigmoid",
    "silu",
)
OUTPUTS = ("softmax", *ACTIVATIONS)

# loss -> the outputs that it goes with. How each is written stands in `verify.problems.written`.
PAIRS: Mapping[str, tuple[str, ...]] = {
    "cross-entropy": ("softmax",),
    "binary-cross-entropy": ("sigmoid",),
    "squared-error": (*ACTIVATIONS, "softmax"),
    "mean-squared-error": (*ACTIVATIONS, "softmax"),
    "l1": ACTIVATIONS,
    "huber": ACTIVATIONS,
    "hinge": ("identity",),
    "smoothed-cross-entropy": ("softmax",),
}
LOSSES = tuple(PAIRS)
# Losses whose t of a sample adds up to 1: one-hot, or a distribution.
ONE_OF_MANY = ("cross-entropy", "smoothed-cross-entropy", "hinge")
