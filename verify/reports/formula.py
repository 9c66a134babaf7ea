"""Two formulas beside each other, a mistake's and the right one, with the parts marked in which they differ."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import NamedTuple

from markupsafe import Markup, escape

from verify.plain import visible

# ∂E/∂W(l); a symbol with its argument and signs, f′(a(l)), W(l+1)ᵀ; (1/N); a number; any other sign by itself.
_ARGUMENT = r"\((?:[^()\s]|\([^()\s]*\))*\)"
_SIGNS = r"[ᵀ′²₀-₉ₐ-ₜᵏ]*"
_TOKEN = re.compile(
    rf"∂\w+/∂\w+(?:{_ARGUMENT})?|[^\W\d_][\w′]*{_SIGNS}(?:{_ARGUMENT})?{_SIGNS}|\(1/\w+\)|\d+(?:\.\d+)?|[^\s]"
)
_GAP, _NONE = Markup('<span class="gap">□</span>'), Markup()


class Pair(NamedTuple):
    """A wrong and a right formula as markup, and how they differ: missing, extra, sign, order or other."""

    wrong: Markup
    right: Markup
    kind: str


def pair(wrong: str, right: str) -> Pair:
    """The two formulas, each with what the other has not in a mark of its own; where something lacks, a gap."""
    ours, theirs = visible(_with_left(wrong, right)), visible(right)
    left, other = [*_TOKEN.finditer(ours)], [*_TOKEN.finditer(theirs)]
    texts = [m[0] for m in left], [m[0] for m in other]
    steps = _steps(*texts)
    kind = _kind(*texts, {step[0] for step in steps} - {"equal"})
    return Pair(
        _written(ours, left, [(how, a, b) for how, a, b, _, _ in steps], "off", _GAP if kind == "missing" else _NONE),
        _written(theirs, other, [(how, c, d) for how, _, _, c, d in steps], "due", _NONE),
        kind,
    )


def _steps(ours: list[str], theirs: list[str]) -> list[tuple[str, int, int, int, int]]:
    """How one becomes the other, as `difflib` says it; of the same parts in another order, place by place."""
    if sorted(ours) == sorted(theirs):
        return [("equal" if a == b else "replace", i, i + 1, i, i + 1)
                for i, (a, b) in enumerate(zip(ours, theirs, strict=True))]  # fmt: skip
    return [*SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()]


def _written(
    text: str, tokens: list[re.Match[str]], steps: list[tuple[str, int, int]], name: str, gap: Markup
) -> Markup:
    """The text as it stands, what differs in marks, a gap where the other has more."""
    made, at = Markup(), 0
    for kind, a, b in steps:
        if a == b:
            made += (Markup(" ") + gap if at else gap + Markup(" ")) if gap else Markup()
            continue
        begin, end = tokens[a].start(), tokens[b - 1].end()
        inside = escape(text[begin:end])
        made += escape(text[at:begin]) + (
            inside if kind == "equal" else Markup(f'<mark class="{name}">{inside}</mark>')
        )
        at = end
    return made


def _with_left(wrong: str, right: str) -> str:
    """A lesson's mistaken equation may be its right-hand side alone."""
    for sign in (" = ", " ← "):
        left = right.split(sign)[0]
        if wrong and sign in right and " = " not in wrong and " ← " not in wrong and not wrong.startswith(left):
            return f"{left}{sign}{wrong}"
    return wrong


def _kind(ours: list[str], theirs: list[str], changed: set[str]) -> str:
    if changed == {"insert"}:
        return "missing"
    if changed == {"delete"}:
        return "extra"
    if sorted(ours) == sorted(theirs):
        return "order"
    signs = set("+−-")
    if [t for t in ours if t not in signs] == [t for t in theirs if t not in signs]:
        return "sign"
    return "other"
