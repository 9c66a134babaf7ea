"""Calls itself for ever, through C, with Python's own limit lifted."""

import sys

sys.setrecursionlimit(10**9)


class Again:
    def __getattr__(self, name):
        return getattr(self, name + "x")


def gradients(*problem):
    return Again().y
