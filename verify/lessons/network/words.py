"""The catalogue's texts in an assignment's own words: its formula of δ(L); in columns, their letters and axes.

The texts are written as deck 000 has them, in rows. In columns every array is transposed, so the factors of a product
change places; decks 001 to 004 call z what is before the activation and a what is after it, and the output a(L).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from verify.grading.assignment import Assignment
from verify.grading.record import Task
from verify.problems.written import LOSSES, PENALTIES, Penalty, bare
from verify.said import Said

_GROUP = r"\((?:[^()]|\([^()]*\))*\)ᵀ"
_FACTOR = rf"(?:(?:∂E/∂)?[A-Za-zδ]\([^()]*\)ᵀ?|xᵀ|\(∂E/∂y\)|{_GROUP})"
_PRODUCT = re.compile(rf"(?<![A-Za-zδ∂/])({_FACTOR}) ({_FACTOR})")
# A letter that stands for an array; "a" before a word is the article.
_LETTER = re.compile(r"(?<![A-Za-zα-ω′])(a(?! [A-Za-zδ0-9])|z)(?![A-Za-z])")
_OUTPUT = re.compile(r"(?<![A-Za-zα-ω])y(?![A-Za-z])")
_TURNED = {
    "row": "column", "column": "row", "axis 0": "axis 1", "axis 1": "axis 0",
    "行": "列", "列": "行", "轴 0": "轴 1", "轴 1": "轴 0",
}  # fmt: skip
# In Chinese a list is no column, and what runs is no row.
_WORDS = re.compile(r"axis [01]|\b(?:row|column)(?=s?\b)|轴 [01]|(?<!进)(?<!运)(?<!执)行|列(?!表)")


@dataclass(frozen=True)
class Words:
    """How an assignment says it."""

    delta: str  # the right-hand side of δ(L), in rows
    by_y: str = "y − t"  # ∂E_n/∂y
    penalty: Penalty = PENALTIES["lam/2"]
    columns: bool = False

    @classmethod
    def of(cls, assignment: Assignment | Task) -> Words:
        """The words of an assignment, or of what a record keeps of one."""
        loss = LOSSES[assignment.loss]
        by_y = bare(loss.by_y) or "y − t"
        columns = assignment.convention == "columns"
        return cls(loss.delta(assignment.output), by_y, PENALTIES[assignment.penalty], columns)

    def text(self, text: str) -> str:
        """A text of the catalogue as the assignment says it."""
        for place, said in self._places.items():
            text = text.replace(place, said)
        return in_columns(text) if self.columns else text

    @cached_property
    def _places(self) -> dict[str, str]:
        p = self.penalty
        return {
            "{delta}": self.delta, "{by_y}": self.by_y, "{before}": p.before, "{λ}": p.rate, "{2λ}": p.doubled,
            "{½λ}": p.halved, "{λ/N}": p.over_n, "{λ₁}": p.one, "{cancels}": p.cancels, "{brings}": p.brings,
        }  # fmt: skip

    def said(self, sentence: Said) -> Said:
        """A sentence, and those within it; its values stay as they are."""
        return sentence.turned(self.text)


def in_columns(text: str) -> str:
    """A text in rows as decks 001 to 004 write it: letters, factors, rows, axes."""
    text = _PRODUCT.sub(r"\2 \1", text)
    text = _LETTER.sub(lambda m: {"a": "z", "z": "a"}[m[1]], text)
    text = _OUTPUT.sub("a(L)", text).replace("a(L)_", "a_").replace("eᵃ", "eᶻ")
    return _WORDS.sub(lambda m: _TURNED[m[0]], text)
