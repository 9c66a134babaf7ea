"""Grade a class: a gradebook, and a record and a page for every submission.

Each PATH is a submission, a folder of submissions or an archive of them. A run that was killed goes on where it
stopped. Exit code 0 where every submission has a state of its own, 2 for a bad command or assignment, 3 where the
grader failed at one.

With --pytest: the checks as pytest items, and no gradebook. What follows it is for pytest: --pytest -v --lf
--junitxml=FILE. No configuration of yours or the submissions' is read; the exit code is pytest's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from verify.classroom.class_record import ClassRecord
from verify.classroom.classroom import Classroom, Graders, Report, local
from verify.classroom.exports import FORMATS, export
from verify.classroom.grade_job import GradeJob, assignment_beside, check_known, cores
from verify.classroom.gradebook import Gradebook
from verify.classroom.roster import Roster, read_roster
from verify.classroom.sitting import Sitting
from verify.commands.command_line import OneLineCommand, allow, check_writable, given, whole, write_text
from verify.commands.pytest_run import run
from verify.errors import Interrupted
from verify.language import language
from verify.lessons.registry import is_kept, read_any
from verify.submissions.reading import Entry
from verify.submissions.submission import shown

if TYPE_CHECKING:
    from verify.grading.lesson_assignment import AnyAssignment

GRADER_FAILED = 3
_OF_PYTEST = {"paths", "assignment", "lesson", "sandbox", "seed", "device", "pytest"}
app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="submissions, folders or archives of them")]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="the gradebook's folder; made where there is none")]
AssignmentFile = Annotated[Path | None, typer.Option(metavar="FILE", help="the TOML; without it deck 000's network")]
LessonFile = Annotated[Path | None, typer.Option(metavar="FILE", help="a lesson of your own, docs/LESSONS.md")]
Jobs = Annotated[int | None, typer.Option(parser=whole, metavar="N", help="submissions at a time; else one a core")]
SandboxName = Annotated[str, typer.Option(metavar="MODE", help="auto, namespaces, bubblewrap or process")]
Cluster = Annotated[str | None, typer.Option(metavar="dask://HOST:PORT", help="grade on a Dask cluster")]
RosterFile = Annotated[Path | None, typer.Option("--roster", metavar="FILE", help="the class list, as CSV")]
Regrade = Annotated[bool, typer.Option("--regrade", help="grade again what is graded; old and new score side by side")]
Seed = Annotated[int | None, typer.Option(parser=whole, metavar="N", help="of the problems; else the assignment's")]
Device = Annotated[str, typer.Option(help="cpu or cuda")]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="the summary; - for standard output")]
Html = Annotated[bool, typer.Option("--html/--no-html", help="a page for a browser per submission, and of the class")]
Formats = Annotated[
    list[str] | None,
    typer.Option("--format", metavar="NAME", help=f"also write for {', '.join(FORMATS)}; again for more"),
]


Pytest = Annotated[bool, typer.Option("--pytest", help="grade as pytest items; what follows is for pytest")]


class GradeCommand(OneLineCommand):
    """Leaves what follows --pytest to pytest."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--pytest" in args:
            at = args.index("--pytest") + 1
            ctx.obj, args = args[at:], args[:at]
        return super().parse_args(ctx, args)


@app.command(cls=GradeCommand, help=__doc__)
def grade(
    context: typer.Context,
    paths: Paths,
    out: Out = None,
    assignment: AssignmentFile = None,
    lesson: LessonFile = None,
    jobs: Jobs = None,
    sandbox: SandboxName = "auto",
    executor: Cluster = None,
    roster: RosterFile = None,
    regrade: Regrade = False,
    seed: Seed = None,
    device: Device = "cpu",
    json: JsonFile = None,
    html: Html = True,
    formats: Formats = None,
    pytest: Pytest = False,
) -> int:
    assignment = assignment or _beside(paths)
    if pytest:
        allow(given(context), _OF_PYTEST, "--pytest")
        return run(paths, _options(assignment, lesson, sandbox, seed, device), context.obj or [])
    if out is None:
        raise typer.BadParameter("is missing; it names the gradebook's folder", param_hint="--out")
    job = GradeJob(tuple(paths), out, cores() if jobs is None else jobs, sandbox, executor, seed, device)
    job.check()
    for name in formats or ():
        check_known("--format", name, FORMATS)
    check_writable("--json", json)
    asked = read_any(assignment, lesson)
    listed = None if roster is None else read_roster(roster)
    record = _graded(job, asked, listed, regrade, formats or (), html)
    _write(record, out, json)
    return GRADER_FAILED if record.grader_errors else 0


