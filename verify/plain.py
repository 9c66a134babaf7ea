"""What came from a student, made safe to show: nothing of it moves a cursor, hides text, or commands a workflow."""

from __future__ import annotations

import re

# GitHub runs what stands between :: and :: at the start of a printed line, and ##[...] anywhere in one.
_COMMAND = re.compile(r"::(?=[A-Za-z])|##(?=\[)")
TAB = "    "


def visible(text: str) -> str:
    """The text in one line: control and direction characters as \\x1b, workflow commands broken."""
    if not text.isprintable():
        text = "".join(_letter(c) for c in text.replace("\t", " "))
    return _COMMAND.sub(_escaped, text) if ":" in text or "#" in text else text


def _letter(c: str) -> str:
    return c if c.isprintable() else ascii(c)[1:-1]


def _escaped(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0][0]):02x}{match[0][1]}"


def lines(text: str, most: int, width: int = 400) -> tuple[list[str], int]:
    """The first lines of a text, each safe and cut to a width, and how many are left out."""
    every = text.rstrip("\n").replace("\t", TAB).split("\n") if text.strip() else []
    return [cut(visible(line), width) for line in every[:most]], max(0, len(every) - most)


def cut(text: str, most: int) -> str:
    """A text of at most that many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"
