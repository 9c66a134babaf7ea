"""Train a network on images, with the slides' equations by hand or with torch, and watch it learn.

Exit code 0 where all epochs were run, 1 where the training diverged or a checked gradient was wrong, 2 for bad input.
Killed or interrupted, the same command with --resume goes on where the --state file stands, to the same weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verify.commands.command_line import OneLineCommand, check_picture, check_writable, real, refuse, whole, write_text
from verify.errors import BadInput
from verify.problems.choices import LOSSES
from verify.problems.job import layers_of
from verify.problems.train_job import TrainJob

if TYPE_CHECKING:
    from verify.commands.training import Training
    from verify.reports.train_record import Epoch, Final

DEFAULT = TrainJob()
app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command(cls=OneLineCommand, help=__doc__)
def train(
    data: Annotated[str, typer.Option(help="fashion-mnist, mnist, or a folder in torchvision's layout")] = DEFAULT.data,
    layers: Annotated[str, typer.Option(help="units from the input to the output")] = ",".join(
        map(str, DEFAULT.layers)
    ),
    activation: Annotated[str, typer.Option(help="of the hidden layers: relu, tanh, gelu, …")] = DEFAULT.activation,
    output: Annotated[
        str, typer.Option(help="softmax, sigmoid, or any activation with squared errors")
    ] = DEFAULT.output,
    loss: Annotated[str, typer.Option(help=", ".join(LOSSES))] = DEFAULT.loss,
    lam: Annotated[float, typer.Option(parser=real, metavar="NUMBER", help="λ of (λ/2) Σ ǁWǁ²")] = DEFAULT.lam,
    lr: Annotated[float, typer.Option(parser=real, metavar="NUMBER", help="η, the step's length")] = DEFAULT.lr,
    optimiser: Annotated[str, typer.Option(help="gd, sgd, momentum or adam")] = DEFAULT.optimiser,
    epochs: Annotated[int, typer.Option(parser=whole, metavar="N", help="rounds over all images")] = DEFAULT.epochs,
    batch: Annotated[
        int | None, typer.Option(parser=whole, metavar="N", help="images per step (100; gd takes all)")
    ] = None,
    by: Annotated[str, typer.Option(help="manual or torch")] = DEFAULT.by,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = DEFAULT.device,
    dtype: Annotated[str, typer.Option(help="float32 or float64")] = DEFAULT.dtype,
    seed: Annotated[int, typer.Option(parser=whole, metavar="N", help="of the weights and the order")] = DEFAULT.seed,
    schedule: Annotated[
        str, typer.Option(help="constant, or deck: a tenth of η in the second half")
    ] = DEFAULT.schedule,
    initialisation: Annotated[str, typer.Option(help="normal, fan-in, xavier, he or deck")] = DEFAULT.initialisation,
    check: Annotated[int, typer.Option(parser=whole, metavar="N", help="check every N-th step against autograd")] = 0,
    state: Annotated[Path | None, typer.Option(metavar="FILE", help="keep the training here after every epoch")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on from the --state file")] = False,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="the record; - for standard output")
    ] = None,
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="the history as PNG, SVG or PDF")] = None,
) -> int:
    for option, path in (("--json", json), ("--state", state)):
        check_writable(option, path)
    check_picture(picture)
    if resume and state is None:
        raise BadInput("--resume without --state: allowed is --resume --state FILE, with the file that was kept")
    default = 0 if optimiser == "gd" else DEFAULT.batch
    job = TrainJob(
        data, layers_of(layers), activation, output, loss, lam, lr, optimiser, epochs,
        default if batch is None else batch, by, device, dtype, seed, schedule, initialisation, check,
    )  # fmt: skip
    job.check()
    return _run(job, state, resume, json, picture)


def _run(job: TrainJob, state: Path | None, resume: bool, json: Path | None, picture: Path | None) -> int:
    import torch

    from verify.commands.training import Stopped, begin
    from verify.reports.train_picture import draw
    from verify.reports.train_record import encode

    if job.device == "cuda" and not torch.cuda.is_available():
        raise BadInput("--device cuda: torch finds no CUDA device here; allowed is cpu")
    training = begin(job, state, resume=resume)
    quiet, stopped = str(json) == "-", ""
    try:
        _watched(training, quiet)
    except Stopped as why:
        stopped = str(why)
        refuse(str(why))
    record = training.record(stopped)
    if not quiet:
        print(f"{job.by}: {said(record.final)}, {record.final.epoch} epochs in {record.final.seconds:.2f} s")
    if picture is not None:
        draw(record, picture)
    if quiet:
        print(encode(record), end="")
    elif json is not None:
        write_text("--json", json, encode(record))
    return 1 if record.stopped else 0


def _watched(training: Training, quiet: bool) -> None:
    """The run, with a bar and the time that is left; a line per epoch where the output is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=quiet)
    columns = (
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=training.job.epochs, completed=training.done)

        def told(epoch: Epoch) -> None:
            text = said(epoch)
            progress.update(bar, completed=epoch.epoch, description=text)
            if not console.is_terminal and not quiet:
                print(f"epoch {epoch.epoch:4}  {text}", flush=True)

        training.run(told)


def said(epoch: Epoch | Final) -> str:
    """The numbers of an epoch in words."""
    return f"E {epoch.loss:.4f}, right {epoch.train_accuracy:.4f} of training, {epoch.test_accuracy:.4f} of test images"
