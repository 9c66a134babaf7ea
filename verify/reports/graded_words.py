"""What every report of a graded submission says in the same words. All that a student wrote leaves here `visible`."""

from __future__ import annotations

from typing import NamedTuple

from verify.grading.explain_record import AnyExplainRecord, ExplainRecord, LessonExplainRecord
from verify.grading.record import (
    CallBefore,
    Counterexample,
    FindingRecord,
    GradeRecord,
    LessonCase,
    LessonRecord,
    LineRecord,
    PartRecord,
    WorkingLine,
    unexplained,
)
from verify.plain import cut, visible
from verify.reports import numbers
from verify.submissions.submission import typed

# state of a submission: its headline, and in words what it means.
STATES = {
    "correct": ("Correct", ""),
    "wrong": ("Wrong", ""),
    "undecided": (
        "Undecided",
        "Nothing is wrong, and of some lines these problems cannot tell: rounding could explain any error there.",
    ),
    "incomplete": ("Incomplete", "A function or a line that the assignment asks for is missing."),
    "error": ("Error", "The program gave no gradients on any problem."),
    "timeout": ("Out of time", "The program did not finish within the assignment's time limit."),
    "memory": ("Out of memory", "The program needed more memory than the assignment allows."),
    "crashed": ("Crashed", "The program's process ended before all answers were there."),
    "forbidden": (
        "Forbidden",
        "The program used what the assignment forbids: the gradients are to be worked out by hand.",
    ),
    "ungradable": ("Ungradable", "The submission cannot be read as a Python program, so nothing was run."),
    "withheld": ("Handed in", ""),
    "grader-error": (
        "Grader error",
        "The grader failed, not the submission. There is no score; please tell the instructor.",
    ),
}
SANDBOXES = {
    "namespaces": "namespaces: no network, no files but Python and its packages, its own process space, not root",
    "bubblewrap": "bubblewrap: no network, no files but Python and its packages, its own process space, not root",
    "process": "process: a process of its own with limits of time, memory and output",
}
MARK = "▶"

Problem = Counterexample | LessonCase | AnyExplainRecord  # what a working starts from
_OF_LESSON = (LessonCase, LessonExplainRecord)


def headline(record: GradeRecord) -> str:
    """'alice.py: wrong, 8.67 of 10 points'."""
    return f"{name(record)}: {verdict(record)}"


def verdict(record: GradeRecord) -> str:
    """'wrong, 8.67 of 10 points'."""
    if record.state == "withheld":
        return STATES[record.state][0].lower()
    return f"{STATES[record.state][0].lower()}, {score(record)}"


def name(record: GradeRecord) -> str:
    return cut(typed(visible(record.submission)), 120)


