"""What a command prints reaches a console of any encoding."""

import io
import sys

import pytest
import typer

from verify.commands.command_line import OneLineCommand
from verify.reports.terminal import console


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", b"\\u03b4 \\u738b"), ("gbk", "δ 王".encode("gbk"))])
def test_a_letter_that_a_console_lacks_is_an_escape(
    monkeypatch: pytest.MonkeyPatch, encoding: str, shown: bytes
) -> None:
    app = typer.Typer(add_completion=False)

    @app.command(cls=OneLineCommand)
    def say() -> None:
        console().print("δ 王")
        print("δ 王")

    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    monkeypatch.setattr(sys, "argv", ["say"])
    with pytest.raises(SystemExit) as end:
        app()
    assert end.value.code == 0
    assert written.getvalue().split(b"\n") == [shown, shown, b""]
