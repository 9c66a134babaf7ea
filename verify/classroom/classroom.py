"""Grades a class: each submission on its own, over an executor, into a gradebook that a killed run can go on with.

Submissions are read in a process that the kernel bounds, run in a sandbox, and judged in others, so that none of them
reaches this one: here records are handed on, written and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from verify.classroom.class_record import (
    MISSING,
    ClassRecord,
    Regraded,
    groups_of,
    scores_of,
    shown_in,
    states_of,
)
from verify.classroom.crew import Crew, Died, processes
from verify.classroom.gradebook import PAGE, SUMMARY, TABLE, Gradebook, Row, stems
from verify.classroom.people import People
from verify.classroom.roster import Roster
from verify.classroom.sitting import (
    GRADER_ERROR,
    Graded,
    Ground,
    Sitting,
    Work,
    class_html,
    failed,
    finished,
    grade,
    ground,
    html_page,
    page,
    read,
    version,
)
from verify.errors import BadInput
from verify.grading.record import POINTS_RULE, decode
from verify.grading.shown import level
from verify.submissions.confined import Several, Unread
from verify.submissions.reading import Entry
from verify.submissions.submission import Submission, shown

# Read ahead of those that grade, and no further: what was read is held until it is graded.
_READ_AHEAD = 4
_GAVE_WAY = "an earlier record of a person who now has another one; it is in history/"

Report = Callable[[int, int, dict[str, int]], None]


def one_reader() -> Executor:
    """Who reads: a thread that waits for the process in which files are opened."""
    return ThreadPoolExecutor(1)


@dataclass(frozen=True)
class Graders:
    """Who grades: what makes their executor, and how many submissions they get at a time.

    elsewhere: what to call them where they are not on this machine. readers: makes the executor that reads submissions.
    """

    hire: Callable[[], Executor]
    ahead: int
    elsewhere: str = ""
    readers: Callable[[], Executor] = one_reader


# So many may import torch each for itself, where some submission needs it: more take it over from one, in any case.
_FEW_JOBS = 4


def local(jobs: int, *, kept: bool = False) -> Graders:
    """That many processes of this machine. kept: whether what is right has a key, and needs no torch."""
    light = kept and jobs <= _FEW_JOBS
    return Graders(lambda: processes(jobs, light=light), 2 * jobs)


class Classroom:
    """A class while it is graded into its gradebook.

    regrade: grade again what has a record already. roster: the class list. passed_over: files that are no submissions,
    for the summary.
    report: told, each time one is done, how many are, of how many, and their states.
    """

    def __init__(
        self,
        gradebook: Gradebook,
        sitting: Sitting,
        graders: Graders,
        *,
        regrade: bool = False,
        roster: Roster | None = None,
        passed_over: Sequence[str] = (),
        report: Report = lambda done, total, states: None,
    ) -> None:
        self.gradebook, self.graders = gradebook, graders
        self.sitting = replace(sitting, version=version(sitting.device))
        self.regrade, self.passed_over, self.report = regrade, passed_over, report
        self.people = People(roster)
        self._ground = Ground("", "")
        self._stems: dict[str, str] = {}
        self._rows: dict[str, Row] = {}
        self._replaced: list[Regraded] = []
        self._new: set[str] = set()

    def grade(self, entries: Sequence[Entry]) -> ClassRecord:
        """Every entry's record, written the moment it is graded. Raises BadInput where nothing can be graded there."""
        entries = self.people.call(entries)
        self._stems = stems(entry.name for entry in entries)
        self._check_rules()
        self.people.know(self._stems, entries, self.gradebook.content(SUMMARY) or b"")
        with Crew(self.graders.hire, self.graders.ahead) as graders, Crew(self.graders.readers, _READ_AHEAD) as readers:
            self._ground = self._looked_at(graders)
            starved = []
            for work, graded in graders.work(grade, self._to_grade(entries, readers)):
                if isinstance(graded, Graded) and graded.starved and len(entries) > 1:
                    starved.append(replace(work, alone=True))
                else:
                    self._take(work.entry, graded)
            for work in starved:
                self._take(work.entry, graders.alone(grade, work))
        restored = self.gradebook.restore()
        return self._summary(restored)

    @property
    def done(self) -> int:
        """How many of the entries have their record."""
        return len(self._rows)

    def _looked_at(self, graders: Crew) -> Ground:
        """Where the graders work, once it is known that they can."""
        try:
            found = graders.first(ground, self.sitting)
        except BadInput:
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            where = self.graders.elsewhere or "this machine"
            raise BadInput(f"{where}: the processes that grade do not work there ({reason})") from None
        if self.graders.elsewhere and found.version != self.sitting.version:
            raise BadInput(
                f"{self.graders.elsewhere}: has another version of backproof, Python, numpy or torch than here"
            )
        return found

    def _to_grade(self, entries: Sequence[Entry], readers: Crew) -> Iterator[Work]:
        """The submissions that have no record of their own yet, read."""
        for entry, submission in readers.work(partial(read, asked=self.sitting.assignment), entries):
            if isinstance(submission, Died):
                self._take(entry, submission)
            elif self._has_its_record(entry, submission):
                self._count(entry, self.gradebook.rows[self._stems[entry.name]])
            else:
                yield Work(entry, submission, self.sitting)

    def _has_its_record(self, entry: Entry, submission: Submission | Several | Unread) -> bool:
        stem = self._stems[entry.name]
        row = self.gradebook.rows.get(stem)
        if self.regrade or row is None or isinstance(submission, Unread) or row.state == GRADER_ERROR:
            return False
        if row.points_rule != POINTS_RULE:
            return False
        digests = self._digests() | {"submission": submission.digest}
        same = (row.submission, row.digests, row.seed, row.sandbox)
        wanted = (entry.name, digests, self.sitting.shown_seed, self._ground.sandbox)
        return same == wanted and self.gradebook.complete(stem)

    def _digests(self) -> dict[str, str]:
        return self.sitting.digests()

    def _check_rules(self) -> None:
        """Scores of the old rule of points and of this one never stand in one gradebook. Raises BadInput."""
        old = {stem for stem, row in self.gradebook.rows.items() if row.points_rule != POINTS_RULE}
        left = sorted(self.gradebook.rows[stem].submission for stem in old - set(self._stems.values()))
        if left:
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            raise BadInput(
                shown(
                    f"--out {self.gradebook.folder}: {len(old)} records there have points by the rule before this one, "
                    f"and {left[0]}{more} of them is not given; give all that are there, or another --out"
                )
            )

    def _take(self, entry: Entry, graded: Graded | Died) -> None:
        """Writes what came of an entry."""
        if isinstance(graded, Died):
            reason = f"the process that graded it ended, twice ({graded.reason})"
            graded = finished(failed(entry.name, reason, self.sitting), self.sitting)
        stem = self._stems[entry.name]
        old = self.gradebook.rows.get(stem)
        row = self.gradebook.write(stem, graded.record, graded.page, graded.html)
        self._new.add(stem)
        if old is not None:
            self._replaced.append(Regraded(entry.name, old.state, old.score, row.state, row.score))
        self._count(entry, row)

    def _count(self, entry: Entry, row: Row) -> None:
        self._rows[self._stems[entry.name]] = row
        self.report(len(self._rows), len(self._stems), states_of(self._rows.values()))

    def _show_again(self, shown: str) -> None:
        """The pages of records that were there, where students see more, or less, than when they were written.

        Those for a browser also where they are not there, or no longer wanted.
        """
        all_of_them = shown != shown_in(self.gradebook.content(SUMMARY) or b"")
        for stem in self.gradebook.rows.keys() - self._new:
            if all_of_them or self.gradebook.has_html(stem) != self.sitting.html:
                record = decode(self.gradebook.content(f"{stem}.json") or b"")
                html = html_page(record, shown) if self.sitting.html else b""
                self.gradebook.show(stem, page(record, shown), html)

    def _summary(self, restored: list[str]) -> ClassRecord:
        """The whole folder's summary and table, written: this run's submissions, and those of earlier ones."""
        gone = self.people.replaced(self._stems.values(), self.gradebook.rows)
        for stem in gone:
            self.gradebook.retire(stem)
        shown = level(self.sitting.assignment)
        self._show_again(shown)
        rows = self.gradebook.rows
        students = self.people.students(rows, self.sitting.assignment)
        replaced = [entry for entry in self._replaced if self.regrade or entry.changed]
        record = ClassRecord(
            submissions=len(rows),
            states=states_of(students),
            max_score=self.sitting.assignment.points.total,
            scores=scores_of(students),
            groups=groups_of(rows.values()),
            students=students,
            grader_errors=sorted(row.submission for row in self._rows.values() if row.state == GRADER_ERROR),
            regraded=sorted(replaced, key=lambda entry: (not entry.changed, entry.submission.casefold())),
            earlier=sorted(rows[stem].submission for stem in rows.keys() - self._rows.keys()),
            restored=restored,
            passed_over=[*self.passed_over, *(f"{stem}.json: {_GAVE_WAY}" for stem in gone)],
            missing=[student.name or student.number for student in students if student.state == MISSING],
            doubts=self.people.doubts,
            assignment=self.sitting.assignment.name,
            due=self.sitting.assignment.due,
            shown=shown,
            sandbox=self._ground.sandbox,
            sandbox_notes=list(self._ground.notes),
            seed=self.sitting.shown_seed,
            digests=self._digests(),
        )
        self.gradebook.put(SUMMARY, record.json().encode())
        self.gradebook.put(TABLE, record.csv().encode())
        if self.sitting.html:
            self.gradebook.put(PAGE, class_html(record, rows))
        return record
