"""What the machinery says of any lesson, by key; mistakes have their lessons' own texts."""

from __future__ import annotations

from verify.grading.known_numbers import TEXTS as OF_NUMBERS
from verify.said import saying

TEXTS = {
    **OF_NUMBERS,
    "lesson-function-missing": "The function {function} is missing; found {found}. It is called as {contract}: "
                               "{shapes}.",
    "nothing-returned": "The function {function} returned nothing that can be judged on any problem: {what}",
    "lesson-returned": "{function} returned {value}; it returns {wanted}",
    "lesson-values": "{function} returned {values:value}; it returns {wanted}",
    "lesson-dict": "{function} returned a dict without {line}; it returns {wanted}",
    "lesson-shape": "{line} has shape {yours} where {expected} is expected, for {problem}",
    "lesson-raised-on": "{what} (on {problems:problem}, the first with {first})",
    "lesson-kink": "at a kink it is none of the subgradients: the derivative there may be any number between both "
                   "sides'",
    "lesson-open": "an earlier error makes this line undecidable; hand over {lines} to have it marked",
    "lesson-void": "it is 0 on every problem",
    "source-input": "{line}, from which it is computed, is one of the inputs",
    "size-more": "with {letter} > 1",
    "size-one": "with {letter} = 1",
    "number-is": "with {name} = {value:g}",
    "number-not-zero": "with {name} other than 0",
    "sizes-differ": "where {letters} are not all equal",
}  # fmt: skip

said = saying(TEXTS)
