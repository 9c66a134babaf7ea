"""A convolution as a lesson: one plane per sample, K kernels of 3 × 3, no padding. Graded by --lesson FILE."""

from torch.nn.functional import conv2d

from verify import lesson_of


def reference(x, k, b):
    """y_nk = x_n ⋆ k_k + b_k, by torch; a plane per sample and kernel, (N, K, 3, 3)."""
    return conv2d(x.unsqueeze(1), k.unsqueeze(1), b)


LESSON = lesson_of(
    "convolution",
    "The backward pass of a convolution",
    reference,
    inputs={"x": "N 5 5", "k": "K 3 3", "b": "K"},
    outputs={"y": "N K 3 3"},
    sizes={"N": (1, 3), "K": (1, 3)},
)