def points(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def score(record: GradeRecord) -> str:
    """'8.67 of 10 points', or that there is none."""
    return "no score" if record.score is None else f"{points(record.score)} of {points(record.max_score)} points"


def lead(record: GradeRecord) -> list[str]:
    """What the state means, and the message where it says more than the findings do."""
    meaning = STATES[record.state][1]
    told_below = record.state == "wrong" and bool(record.diagnosis or record.first_wrong_line or record.raised)
    return [text for text in (meaning, "" if told_below else visible(record.message)) if text]


# What is wrong -------------------------------------------------------------------------------------------------------


def unknown(record: GradeRecord) -> list[str]:
    """Where no known mistake explains the numbers: the first wrong line, and what is known of its error."""
    line = unexplained(record)
    if line is None:
        return [] if record.state == "correct" else list(record.known)
    if record.diagnosis:
        return [f"{line} is wrong besides. No known mistake explains its numbers, so none is named.", *record.known]
    return [f"The first wrong line is {line}. No known mistake explains the numbers, so none is named.", *record.known]


def where(finding: FindingRecord) -> str:
    """'in delta2, delta1; deck 000 "…"'."""
    lines = f"in {', '.join(finding.lines)}" if finding.lines else ""
    return "; ".join(part for part in (lines, finding.place) if part)


def also(finding: FindingRecord) -> str:
    """Mistakes that give the same numbers."""
    return f"The same numbers come from {' or '.join(finding.also)}." if finding.also else ""


# Lines ---------------------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    name: str
    points: str
    state: str
    why: str


def rows(record: GradeRecord) -> list[Row]:
    """The lines with their points, states and reasons."""
    return [Row(line_name(line), line_points(line), line_state(line), visible(line.reason)) for line in record.lines]


def part_row(part: PartRecord) -> tuple[str, str, str]:
    """A part's name, what it earned of the whole, and its state."""
    earned = "no score" if part.score is None else f"{points(part.score)} of {points(part.max_score)}"
    return part.name, earned, STATES[part.state][0].lower()


def line_name(line: LineRecord) -> str:
    return line.name if line.function == "gradients" else f"{line.function}: {line.name}"


def line_points(line: LineRecord) -> str:
    """'0.67 of 0.67'; a dash for a line that has none."""
    return f"{points(line.points)} of {points(line.max_points)}" if line.max_points else "–"


def line_state(line: LineRecord) -> str:
    """One word: right, wrong, blocked, absent, or carried forward for what is right on wrong values."""
    return "carried forward" if line.state == "wrong" and line.carried_forward == "right" else line.state


def lines_note(record: GradeRecord) -> str:
    """What the numbers in the lines' names mean where networks of several depths were asked."""
    if isinstance(record, LessonRecord):
        return ""
    if record.task is None or not record.lines or record.task.layers[0] == record.task.layers[1]:
        return ""
    low, high = record.task.layers
    return (
        f"The networks had {low} to {high} layers. Lines are named as in the deepest: of fewer layers, the output's "
        f"count as layer {high}, the one below as layer {high - 1}."
    )


def worst(record: GradeRecord) -> str:
    """The worst entry of the first wrong line, for a mistake that the smallest case does not show."""
    found = [line for line in record.lines if line_state(line) == "wrong" and line.worst is not None]
    if not found or found[0].worst is None:
        return ""
    w = found[0].worst
    digits = numbers.digits_between(w.yours, w.expected)
    entry = f", entry {tuple(w.index)}," if w.index else ""
    return (
        f"{line_name(found[0])}{entry} is {numbers.number(w.yours, digits)} where "
        f"{numbers.number(w.expected, digits)} is expected, on the problem “{w.problem}”."
    )


# The smallest case ---------------------------------------------------------------------------------------------------


def case_title(case: Problem) -> str:
    """How large the smallest case is."""
    if isinstance(case, _OF_LESSON):
        return case.title
    N, D = numbers.shape(case.x)
    if isinstance(case.b[0][0], list):  # columns: x is (D, N)
        N, D = D, N
    units = " → ".join(map(str, [D, *(len(v) for v in case.b)]))
    return (
        f"{_count(len(case.W), 'layer')} ({units} units), {_count(N, 'sample')}, "
        f"{case.activation if len(case.W) > 1 else 'no hidden layer'}, {case.output} with {case.loss}, λ = {case.lam:g}"
    )


def _count(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def givens(case: Problem) -> list[tuple[str, object]]:
    """The names and values that the case starts from."""
    return [(v.name, v.value) for v in case.inputs] if isinstance(case, _OF_LESSON) else _given(case)


def _given(call: Counterexample | ExplainRecord | CallBefore) -> list[tuple[str, object]]:
    layers = [
        pair
        for l, (W, b) in enumerate(zip(call.W, call.b, strict=True), 1)
        for pair in ((f"W({l})", W), (f"b({l})", b))
    ]
    return [("x", call.x), ("t", call.t), *layers]


def before(case: Counterexample | LessonCase) -> list[tuple[str, object]]:
    """The names and values of the call that came first, where the mistake takes two; none elsewhere."""
    call = case.before if isinstance(case, Counterexample) else None
    return [] if call is None else [*_given(call), ("λ", call.lam), ("activation", call.activation)]


def first_differing(case: Counterexample | LessonCase) -> str:
    """The line at which the student's working leaves the right one."""
    return next((w.name for w in case.working if w.differs), "")


def handed_some(case: Counterexample) -> bool:
    """Whether the student handed over more than the gradients."""
    return any(w.yours is not None and not w.name.startswith(("dW", "db")) for w in case.working)


def mark(line: WorkingLine, first: str) -> str:
    """One sign: ▶ the first that differs, ✗ differs, ✓ agrees, · not handed over."""
    if line.name == first:
        return MARK
    return "✗" if line.differs else "·" if line.yours is None else "✓"


def legend(case: Counterexample | LessonCase) -> str:
    """The signs that stand before the lines of this case."""
    signs = {mark(line, first_differing(case)) for line in case.working}
    meanings = {MARK: "the first of yours that differs", "✗": "differs", "✓": "yours agrees", "·": "not handed over"}
    return "  ".join(f"{sign} {meaning}" for sign, meaning in meanings.items() if sign in signs)


def digits(line: WorkingLine) -> int:
    """As many digits as it takes to see the difference."""
    return numbers.digits_between(line.expected, line.yours) if line.differs else numbers.DIGITS


def shape_remark(line: WorkingLine) -> str:
    """Why a line differs where its values cannot be compared one by one."""
    yours, expected = numbers.shape(line.yours), numbers.shape(line.expected)
    if not line.differs or yours == expected or isinstance(line.yours, str):
        return ""
    return f"shape {yours} where {expected} is expected"


# How it was judged ---------------------------------------------------------------------------------------------------


def facts(record: GradeRecord) -> list[tuple[str, str]]:
    """How the submission was judged: name and value."""
    said = []
    if record.problems:
        said.append(("problems", f"{record.problems}, drawn from seed {record.seed}"))
    if record.task is not None:
        said.append(("task", _task(record)))
    if record.detection_limit is not None:
        limit = f"an error of {record.detection_limit:.1e} of an entry's size would have been seen (median entry)"
        said.append(("detection limit", limit))
    if record.sandbox:
        said.append(("sandbox", SANDBOXES.get(record.sandbox, record.sandbox)))
    if record.problems:
        said.append(("mistakes that cannot show", _hidden(record.hidden_mistakes)))
    return said


def _hidden(mistakes: list[str]) -> str:
    if not mistakes:
        return "every known mistake that can be made here would show"
    if len(mistakes) == 1:
        return f"{mistakes[0]}: no problem of this assignment shows it"
    return f"{', '.join(mistakes)}: no problem of this assignment shows them"


def source(record: GradeRecord) -> str:
    """What the right equation is called: the slides', or that of a lesson of its own."""
    return "right" if isinstance(record, LessonRecord) else "slides"


def _of_lesson(record: LessonRecord) -> str:
    t = record.task
    if t is None:
        return record.lesson
    sizes = [f"{letter} from {low} to {high}" for letter, (low, high) in t.sizes.items()]
    keys = [f"{name} = {value}" for name, value in t.keys.items()]
    return "; ".join([t.title, *t.functions, ", ".join([*sizes, *keys, t.backend, t.precision])])


def _task(record: GradeRecord) -> str:
    if isinstance(record, LessonRecord):
        return _of_lesson(record)
    assert record.task is not None
    t = record.task
    low, high = t.layers
    depth = f"{low} to {high} layers" if low < high else _count(low, "layer")
    return f"{depth}, {', '.join(t.activations)}; {t.output} with {t.loss}; {t.convention}, {t.backend}, {t.precision}"
