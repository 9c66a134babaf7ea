"""Answers differently on each call."""

calls = 0


def gradients(W, b, x, t, activation, lam):
    global calls
    calls += 1
    return [calls * w for w in W], b
