"""What the command lines share: bad input is one line on stderr and exit 2, never a traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from verify.errors import BadInput, Interrupted, Unwritten
from verify.language import LANGUAGES, of_environment, speak

BAD_INPUT = 2
INTERRUPTED = 130
# As where the grader failed at a submission: not the command's fault, and what is written is kept.
UNWRITTEN = 3
_LONGEST = 1000  # characters of a message: a value may be of any length

# typer's usage errors (an unknown option, a word for a number) and its own reading of them, whichever click it carries.
_UsageError: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")


def version_line() -> str:
    """What --version prints."""
    try:
        return f"backproof {version('backproof')}"
    except PackageNotFoundError:
        return "backproof, not installed"


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(version_line())
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_tell_version, is_eager=True, expose_value=False, help="Tell it and exit."),
]


def _speak(name: str | None) -> None:
    speak(name if name is not None else of_environment())


Lang = Annotated[
    str | None,
    typer.Option(
        "--lang", metavar="|".join(LANGUAGES), callback=_speak, is_eager=True, expose_value=False,
        help="The language of reports; else the locale's.", show_default=False,
    ),
]  # fmt: skip


def _common_options() -> list[Any]:
    """--version and --lang as typer makes options of them, whichever click it carries."""
    app = typer.Typer(add_completion=False)

    @app.command()
    def only(version: Version = False, lang: Lang = None) -> None: ...

    return typer.main.get_command(app).params[:2]


class OneLineCommand(TyperCommand):
    """A command whose usage errors and BadInput are one line on stderr: `@app.command(cls=OneLineCommand)`.

    It has --version and --lang besides the options of its function.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _common_options()

    def main(self, *args: Any, standalone_mode: bool = True, **kwargs: Any) -> Any:
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **kwargs)
        return sys.exit(self._exit_code(*args, **kwargs))

    def _exit_code(self, *args: Any, **kwargs: Any) -> int:
        speak_any_encoding()
        try:
            code = super().main(*args, standalone_mode=False, **kwargs)
            sys.stdout.flush()
        except BadInput as error:
            return refuse(str(error))
        except Unwritten as error:
            return refuse(str(error), UNWRITTEN)
        except Interrupted as error:
            return refuse(str(error), INTERRUPTED)
        except _UsageError as error:
            return refuse(error.format_message())
        except BrokenPipeError:  # whoever read our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except (KeyboardInterrupt, typer.Abort):
            return refuse("interrupted", INTERRUPTED)
        return code if isinstance(code, int) else 0


def has_only(flag: str) -> bool:
    """Whether the command line has a script's one option. With another word the program ends, after one line."""
    for word in sys.argv[1:]:
        if word != flag:
            sys.exit(refuse(f"{word}: is not known; allowed is {flag}"))
    return flag in sys.argv[1:]


def speak_any_encoding() -> None:
    """What a console's encoding does not have is written as an escape: δ as \\u03b4, and never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def whole(text: str | int) -> int:
    """An option's whole number; its usage error shows the value, which typer's own does not."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r}, where a whole number is allowed") from None


def real(text: str | float) -> float:
    """An option's number; its usage error shows the value, which typer's own does not."""
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r}, where a number is allowed") from None


def given(context: typer.Context) -> list[str]:
    """The parameters, by name, that stand on the command line; the others have their defaults.

    --lang is none of them: it goes with everything.
    """
    known = [p for p in context.command.params if getattr(p, "expose_value", True)]
    return [p.name for p in known if p.name and context.get_parameter_source(p.name).name == "COMMANDLINE"]  # type: ignore[union-attr]


def allow(names: Iterable[str], allowed: Iterable[str], what: str) -> None:
    """BadInput where an option was given that means nothing to what was asked for."""
    kept = sorted(allowed)
    for name in names:
        if name not in kept:
            raise BadInput(f"--{name} does not go with {what}; allowed are {', '.join(f'--{n}' for n in kept)}")


def refuse(message: str, code: int = BAD_INPUT) -> int:
    """The message as one line on stderr, control characters escaped; returns the exit code."""
    line = " ".join(message.split())
    line = line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} … {line[-_LONGEST // 2 :]}"
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    print(f"{Path(sys.argv[0]).name}: {shown}", file=sys.stderr)
    return code


def check_writable(option: str, path: Path | None) -> None:
    """BadInput where a file cannot be written there: found out before the work is done. None and - are no file."""
    if path is None or str(path) == "-":
        return
    if path.is_dir():
        raise BadInput(f"{option} {path}: is a folder; allowed is a file in a folder that exists")
    folder = path.parent
    if not folder.is_dir():
        raise BadInput(f"{option} {path}: there is no folder {folder}; allowed is a file in a folder that exists")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise BadInput(f"{option} {path}: may not be written; allowed is a file that you may write")


def check_picture(path: Path | None) -> None:
    """BadInput for a picture's file that says no format, or cannot be written: found out before the work is done."""
    if path is not None and path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise BadInput(f"--picture {path}: allowed are names that end in .png, .svg or .pdf")
    check_writable("--picture", path)


def write_text(option: str, path: Path, text: str) -> None:
    """The text as UTF-8. Raises BadInput with the system's reason where it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{option} {path}: cannot be written ({error.strerror})") from error