def _beside(paths: list[Path]) -> Path | None:
    """The class's own assignment, which is told: nobody named it."""
    found = assignment_beside(paths)
    if found is not None:
        typer.echo(shown(f"The assignment is {found}."), err=True)
    return found


def _options(assignment: Path | None, lesson: Path | None, sandbox: str, seed: int | None, device: str) -> list[str]:
    """What the pytest plug-in is told."""
    told = [f"--grade-sandbox={sandbox}", f"--device={device}"]
    told += [f"--assignment={assignment.resolve()}"] if assignment is not None else []
    told += [f"--lesson={lesson.resolve()}"] if lesson is not None else []
    return told + ([f"--seed={seed}"] if seed is not None else [])


def _graded(
    job: GradeJob,
    asked: AnyAssignment,
    roster: Roster | None,
    regrade: bool,
    formats: list[str] | tuple[()],
    html: bool,
) -> ClassRecord:
    handed = job.handed(asked.name)
    with _cluster(job) as cluster, Gradebook(job.out) as gradebook:
        sitting = replace(_sitting(job, asked, gradebook), html=html)
        graders = cluster or local(job.jobs, kept=is_kept(asked, sitting.seed))
        with _progress(len(handed.entries)) as report:
            room = Classroom(
                gradebook, sitting, graders,
                regrade=regrade, roster=roster, passed_over=handed.passed_over, report=report,
            )  # fmt: skip
            record = _finished(room, handed.entries, job.out)
        for name in formats:
            export(name, record, gradebook.folder, asked)
    return record


def _finished(room: Classroom, entries: Sequence[Entry], out: Path) -> ClassRecord:
    try:
        return room.grade(entries)
    except KeyboardInterrupt:
        on = "the others have the records that they had" if room.regrade else "the same command goes on with the others"
        said = f"interrupted: {room.done} of {len(entries)} are graded, and their records are kept in {out}; {on}"
        raise Interrupted(shown(said)) from None


def _sitting(job: GradeJob, asked: AnyAssignment, gradebook: Gradebook) -> Sitting:
    """What the class is graded by: the seed that is given, or the assignment's, or the gradebook's own."""
    given = job.seed if job.seed is not None else asked.seed if isinstance(asked.seed, int) else None
    seed = gradebook.seed() if given is None else given
    return Sitting(asked, seed, job.sandbox, job.device, secret=given is None, language=language())


@contextmanager
def _cluster(job: GradeJob) -> Iterator[Graders | None]:
    """Who grades where a cluster was asked for; None for processes of this machine."""
    if job.executor is None:
        yield None
    else:
        from verify.classroom.cluster import dask

        with dask(job.executor) as graders:
            yield graders


@contextmanager
def _progress(total: int) -> Iterator[Report]:
    """A bar with states and time left on stderr, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total, states: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=total)
        yield lambda done, total, states: bar.update(
            task, completed=done, description=", ".join(f"{count} {state}" for state, count in states.items())
        )


def _write(record: ClassRecord, out: Path, json: Path | None) -> None:
    from verify.reports import class_terminal, terminal

    if str(json) == "-":
        typer.echo(record.json(), nl=False)
        return
    if json is not None:
        write_text("--json", json, record.json())
    class_terminal.show(record, out, terminal.console())
