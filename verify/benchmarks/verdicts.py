"""Are verdicts and names true? Asked with programs that nobody wrote for the grader: `verify.benchmarks.programs`.

`verdicts`: right programs, drawn, and how many of them are called right. `names`: wrong ones, by one, two and three
changes; how many are seen and named, and whether each name explains the program on problems of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

import torch

from verify.benchmarks.programs import claims, oracle
from verify.benchmarks.programs.right import Program, right_programs
from verify.benchmarks.programs.tasks import TASKS, Task
from verify.benchmarks.programs.wrong import Mutant, mutants
from verify.benchmarks.tables import Goal, Settings, Table, at_least, none_of
from verify.benchmarks.trusted import run_trusted
from verify.grading.record import GradeRecord
from verify.lessons.network.grade import Examination, examination, grade

LIGHT = tuple(task for task in TASKS if not task.heavy)
HEAVY = tuple(task for task in TASKS if task.heavy)
_RIGHT, _RIGHT_HEAVY = 950, 50
_WRONG = {1: 400, 2: 120, 3: 80}
_QUICK_TASKS = LIGHT[:2]
# What a submission that is not wrong may be called: undecided is no accusation, and is counted apart.
_NOT_WRONG = ("correct", "undecided")


def graded(source: str, exam: Examination) -> GradeRecord:
    """The record of a trusted program."""
    return grade("program", run_trusted(source, exam.calls), exam)


# Right programs ------------------------------------------------------------------------------------------------------


@dataclass
class Verdicts:
    """What came of the right programs of one task."""

    programs: int = 0
    right: int = 0
    undecided: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, program: Program, record: GradeRecord) -> None:
        """Count one program."""
        self.programs += 1
        self.right += record.state == "correct"
        self.undecided += record.state == "undecided"
        if record.state not in _NOT_WRONG or record.diagnosis:
            named = ", ".join(d.mistake for d in record.diagnosis) or "no name"
            self.wrong.append(f"{program.name} ({program.style}): {record.state}, {named}; {record.message}"[:200])


def judged_right(programs: Iterable[Program], exams: dict[str, Examination]) -> dict[str, Verdicts]:
    """Right programs, graded, by task."""
    found: dict[str, Verdicts] = {}
    for program in programs:
        if program.task.name not in exams:
            exams[program.task.name] = _exam(program.task)
        found.setdefault(program.task.name, Verdicts()).add(program, graded(program.source, exams[program.task.name]))
    return found


def verdicts_table(settings: Settings) -> Table:
    """Right programs in many forms, for many assignments: each must be called right."""
    torch.set_num_threads(1)
    found: dict[str, Verdicts] = {}
    for tasks, count in ((_QUICK_TASKS, 6),) if settings.quick else ((LIGHT, _RIGHT), (HEAVY, _RIGHT_HEAVY)):
        each = -(-count // len(tasks))
        for task in tasks:  # one examination at a time: the wide ones hold much
            settings.progress(f"verdicts: {task.name}")
            found |= judged_right(_of_share(right_programs(each, settings.seed, (task,)), settings), {})
    rows = [(n, str(v.programs), str(v.right), str(v.undecided), str(len(v.wrong))) for n, v in found.items()]
    total = [sum(map(int, column)) for column in list(zip(*rows, strict=True))[1:]]
    columns = ("assignment", "right programs", "called correct", "undecided", "called wrong")
    notes = [line for v in found.values() for line in v.wrong[:20]]
    return Table("verdicts", "Right programs, drawn", columns, [*rows, ("all", *map(str, total))], notes,
                 {name: vars(v) for name, v in found.items()},
                 [none_of(f"right programs called wrong, of {total[0]}", total[3])])  # fmt: skip


def _of_share(programs: Iterable[Program], settings: Settings) -> Iterable[Program]:
    """The programs of a run's share: every n-th, from the k-th on."""
    k, n = settings.share
    return islice(programs, k - 1, None, n)


def _exam(task: Task) -> Examination:
    return examination(task.assignment, seed=0)  # an assignment of its own would draw another each time


# Wrong programs ------------------------------------------------------------------------------------------------------


