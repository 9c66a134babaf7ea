"""Calls itself for ever."""


def gradients(*problem):
    return gradients(*problem)
