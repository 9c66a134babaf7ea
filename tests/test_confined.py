"""Reading is bounded by the kernel: what takes the compiler minutes, or memory without end, is one line of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from verify.errors import BadInput
from verify.submissions import confined, reading
from verify.submissions.confined import Unread, find_submissions, read
from verify.submissions.reading import Entry
from verify.submissions.submission import Submission

HONEST = "def gradients(W, b, x, t, activation, lam):\n    return W, b\n"


@pytest.fixture(autouse=True)
def _own_helper() -> None:
    """A new helper for each test: one that has read much has memory of its own, which no limit takes back."""
    confined._reader.close()


def entry(folder: Path, name: str, content: bytes | str) -> Entry:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Entry(name, path)


def doubling(depth: int) -> str:
    """The code of `finally` is compiled twice, and so that of the innermost 2 ** depth times."""
    lines = []
    for level in range(depth):
        lines += [f"{' ' * level}try:", f"{' ' * level} f()", f"{' ' * level}finally:"]
    return "\n".join([*lines, f"{' ' * depth}g()"]) + "\n"


def test_an_honest_file_is_read_and_the_helper_stays(tmp_path: Path) -> None:
    honest = entry(tmp_path, "alice.py", HONEST)
    assert isinstance(read(honest), Submission)
    helper = confined._reader._helper
    assert isinstance(read(honest), Submission)
    assert confined._reader._helper is helper is not None


def test_a_source_that_takes_the_compiler_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "PROCESSOR_SECONDS", 1)
    monkeypatch.setattr(confined, "MEMORY_MIB", 8192)  # it takes both: here time ends it first, on any machine
    bomb = entry(tmp_path, "bomb.py", HONEST + "\n".join(doubling(18) for _ in range(8)))
    began = time.monotonic()
    found = read(bomb)
    assert isinstance(found, Unread)
    assert found.reason == "bomb.py: takes more than 1 s of processor time to read"
    assert time.monotonic() - began < 60
    assert isinstance(read(entry(tmp_path, "alice.py", HONEST)), Submission), "the next is read as ever"


def test_a_source_for_which_the_compiler_lacks_memory_is_not_called_nested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confined, "MEMORY_MIB", 100)
    found = read(entry(tmp_path, "bomb.py", HONEST + "\n".join(doubling(18) for _ in range(8))))
    assert isinstance(found, Unread)
    assert found.reason == "bomb.py: takes more memory to read than a program may"


def test_a_source_that_takes_memory_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "MEMORY_MIB", 40)
    found = read(entry(tmp_path, "wide.py", HONEST + "x = [" + "a+b," * 200_000 + "]\n"))
    assert isinstance(found, Unread)
    assert "wide.py: " in found.reason
    assert isinstance(read(entry(tmp_path, "alice.py", HONEST)), Submission)


def test_a_reader_that_dies_once_is_no_fault_of_the_file(tmp_path: Path) -> None:
    honest = entry(tmp_path, "alice.py", HONEST)
    assert isinstance(read(honest), Submission)
    helper = confined._reader._helper
    assert helper is not None
    os.kill(helper._process.pid, signal.SIGKILL)
    assert isinstance(read(honest), Submission)


def test_whatever_reading_raises_is_the_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(entry: Entry, wanted: str) -> Submission:
        raise KeyError("odd")

    monkeypatch.setattr(confined, "read_entry", fails)
    found = confined._read(entry(tmp_path, "odd.zip", b"x"), "", "gradients", ())
    assert found == Unread("odd.zip: is damaged: KeyError: 'odd'")


def test_finding_is_confined_too(tmp_path: Path) -> None:
    entry(tmp_path, "alice.py", HONEST)
    assert [found.name for found in find_submissions([tmp_path])] == ["alice.py"]
    with pytest.raises(BadInput, match="is no file or folder"):
        find_submissions([tmp_path / "nobody"])


FORKING = """
import os, sys
from pathlib import Path
from verify.submissions import confined
from verify.submissions.confined import read
from verify.submissions.reading import Entry
from verify.submissions.submission import Submission

honest = Entry("alice.py", Path(sys.argv[1]))
read(honest)
child = os.fork()
if child == 0:
    status = 0 if confined._reader._helper is None and isinstance(read(honest), Submission) else 1
    confined._reader.close()
    os._exit(status)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert isinstance(read(honest), Submission)
"""


def test_in_a_child_of_this_process_the_helper_is_another(tmp_path: Path) -> None:
    """In a process of its own: libraries with threads, once imported here, make every fork a warning."""
    honest = entry(tmp_path, "alice.py", HONEST)
    subprocess.run([sys.executable, "-c", FORKING, honest.path], check=True, timeout=120)


def test_what_is_read_here_is_read_there(tmp_path: Path) -> None:
    honest = entry(tmp_path, "alice.py", HONEST)
    assert read(honest) == reading.read_entry(honest)
