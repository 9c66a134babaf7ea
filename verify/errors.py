"""What a command line prints, in one line, when it cannot do what it was asked."""


class BadInput(Exception):
    """An argument, a key or a file that cannot be used.

    Its message is the one line that the user sees: the value, the file it comes from, and what is allowed.
    """


class Unwritten(Exception):
    """What was worked out cannot be written, as on a full disk. Its message is the one line that the user sees."""


class Interrupted(Exception):
    """Ctrl-C, once it is known what is done. Its message is the one line that the user sees."""
