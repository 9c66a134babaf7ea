"""The smallest case drawn as SVG: a network with its units and weights, or the lines of a lesson, what is wrong marked.

Colours and fonts are the page's: everything has a class and nothing a colour of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from verify.grading.record import Counterexample, LessonCase, WorkingLine
from verify.reports import numbers
from verify.reports.texts import say

_LINE = re.compile(r"(delta|dW|db|a|z|y|E)(\d*)")
_MOST_UNITS = 8  # of a layer: a drawing of more cannot be read
_MOST_LINES = 24
_MOST_WITH_WEIGHTS = 5  # units of a layer beyond which the weights would stand on one another
_WIDE, _RADIUS, _TEXT = 124, 17, 14
_BOX, _ROW, _LETTER = 26, 58, 7.5


class Drawing(NamedTuple):
    """An SVG, and what is to be seen on it in words."""

    svg: Markup
    says: str


def drawn(case: Counterexample | LessonCase, first: str) -> Drawing | None:
    """The case with the first line that differs marked; None where it is too large to be read.

    first: the line's name, "" where none differs.
    """
    if isinstance(case, LessonCase):
        return _lesson(case, first)
    return _network(case, first)


# A network -----------------------------------------------------------------------------------------------------------


class _Net(NamedTuple):
    """A network in rows: units per layer, W[l][i][j], b[l][j]."""

    sizes: list[int]
    W: list[list[list[float]]]
    b: list[list[float]]
    columns: bool

    @property
    def L(self) -> int:
        return len(self.W)

    @property
    def high(self) -> float:
        """From unit to unit, so that each edge's weight has a place of its own."""
        return max(56.0, _TEXT * (min(max(self.sizes), _MOST_WITH_WEIGHTS) + 1))


def _net(case: Counterexample) -> _Net:
    columns = isinstance(case.b[0][0], list)
    W = [[list(row) for row in zip(*w, strict=True)] if columns else w for w in case.W]
    b = [[row[0] for row in v] if columns else v for v in case.b]
    return _Net([len(W[0]), *map(len, b)], W, b, columns)


def _network(case: Counterexample, first: str) -> Drawing | None:
    net = _net(case)
    if max(net.sizes) > _MOST_UNITS or net.L > 4:
        return None
    line = next((w for w in case.working if w.name == first), None)
    wrong = _wrong(net, line) if line is not None else _Wrong()
    tallest = max(net.sizes)
    width, height = _WIDE * net.L + 2 * _RADIUS + 70, net.high * tallest + 34
    place = lambda l, j: (
        35 + _RADIUS + _WIDE * l,
        8 + net.high * (tallest - net.sizes[l]) / 2 + net.high * j + net.high / 2,
    )
    parts = [
        *_edges(net, wrong, place),
        *(_unit(place(l, j), _name(net, l, j), (l, j) in wrong.units) for l, n in enumerate(net.sizes)
          for j in range(n)),
        *_layer_names(net, place, height),
    ]  # fmt: skip
    says = say("network-drawn", units=" → ".join(map(str, net.sizes)))
    if line is not None:
        says = f"{says} {say('network-wrong', line=line.symbol)}"
    return Drawing(_svg(width, height, parts, says, "net"), says)


class _Wrong(NamedTuple):
    """What of a network is marked: edges (l, i, j) into layer l, and units (l, j)."""

    edges: frozenset[tuple[int, int, int]] = frozenset()
    units: frozenset[tuple[int, int]] = frozenset()


