"""docs/STUDENT.md: what it pastes is what its commands print."""

import re
from pathlib import Path

import pytest

from verify.commands import compare

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "STUDENT.md").read_text(encoding="utf-8")
# Command and output, up to what differs from machine to machine: detection limit and sandbox.
PASTED = re.findall(
    r"    \.venv/bin/python scripts/compare\.py (\S[^\n]*)\n(?:(?!\n#).)*?```text\n(.*?)\n```", PAGE, re.S
)
MACHINE = "How it was judged"


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return "\n".join(line.rstrip() for line in capsys.readouterr().out.rstrip().split("\n"))


@pytest.mark.parametrize(("command", "output"), PASTED, ids=[command for command, _ in PASTED])
def test_what_is_pasted_is_what_is_printed(command, output, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit):
        compare.app(command.split())
    assert printed(capsys).split(MACHINE)[0] == output.split(MACHINE)[0]


def test_both_commands_are_there():
    assert [command.split()[0] for command, _ in PASTED] == ["docs/examples/alice.py", "--explain"]
