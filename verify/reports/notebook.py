"""A page as a notebook shows it below a cell."""

from __future__ import annotations

import html

HEIGHT = 640  # pixels; what is longer scrolls


def framed(page: str) -> str:
    """A page in a frame of its own, in which nothing runs: neither's styles reach the other's."""
    style = f"width: 100%; height: {HEIGHT}px; border: 0"
    return f'<iframe srcdoc="{html.escape(page)}" sandbox="" style="{style}"></iframe>'