def _wrong(net: _Net, line: WorkingLine) -> _Wrong:
    """The edges and units of a line that differs: for ∂E/∂W those of its entries, for δ those it comes down by."""
    match = _LINE.fullmatch(line.name)
    if match is None:
        return _Wrong()
    kind, l = match[1], int(match[2] or net.L)
    if net.columns and kind in ("a", "z"):
        kind = "a" if kind == "z" else "y" if l == net.L else "z"
    at = _differing(line)
    if kind == "dW":
        off = {(j, i) if net.columns else (i, j) for i, j in at} or _all(net.sizes[l - 1], net.sizes[l])
        return _Wrong(frozenset((l, i, j) for i, j in off))
    units = {place[0] if net.columns else place[-1] for place in at if place} or set(range(net.sizes[l]))
    marked = frozenset((l, j) for j in units)
    if kind == "delta" and l < net.L:
        return _Wrong(frozenset((l + 1, j, k) for j in units for k in range(net.sizes[l + 1])), marked)
    if kind == "a":
        return _Wrong(frozenset((l, i, j) for j in units for i in range(net.sizes[l - 1])), marked)
    return _Wrong(units=marked)


def _all(rows: int, columns: int) -> set[tuple[int, int]]:
    return {(i, j) for i in range(rows) for j in range(columns)}


def _differing(line: WorkingLine) -> set[tuple[int, ...]]:
    """The entries that read differently; none where the shapes do."""
    if numbers.shape(line.yours) != numbers.shape(line.expected):
        return set()
    digits = numbers.digits_between(line.expected, line.yours)
    pairs = zip(_indexed(line.expected), _indexed(line.yours), strict=True)
    return {at for (at, a), (_, b) in pairs if numbers.number(a, digits) != numbers.number(b, digits)}


