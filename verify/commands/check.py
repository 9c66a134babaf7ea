"""Check a hand-written backward pass: FILE.py:NAME, where NAME() returns check_backward's arguments.

NAME() returns (function, inputs) or (function, inputs, reference), or a dict of them. Exit code 0 where the backward
pass is right, 1 where it is wrong or doubtful, or where the check is inconclusive or differs from the baseline,
2 for bad input, with one line on stderr.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verify.commands.check_job import Target, changes
from verify.commands.command_line import OneLineCommand, check_writable, whole, write_text
from verify.errors import BadInput

if TYPE_CHECKING:
    from verify.reports.backward import Report

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
_VERDICTS = ("doubtful", "inconclusive")

What = Annotated[str, typer.Argument(metavar="FILE.py:NAME", help="NAME() returns check_backward's arguments")]
Seed = Annotated[int | None, typer.Option(parser=whole, metavar="N", help="of the random numbers")]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; else where the inputs are")]
Probes = Annotated[list[str] | None, typer.Option("--probe", metavar="NAME", help="only probes that begin so")]
NoShapes = Annotated[bool, typer.Option("--no-shapes", help="try no other sizes")]
Allow = Annotated[list[str] | None, typer.Option(metavar="VERDICT", help="doubtful or inconclusive: exit 0")]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="the record; - for standard output")]
HtmlFile = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="the report as one HTML file")]
Baseline = Annotated[
    Path | None, typer.Option(metavar="FILE", help="fail where verdict or power differ; written where there is none")
]


@app.command(cls=OneLineCommand, help=__doc__)
def check(
    target: What,
    seed: Seed = None,
    device: Device = None,
    probes: Probes = None,
    no_shapes: NoShapes = False,
    allow: Allow = None,
    json: JsonFile = None,
    html: HtmlFile = None,
    baseline: Baseline = None,
) -> int:
    found = Target.of(target)
    for name in allow or ():
        if name not in _VERDICTS:
            raise BadInput(f"--allow {name}: allowed are {' and '.join(_VERDICTS)}")
    for option, path in (("--json", json), ("--html", html), ("--baseline", baseline)):
        check_writable(option, path)
    asked = found.arguments()
    given = {"seed": seed, "device": device, "probes": probes, "shapes": False if no_shapes else None}
    report = _checked({**asked, **{key: value for key, value in given.items() if value is not None}})
    differs = changes(baseline, report) if baseline is not None else []
    _write(report, json, html, differs)
    passed = report.verdict == "right" or report.verdict in (allow or ())
    return 0 if passed and not differs else 1


def _checked(arguments: dict) -> Report:
    from rich.console import Console

    from verify.commands.checking import check_backward

    console = Console(stderr=True)
    if not console.is_terminal or "progress" in arguments:
        return check_backward(**arguments)
    with console.status("") as status:
        return check_backward(**arguments, progress=status.update)


def _write(report: Report, json: Path | None, html: Path | None, differs: list[str]) -> None:
    if html is not None:
        report.html(html)
    if str(json) == "-":
        typer.echo(report.json(), nl=False)
    else:
        if json is not None:
            write_text("--json", json, report.json())
        typer.echo(str(report))
    for line in differs:
        typer.echo(f"Differs from the baseline: {line}.", err=True)
