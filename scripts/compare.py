"""The main job, or one submission graded.

Without SUBMISSION: the slides' network on real images, by hand, by autograd and by finite differences, line by line.
Exit code 0 where all agree, 1 where a line disagrees, 2 for bad input, with one line on stderr.

With SUBMISSION, a .py file, notebook, folder or archive: graded, and what is wrong explained. Exit code 0 correct,
1 any other state, 2 a bad command or assignment, 3 where the grader itself failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verify.command_line import OneLineCommand, allow, check_writable, given, real, whole, write_text
from verify.job import Job, layers_of
from verify.one_submission import OneJob, exit_code

if TYPE_CHECKING:  # torch and the renderers take seconds to import: bad input and --help need neither
    from verify.compare_record import CompareRecord
    from verify.record import GradeRecord

DEFAULT = Job()
LAYERS = ",".join(map(str, DEFAULT.layers))
OUTPUTS = {"json", "html", "markdown"}
OF_SUBMISSION = {"assignment", "sandbox", "seed", "device", *OUTPUTS}
OF_MAIN_JOB = {*Job.__struct_fields__, *OUTPUTS}
app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

SubmissionPath = Annotated[
    Path | None, typer.Argument(metavar="[SUBMISSION]", help="grade this one", show_default=False)
]
Layers = Annotated[str, typer.Option(help="units from the input to the output")]
Batch = Annotated[int, typer.Option(parser=whole, metavar="N", help="images in the batch")]
Activation = Annotated[str, typer.Option(help="of the hidden layers: relu, tanh, gelu, …")]
Output = Annotated[str, typer.Option(help="softmax, sigmoid, or any activation with squared error")]
Loss = Annotated[str, typer.Option(help="cross-entropy, binary-cross-entropy or squared-error")]
Lam = Annotated[float, typer.Option(parser=real, metavar="NUMBER", help="λ of (λ/2) Σ ǁWǁ²")]
Data = Annotated[str, typer.Option(help="fashion-mnist, mnist, or a folder in torchvision's layout")]
Sweep = Annotated[
    int, typer.Option(parser=whole, metavar="PROBLEMS", help="small problems after the network; 0 for none")
]
Seed = Annotated[int, typer.Option(parser=whole, metavar="N", help="of the weights, the batch and the sweep")]
Device = Annotated[str, typer.Option(help="cpu or cuda")]
Dtype = Annotated[str, typer.Option(help="float64 or float32, for the manual side and autograd")]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="the record; - for standard output")]
HtmlFile = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="the report as one HTML file")]
MarkdownFile = Annotated[Path | None, typer.Option("--markdown", metavar="FILE", help="the report in Markdown")]
AssignmentFile = Annotated[Path | None, typer.Option(metavar="FILE", help="of a submission; without it deck 000's")]
SandboxName = Annotated[str, typer.Option(metavar="MODE", help="of a submission: auto, bubblewrap or process")]


@app.command(cls=OneLineCommand, help=__doc__)
def compare(
    context: typer.Context,
    submission: SubmissionPath = None,
    layers: Layers = LAYERS,
    batch: Batch = DEFAULT.batch,
    activation: Activation = DEFAULT.activation,
    output: Output = DEFAULT.output,
    loss: Loss = DEFAULT.loss,
    lam: Lam = DEFAULT.lam,
    data: Data = DEFAULT.data,
    sweep: Sweep = DEFAULT.sweep,
    seed: Seed = DEFAULT.seed,
    device: Device = DEFAULT.device,
    dtype: Dtype = DEFAULT.dtype,
    json: JsonFile = None,
    html: HtmlFile = None,
    markdown: MarkdownFile = None,
    assignment: AssignmentFile = None,
    sandbox: SandboxName = "auto",
) -> int:
    for option, path in (("--json", json), ("--html", html), ("--markdown", markdown)):
        check_writable(option, path)
    asked = [name for name in given(context) if name != "submission"]
    if submission is not None:
        allow(asked, OF_SUBMISSION, "a submission")
        one = OneJob(submission, assignment, sandbox, seed if "seed" in asked else None, device)
        return _grade(one, json, html, markdown)
    allow(asked, OF_MAIN_JOB, "the main job, which has no SUBMISSION")
    job = Job(
        layers_of(layers), batch, activation, output, loss, lam, data, sweep, seed, device, dtype,
    )  # fmt: skip
    job.check()
    record = _run(job)
    _write(record, json, html, markdown)
    return 0 if record.agree else 1


def _run(job: Job) -> CompareRecord:
    from verify.main_job import run

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


def _write(record: CompareRecord, json: Path | None, html: Path | None, markdown: Path | None) -> None:
    from verify.reports import html as html_report
    from verify.reports import markdown as markdown_report
    from verify.reports import terminal

    if html is not None:
        write_text("--html", html, html_report.render(record))
    if markdown is not None:
        write_text("--markdown", markdown, markdown_report.render(record))
    if str(json) == "-":
        typer.echo(record.json(), nl=False)
        return
    if json is not None:
        write_text("--json", json, record.json())
    terminal.show(record, terminal.console())


# One submission ------------------------------------------------------------------------------------------------------


def _grade(job: OneJob, json: Path | None, html: Path | None, markdown: Path | None) -> int:
    from rich.console import Console

    from verify.one_submission import grade_one

    job.check()
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status("") as status:
            record = grade_one(job, status.update)
    else:
        record = grade_one(job)
    _write_grade(record, json, html, markdown)
    return exit_code(record)


def _write_grade(record: GradeRecord, json: Path | None, html: Path | None, markdown: Path | None) -> None:
    from verify.record import encode
    from verify.reports import graded_pages, graded_terminal, terminal

    if html is not None:
        write_text("--html", html, graded_pages.as_html(record))
    if markdown is not None:
        write_text("--markdown", markdown, graded_pages.as_markdown(record))
    if str(json) == "-":
        typer.echo(encode(record), nl=False)
        return
    if json is not None:
        write_text("--json", json, encode(record).decode())
    graded_terminal.show(record, terminal.console(100))


if __name__ == "__main__":
    app()
