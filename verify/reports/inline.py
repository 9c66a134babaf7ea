"""Matplotlib's pictures inside of a page: SVG whose colours are the page's, so that they follow its theme."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

from markupsafe import Markup, escape

# Colours to draw with, and the page's names of them.
INK, SOFT, LINE, GOOD, BAD, OPEN, BAND = "#010203", "#010204", "#010205", "#010206", "#010207", "#010208", "#010209"
_NAMES = {INK: "ink", SOFT: "soft", LINE: "line", GOOD: "good", BAD: "bad", OPEN: "open", BAND: "band"}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "backproof", "text.color": INK, "axes.labelcolor": SOFT,
    "axes.edgecolor": LINE, "xtick.color": SOFT, "ytick.color": SOFT, "axes.spines.top": False,
    "axes.spines.right": False, "grid.color": LINE, "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10, "axes.titlecolor": INK, "axes.titlesize": 10, "legend.frameon": False, "figure.facecolor": "none",
    "axes.facecolor": "none", "savefig.facecolor": "none", "axes.axisbelow": True,
}  # fmt: skip
_PIXELS = 72  # of an inch, in SVG


def picture(draw: Callable[[Any], None], says: str, *, width: float, height: float) -> Markup:
    """What `draw` puts on a figure, as SVG. says: what is to be seen on it. width, height: pixels."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width / _PIXELS, height / _PIXELS), layout="constrained")
        draw(figure)
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return Markup(_in_page(written.getvalue(), says))


def _in_page(svg: str, says: str) -> str:
    """The SVG without what stands before and around it as a file, with the page's colours and its own ids."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'<svg [^>]*viewBox="([^"]*)"[^>]*>',
                 lambda m: f'<svg class="picture" role="img" aria-label="{escape(says)}" viewBox="{m[1]}" '
                           f'width="{m[1].split()[2]}" height="{m[1].split()[3]}">', svg, count=1)  # fmt: skip
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.S)
    for colour, name in _NAMES.items():
        svg = svg.replace(colour, f"var(--{name})")
    return svg.replace("xlink:href", "href")
