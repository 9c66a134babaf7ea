"""How well mistakes are seen and named, on programs as students write them, beside what gradient checkers see of them.

The programs are those of tests/students, which know nothing of the catalogue's equations.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from verify.benchmarks.peers import JUDGES, Peer
from verify.benchmarks.tables import Goal, Settings, Table, at_least, at_most, none_of
from verify.benchmarks.trusted import run_trusted
from verify.errors import BadInput
from verify.grading.assignment import Assignment, assignment_from
from verify.grading.machinery.posing import GRADED
from verify.grading.record import GradeRecord
from verify.lessons.network.grade import Examination, examination, grade

# Programs of each kind: all of them, and where that takes long, as many; quick is a glance.
_COUNTS = {"correct": 1000, "single": 400, "pair": 100, "triple": 80, "near-miss": 110, "outside": 70}
_QUICK = {"correct": 5, "single": 6, "pair": 2, "triple": 2, "near-miss": 2, "outside": 2}
# What costs nothing by the default assignment, and is told.
_TOLD = ("softmax-overflow", "epsilon-in-denominator")


@dataclass
class Tally:
    """What came of the programs of one kind."""

    programs: int = 0
    detected: int = 0
    named: int = 0  # exactly; of right programs, called right; of nameless ones, left without a name
    misses: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def diagnosis_table(settings: Settings) -> Table:
    """Programs detected and named, by kind."""
    torch.set_num_threads(1)
    students = _students()
    exam = examination(Assignment(), settings.seed)
    with_step = examination(assignment_from({"points": {"step": 5.0}}, "here"), settings.seed)
    tallies = {}
    for kind, programs in _programs(students, settings).items():
        settings.progress(f"diagnosis: {kind}")
        tallies[kind] = _tally(students, exam, with_step, programs)
    rows = [
        (kind, str(t.programs), _share(t.detected, t.programs), _share(t.named, t.programs), _seconds(t))
        for kind, t in tallies.items()
    ]
    columns = ("programs", "number", "called wrong", "verdict as it should be", "seconds: median, longest")
    notes = [
        "As it should be: right ones called right, mistakes named exactly, nameless ones wrong and without a name."
    ]
    notes += [f"{kind}: {miss}" for kind, t in tallies.items() for miss in t.misses[:40]]
    record = {kind: vars(t) for kind, t in tallies.items()}
    return Table("diagnosis", "Mistakes seen and named", columns, rows, notes, record, _goals(tallies))


def _students() -> ModuleType:
    """tests/students of the project that this file is part of; tests are no installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "tests" / "students").is_dir():
        raise BadInput(f"--table diagnosis: there is no {root / 'tests' / 'students'}; run it in the project's folder")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    return importlib.import_module("tests.students")


def _programs(students: ModuleType, settings: Settings) -> dict[str, list[Any]]:
    counts = _QUICK if settings.quick else _COUNTS
    seed = settings.seed
    made: dict[str, Iterable[Any]] = {
        "correct": [*students.cry_wolf(), *students.correct_programs()],
        "single": students.single_mistakes(forms=1),
        "pair": (p for p in students.combinations(2, 2 * counts["pair"], seed) if _apart(students, p)),
        "triple": (p for p in students.combinations(3, 2 * counts["triple"], seed) if _apart(students, p)),
        "near-miss": students.near_misses(),
        "outside": students.outside_catalogue(),
    }
    chosen = {kind: [p for p in programs if p.assignment is None] for kind, programs in made.items()}
    return {kind: list(islice(_spread(p, counts[kind]), counts[kind])) for kind, p in chosen.items()}


def _apart(students: ModuleType, program: Any) -> bool:
    return students.across_equations(program.mistakes)


