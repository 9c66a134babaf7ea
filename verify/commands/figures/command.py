"""Every example, printed table and picture of the decks, computed anew.

Prints what the decks print; --out writes a picture per topic; --json the numbers behind them.
Exit code 0, or 2 for bad input.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from verify.commands.command_line import OneLineCommand, check_writable, write_text
from verify.errors import BadInput

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command(cls=OneLineCommand, help=__doc__)
def figures(
    topic: Annotated[list[str] | None, typer.Option(metavar="NAME", help="this topic alone; may be repeated")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="write a picture per topic into this folder")] = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="the record; - for standard output")
    ] = None,
) -> int:
    from verify.commands.figures import SCHEMA, TOPICS
    from verify.reports import figures_terminal
    from verify.reports.pictures import draw

    check_writable("--json", json)
    chosen = topic or list(TOPICS)
    for name in chosen:
        if name not in TOPICS:
            raise BadInput(f"--topic {name!r}: allowed are {', '.join(TOPICS)}")
    if out is not None:
        _folder(out)
    quiet, topics = str(json) == "-", {}
    for name in chosen:
        topics[name] = TOPICS[name]()
        if not quiet:
            figures_terminal.show(name, topics[name])
        if out is not None:
            draw(name, topics[name], out / f"{name}.png")
    if json is not None:
        text = figures_terminal.encoded({"schema": SCHEMA, "topics": topics})
        print(text, end="") if quiet else write_text("--json", json, text)
    return 0


def _folder(out: Path) -> None:
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out {out}: no folder there ({error.strerror}); allowed is a folder, or a new one") from error
