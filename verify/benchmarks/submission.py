"""A right submission for the default assignment: the benchmark of grading makes its class of copies of it."""

import numpy as np


def f(a, activation):
    if activation == "relu":
        return np.maximum(a, 0)
    return np.tanh(a) if activation == "tanh" else 1 / (1 + np.exp(-a))


def df(a, activation):
    z = f(a, activation)
    if activation == "relu":
        return (a > 0).astype(float)
    return 1 - z**2 if activation == "tanh" else z * (1 - z)


def softmax(a):
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def gradients(W, b, x, t, activation, lam):
    z, a = [x], []
    for W_l, b_l in zip(W, b, strict=True):
        a.append(z[-1] @ W_l + b_l)
        z.append(f(a[-1], activation))
    delta = softmax(a[-1]) - t
    dW, db = [np.zeros_like(W_l) for W_l in W], [np.zeros_like(b_l) for b_l in b]
    for l in range(len(W) - 1, -1, -1):
        dW[l] = z[l].T @ delta / len(x) + lam * W[l]
        db[l] = delta.sum(axis=0) / len(x)
        if l > 0:
            delta = delta @ W[l].T * df(a[l - 1], activation)
    return dW, db
