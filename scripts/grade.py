"""Grade a class: a gradebook, and a record and a page for every submission.

Each PATH is a submission, a folder of submissions or an archive of them. A run that was killed goes on where it
stopped. Exit code 0 where every submission has a state of its own, 2 for a bad command or assignment, 3 where the
grader failed at one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from verify.classroom.class_record import ClassRecord
from verify.classroom.classroom import Classroom, Graders, Report, local
from verify.classroom.exports import FORMATS, export
from verify.classroom.gradebook import Gradebook
from verify.classroom.sitting import Sitting
from verify.commands.command_line import OneLineCommand, check_writable, whole, write_text
from verify.commands.grade_job import GradeJob, check_known, cores
from verify.grading.assignment import read_assignment

GRADER_FAILED = 3
app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="submissions, folders or archives of them")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="the gradebook's folder; made where there is none")]
AssignmentFile = Annotated[Path | None, typer.Option(metavar="FILE", help="the TOML; without it deck 000's network")]
Jobs = Annotated[int | None, typer.Option(parser=whole, metavar="N", help="submissions at a time; else one a core")]
SandboxName = Annotated[str, typer.Option(metavar="MODE", help="auto, namespaces, bubblewrap or process")]
Cluster = Annotated[str | None, typer.Option(metavar="dask://HOST:PORT", help="grade on a Dask cluster")]
Regrade = Annotated[bool, typer.Option("--regrade", help="grade again what is graded; old and new score side by side")]
Seed = Annotated[int | None, typer.Option(parser=whole, metavar="N", help="of the problems; else the assignment's")]
Device = Annotated[str, typer.Option(help="cpu or cuda")]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="the summary; - for standard output")]
Formats = Annotated[
    list[str] | None,
    typer.Option("--format", metavar="NAME", help=f"also write for {', '.join(FORMATS)}; again for more"),
]


@app.command(cls=OneLineCommand, help=__doc__)
def grade(
    paths: Paths,
    out: Out,
    assignment: AssignmentFile = None,
    jobs: Jobs = None,
    sandbox: SandboxName = "auto",
    executor: Cluster = None,
    regrade: Regrade = False,
    seed: Seed = None,
    device: Device = "cpu",
    json: JsonFile = None,
    formats: Formats = None,
) -> int:
    job = GradeJob(tuple(paths), out, cores() if jobs is None else jobs, sandbox, executor, seed, device)
    job.check()
    for name in formats or ():
        check_known("--format", name, FORMATS)
    check_writable("--json", json)
    asked = read_assignment(assignment)
    sitting = Sitting(asked, asked.seed if seed is None else seed, sandbox, device)
    record = _graded(job, sitting, regrade, formats or ())
    _write(record, out, json)
    return GRADER_FAILED if record.grader_errors else 0


def _graded(job: GradeJob, sitting: Sitting, regrade: bool, formats: list[str] | tuple[()]) -> ClassRecord:
    entries = job.entries()
    with _graders(job) as graders, Gradebook(job.out) as gradebook:
        with _progress(len(entries)) as report:
            record = Classroom(gradebook, sitting, graders, regrade=regrade, report=report).grade(entries)
        for name in formats:
            export(name, record, gradebook.folder)
    return record


@contextmanager
def _graders(job: GradeJob) -> Iterator[Graders]:
    if job.executor is None:
        yield local(job.jobs)
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


if __name__ == "__main__":
    app()
