"""The page of a class: states and scores, what goes wrong most often, who has the same mistake, a link to everybody."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from verify.classroom.class_record import ClassRecord, Group, Student, number
from verify.classroom.gradebook import Row
from verify.grading.record import FindingRecord
from verify.plain import visible
from verify.reports import formula, inline
from verify.reports import graded_words as words
from verify.reports.graded_pages import HTML
from verify.reports.texts import say
from verify.submissions.submission import typed

_TONES = {"correct": "good", "wrong": "bad", "undecided": "open", "incomplete": "open", "withheld": "open"}
_GRADED = ("correct", "wrong", "undecided", "withheld")
_SLOWEST = 8
_FEWEST_FOR_A_PICTURE = 8
_MOST_BARS = 20
# Shows the form, which needs a script, and leaves those rows that have all words of the text and the state.
SCRIPT = """
const form = document.getElementById("filter"), rows = [...document.querySelectorAll("#people tbody tr")];
const count = document.getElementById("count"), said = count.dataset.said;
const filter = () => {
  const words = form.text.value.toLowerCase().split(/\\s+/), state = form.state.value;
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = (state && row.dataset.state !== state) || !words.every(word => text.includes(word));
    shown += !row.hidden;
  }
  count.textContent = said.replace("#", shown);
};
form.hidden = false;
form.addEventListener("input", filter);
form.addEventListener("submit", event => event.preventDefault());
filter();
"""


class Person(NamedTuple):
    """A row of the table. link: to the page, "" without; title: the submission's name below a person's."""

    title: str
    below: str
    link: str
    state: str
    tone: str
    score: str
    share: str
    first: str
    mistakes: str
    late: str
    message: str


class Share(NamedTuple):
    """How many are in a state, and what it means."""

    state: str
    tone: str
    count: int
    percent: str
    means: str


class Ranked(NamedTuple):
    """A mistake with all who made it."""

    mistake: str
    says: str
    place: str
    pair: formula.Pair | None
    people: list[Person]
    percent: str


class Alike(NamedTuple):
    """Submissions with the same diagnosis."""

    name: str
    says: list[str]
    people: list[Person]


def render(record: ClassRecord, rows: Mapping[str, Row]) -> str:
    """The page. rows: stem -> the row of its record."""
    everybody = [_person(student, record) for student in record.students]
    by_submission: dict[str, list[Person]] = {}
    for student, person in zip(record.students, everybody, strict=True):
        by_submission.setdefault(student.submission, []).append(person)
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    return HTML.get_template("class.html.j2").render(
        record=record,
        say=say,
        title=record.assignment or say("class"),
        scripts=Markup(f"; script-src 'sha256-{digest}'"),
        script=Markup(SCRIPT),
        states=_states(record),
        scores=_scores(record),
        picture=_picture(record),
        ranked=_ranked(record, rows, everybody),
        groups=[_alike(group, by_submission) for group in record.groups],
        ungraded=[p for p in everybody if p.state not in _GRADED],
        slowest=_slowest(rows, by_submission),
        people=everybody,
        notes=_notes(record),
    )


def _person(student: Student, record: ClassRecord) -> Person:
    submission = typed(visible(student.submission))
    stem = student.file.removesuffix(".json")
    share = f"{100 * student.score / student.max_score:.0f}" if student.score is not None and student.max_score else ""
    late = say("days-late", days=student.days_late) if student.days_late else say("late") if student.late else ""
    score = "–"
    if student.score is not None:
        score = say("of-points", points=words.points(student.score), most=words.points(student.max_score))
    if student.days_late and student.final is not None and student.final != student.score:
        score = f"{score} → {words.points(student.final)}"
    about = [student.number or student.id, student.group, submission if student.name else ""]
    return Person(
        student.name or submission, " · ".join(visible(part) for part in about if part),
        f"./{quote(stem)}.html" if stem else "", student.state, _TONES.get(student.state, "bad"), score, share,
        student.first_wrong_line or "", ", ".join(student.diagnosis), late, student.message,
    )  # fmt: skip


def _states(record: ClassRecord) -> list[Share]:
    every = sum(record.states.values()) or 1
    return [
        Share(state, _TONES.get(state, "bad"), count, f"{100 * count / every:.1f}", meaning(state))
        for state, count in record.states.items()
    ]


def meaning(state: str) -> str:
    """What a state means, in a sentence."""
    key = f"state-{state}"
    return words.STATES[state][1] if words.STATES.get(state, ("", ""))[1] else say(key)


def _scores(record: ClassRecord) -> str:
    scores = record.scores
    if scores.mean is None:
        return say("no-scores")
    mean, median, low, high = (
        words.points(v or 0.0) for v in (scores.mean, scores.median, scores.lowest, scores.highest)
    )
    most = words.points(record.max_score)
    return say("scores", count=scores.count, mean=mean, most=most, median=median, low=low, high=high)


def _picture(record: ClassRecord) -> Markup | None:
    """How many have which score, once there are enough to have a shape."""
    scores = [s.score for s in record.students if s.score is not None]
    if len(scores) < _FEWEST_FOR_A_PICTURE or not record.max_score:
        return None

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        bars = min(_MOST_BARS, max(5, round(record.max_score)))
        axis.hist(scores, bins=bars, range=(0, record.max_score), color=inline.SOFT, rwidth=0.9)
        axis.set(xlabel=say("points"), ylabel=say("submissions"))
        axis.yaxis.get_major_locator().set_params(integer=True)

    return inline.picture(draw, say("scores-drawn"), width=440, height=200)


# What goes wrong -----------------------------------------------------------------------------------------------------


def _ranked(record: ClassRecord, rows: Mapping[str, Row], everybody: Sequence[Person]) -> list[Ranked]:
    """The mistakes, that of the most people first."""
    findings = {f.mistake: f for row in rows.values() for f in row.diagnosis}
    made: dict[str, list[Person]] = {}
    for student, person in zip(record.students, everybody, strict=True):
        for mistake in dict.fromkeys(student.diagnosis):
            made.setdefault(mistake, []).append(person)
    most = max(map(len, made.values()), default=1)
    found = [_rank(findings.get(mistake), mistake, people, most) for mistake, people in made.items()]
    return sorted(found, key=lambda one: (-len(one.people), one.mistake))


def _rank(finding: FindingRecord | None, mistake: str, people: list[Person], most: int) -> Ranked:
    percent = f"{100 * len(people) / most:.0f}"
    if finding is None:
        return Ranked(mistake, "", "", None, people, percent)
    pair = formula.pair(finding.wrong, finding.right) if finding.wrong and finding.right else None
    return Ranked(mistake, finding.says, finding.place, pair, people, percent)


def _alike(group: Group, by_submission: Mapping[str, list[Person]]) -> Alike:
    people = [person for name in group.submissions for person in by_submission.get(name, [])]
    name = " + ".join(group.diagnosis) or say("unknown-at", line=group.first_wrong_line or "")
    return Alike(name, group.says, people)


def _slowest(rows: Mapping[str, Row], by_submission: Mapping[str, list[Person]]) -> list[tuple[Person, str]]:
    """Those whose runs took longest, by the clock."""
    timed = sorted(rows.values(), key=lambda row: -row.timings.get("seconds", 0.0))
    found = [(by_submission[row.submission][0], f"{row.timings['seconds']:.2f} s") for row in timed
             if row.timings.get("seconds") and by_submission.get(row.submission)]  # fmt: skip
    return found[:_SLOWEST]


def _notes(record: ClassRecord) -> list[tuple[str, list[str]]]:
    """What else there is to know: heading and lines."""
    scored = lambda state, score: f"{state} {number(score) or '–'}"
    changed = [
        f"{typed(visible(r.submission))}: {scored(r.old_state, r.old_score)} → {scored(r.state, r.score)}"
        for r in record.regraded
        if r.changed
    ]
    parts = (
        ("missing", record.missing),
        ("doubts", record.doubts),
        ("passed-over", record.passed_over),
        ("regraded", changed),
        ("restored", record.restored),
        ("earlier", record.earlier),
    )
    return [(say(key), list(lines)) for key, lines in parts if lines]
