"""Raises an exception that does not want to be looked at."""


class Meta(type):
    @property
    def __name__(cls):
        raise RuntimeError("no name")


class Odd(SyntaxError, metaclass=Meta):
    __class__ = property(lambda self: 1 / 0)
    filename = msg = lineno = __traceback__ = property(lambda self: 1 / 0)

    def __str__(self):
        raise RuntimeError("no text")


def gradients(W, b, x, t, activation, lam):
    raise Odd
