"""The main job, or one submission graded.

Without SUBMISSION: the slides' network on real images, by hand, by autograd and by finite differences, line by line.
Exit code 0 where all agree, 1 where a line disagrees, 2 for bad input, with one line on stderr.

With SUBMISSION, a .py file, notebook, folder or archive: graded, and what is wrong explained. Exit code 0 correct,
1 any other state, 2 a bad command or assignment, 3 where the grader itself failed.

With --watch as well: graded again at every save, in the terminal, or with --html (and no FILE) as a page for this
machine alone. Ctrl-C ends it.

With --explain: a small problem worked line by line, with the slides' equations and their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from verify.commands.command_line import OneLineCommand, allow, check_writable, given, real, whole, write_text
from verify.commands.one_submission import OneJob, exit_code, grade_one
from verify.errors import BadInput
from verify.problems.choices import LOSSES
from verify.problems.job import Job, layers_of
from verify.problems.written import PENALTIES

if TYPE_CHECKING:  # torch and the renderers take seconds to import: bad input and --help need neither
    from verify.grading.explain_record import AnyExplainRecord, ExplainJob
    from verify.grading.record import GradeRecord
    from verify.witnesses.record import CompareRecord

DEFAULT = Job()
WIDTH = 100  # of a report that goes to a file
LAYERS = ",".join(map(str, DEFAULT.layers))
OUTPUTS = {"json", "html", "markdown"}
OF_SUBMISSION = {"assignment", "lesson", "sandbox", "seed", "device", "show", *OUTPUTS}
OF_WATCH = {"watch", "html", *OF_SUBMISSION} - {"json", "markdown"}
OF_PROBLEM = {"layers", "batch", "activation", "output", "loss", "lam", "penalty", "assignment", "seed"}
OF_EXPLAIN = {"explain", "lesson", *OF_PROBLEM, *OUTPUTS}
# Of a lesson other than the network the assignment says the sizes.
OF_LESSON = {"explain", "lesson", "assignment", "seed", *OUTPUTS}
OF_MAIN_JOB = {*Job.__struct_fields__, *OUTPUTS}
app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

SubmissionPath = Annotated[Path | None, typer.Argument(metavar="SUBMISSION", help="grade this one", show_default=False)]
Layers = Annotated[str, typer.Option(help="units from the input to the output")]
Batch = Annotated[int, typer.Option(parser=whole, metavar="N", help="images in the batch")]
Activation = Annotated[str, typer.Option(help="of the hidden layers: relu, tanh, gelu, …")]
Output = Annotated[str, typer.Option(help="softmax, sigmoid, or any activation with squared errors")]
Loss = Annotated[str, typer.Option(help=", ".join(LOSSES))]
Lam = Annotated[float, typer.Option(parser=real, metavar="NUMBER", help="λ of (λ/2) Σ ǁWǁ²")]
Penalty = Annotated[str, typer.Option(help=f"what stands before Σ ǁWǁ²: {', '.join(PENALTIES)}")]
Data = Annotated[str, typer.Option(help="fashion-mnist, mnist, or a folder in torchvision's layout")]
Sweep = Annotated[
    int, typer.Option(parser=whole, metavar="PROBLEMS", help="small problems after the network; 0 for none")
]
Seed = Annotated[int, typer.Option(parser=whole, metavar="N", help="of the weights, the batch and the sweep")]
Device = Annotated[str, typer.Option(help="cpu or cuda")]
Dtype = Annotated[str, typer.Option(help="float64 or float32, for the manual side and autograd")]
Exact = Annotated[bool, typer.Option("--exact", help="also enclose every line in balls: who is off, by how much")]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="the record; - for standard output")]
HtmlFile = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="the report as one HTML file")]
MarkdownFile = Annotated[Path | None, typer.Option("--markdown", metavar="FILE", help="the report in Markdown")]
AssignmentFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="of a submission or --explain; without it deck 000's")
]
LessonFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="of a submission or --explain: a lesson of your own")
]
Explain = Annotated[bool, typer.Option("--explain", help="work a small problem line by line, in numbers")]
SandboxName = Annotated[
    str, typer.Option(metavar="MODE", help="of a submission: auto, namespaces, bubblewrap or process")
]
Show = Annotated[
    str | None,
    typer.Option(metavar="LEVEL", help="of a submission's report: nothing, states, hints, case; else the assignment's"),
]
Watched = Annotated[bool, typer.Option("--watch", help="of a submission: grade again at every save")]
# With --watch, --html is this one and names no file.
Page = Annotated[bool, typer.Option("--page", hidden=True)]


class CompareCommand(OneLineCommand):
    """Takes --html beside --watch for the page that loads itself again."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--watch" in args:
            if any(arg.startswith("--html=") for arg in args):
                raise BadInput("--html with --watch names no file: it is a page for this machine alone")
            args = ["--page" if arg == "--html" else arg for arg in args]
        return super().parse_args(ctx, args)