@dataclass
class Names:
    """What came of the programs with so many changes."""

    programs: int = 0
    equivalent: int = 0
    unclear: int = 0
    wrong: int = 0
    seen: int = 0
    named: int = 0
    missed: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    nameable: list[str] = field(default_factory=list)  # without a name, and one row of the catalogue explains it
    unpunished: list[str] = field(default_factory=list)  # called wrong, and all points
    unasked: list[str] = field(default_factory=list)  # named for something that is no equation
    accused: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """Every program that is not as it should be, and those without a name."""
        lists = {
            "not seen": self.missed,
            "named falsely": self.false,
            "right, called wrong": self.accused,
            "wrong, with all points": self.unpunished,
            "a mistake of the catalogue, without its name": self.nameable,
            "named, no equation": self.unasked,
            "without a name": self.unnamed,
        }
        return [f"{what}: {line}" for what, lines in lists.items() for line in lines]

    def add(self, mutant: Mutant, record: GradeRecord) -> None:
        """Count one changed program; names are held against fresh problems."""
        self.programs += 1
        said = f"{mutant.name} ({mutant.style}): {'; '.join(mutant.says)}"
        if mutant.verdict != oracle.WRONG:
            self.equivalent += mutant.verdict == oracle.EQUIVALENT
            self.unclear += mutant.verdict == oracle.UNCLEAR
            if mutant.verdict == oracle.EQUIVALENT and record.state not in _NOT_WRONG:
                self.accused.append(f"{said}: {record.state}")
            return
        self.wrong += 1
        if record.state in _NOT_WRONG and not any(a.startswith("epsilon") for a in record.advice):
            self.missed.append(f"{said}: {record.state}")
            return
        self.seen += 1
        if record.score == record.max_score and record.state == "wrong":
            self.unpunished.append(said)
        if any(a.startswith("epsilon") for a in record.advice):
            self.named += 1  # it costs nothing by the assignment, and is told with its name
            return
        if not record.diagnosis:
            row = claims.row_of(mutant.source, mutant.task)
            (self.unnamed if row is None else self.nameable).append(f"{said}{f': {row}' if row else ''}")
            return
        named = f"{said}: {', '.join(d.mistake for d in record.diagnosis)}"
        true = claims.is_true(mutant.source, mutant.task, record.diagnosis)
        self.named += true is True
        (self.unasked if true is None else self.false if true is False else []).append(named)


def judged_wrong(drawn: Iterable[Mutant], exams: dict[str, Examination]) -> Names:
    """Changed programs, graded."""
    found = Names()
    for mutant in drawn:
        if mutant.task.name not in exams:
            exams[mutant.task.name] = _exam(mutant.task)
        found.add(mutant, graded(mutant.source, exams[mutant.task.name]))
    return found


def names_table(settings: Settings) -> Table:
    """Programs with one, two and three changes: seen, named, and named truly."""
    torch.set_num_threads(1)
    exams: dict[str, Examination] = {}
    found = {}
    for depth, count in _WRONG.items():
        settings.progress(f"names: {depth} changes")
        tasks, count = (_QUICK_TASKS, 4) if settings.quick else (LIGHT, count)
        found[depth] = judged_wrong(mutants(count, settings.seed, depth, tasks), exams)
    rows = [
        (str(depth), str(n.programs), str(n.equivalent), str(n.unclear), str(n.wrong), str(len(n.missed)),
         str(n.named), str(len(n.unasked)), str(len(n.unnamed) + len(n.nameable)),
         str(len(n.false)))
        for depth, n in found.items()
    ]  # fmt: skip
    columns = ("changes", "programs", "as right as before", "unclear", "wrong", "not seen", "named truly",
               "named, no equation", "without a name", "named falsely")  # fmt: skip
    notes = [f"{depth} changes, {line}" for depth, n in found.items() for line in n.notes()]
    record = {str(depth): vars(n) for depth, n in found.items()}
    return Table("names", "Wrong programs, drawn", columns, rows, notes, record, _goals(found))


def _goals(found: dict[int, Names]) -> list[Goal]:
    total = lambda what: sum(len(getattr(n, what)) for n in found.values())
    wrong, named = sum(n.wrong for n in found.values()), sum(n.named for n in found.values())
    share = 100 * named / max(1, named + total("nameable") + total("false"))
    return [
        none_of(f"wrong programs not seen, of {wrong}", total("missed")),
        none_of(f"false names, of {named + total('false')}", total("false")),
        none_of("programs as right as before, called wrong", total("accused")),
        none_of("wrong, with all points", total("unpunished")),
        at_least("of those that one row of the catalogue explains: named, %", 99, share),
    ]
