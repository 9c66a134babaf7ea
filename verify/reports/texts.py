"""What the pages say of their own, by key: headings, hints, captions. A record's sentences bring their own words."""

from __future__ import annotations

from verify.language import by_key, listing
from verify.said import Value, filled

PERSON = {
    "what-is-wrong": "What is wrong",
    "first-wrong": "The first wrong line is {line}.",
    "equation": "line",
    "part": "part",
    "yours": "yours",
    "right": "right",
    "slides": "slides",
    "hint": "Hint",
    "hint-missing": "Something of the right equation is missing in yours, where the □ stands.",
    "hint-extra": "Yours has something that does not belong there.",
    "hint-sign": "The two are alike except for a sign.",
    "hint-order": "Both have the same parts, in another order.",
    "hint-other": "The two differ in the marked part: what does it stand for, and which layer is it of?",
    "hint-work": "Work {line} out by hand for the smallest case below, and compare each number with yours.",
    "answer": "Show the answer",
    "mistake-id": "name in the catalogue: {mistake}",
    "where": "where",
    "also": "also",
    "failed-on-some": "On some problems the program failed, among them:",
    "smallest-case": "The smallest case that shows it",
    "work-it": "Work it by hand. Point at a number, tap it or move to it with the Tab key: its equation stands at the "
               "lower edge of the window.",
    "call-before": "It takes two calls: the program still has values of the first in the second. The first call:",
    "call-after": "The second call, which shows it:",
    "failed-here": "Here the program failed:",
    "first-differs": "the first of yours that differs",
    "differs": "differs",
    "agrees": "yours agrees",
    "not-handed-over": "not handed over",
    "from": "from",
    "given": "given",
    "entry": "{symbol}, row {row}, column {column}",
    "entry-of-vector": "{symbol}, entry {number}",
    "slope": "{symbol} is {value} there, and {formula}",
    "where-it-shows": "Where it shows",
    "line-by-line": "Line by line: what costs which points",
    "lost": "You lost {points} of {most} points:",
    "lost-none": "No points are lost.",
    "line": "line",
    "points": "points",
    "state": "state",
    "why": "why",
    "advice": "Advice, without points",
    "printed": "What the program printed",
    "lines-printed": "{lines:line}",
    "lines-more": "… and {lines:more line}",
    "reproduce": "Do it again",
    "reproduce-command": "The same report, with the file of the assignment:",
    "reproduce-numbers": "The smallest case with your own program, to paste into Python:",
    "judged": "How it was judged",
    # drawings
    "network-drawn": "The network of this case, {units} units, with its weights.",
    "lines-drawn": "The lines of this case: each follows from those above it.",
    "network-wrong": "Marked in red and dashed: {line}, the first line of yours that differs.",
    # heat maps
    "heat": "The whole line at a glance",
    "heat-of": "{line} on a larger problem of this run, {rows} × {columns}: one square per entry.",
    "heat-cut": "{line} on a larger problem of this run, {rows} × {columns}: one square per entry; shown are {shown} "
                "from row {row} and column {column} on.",
    "heat-yours": "yours",
    "heat-expected": "expected",
    "heat-error": "error / budget",
    "heat-range": "from {low:.3g} (blue) to {high:.3g} (orange)",
    "heat-no-number": "no number at all",
    "heat-all": "All {entries:entry} are off.",
    "heat-off": "{wrong} of {entries:entry} are off.",
    "heat-row": "They stand in row {number} alone.",
    "heat-column": "They stand in column {number} alone.",
    "heat-shape": "The shapes differ, so that the entries cannot be compared: yours is {yours}, expected is "
                  "{expected}.",
    "heat-key": "How many times its budget the error is:",
    "heat-x": "no number",
    "key-within": "at most 1: rounding can explain it",
    "key-between": "{low} to {high}",
    "key-beyond": "more than {low}",
}  # fmt: skip

CLASS = {
    "class": "The class",
    "submissions-count": "{n:submission}",
    "people-count": "{n} of {all}",
    "scores": "Scores of {count}: mean {mean} of {most}, median {median}, from {low} to {high}.",
    "no-scores": "Nobody has a score.",
    "scores-drawn": "How many submissions have which score.",
    "submissions": "submissions",
    "of-points": "{points} of {most}",
    "late": "late",
    "days-late": "{days:day} late",
    "ranked": "What to repeat: the mistakes, the most frequent first",
    "theirs": "theirs",
    "who": "who",
    "groups": "The same mistake",
    "diagnosis": "diagnosis",
    "number": "number",
    "of-whom": "of whom",
    "unknown-at": "no known mistake, first at {line}",
    "ungraded": "What could not be graded as a whole, and why",
    "everybody": "Everybody",
    "filter-text": "find",
    "filter-state": "state",
    "filter-all": "all states",
    "filter-shown": "# of {all} shown",
    "first-wrong-line": "first wrong line",
    "mistakes": "mistakes",
    "slowest": "The slowest",
    "missing": "Handed in nothing",
    "doubts": "In doubt",
    "passed-over": "Passed over",
    "regraded": "Graded again, with another result",
    "restored": "Changed by something else while this ran, and put right",
    "earlier": "Graded by an earlier run, not given this time, and kept as they were",
    "due": "due",
    "students-see": "students see",
    "sandbox": "sandbox",
    "seed": "seed",
    "seed-secret": "kept in the gradebook's folder",
    "state-correct": "All lines are right.",
    "state-wrong": "A line is wrong: the report says which, and why.",
    "state-missing": "Nothing was handed in.",
    "state-withheld": "It was handed in; the assignment shows no result yet.",
}  # fmt: skip

MAIN = {
    "histogram": "entries by error / budget",
    "histogram-note": "The small pictures count a line's entries: grey for those that are equal to the last bit, "
                      "then one bar for all below 10⁻⁶ of their budget, one per decade from there up to the whole "
                      "budget, and a red one beyond it.",
    "histogram-says": "{exact:entry} equal, {within} within the budget, {beyond} beyond it",
    "sweep-grid": "One square per problem: a row per activation, a column per λ, and within it one place per shape, in "
                  "the order of the list below.",
    "activation": "activation",
    "no-problem": "no problem",
    "limits": "How small an error would have been seen",
    "limits-note": "The smallest relative error in one entry that is flagged: green this run (median entry), grey "
                   "other checkers with their own defaults, on a network of 253 parameters (scripts/benchmark.py "
                   "--table smallest, docs/BENCHMARK.md). Shorter is better.",
    "limits-axis": "smallest relative error seen",
    "limits-says": "Smallest relative error that is seen: {listed}.",
    "curve": "Why no fixed step will do",
    "curve-note": "A plain difference quotient of E by an entry of W(1), median of three entries: a large step cuts "
                  "off too much, a small one loses digits in the subtraction. The green line is what the witness by "
                  "differences would have seen here: it chooses each step, and bounds both parts.",
    "curve-ours": "finite-differences here",
    "curve-step": "step h",
    "curve-error": "relative error",
    "curve-best": "{method}: at best {error}, at h = {step}",
    "curve-says": "Relative error over step size. {best}.",
}  # fmt: skip

TEXTS = {**PERSON, **CLASS, **MAIN}


def say(key: str, **values: Value) -> str:
    """The text of that key with its values, in the language that is spoken. KeyError for a key that is none."""
    template = by_key("page", key) or TEXTS[key]
    return filled(template, values, listing()) if values else template
