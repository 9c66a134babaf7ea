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
from verify.language import language, noted, tr
from verify.plain import cut, visible
from verify.reports import numbers
from verify.submissions.submission import typed

# state of a submission: its headline, and in words what it means.
STATES = {
    "correct": (noted("Correct"), ""),
    "wrong": (noted("Wrong"), ""),
    "undecided": (
        noted("Undecided"),
        noted("No line is wrong. Some lines could not be decided on these problems: rounding could explain any error "
              "there."),
    ),
    "incomplete": (noted("Incomplete"), noted("A function or a line that the assignment asks for is missing.")),
    "error": (noted("Error"), noted("The program gave no gradients on any problem.")),
    "timeout": (noted("Out of time"), noted("The program did not finish within the assignment's time limit.")),
    "memory": (noted("Out of memory"), noted("The program needed more memory than the assignment allows.")),
    "crashed": (noted("Crashed"), noted("The program's process ended before all answers were there.")),
    "forbidden": (
        noted("Forbidden"),
        noted("The program used what the assignment forbids: the gradients are to be worked out by hand."),
    ),
    "ungradable": (
        noted("Ungradable"),
        noted("The submission cannot be read as a Python program, so nothing was run."),
    ),
    "withheld": (noted("Handed in"), ""),
    "grader-error": (
        noted("Grader error"),
        noted("The grader failed, not the submission. There is no score; please tell the instructor."),
    ),
}  # fmt: skip
SANDBOXES = {
    "namespaces": noted(
        "namespaces: no network, no files but Python and its packages, its own process space, not root"
    ),
    "bubblewrap": noted(
        "bubblewrap: no network, no files but Python and its packages, its own process space, not root"
    ),
    "process": noted("process: a process of its own with limits of time, memory and output"),
}
# What a line's state is called.
LINE_STATES = [
    noted("right"), noted("wrong"), noted("undecided"), noted("blocked"), noted("absent"), noted("carried forward"),
]  # fmt: skip
MARK = "▶"

Problem = Counterexample | LessonCase | AnyExplainRecord  # what a working starts from
_OF_LESSON = (LessonCase, LessonExplainRecord)


def headline(record: GradeRecord) -> str:
    """'alice.py: wrong, 8.67 of 10 points'."""
    return tr("{name}: {verdict}", name=name(record), verdict=verdict(record))


def verdict(record: GradeRecord) -> str:
    """'wrong, 8.67 of 10 points'."""
    if record.state == "withheld":
        return state(record.state).lower()
    return tr("{state}, {score}", state=state(record.state).lower(), score=score(record))


def state(name: str) -> str:
    """What a submission's state is called: 'Wrong'."""
    return tr(STATES[name][0])


def state_in_a_list(name: str) -> str:
    """The same where it stands alone in a table: its id in English, which is what the gradebook has."""
    return name if language() == "en" else state(name)


def name(record: GradeRecord) -> str:
    return cut(typed(visible(record.submission)), 120)


