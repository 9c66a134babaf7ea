"""Returns more parts than any network has, and a dict whose keys are no text."""


def gradients(W, b, x, t, activation, lam):
    return [[0.0] * 1000 for _ in range(1000)], {1: 2}
