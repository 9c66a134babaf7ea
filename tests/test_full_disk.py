"""A disk that is full: one line, exit code 3, and every record that was written is kept."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.classes import CLASS, write_class
from verify.classroom.gradebook import Gradebook
from verify.errors import Unwritten
from verify.grading.assignment import Assignment
from verify.grading.record import encode, without_run
from verify.grading.sentence import said

ROOT = Path(__file__).resolve().parents[1]


def record(name: str) -> bytes:
    return encode(without_run(name, "wrong", said("unreadable", what="A reason."), Assignment(), 0))


def test_what_is_written_stays_and_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Gradebook(tmp_path / "out") as gradebook:
        gradebook.write("a.py", record("a.py"), b"page")

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(Unwritten) as caught:
            gradebook.write("b.py", record("b.py"), b"page")
        monkeypatch.undo()
        message = str(caught.value)
        assert message.endswith(
            "b.py.md: cannot be written (No space left on device); 1 record in the folder is kept: "
            "make room and give the same command again"
        )
        assert len(message.splitlines()) == 1
    with Gradebook(tmp_path / "out") as again:
        assert [row.submission for row in again.rows.values()] == ["a.py"]
        assert again.complete("a.py")


SCRIPT = """
mount -t tmpfs -o size=44k tmpfs "$1"
"$2" scripts/grade.py "$3" --out "$1/out" --sandbox process --jobs 1 >/dev/null
echo "exit $?"
ls "$1/out"
"""


def test_a_class_on_a_disk_that_fills_up(tmp_path: Path) -> None:
    """A real one, of 44 KiB, that only this command sees: root can mount it."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root, with util-linux, can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    write_class(tmp_path / "class", CLASS)
    command = ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", str(disk), sys.executable, str(tmp_path / "class")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    first, *files = done.stdout.splitlines()
    assert first == "exit 3", done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "cannot be written (No space left on device)" in done.stderr
    kept = [name for name in files if name.endswith(".json")]
    assert 0 < len(kept) < len(CLASS)
    # A record is there only together with its page.
    assert {f"{name.removesuffix('.json')}.md" for name in kept} <= set(files)
