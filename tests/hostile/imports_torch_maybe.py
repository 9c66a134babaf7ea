"""Would let torch do the work, and can do without."""

try:
    import torch
except ImportError:
    torch = None
assert torch is None


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
