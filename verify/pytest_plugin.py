"""pytest --grade=PATH: the checks of a grading run as pytest items, one a submission's state and one each of its lines.

Nothing of PATH is imported or collected: pytest sees items that ask the grader, which runs a submission in its sandbox
when the first of its items is due. A run without --grade costs nothing: what grades is imported by the first item.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from verify.classroom.sitting import Sitting
    from verify.grading.record import GradeRecord, LineRecord
    from verify.submissions.reading import Entry

_STATE = "state"
_WIDTH = 100
_HANDED_OVER = "lines that were not handed over"
_CLASS = pytest.StashKey["Class"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("backproof", "grading with backproof")
    group.addoption(
        "--grade", action="append", default=[], metavar="PATH",
        help="grade submissions instead of collecting tests: a submission, a folder or an archive of them; again for "
        "more. Takes --seed N and --device cpu|cuda too. Written --grade=PATH, no configuration in PATH is read.",
    )  # fmt: skip
    group.addoption("--assignment", metavar="FILE", help="the TOML of --grade; without it deck 000's network")
    group.addoption("--lesson", metavar="FILE", help="of --grade: a lesson of your own, docs/LESSONS.md")
    group.addoption(
        "--grade-sandbox", default="auto", metavar="MODE", help="of --grade: auto, namespaces, bubblewrap or process"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser) -> None:
    """Before anything beside the submissions could be read: with --grade no conftest.py is."""
    known = early_config.known_args_namespace
    if not known.grade:
        return
    # Not above: other people's conftest.py may have options of these names, and none is read here.
    parser.addoption("--seed", dest="grade_seed", type=int, default=None, metavar="N", help="of --grade's problems")
    parser.addoption("--device", dest="grade_device", default="cpu", metavar="DEVICE", help="of --grade: cpu or cuda")
    known.noconftest = True
    folders = [path if path.is_dir() else path.parent for path in (Path(p).resolve() for p in known.grade)]
    _refuse_configuration(early_config, folders, chosen=bool(known.inifilename))
    _leave_import_path(folders)


def _refuse_configuration(config: pytest.Config, folders: list[Path], *, chosen: bool) -> None:
    """A configuration file among submissions may be one of them: only who names it means it."""
    found = config.inipath
    if found is not None and not chosen and any(found.resolve().is_relative_to(folder) for folder in folders):
        raise pytest.UsageError(
            f"--grade: {found} lies with the submissions, and pytest has read it: what it names by -p may have run. "
            "Use scripts/grade.py PATH --pytest, which reads no configuration; or write --grade=PATH and start pytest "
            "outside that folder, or name a configuration of your own with -c FILE"
        )


def _leave_import_path(folders: list[Path]) -> None:
    """`python -m pytest` puts the current folder first on the path: a numpy.py handed in must not be ours."""
    ours = Path(__file__).resolve()
    pythons = [Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)]  # an environment may lie in there

    def left(path: Path) -> bool:
        return any(path.is_relative_to(f) for f in folders if not ours.is_relative_to(f)) and not any(
            path.is_relative_to(python) for python in pythons
        )

    sys.path[:] = [p for p in sys.path if not left(Path(p).resolve())]


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("grade"):
        return
    from verify.errors import BadInput

    try:
        config.stash[_CLASS] = Class.of(config)
    except BadInput as error:
        raise pytest.UsageError(str(error)) from None
    if getattr(config.option, "dist", "no") == "load":
        # All items of a submission on one worker: it is graded there, once.
        config.option.dist = "loadfile"


@pytest.fixture
def check_backward() -> Callable[..., Any]:
    """check_backward(function, inputs, reference, …, allow=()): fails the test with the report unless it is right."""

    def check(*args: Any, allow: Sequence[str] = (), **options: Any) -> Any:
        __tracebackhide__ = True
        from verify.commands.checking import check_backward

        report = check_backward(*args, **options)
        report.raise_if_wrong(allow)
        return report

    return check


def pytest_report_header(config: pytest.Config) -> list[str]:
    if _CLASS not in config.stash:
        return []
    room = config.stash[_CLASS]
    return [f"backproof: {len(room.entries)} to grade, seed {room.sitting.seed}, sandbox {room.sandbox}"]


def pytest_collection(session: pytest.Session) -> bool | None:
    """The items of all submissions, in place of any tests."""
    if _CLASS not in session.config.stash:
        return None
    from verify.submissions.submission import typed

    session.items = []
    for entry in session.config.stash[_CLASS].entries:
        node = GradedSubmission.from_parent(session, name=entry.name, nodeid=typed(entry.name), entry=entry)
        session.items += session.genitems(node)
    session.items = _asked_for(session.items, session.config)
    hook = session.config.hook
    hook.pytest_collection_modifyitems(session=session, config=session.config, items=session.items)
    hook.pytest_collection_finish(session=session)
    session.testscollected = len(session.items)
    return True


# What is graded ------------------------------------------------------------------------------------------------------


class Class:
    """The submissions of a run, each graded when its first item is due, and once."""

    def __init__(self, entries: list[Entry], sitting: Sitting, sandbox: str) -> None:
        self.entries, self.sitting, self.sandbox = entries, sitting, sandbox
        self._records: dict[str, GradeRecord] = {}

    @classmethod
    def of(cls, config: pytest.Config) -> Class:
        """What the command line asks for. Raises BadInput."""
        from verify.classroom.sitting import ground
        from verify.commands.one_submission import OneJob
        from verify.isolation import choose
        from verify.submissions.confined import find_submissions

        asked = config.option
        paths = [Path(path) for path in asked.grade]
        assignment = Path(asked.assignment) if asked.assignment else None
        lesson = Path(asked.lesson) if asked.lesson else None
        job = OneJob(paths[0], assignment, asked.grade_sandbox, asked.grade_seed, asked.grade_device, lesson=lesson)
        job.check()
        sitting = job.sitting()
        if sitting.device != "cpu":
            ground(sitting)  # imports torch, which the process that hands out work to xdist's does not need
        return cls(find_submissions(paths, sitting.assignment.name), sitting, choose(job.sandbox).mode)

    def record(self, entry: Entry) -> GradeRecord:
        """The graded record of a submission, as far as the assignment shows it."""
        if entry.name not in self._records:
            from verify.classroom.sitting import Work, read, record_of
            from verify.grading.shown import level, shown_as

            asked = self.sitting.assignment
            record = record_of(Work(entry, read(entry, asked), self.sitting))
            self._records[entry.name] = shown_as(record, level(asked))
        return self._records[entry.name]


def _asked_for(items: list[pytest.Item], config: pytest.Config) -> list[pytest.Item]:
    """All items, or those whose ids, or submissions' names, stand on the command line."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return items
    asked = set(config.args)
    known = {item.nodeid for item in items} | {item.nodeid.split("::")[0] for item in items}
    unknown = sorted(asked - known)
    if unknown:
        raise pytest.UsageError(
            f"--grade: {unknown[0]} is none of its items; allowed are ids that it prints, as {items[0].nodeid}"
        )
    return [item for item in items if item.nodeid in asked or item.nodeid.split("::")[0] in asked]


