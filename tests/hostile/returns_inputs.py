"""Returns what it was given."""


def gradients(W, b, x, t, activation, lam):
    return W, b