@app.command(cls=CompareCommand, help=__doc__)
def compare(
    context: typer.Context,
    submission: SubmissionPath = None,
    layers: Layers = LAYERS,
    batch: Batch = DEFAULT.batch,
    activation: Activation = DEFAULT.activation,
    output: Output = DEFAULT.output,
    loss: Loss = DEFAULT.loss,
    lam: Lam = DEFAULT.lam,
    penalty: Penalty = DEFAULT.penalty,
    data: Data = DEFAULT.data,
    sweep: Sweep = DEFAULT.sweep,
    seed: Seed = DEFAULT.seed,
    device: Device = DEFAULT.device,
    dtype: Dtype = DEFAULT.dtype,
    exact: Exact = DEFAULT.exact,
    json: JsonFile = None,
    html: HtmlFile = None,
    markdown: MarkdownFile = None,
    assignment: AssignmentFile = None,
    lesson: LessonFile = None,
    sandbox: SandboxName = "auto",
    explain: Explain = False,
    show: Show = None,
    watch: Watched = False,
    page: Page = False,
) -> int:
    files = Files(json, html, markdown)
    files.check()
    options = ["html" if name == "page" else name for name in given(context) if name != "submission"]
    if page and not watch:
        raise BadInput("--page goes with --watch alone; --html FILE writes the report as a page")
    if explain:
        if submission is not None:
            raise BadInput("--explain works a problem of its own; allowed is either --explain or a SUBMISSION")
        allow(options, OF_EXPLAIN, "--explain")
        return _explain({name: context.params[name] for name in options if name not in ("explain", *OUTPUTS)}, files)
    if submission is not None:
        allow(options, OF_WATCH if watch else OF_SUBMISSION, "--watch" if watch else "a SUBMISSION")
        drawn = seed if "seed" in options else None
        job = OneJob(submission, assignment, sandbox, drawn, device, show, lesson)
        return _watch(job, page) if watch else _grade(job, files)
    if watch:
        raise BadInput("--watch: there is nothing to watch; allowed is a SUBMISSION before it")
    allow(options, OF_MAIN_JOB, "the main job, which has no SUBMISSION")
    asked = {name: context.params[name] for name in Job.__struct_fields__}
    return _main_job(Job(**{**asked, "layers": layers_of(layers)}), files)


def _main_job(job: Job, files: Files) -> int:
    job.check()
    record = _run(job)
    _write(record, files)
    return 0 if record.agree else 1


class Files(NamedTuple):
    """Where the record and the pages go."""

    json: Path | None
    html: Path | None
    markdown: Path | None

    def check(self) -> None:
        for option, path in zip(("--json", "--html", "--markdown"), self, strict=True):
            check_writable(option, path)

    def write(self, json: str, html: Callable[[], str], markdown: Callable[[], str], show: Callable[[], None]) -> None:
        """What was asked for as files; the rest of it on standard output, where nothing else goes beside --json -."""
        if self.html is not None:
            write_text("--html", self.html, html())
        if self.markdown is not None:
            write_text("--markdown", self.markdown, markdown())
        if str(self.json) == "-":
            typer.echo(json, nl=False)
            return
        if self.json is not None:
            write_text("--json", self.json, json)
        show()


def _run(job: Job) -> CompareRecord:
    from verify.commands.main_job import run

    with _progress() as progress:
        return run(job, progress)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda stage, done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        tasks = {"main": bar.add_task("network"), "sweep": bar.add_task("sweep", total=None)}
        yield lambda stage, done, total: bar.update(tasks[stage], completed=done, total=total)


def _write(record: CompareRecord, files: Files) -> None:
    from verify.reports import html, markdown, terminal

    files.write(
        record.json(),
        lambda: html.render(record),
        lambda: markdown.render(record),
        lambda: terminal.show(record, terminal.console()),
    )


# One submission ------------------------------------------------------------------------------------------------------


def _grade(job: OneJob, files: Files) -> int:
    from rich.console import Console

    job.check()
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status("") as status:
            record = grade_one(job, status.update)
    else:
        record = grade_one(job)
    _write_grade(record, files)
    return exit_code(record)


def _watch(job: OneJob, page: bool) -> int:
    from verify.commands.watch_report import run

    return run(job, page=page)


def _write_grade(record: GradeRecord, files: Files) -> None:
    from verify.grading.record import encode
    from verify.reports import graded_terminal, terminal

    def pages() -> ModuleType:
        from verify.reports import graded_pages

        return graded_pages

    files.write(
        encode(record).decode(),
        lambda: pages().as_html(record),
        lambda: pages().as_markdown(record),
        lambda: graded_terminal.show(record, terminal.console(WIDTH)),
    )


# A worked problem ----------------------------------------------------------------------------------------------------


def _explain(asked: dict[str, Any], files: Files) -> int:
    from verify.grading.explain_record import ExplainJob

    job = ExplainJob(**{**asked, **({"layers": layers_of(asked["layers"])} if "layers" in asked else {})})
    job.check()
    record = _worked(job, asked)
    from verify.reports import explanation, terminal

    files.write(
        record.json(),
        lambda: explanation.as_html(record),
        lambda: explanation.as_markdown(record),
        lambda: explanation.show(record, terminal.console(WIDTH)),
    )
    return 0


def _worked(job: ExplainJob, options: Iterable[str]) -> AnyExplainRecord:
    """The record of a worked problem, of whichever lesson."""
    from verify.grading.assignment import Assignment
    from verify.grading.lesson_assignment import PartsAssignment
    from verify.lessons.registry import lesson_of, read_any

    asked = read_any(job.assignment, job.lesson)
    if isinstance(asked, Assignment):
        from verify.lessons.network.cases.explain import explain

        return explain(job)
    if isinstance(asked, PartsAssignment):
        names = ", ".join(part.name for part in asked.parts)
        raise BadInput(
            f"--assignment {job.assignment}: has the parts {names}; --explain is of an assignment of one lesson"
        )
    allow(options, OF_LESSON, f"--explain of the lesson {asked.lesson}")
    from verify.grading.machinery.example import explain as explain_lesson

    return explain_lesson(lesson_of(asked), asked, job.seed)