def _spread(programs: list[Any], count: int) -> Iterable[Any]:
    """Every so many, so that a part has all styles."""
    return programs[:: max(1, len(programs) // count)]


def _tally(students: ModuleType, default: Examination, with_step: Examination, programs: list[Any]) -> Tally:
    tally = Tally()
    for program in programs:
        exam = with_step if _is_of_a_step(program) else default
        ran = run_trusted(program.source, exam.calls)
        start = time.perf_counter()
        record = grade(program.name, ran, exam)
        tally.seconds.append(time.perf_counter() - start)
        tally.programs += 1
        advice = any(line.startswith(_TOLD) for line in record.advice)
        tally.detected += record.state != "correct" or advice
        good = _as_it_should(students, program, record, advice)
        tally.named += good
        if not good:
            found = ", ".join(d.mistake for d in record.diagnosis) or "no name"
            tally.misses.append(f"{program.name} ({program.note or '–'}): {record.state}, {found}")
    return tally


def _is_of_a_step(program: Any) -> bool:
    """Whether it is `step` that is wrong, or nearly; the default assignment gives it no points and does not call it."""
    concerned = (*program.mistakes, program.near_to or "", program.note.split(": ")[-1])
    return any(what.startswith(("step-", "in step")) for what in concerned)


def _as_it_should(students: ModuleType, program: Any, record: GradeRecord, advice: bool) -> bool:
    named = {d.mistake for d in record.diagnosis}
    if program.right:
        return record.state == "correct"
    if program.mistakes and program.mistakes[0] in _TOLD:  # advice, never a verdict
        return advice and record.state == "correct"
    if program.kind == "near-miss":
        return record.state != "correct" and program.near_to not in named
    if program.kind == "outside":
        return record.state != "correct" and named == set(program.mistakes)
    return named == set(students.reported_as(program))


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "–"


def _seconds(t: Tally) -> str:
    return f"{statistics.median(t.seconds):.2f}, {max(t.seconds):.2f}" if t.seconds else "–"


def _goals(tallies: dict[str, Tally]) -> list[Goal]:
    wrong = [t for kind, t in tallies.items() if kind in ("single", "pair", "triple")]
    undetected = sum(t.programs - t.detected for t in wrong)
    seconds = [s for kind, t in tallies.items() if kind != "correct" for s in t.seconds]
    named = {kind: 100 * t.named / max(1, t.programs) for kind, t in tallies.items()}
    return [
        none_of("mistakes not detected", undetected),
        at_least("single mistakes named exactly, %", 99, named["single"]),
        at_least("pairs across equations named exactly, %", 95, named["pair"]),
        at_least("triples across equations named exactly, %", 90, named["triple"]),
        none_of("right programs called wrong", tallies["correct"].programs - tallies["correct"].named),
        none_of("outside the catalogue: called right, or named falsely", len(tallies["outside"].misses)),
        at_most(
            "seconds for verdict, diagnosis and smallest case, median of wrong programs",
            0.5,
            statistics.median(seconds),
        ),
        at_most("the same, longest", 2.0, max(seconds)),
    ]


# What gradient checkers see of the same mistakes ---------------------------------------------------------------------


def checkers_table(settings: Settings) -> Table:
    """One program a mistake, judged by each checker at its defaults on one problem that shows the mistake."""
    students, exam = _students(), examination(Assignment(), settings.seed)
    first: dict[str, Any] = {}
    for program in students.single_mistakes(forms=1):
        if program.assignment is None and program.mistakes[0] != "softmax-overflow":
            first.setdefault(program.mistakes[0], program)
    shown = dict(islice(first.items(), 4)) if settings.quick else first
    judges = [p for p in JUDGES if not p.name.startswith("backproof")]
    found = {id: _seen(program, exam, judges) for id, program in shown.items()}
    rows = [(id, *(row[p.name] for p in judges)) for id, row in found.items()]
    missed = tuple(f"{sum(row[p.name] == 'missed' for row in found.values())} of {len(found)} missed" for p in judges)
    notes = [
        "Each at its defaults, on the first general problem that shows the mistake; none says which mistake it is."
    ]
    return Table("checkers", "The same mistakes before gradient checkers", ("mistake", *(p.name for p in judges)),
                 [*rows, ("all", *missed)], notes, {"seen": found})  # fmt: skip


def _seen(program: Any, exam: Examination, judges: list[Peer]) -> dict[str, str]:
    from verify.grading.answers import gradients_answer

    ran = run_trusted(program.source, exam.calls)
    for i, case in exam.fixture.of(*reversed(GRADED)):
        p, reply = case.problem, ran.replies[i]
        if p.L < 2 or p.N < 2 or reply.value is None:
            continue
        lines = gradients_answer(reply.value, p.L).lines
        gradient = [lines.get(f"{kind}{l}") for l in range(1, p.L + 1) for kind in ("dW", "db")]
        right = [case.truth[f"{kind}{l}"] for l in range(1, p.L + 1) for kind in ("dW", "db")]
        if any(g is None or g.shape != r.shape for g, r in zip(gradient, right, strict=True)):
            continue
        whole = [g for g in gradient if g is not None]
        if all(torch.allclose(g, r, rtol=1e-12, atol=1e-14) for g, r in zip(whole, right, strict=True)):
            continue
        return {
            j.name: j.missing or ("seen" if j.judge is not None and j.judge(p)(whole) else "missed") for j in judges
        }
    return {j.name: "not in one call's numbers" for j in judges}
