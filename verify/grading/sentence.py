"""Sentences of a record: a key with its values, from which any language can be made, and the English text.

Every text that a record says stands in `TEXTS`, but for the mistakes' own (`verify.lessons.network.mistakes`) and the
textbook forms' (`verify.bounds.forms`), which stand beside what they speak of.
"""

from __future__ import annotations

from verify.bounds.forms import Said

__all__ = ["TEXTS", "Said", "count", "listed", "said"]

TEXTS = {
    # what is known of an error without a name
    "answers-differ": "The same problem asked twice gives two answers.",
    "factor": "Every entry of your {line} is {factor} times the expected one.",
    "zero": "Every entry of your {line} is 0.",
    "parts": "Your {line} is {data} times the data's part plus {decay} times λW; {should}.",
    "transposed": "Your {line} is the expected one, transposed.",
    "shape-alone": "The values of your {line} are right, its shape is not: {yours} for {expected}.",
    "other-order": "Your {line} holds the expected numbers in another order.",
    "shape": "Your {line} has the shape {yours} where {expected} is expected.",
    "about-float32": "Your {line} is off by {share} of its largest entry: too much for rounding in float64, "
                     "about that of float32.",
    "numerical": "Your {line} is off by {share} of its largest entry everywhere: it looks like a numerical difference.",
    "shows-only": "It shows only {where}.",
    "one-row": "Only one row of it is wrong{number}.",
    "one-column": "Only one column of it is wrong{number}.",
    "one-unit": "Only one unit of it is wrong{number}.",
    # where a program fails
    "fails-only": "The program fails {where}, and answers everywhere else.",
    "fails-on-some": "The program fails on {failed} of {asked} problems.",
    "not-finite": "On {failed} of {asked} problems the gradients hold inf or NaN{where}.",
    "right-elsewhere": "Where it answers, its gradients are right.",
    "products-do-not-fit": "A product of two arrays does not fit in any problem. {convention}",
    "no-answer": "The function gradients returned no gradients on any problem: {what}.",
    # additions to a mistake
    "only-under": "It shows under {names} only: with the other activations it is right.",
    "number": "The program's own number here is {number}.",
    # messages
    "correct": "All lines are right on {problems}.",
    "missing": "Missing: {functions}.",
    "lines-missing": "Not handed over on every problem: {lines}. What came is right.",
    "gradients-missing": "The function gradients is missing; found {found}. It is called as "
                         "gradients(W, b, x, t, activation, lam) and returns dW, db: {arguments}",
    "function-missing": "The function {function} is missing; found {found}. It is called as {contract}: {shapes}.",
    "nothing-returned": "The function {function} returned nothing that can be judged on any problem: {what}",
    "did-you-mean": "Did you mean {name}?",
    "failed-somewhere": "The program failed on some problems: {what}.",
    "first-wrong": "{line} is the first wrong line; no known mistake explains it.",
    "not-decided": "No line is wrong on {problems}, and these do not decide {lines}: rounding may hide an error there.",
    # the wide problem, where forward_only = "wrong"
    "forward-only": "The gradients are right, but on a network of {parameters} parameters the program did not answer "
                    "within {factor} times what a backward pass by plain Python loops takes. One pass per parameter, "
                    "as in differences, complex steps or dual numbers, takes that long; this assignment asks for a "
                    "backward pass.",
    "wide-fails": "The gradients are right on small networks, but on one of {parameters} parameters, which this "
                  "assignment asks for too, the program failed: {what}.",
    "wide-wrong": "The gradients are right on small networks, but on one of {parameters} parameters, which this "
                  "assignment asks for too, {line} is wrong.",
    # advice
    "softmax-overflow": "softmax-overflow: Large scores overflow in the softmax: take the row's maximum off before "
                        "exp. It costs no points.",
    "overflow": "On a problem with large scores the gradients hold inf or NaN: a function of the program overflows "
                "there. It costs no points.",
    "float32-passes": "precision-float32: The computation runs in float32 although float64 came in. The assignment "
                      "lets it pass.",
}  # fmt: skip


def said(key: str, **values: str | float) -> Said:
    """The sentence of that key with its values put in."""
    return Said(key, values, TEXTS[key].format(**values))


def count(n: int, word: str) -> str:
    """'1 problem', '2 problems', '3 entries', '4 arrays'."""
    if n == 1:
        return f"{n} {word}"
    return f"{n} {word[:-1]}ies" if word.endswith("y") and word[-2] not in "aeiou" else f"{n} {word}s"


def listed(names: list[str] | tuple[str, ...]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
