"""Sentences of a record: a key with its values, from which any language can be made, and the English text.

`TEXTS` has those of the machinery. What the network's lesson says of its equations stands beside these
(`verify.lessons.network.texts`), textbook forms in `verify.bounds.forms`, what ended a program in
`verify.isolation.texts`.
"""

from __future__ import annotations

from verify.said import Said, count, listed, saying

__all__ = ["TEXTS", "Said", "count", "listed", "said"]

TEXTS = {
    # messages
    "correct": "All lines are right on {problems:problem}.",
    "correct-but": "Every line counts as right on {problems:problem}. What differs costs no points here; the advice "
                   "says what.",
    "missing": "Missing: {functions}.",
    "lines-missing": "Not handed over on every problem: {lines}. What came is right.",
    "gradients-missing": "The function gradients is missing; found {found}. It is called as "
                         "gradients(W, b, x, t, activation, lam) and returns dW, db: {arguments}",
    "adapter-needs": "The program defines no {name}, which the assignment uses; found {found}.",
    "no-function": "no function",
    "names": "{names}",
    "arguments-rows": "W[l] (in, out), b[l] (out,), x (N, D), t (N, K), activation a name, lam the λ of the penalty; "
                      "dW and db are lists with one array per layer.",
    "arguments-columns": "W[l] (out, in), b[l] (out, 1), x (D, N), t (K, N), activation a name, lam the λ of the "
                         "penalty; dW and db are lists with one array per layer.",
    "did-you-mean": "Did you mean {name}?",
    "failed-somewhere": "The program failed on some problems: {what}.",
    "first-wrong": "{line} is the first wrong line; no known mistake explains it.",
    "not-decided": "No line is wrong on {problems:problem}, and these do not decide {lines}: rounding may hide an "
                   "error there.",
    "products-do-not-fit": "A product of two arrays does not fit in any problem. {lie} {what}",
    "lie-rows": "Here samples are rows: x is (N, D), W(l) is (in, out), b(l) is (out,).",
    "lie-columns": "Here samples are columns: x is (D, N), W(l) is (out, in), b(l) is (out, 1).",
    "ended": "{state}",
    "withheld": "It was handed in and read. What came of it is shown later.",
    "grader-failed": "The grader failed, not the submission: {what}",
    "unreadable": "{what}",
    "of-part": "{part}: {what}",
    "twice": "{what} (twice: beside others, and alone)",
    # what the program raised, or returned instead of its gradients
    "raised": "{message}",
    "raised-at": "{what} ({place})",
    "raised-on": "{what} (on {problems:problem}, the first with {first})",
    "raised-on-alike": "{what} (on {problems:problem}, with these numbers or others; the first with {first})",
    "network": "{layers:layer} of {units} units, {samples:sample}, {activation}",
    "network-of-one-layer": "1 layer of {units} units, {samples:sample}",
    "not-run": "it was not asked any more, for the program had ended",
    "follows-a-failure": "follows a call that failed",
    "weights-alone": "gradients returned one matrix per layer and no db; it returns dW, db, or dW, db and a dict of "
                     "lines",
    "pairs": "gradients returned a pair for each layer; it returns dW and db, two lists with one array per layer",
    "returned": "gradients returned {value}; it returns dW, db, or dW, db and a dict of lines",
    "kind-is": "{kind} is {value}, where a list of {layers:array} is expected, one per layer",
    "kind-has": "{kind} has {entries:entry}, where a list of {layers:array} is expected, one per layer",
    "third-value": "the third value is {value}; it is a dict of lines by name",
    "no-array": "{line} is {value}, where an array of floats is expected",
    "dtype": "{line} has dtype {dtype}, where a floating dtype is expected",
    "value-none": "None",
    "value-array": "an array of shape {shape} and dtype {dtype}",
    "value-list": "a {kind} of {entries:entry}",
    "value-other": "{kind} {value}",
    "line-not-finite": "{line} is not finite",
    # reasons of lines
    "function-missing": "the function {function} is missing",
    "found-here": "the diagnosis finds the mistake here",
    "asked-for": "it has points in this assignment and was not handed over",
    "not-everywhere": "it was not handed over on every problem",
    "undecided": "no problem decides it: rounding alone may move every entry by more than a thousandth of the largest",
    "follows": "follows from an earlier error; right on the values it was given",
    "stood-still": "it steps along gradients of 0, where a step that does nothing would be right too",
    "follows-mistake": "the mistake above explains it",
    "follows-mistake-charged": "the mistake above explains it and is charged here",
    "follows-charged": "follows from an earlier error; right on the values it was given; the mistake above is charged "
                       "here",
    "own-equation": "its own equation is wrong ({mistakes})",
    "own-equation-once": "its own equation is wrong ({mistakes}), charged once",
    "blind": "{why}; so it cannot be said whether its own equation is right",
    "blind-mistake": "the values that it was given do not show the mistake {mistake} in it",
    "source-not-finite": "{line}, from which it is computed, is not finite",
    "source-zero": "{line}, from which it is computed, is 0 in every entry",
    "source-target": "{line}, from which it is computed, is the target",
    "source-constant": "{line}, from which it is computed, is one number in every entry",
    "open": "an earlier error makes this line undecidable; hand over the delta lines to have it marked",
    "failed-on": "the program failed on {share:.0%} of the problems",
    "void": "it is 0, or the penalty's part alone, on every problem",
    "wrong-in": "wrong in {wrong} of {problems:problem}",
    "mean-inside": "δ holds the 1/N of the mean already, and the gradients use it so",
    "off-own-lines": "rounding cannot explain it from your own lines before it",
    "loses-digits": "right, in a form that loses digits",
    "line-shape": "{line} has shape {yours} where {expected} is expected, in a network of {layers:layer}",
    "entries-not-finite": "{line} is not finite: {bad} of {entries:entry}",
    "kink": "where {line} is exactly 0 the derivative may be any number from {low:g} to {high:g}, and {gradient} fits "
            "none of them",
    "function-shape": "{function} gave shape {yours} where {expected} is expected",
    "function-value": "{function} gave {value} where an array of shape {expected} is expected",
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
    "overflow": "On a problem with large scores the gradients hold inf or NaN: there a function of the program "
                "overflows, or it divides by what has become 0. It costs no points.",
    "overflow-of": "On a problem with large scores inf or NaN stands in {lines}; the gradients are finite. It costs no "
                   "points.",
    "float32-passes": "precision-float32: The computation runs in float32 although float64 came in. The assignment "
                      "lets it pass.",
    "free-mistake": "{mistake}: {says}",
    "exchanged-rows": "Your a and z are exchanged: a is what enters the activation, z what leaves it. This costs "
                      "nothing.",
    "exchanged-columns": "Your z and a are exchanged: z is what enters the activation, a what leaves it. This costs "
                         "nothing.",
    "penalty-missing": "Your E lacks the penalty {penalty}, whose derivative {rate}W your gradients have. This costs "
                       "nothing.",
    "handed-over-wrong": "What you hand over as {lines} is not what is expected. It has no points.",
    "read-note": "read: {note}",
    "more-failed": "passed-over: {more:more part} failed.",
    "part-raised": "passed-over: {place} raised {message}. The rest was graded; mend these lines or take them out.",
    "part-cut": "passed-over: {place} took more than half of the time. It was cut off, and only definitions below it "
                "were taken; put it under `if __name__ == '__main__':`, or take it out.",
    "part-absent": "passed-over: {place} imports {message}, which is neither offered here nor handed in. The import "
                   "was passed over; take it out if nothing needs it.",
    "part-exited": "passed-over: {place} ends the program ({message}). The rest was graded; take that line out.",
}  # fmt: skip

said = saying(TEXTS)