class GradedSubmission(pytest.Collector):
    """One submission."""

    def __init__(self, *, entry: Entry, **options: Any) -> None:
        super().__init__(**options)
        self.entry = entry

    def collect(self) -> Iterator[pytest.Item]:
        room = self.config.stash[_CLASS]
        yield GradedState.from_parent(self, name=_STATE, entry=self.entry, room=room)
        from verify.lessons.registry import checks_of

        for function, line in checks_of(room.sitting.assignment):
            yield GradedLine.from_parent(self, name=f"{function}::{line}", entry=self.entry, room=room)


class _Graded(pytest.Item):
    def __init__(self, *, entry: Entry, room: Class, **options: Any) -> None:
        super().__init__(**options)
        self.entry, self.room = entry, room

    @property
    def record(self) -> GradeRecord:
        return self.room.record(self.entry)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{self.entry.name}: {self.name.replace('::', ' ')}"


class GradedState(_Graded):
    """The verdict on a submission: fails with the diagnosis and the smallest case; our own failure is an error."""

    def setup(self) -> None:
        record = self.record
        if record.state == "grader-error":
            pytest.fail(_failure(record), pytrace=False)

    def runtest(self) -> None:
        if self.record.state in ("undecided", "withheld"):
            pytest.skip(self.record.message)
        if self.record.state != "correct":
            pytest.fail(_failure(self.record), pytrace=False)


class GradedLine(_Graded):
    """One line: fails where its own equation is wrong; is an expected failure where it is right carried forward."""

    def runtest(self) -> None:
        record = self.record
        if not record.lines and record.state != "correct":
            pytest.skip(f"not judged: {record.state}")
        function, name = self.name.split("::")
        line = next((line for line in record.lines if (line.function, line.name) == (function, name)), None)
        if line is None or line.state == "absent":
            pytest.skip(_HANDED_OVER)
        elif line.state in ("blocked", "undecided"):
            pytest.skip(line.reason)
        elif line.state == "wrong" and line.carried_forward == "right":
            pytest.xfail(line.reason)
        elif line.state != "right":
            pytest.fail(_line_failure(record, line), pytrace=False)


def _failure(record: GradeRecord) -> str:
    from verify.reports.graded_terminal import failure

    return failure(record, _WIDTH)


def _line_failure(record: GradeRecord, line: LineRecord) -> str:
    from verify.reports.graded_terminal import line_failure

    return f"{line_failure(record, line, _WIDTH)}\nThe smallest case is worked in {record.submission}::{_STATE}."
