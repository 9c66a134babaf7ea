"""Reads from address 0."""

import ctypes


def gradients(W, b, x, t, activation, lam):
    return ctypes.string_at(0)
