"""backproof beside the gradient checkers that people use: time, smallest error flagged, false alarms, and the goals.

The peers are the packages of the extra `bench` (`make bench` installs them); one that is not there is shown as such.
Exit code 0, 1 where an error bar or a budget does not hold, 2 for bad input, with one line on stderr.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verify.benchmarks.against import against_table
from verify.benchmarks.against import check as check_checkout
from verify.benchmarks.tables import BACKWARD, EVERY, GRADING, LEARNING, Settings, Table, run
from verify.commands.command_line import OneLineCommand, check_picture, check_writable, whole, write_text
from verify.errors import BadInput

if TYPE_CHECKING:  # torch takes seconds to import: bad input and --help need it not
    from rich.console import Console

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

Names = Annotated[
    list[str] | None,
    typer.Option("--table", metavar="NAME", help=f"one of {', '.join(EVERY)}; again"),
]
Budget = Annotated[bool, typer.Option("--budget", help="the same as --table budget")]
Diagnosis = Annotated[bool, typer.Option("--diagnosis", help="the same as --table diagnosis --table checkers")]
Grading = Annotated[bool, typer.Option("--grading", help=f"the same as --table {' --table '.join(GRADING)}")]
Verdicts = Annotated[bool, typer.Option("--verdicts", help="the same as --table verdicts: right programs, drawn")]
Wrong = Annotated[bool, typer.Option("--names", help="the same as --table names: wrong programs, drawn")]
Backward = Annotated[bool, typer.Option("--backward", help=f"the same as --table {' --table '.join(BACKWARD)}")]
Learning = Annotated[bool, typer.Option("--learning", help=f"the same as --table {' --table '.join(LEARNING)}")]
Quick = Annotated[bool, typer.Option("--quick", help="small networks, few repetitions: to see that all works")]
Share = Annotated[
    str, typer.Option("--share", metavar="K/N", help="of --verdicts and --budget the K-th of N shares, to run in parts")
]
Against = Annotated[
    Path | None, typer.Option("--against", metavar="PATH", help="run another checkout's commands in turn with these")
]
Seed = Annotated[int, typer.Option(parser=whole, metavar="N", help="of weights and batches")]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="the record; - for standard output")]
PictureFile = Annotated[
    Path | None, typer.Option("--picture", metavar="FILE", help="the first three tables as PNG, SVG, PDF")
]


@app.command(cls=OneLineCommand, help=__doc__)
def benchmark(
    table: Names = None,
    budget: Budget = False,
    diagnosis: Diagnosis = False,
    grading: Grading = False,
    verdicts: Verdicts = False,
    names: Wrong = False,
    backward: Backward = False,
    learning: Learning = False,
    quick: Quick = False,
    seed: Seed = 0,
    share: Share = "1/1",
    against: Against = None,
    json: JsonFile = None,
    picture: PictureFile = None,
) -> int:
    for option, path in (("--json", json), ("--picture", picture)):
        check_writable(option, path)
    check_picture(picture)
    if against is not None:
        check_checkout(against)
    asked = [*(table or []), *(["budget"] if budget else []), *(["diagnosis", "checkers"] if diagnosis else [])]
    asked += [*(GRADING if grading else ()), *(["verdicts"] if verdicts else []), *(["names"] if names else [])]
    asked += [*(BACKWARD if backward else ()), *(LEARNING if learning else ())]
    settings = Settings(quick=quick, seed=seed, share=_share(share), progress=_progress())
    tables = run(asked, settings) if asked or against is None else []
    if against is not None:
        tables.append(against_table(settings, against))
    _write(tables, settings, json, picture)
    return 1 if any(goal.proof and not goal.reached for t in tables for goal in t.goals) else 0


def _share(text: str) -> tuple[int, int]:
    k, _, n = text.partition("/")
    if not (k.isdecimal() and n.isdecimal() and 1 <= int(k) <= int(n)):
        raise BadInput(f"--share {text}: allowed is K/N with whole numbers, K from 1 to N")
    return int(k), int(n)


def _progress() -> Callable[[str], None]:
    """What is being measured, on stderr where that is a terminal."""
    console = _console(stderr=True)
    return (lambda text: console.print(text, style="dim")) if console.is_terminal else (lambda text: None)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=200)


def _write(tables: list[Table], settings: Settings, json: Path | None, picture: Path | None) -> None:
    from verify.benchmarks import picture as pictures
    from verify.benchmarks.show import as_json, record_of, show

    text = as_json(record_of(tables, settings))
    if str(json) == "-":
        print(text)
    else:
        show(tables, _console())
    if json is not None and str(json) != "-":
        write_text("--json", json, text)
    if picture is not None:
        pictures.draw(tables, picture)


if __name__ == "__main__":
    app()
