"""Make what students get of an assignment: STUDENT.md, a starter file and notebook, and a self-check.

Nothing of it has a gradient, or a problem that is graded. Exit code 2 for a bad command or assignment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from verify.commands.command_line import OneLineCommand
from verify.commands.new_folder import new_folder
from verify.lessons.registry import read_any
from verify.submissions.submission import shown

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

AssignmentFile = Annotated[Path | None, typer.Argument(metavar="ASSIGNMENT", help="its TOML", show_default=False)]
LessonFile = Annotated[Path | None, typer.Option(metavar="FILE", help="a lesson of your own, docs/LESSONS.md")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="a new folder")]


@app.command(cls=OneLineCommand, help=__doc__)
def handout(out: Out, assignment: AssignmentFile = None, lesson: LessonFile = None) -> int:
    if assignment is None and lesson is None:
        raise typer.BadParameter("is missing; it is the assignment's TOML, or --lesson FILE", param_hint="ASSIGNMENT")
    asked = read_any(assignment, lesson)
    from verify.classroom.handout.making import make

    with new_folder("--out", out) as folder:
        names = [path.name for path in make(folder, asked)]
    typer.echo(shown(f"{out} holds {', '.join(names)}: give students these."))
    return 0
