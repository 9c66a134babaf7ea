"""A submission without a mistake: the layers one after the other, then back."""

import numpy as np

FUNCTION = {"relu": lambda a: np.maximum(a, 0), "tanh": np.tanh, "sigmoid": lambda a: 1 / (1 + np.exp(-a))}
DERIVATIVE = {
    "relu": lambda a: (a > 0).astype(float),
    "tanh": lambda a: 1 - np.tanh(a) ** 2,
    "sigmoid": lambda a: FUNCTION["sigmoid"](a) * (1 - FUNCTION["sigmoid"](a)),
}


def gradients(W, b, x, t, activation, lam):
    f, df = FUNCTION[activation], DERIVATIVE[activation]
    N, L = len(x), len(W)
    a, z = {}, {0: x}
    for l in range(1, L + 1):
        a[l] = z[l - 1] @ W[l - 1] + b[l - 1]
        z[l] = f(a[l])
    e = np.exp(a[L] - a[L].max(axis=1, keepdims=True))
    delta = {L: e / e.sum(axis=1, keepdims=True) - t}
    for l in range(L - 1, 0, -1):
        delta[l] = delta[l + 1] @ W[l].T * df(a[l])
    dW = [z[l - 1].T @ delta[l] / N + lam * W[l - 1] for l in range(1, L + 1)]
    db = [delta[l].sum(axis=0) / N for l in range(1, L + 1)]
    return dW, db
