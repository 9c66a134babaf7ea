"""Returns NaN, infinity, texts, huge numbers, itself, and a structure without end."""

import numpy as np


def gradients(W, b, x, t, activation, lam):
    endless = []
    endless.append(endless)
    values = {"nan": float("nan"), "inf": np.inf, "text": "\ud800<b>=1+1</b>", "long": "x" * 10**6, "whole": 10**400, "negative": -7}
    values |= {"self": gradients, "endless": endless, "set": {1}, "none": None, "number": 2 + 3j, "truth": True, "np": np.float32(0.5)}
    return [w * np.nan for w in W], values
