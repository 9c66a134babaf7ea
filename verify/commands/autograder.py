"""Build an autograder for Gradescope: a folder with all that it needs, to be zipped and uploaded.

The class gets the problems of one seed: the assignment's, or where that is "secret" the one that --gradebook keeps, or
one that is drawn and kept in the folder. Exit code 2 for a bad command or assignment.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from packaging.requirements import Requirement

from verify.classroom.gradebook import Gradebook
from verify.commands.command_line import OneLineCommand
from verify.commands.new_folder import new_folder
from verify.errors import BadInput
from verify.grading.beside import HERE
from verify.grading.lesson_assignment import AnyAssignment, LessonAssignment, PartsAssignment
from verify.isolation.packages import check_offered
from verify.lessons.registry import read_any, source_of
from verify.submissions.submission import shown

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
_SOURCES = ("manual", "torch_ref", "verify")
_FROM_TORCH = ("torch", "torchvision")
# Its own name, beside whatever the assignment names.
LESSON = "given_lesson.py"
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "benchmarks")

AssignmentFile = Annotated[Path | None, typer.Option(metavar="FILE", help="the TOML; without it deck 000's network")]
LessonFile = Annotated[Path | None, typer.Option(metavar="FILE", help="a lesson of your own, docs/LESSONS.md")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="a new folder; zip what is in it")]
GradebookFolder = Annotated[
    Path | None, typer.Option("--gradebook", metavar="DIR", help="the class's gradebook, for the same problems")
]

SETUP = """#!/usr/bin/env bash
# Runs once, as root, when Gradescope builds the image.
set -e
root="${AUTOGRADER_ROOT:-/autograder}"
apt-get update
apt-get install -y python3 python3-venv bubblewrap
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo 'Python 3.11 or newer is needed: choose a newer base image (Ubuntu 24.04 has 3.12)' >&2
    exit 1
}
python3 -m venv "$root/venv"
"$root/venv/bin/pip" install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu {torch}
"$root/venv/bin/pip" install --no-cache-dir -r "$root/source/requirements.txt"
"""
RUN = """#!/usr/bin/env bash
# Runs for each submission; writes results/results.json.
root="${AUTOGRADER_ROOT:-/autograder}"
export PYTHONPATH="$root/source/packages"
exec "$root/venv/bin/python" -P -m verify.commands.gradescope "$root"
"""


@app.command(cls=OneLineCommand, help=__doc__)
def autograder(
    out: Out, assignment: AssignmentFile = None, lesson: LessonFile = None, gradebook: GradebookFolder = None
) -> int:
    asked = read_any(assignment, lesson)
    seed = _seed(asked, gradebook)
    with new_folder("--out", out) as folder:
        build(folder, assignment, asked, seed)
        if lesson is not None:
            (folder / LESSON).write_text(source_of(lesson).text, encoding="utf-8")
    typer.echo(
        f"{out} holds an autograder: zip what is in it (not the folder itself) and upload the zip to Gradescope."
    )
    typer.echo(f"{out}/seed is the class's secret: whoever has it can work the problems out.")
    return 0


def lesson_in(folder: Path) -> Path | None:
    """The file of a lesson that no assignment names, in what was uploaded."""
    return folder / LESSON if (folder / LESSON).is_file() else None


def _seed(asked: AnyAssignment, gradebook: Path | None) -> int:
    if isinstance(asked.seed, int):
        return asked.seed
    if gradebook is None:
        return secrets.randbits(62)
    if gradebook.exists() and not gradebook.is_dir():
        raise BadInput(shown(f"--gradebook {gradebook}: is a file; allowed is a gradebook's folder"))
    with Gradebook(gradebook) as kept:
        return kept.seed()


def build(folder: Path, assignment: Path | None, asked: AnyAssignment, seed: int) -> None:
    """All that Gradescope unpacks into /autograder/source."""
    for name, data in _beside(asked).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    text = "" if assignment is None else assignment.read_text(encoding="utf-8-sig")
    (folder / "assignment.toml").write_text(text, encoding="utf-8")
    (folder / "seed").write_text(f"{seed}\n")
    root = Path(__file__).parents[2]
    for name in _SOURCES:
        shutil.copytree(root / name, folder / "packages" / name, ignore=_LEFT_OUT)
    check_offered(asked.packages)
    pinned = dict(sorted([*_needed("backproof"), *((name, metadata.version(name)) for name in asked.packages)]))
    torch = [f"{name}=={pinned[name]}" for name in _FROM_TORCH if name in pinned]
    others = [f"{name}=={version}\n" for name, version in pinned.items() if name not in _FROM_TORCH]
    (folder / "requirements.txt").write_text("".join(others))
    for name, script in (("setup.sh", SETUP.replace("{torch}", " ".join(torch))), ("run_autograder", RUN)):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)


def _beside(asked: AnyAssignment) -> dict[str, bytes]:
    """The files that the assignment names: what programs find, an adapter, a lesson."""
    if isinstance(asked, PartsAssignment):
        return {name: data for part in asked.parts for name, data in _beside(part.asked).items()}
    found = dict(asked.files.contents)
    if asked.adapter.name not in ("", *HERE):
        found[asked.adapter.name] = asked.adapter.source.encode()
    if isinstance(asked, LessonAssignment) and asked.source is not None:
        found[Path(asked.source.path).name] = asked.source.text.encode()
    return found


def _needed(name: str) -> Iterator[tuple[str, str]]:
    """The packages that this one needs, with the exact versions that are installed here; theirs pip finds itself."""
    for text in metadata.requires(name) or ():
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            # Without what stands after +, as +cu130: Gradescope has no GPU.
            yield wanted.name, metadata.version(wanted.name).split("+")[0]
