"""A submission with one mistake: δ is handed down without f′."""

import numpy as np


def function(a, activation):
    if activation == "relu":
        return np.maximum(a, 0)
    if activation == "tanh":
        return np.tanh(a)
    return 1 / (1 + np.exp(-a))


def gradients(W, b, x, t, activation, lam):
    L, N = len(W), len(x)
    z = [x]
    for l in range(L):
        a = z[-1] @ W[l] + b[l]
        z.append(function(a, activation))
    e = np.exp(a - a.max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)

    dW, db, lines = [None] * L, [None] * L, {"y": y}
    delta = y - t
    for l in reversed(range(L)):
        lines[f"delta{l + 1}"] = delta
        dW[l] = z[l].T @ delta / N + lam * W[l]
        db[l] = delta.mean(axis=0)
        delta = delta @ W[l].T
    return dW, db, lines
