"""What a lesson's record says in words: the task, findings, the first wrong line, advice, why nothing came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from verify.grading.answers import Answer
from verify.grading.finding import Finding
from verify.grading.judged import median_limit
from verify.grading.lesson import NUMBER, Contract, Lesson
from verify.grading.lesson_assignment import LessonAssignment
from verify.grading.machinery.marking import Heard
from verify.grading.machinery.posing import GRADED, JUDGED, Posed
from verify.grading.machinery.texts import said
from verify.grading.machinery.working import Case
from verify.grading.message import raised, said_records
from verify.grading.record import FindingRecord, GradeRecord, LessonTask, LineRecord
from verify.grading.sentence import said as told
from verify.isolation import Run
from verify.said import Said, joined


def task_of(lesson: Lesson, a: LessonAssignment) -> LessonTask:
    """What of an assignment goes into every record."""
    asked = [str(c) for c in lesson.contracts if c.name in a.asked]
    return LessonTask(
        title=lesson.title, functions=asked, inputs=dict(lesson.inputs),
        sizes={letter: list(size) for letter, size in a.sizes.items()}, keys=dict(a.keys), backend=a.backend,
        precision=a.precision,
    )  # fmt: skip


def finding_record(lesson: Lesson, f: Finding) -> FindingRecord:
    """A mistake as the record has it."""
    return FindingRecord(
        mistake=f.mistake, lines=list(f.lines), says=f.says, wrong=f.wrong, right=f.right,
        place=lesson.place_of(f.lines[0]) if f.lines else "", also=list(f.also), said=said_records(f.sentences),
    )  # fmt: skip


def first_wrong(record: GradeRecord, lesson: Lesson) -> str | None:
    """The first line, in the order of the working, whose own equation is wrong."""
    wrong = [line for line in record.lines if line.state not in ("right", "absent", "undecided")]
    own = [line for line in wrong if line.carried_forward != "right"]
    first = (own or wrong or [None])[0]
    if first is None:
        return None
    several = len({line.function for line in record.lines}) > 1
    return f"{first.function}: {first.name}" if several else first.name


def detection_limit(posed: Posed, heard: Sequence[Heard], *, float32: bool) -> float | None:
    """Median over the returned lines' entries of the smallest relative error that would have been seen."""
    return median_limit([
        (case.truth[name].numpy().ravel(), case.allowed(name, float32=float32).numpy().ravel())
        for h in heard
        for name in h.contract.returns
        for _, case in posed.of(*GRADED)
    ])  # fmt: skip


def raised_on(posed: Posed, came: Mapping[str, Sequence[Answer]]) -> list[Said]:
    """What was raised, each message once, with on how many problems and on which of them first."""
    groups: dict[str, tuple[Said, list[Case]]] = {}
    for answers in came.values():
        for i, case in posed.of(*JUDGED):
            if not answers[i].returned:
                what = raised(answers[i])
                groups.setdefault(what.text, (what, []))[1].append(case)
    return [
        said("lesson-raised-on", what=what, problems=len(cases), first=cases[0].described)
        for what, cases in groups.values()
    ][:5]


def advice(named: Sequence[Finding], prices: Mapping[str, float], *, float32: bool) -> list[Said]:
    """What costs nothing and is worth knowing: mistakes of price 0, single precision that passes."""
    free = [f for f in named if not prices[f.mistake]]
    found = [told("free-mistake", mistake=f.mistake, says=joined(f.sentences)) for f in free]
    return [*found, *([told("float32-passes")] if float32 else [])]


def of_free_lines(lines: Sequence[LineRecord]) -> list[Said]:
    """A sentence where lines that were handed over, and have no points, are wrong."""
    wrong = [line.name for line in lines if line.wrong_problems and line.max_points == 0]
    return [told("handed-over-wrong", lines=", ".join(dict.fromkeys(wrong)))] if wrong else []


# Where nothing came --------------------------------------------------------------------------------------------------


def nothing_came(posed: Posed, run: Run, came: Mapping[str, Sequence[Answer]], missing: Sequence[str]) -> list[Said]:
    """Which function is missing, how it is called, what may be meant; or what the first call raised."""
    if came:
        function, answers = next(iter(came.items()))
        return [said("nothing-returned", function=function, what=raised(answers[0]))]
    lesson, needs = posed.lesson, posed.assignment.adapter.needs
    contract = lesson.contract(missing[0])
    found = sorted(run.functions)
    if needs:
        names = told("names", names=", ".join(found)) if found else told("no-function")
        return [told("adapter-needs", name=needs, found=names)]
    shapes = "; ".join(_shape(lesson, contract, name) for name in contract.arguments)
    sentences = [
        said("lesson-function-missing", function=contract.name, found=", ".join(found) or "no function",
             contract=str(contract), shapes=shapes)
    ]  # fmt: skip
    close = next(iter(get_close_matches(contract.name, found, 1)), None)
    return [*sentences, *([told("did-you-mean", name=close)] if close else [])]


def _shape(lesson: Lesson, contract: Contract, name: str) -> str:
    shape = lesson.inputs.get(name)
    if shape is None:
        return f"{name} as its line gives it"
    if shape in (NUMBER, ""):
        return f"{name} a number"
    letters = shape.split()
    return f"{name} ({', '.join(letters)}{',' if len(letters) == 1 else ''})"