def points(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def score(record: GradeRecord) -> str:
    """'8.67 of 10 points', or that there is none."""
    if record.score is None:
        return tr("no score")
    return tr("{points} of {most} points", points=points(record.score), most=points(record.max_score))


def lead(record: GradeRecord) -> list[str]:
    """What the state means, and the message where it says more than the findings do."""
    meaning = STATES[record.state][1] and tr(STATES[record.state][1])
    told_below = record.state == "wrong" and bool(record.diagnosis or record.first_wrong_line or record.raised)
    return [text for text in (meaning, "" if told_below else visible(record.message)) if text]


# What is wrong -------------------------------------------------------------------------------------------------------


def unknown(record: GradeRecord) -> list[str]:
    """Where no known mistake explains the numbers: the first wrong line, and what is known of its error."""
    line = unexplained(record)
    if line is None:
        return [] if record.state == "correct" else list(record.known)
    if record.diagnosis:
        besides = tr("{line} is wrong besides. No known mistake explains its numbers, so none is named.", line=line)
        return [besides, *record.known]
    first = tr("The first wrong line is {line}. No known mistake explains the numbers, so none is named.", line=line)
    return [first, *record.known]


def where(finding: FindingRecord) -> str:
    """'in delta2, delta1; deck 000 "…"'."""
    lines = tr("in {lines}", lines=", ".join(finding.lines)) if finding.lines else ""
    return tr("; ").join(part for part in (lines, finding.place) if part)


def also(finding: FindingRecord) -> str:
    """Mistakes that give the same numbers."""
    return tr("The same numbers come from {ids}.", ids=tr(" or ").join(finding.also)) if finding.also else ""


# Lines ---------------------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    name: str
    points: str
    state: str
    why: str


def rows(record: GradeRecord) -> list[Row]:
    """The lines with their points, states and reasons."""
    return [Row(line_name(line), line_points(line), line_state(line), visible(line.reason)) for line in record.lines]


def state_word(state: str) -> str:
    """What a line's state is called."""
    return tr(state)


def part_row(part: PartRecord) -> tuple[str, str, str]:
    """A part's name, what it earned of the whole, and its state."""
    if part.score is None:
        earned = tr("no score")
    else:
        earned = tr("{points} of {most}", points=points(part.score), most=points(part.max_score))
    return part.name, earned, state(part.state).lower()


def line_name(line: LineRecord) -> str:
    if line.function == "gradients":
        return line.name
    return tr("{function}: {line}", function=line.function, line=line.name)


def line_points(line: LineRecord) -> str:
    """'0.67 of 0.67'; a dash for a line that has none."""
    if not line.max_points:
        return "–"
    return tr("{points} of {most}", points=points(line.points), most=points(line.max_points))


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
    return tr(
        "The networks had {low} to {high} layers. Lines are named as in the deepest network: in one with fewer "
        "layers, the output layer counts as layer {high}, and the one below it as layer {below}.",
        low=low, high=high, below=high - 1,
    )  # fmt: skip


def worst(record: GradeRecord) -> str:
    """The worst entry of the first wrong line, for a mistake that the smallest case does not show."""
    found = [line for line in record.lines if line_state(line) == "wrong" and line.worst is not None]
    if not found or found[0].worst is None:
        return ""
    w = found[0].worst
    digits = numbers.digits_between(w.yours, w.expected)
    entry = tr(", entry {index},", index=str(tuple(w.index))) if w.index else ""
    return tr(
        "{line}{entry} is {yours} where {expected} is expected, on the problem “{problem}”.",
        line=line_name(found[0]), entry=entry, yours=numbers.number(w.yours, digits),
        expected=numbers.number(w.expected, digits), problem=w.problem,
    )  # fmt: skip


# The smallest case ---------------------------------------------------------------------------------------------------


def case_title(case: Problem) -> str:
    """How large the smallest case is."""
    if isinstance(case, _OF_LESSON):
        return case.title
    N, D = numbers.shape(case.x)
    if isinstance(case.b[0][0], list):  # columns: x is (D, N)
        N, D = D, N
    units = " → ".join(map(str, [D, *(len(v) for v in case.b)]))
    return tr(
        "{layers:layer} ({units} units), {N:sample}, {activation}, {output} with {loss}, λ = {lam:g}",
        layers=len(case.W), units=units, N=N, activation=case.activation if len(case.W) > 1 else tr("no hidden layer"),
        output=case.output, loss=case.loss, lam=case.lam,
    )  # fmt: skip


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
    meanings = {
        MARK: tr("the first of yours that differs"), "✗": tr("differs"), "✓": tr("yours agrees"),
        "·": tr("not handed over"),
    }  # fmt: skip
    return "  ".join(f"{sign} {meaning}" for sign, meaning in meanings.items() if sign in signs)


def digits(line: WorkingLine) -> int:
    """As many digits as it takes to see the difference."""
    return numbers.digits_between(line.expected, line.yours) if line.differs else numbers.DIGITS


def shape_remark(line: WorkingLine) -> str:
    """Why a line differs where its values cannot be compared one by one."""
    yours, expected = numbers.shape(line.yours), numbers.shape(line.expected)
    if not line.differs or yours == expected or isinstance(line.yours, str):
        return ""
    return tr("shape {yours} where {expected} is expected", yours=str(yours), expected=str(expected))


# How it was judged ---------------------------------------------------------------------------------------------------


def facts(record: GradeRecord) -> list[tuple[str, str]]:
    """How the submission was judged: name and value."""
    said = []
    if record.problems:
        said.append((tr("problems"), tr("{n}, drawn from seed {seed}", n=record.problems, seed=str(record.seed))))
    if record.task is not None:
        said.append((tr("task"), _task(record)))
    if record.detection_limit is not None:
        limit = tr(
            "an error of {limit:.1e} of an entry's size would have been seen (median entry)",
            limit=record.detection_limit,
        )
        said.append((tr("detection limit"), limit))
    if record.sandbox:
        said.append((tr("sandbox"), tr(SANDBOXES.get(record.sandbox, record.sandbox))))
    if record.problems:
        said.append((tr("hidden mistakes"), _hidden(record.hidden_mistakes)))
    return said


def _hidden(mistakes: list[str]) -> str:
    if not mistakes:
        return tr("none: every known mistake that can be made here would show")
    if len(mistakes) == 1:
        return tr("{mistake}: no problem of this assignment shows it", mistake=mistakes[0])
    return tr("{mistakes}: no problem of this assignment shows them", mistakes=", ".join(mistakes))


def source(record: GradeRecord) -> str:
    """What the right equation is called: the slides', or that of a lesson of its own."""
    return tr("right") if isinstance(record, LessonRecord) else tr("slides")


def _of_lesson(record: LessonRecord) -> str:
    t = record.task
    if t is None:
        return record.lesson
    sizes = [tr("{letter} from {low} to {high}", letter=x, low=low, high=high) for x, (low, high) in t.sizes.items()]
    keys = [f"{name} = {value}" for name, value in t.keys.items()]
    return "; ".join([t.title, *t.functions, ", ".join([*sizes, *keys, t.backend, t.precision])])


def _task(record: GradeRecord) -> str:
    if isinstance(record, LessonRecord):
        return _of_lesson(record)
    assert record.task is not None
    t = record.task
    low, high = t.layers
    depth = tr("{low} to {high} layers", low=low, high=high) if low < high else tr("{n:layer}", n=low)
    return tr(
        "{depth}, {activations}; {output} with {loss}; {convention}, {backend}, {precision}",
        depth=depth, activations=", ".join(t.activations), output=t.output, loss=t.loss, convention=t.convention,
        backend=t.backend, precision=t.precision,
    )  # fmt: skip
