"""Ctrl-C for programs that a test starts."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hearing_interrupts() -> Iterator[None]:
    """What is started within hears SIGINT, even where the tests themselves run in the background and ignore it.

    A program inherits "ignore", and gets the default for whatever else its parent does with the signal. (Popen's
    preexec_fn would do it in the child, but forks with Python's hooks, and JAX's hook warns in every process that has
    imported it.)
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