def _indexed(value: Any, at: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    if isinstance(value, list):
        for i, v in enumerate(value):
            yield from _indexed(v, (*at, i))
    else:
        yield at, value


def _edges(net: _Net, wrong: _Wrong, place: Any) -> Iterator[Markup]:
    """The wrong ones last, so that they lie on top; each with its weight, near the unit that it comes from."""
    every = [(l, i, j) for l in range(1, net.L + 1) for i, j in sorted(_all(net.sizes[l - 1], net.sizes[l]))]
    for edge in sorted(every, key=lambda e: e in wrong.edges):
        l, i, j = edge
        (x1, y1), (x2, y2) = place(l - 1, i), place(l, j)
        name = "edge bad" if edge in wrong.edges else "edge"
        yield Markup(f'<path class="{name}" d="M{x1 + _RADIUS:g} {y1:g}L{x2 - _RADIUS:g} {y2:g}"/>')
    for l, i, j in every if max(net.sizes) <= _MOST_WITH_WEIGHTS else ():
        (x1, y1), (x2, y2) = place(l - 1, i), place(l, j)
        # Of all edges between two layers the weights stand above one another, none on another.
        share = (1 - _TEXT / net.high) / max(net.sizes[l], 2)
        x, y = x1 + _RADIUS + (x2 - x1 - 2 * _RADIUS) * share, y1 + (y2 - y1) * share
        name = "weight bad" if (l, i, j) in wrong.edges else "weight"
        yield _text(name, x, y + 4, numbers.number(net.W[l - 1][i][j], 3))


def _name(net: _Net, l: int, j: int) -> str:
    letter = "x" if l == 0 else ("a" if net.columns else "y") if l == net.L else "a" if net.columns else "z"
    return f"{letter}{_lowered(j + 1)}"


def _lowered(n: int) -> str:
    return str(n).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _unit(place: tuple[float, float], name: str, wrong: bool) -> Markup:
    x, y = place
    circle = f'<circle class="{"unit bad" if wrong else "unit"}" cx="{x:g}" cy="{y:g}" r="{_RADIUS}"/>'
    return Markup(circle) + _text("name", x, y + 5, name)


def _layer_names(net: _Net, place: Any, height: float) -> Iterator[Markup]:
    """Below each layer its input, W(l) and b(l)."""
    for l in range(net.L + 1):
        x, _ = place(l, 0)
        yield _text("soft", x, height - 8, "x" if l == 0 else f"b({l})")
        if l:
            yield _text("soft", x - _WIDE / 2, height - 8, f"W({l})")


# The lines of a lesson -----------------------------------------------------------------------------------------------


class _Box(NamedTuple):
    name: str
    text: str
    depth: int
    sources: tuple[str, ...]
    given: bool


def _lesson(case: LessonCase, first: str) -> Drawing | None:
    boxes = _boxes(case)
    if not boxes or len(boxes) > _MOST_LINES:
        return None
    rows = [[b for b in boxes if b.depth == d] for d in range(max(b.depth for b in boxes) + 1)]
    sized = [[len(b.text) * _LETTER + 18 for b in row] for row in rows]
    width = max(sum(s) + 14 * (len(s) - 1) for s in sized) + 16
    at: dict[str, tuple[float, float, float]] = {}
    for d, (row, sizes) in enumerate(zip(rows, sized, strict=True)):
        x = (width - sum(sizes) - 14 * (len(sizes) - 1)) / 2
        for box, size in zip(row, sizes, strict=True):
            at[box.name] = (x + size / 2, 20 + _ROW * d, size)
            x += size + 14
    height = _ROW * (len(rows) - 1) + 42
    parts = [*_arrows(boxes, at, first), *(_box(box, at[box.name], box.name == first) for box in boxes)]
    wrong = next((b.text for b in boxes if b.name == first), "")
    says = say("lines-drawn") + (f" {say('network-wrong', line=wrong)}" if wrong else "")
    return Drawing(_svg(width, height, parts, says, "lines"), says)


def _boxes(case: LessonCase) -> list[_Box]:
    """Inputs and lines, each below all that it is computed from; inputs just above what reads them first."""
    depth: dict[str, int] = {}
    lines: list[_Box] = []
    for w in case.working:
        if not isinstance(w.sources, list):
            return []
        depth[w.name] = 1 + max((depth[s] for s in w.sources if s in depth), default=0)
        lines.append(_Box(w.name, w.symbol, depth[w.name], tuple(w.sources), given=False))
    read = {s: min(b.depth for b in lines if s in b.sources) for b in lines for s in b.sources if s not in depth}
    inputs = [_Box(i.name, i.name, read[i.name] - 1, (), given=True) for i in case.inputs if i.name in read]
    return [*inputs, *lines]


def _arrows(boxes: Sequence[_Box], at: dict[str, tuple[float, float, float]], first: str) -> Iterator[Markup]:
    edges = [(source, box.name) for box in boxes for source in box.sources if source in at]
    for source, name in sorted(edges, key=lambda e: e[1] == first):
        (x1, y1, _), (x2, y2, _) = at[source], at[name]
        begin, end = y1 + _BOX / 2, y2 - _BOX / 2
        bend = (end - begin) / 2
        kind = "edge bad" if name == first else "edge"
        curve = f"M{x1:g} {begin:g}C{x1:g} {begin + bend:g} {x2:g} {end - bend:g} {x2:g} {end:g}"
        yield Markup(f'<path class="{kind}" d="{curve}"/>')


def _box(box: _Box, place: tuple[float, float, float], wrong: bool) -> Markup:
    x, y, size = place
    name = "unit bad" if wrong else "unit given" if box.given else "unit"
    shape = f'<rect class="{name}" x="{x - size / 2:g}" y="{y - _BOX / 2:g}" width="{size:g}" height="{_BOX}" rx="6"/>'
    return Markup(shape) + _text("name", x, y + 5, box.text)


# SVG -----------------------------------------------------------------------------------------------------------------


def _text(name: str, x: float, y: float, text: str) -> Markup:
    return Markup(f'<text class="{name}" x="{x:g}" y="{y:g}">{escape(text)}</text>')


def _svg(width: float, height: float, parts: Sequence[Markup], says: str, name: str) -> Markup:
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return Markup(f'<svg class="drawing {name}" role="img" aria-label="{escape(says)}" {size}>{"".join(parts)}</svg>')
