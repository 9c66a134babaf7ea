"""The slides worked out by hand: torch tensors in and out, autograd nowhere.

The modules follow deck 000 (手写字符识别(下)) in its *rows* convention, the one of its summary (综上):
x (N, D), W(l) (in, out), b(l) (out,), a(l) = z(l−1) W(l) + b(l) before and z(l) = f(a(l)) after the activation.
"""

from manual.activations import ACTIVATIONS, Activation, Constants, activation
from manual.network import SLIDES, Equations, Working, backward, forward, step, work
from manual.outputs import PAIRS, Pair, pair

__all__ = [
    "ACTIVATIONS",
    "PAIRS",
    "SLIDES",
    "Activation",
    "Constants",
    "Equations",
    "Pair",
    "Working",
    "activation",
    "backward",
    "forward",
    "pair",
    "step",
    "work",
]
