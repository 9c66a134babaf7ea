"""Files of kinds that once ended in an error of the grader's own: one line that says what is wrong, or a program."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from verify.submissions.confined import Unread, read
from verify.submissions.reading import Entry
from verify.submissions.submission import Submission

PROGRAM = "def gradients(W, b, x, t, activation, lam):\n    return W, b\n"


def found(folder: Path, name: str, content: bytes) -> str:
    """The reason why a file is none that can be graded, or "" where it can."""
    path = folder / name
    path.write_bytes(content)
    read_as = read(Entry(name, path))
    assert isinstance(read_as, Submission | Unread)
    reason = read_as.reason if isinstance(read_as, Unread) else ""
    assert "\n" not in reason
    assert reason.isprintable()
    return reason


def notebook(**cell: Any) -> bytes:
    """A notebook with a program, and a code cell in which some fields are replaced."""
    whole = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": PROGRAM}
    cells = [whole, whole | {"source": "x = 1"} | cell]
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}).encode()


ODD = [None, 3, True, [1, 2], [None], [["x"]], {"x": 1}, [{"x": 1}, "y"], [[]], {}, 1e308]


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("field", ["source", "cell_type", "metadata", "outputs"])
def test_notebooks_whose_fields_are_anything(tmp_path: Path, field: str, odd: Any) -> None:
    reason = found(tmp_path, "a.ipynb", notebook(**{field: odd}))
    assert reason == "" or "a.ipynb: " in reason


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("field", ["nbformat", "nbformat_minor", "metadata", "cells"])
def test_notebooks_that_are_anything(tmp_path: Path, field: str, odd: Any) -> None:
    whole = json.loads(notebook()) | {field: odd}
    reason = found(tmp_path, "a.ipynb", json.dumps(whole).encode())
    assert reason == "" or "a.ipynb: " in reason


def zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, PROGRAM)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("hw.py", "hw.py/more.txt"), "a file and a folder at once"),
        (("submission.py", "a", "a/b"), ""),
        (("submission.py", "a", "a/b", "a/b/c"), ""),
        (("x" * 300 + ".py",), ""),
        (("submission.py", "y" * 300 + "/" + "z" * 300), ""),
        (("/".join("d" * 200 for _ in range(30)) + "/hw.py",), ""),
        (("submission.py", "."), ""),
        (("submission.py", " "), ""),
        (("submission.py", "a\x07b\u202e.txt"), ""),
    ],
    ids=[
        "file and folder",
        "beside",
        "beside, deeper",
        "300 letters",
        "folder of 300",
        "deep",
        "dot",
        "space",
        "bells",
    ],
)
def test_names_in_zips(tmp_path: Path, names: tuple[str, ...], reason: str) -> None:
    said = found(tmp_path, "hw.zip", zipped(*names))
    assert reason in said
    assert bool(reason) == bool(said) or "hw.zip: " in said


SIZES = [-1, 1 << 33, 1 << 40, (1 << 63) - 1]


@pytest.mark.parametrize("size", SIZES)
def test_tar_headers_with_impossible_sizes(tmp_path: Path, size: int) -> None:
    header = tarfile.TarInfo("hw.py")
    header.size = max(size, 0)
    packed = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    if size < 0:
        packed[124:136] = b"\xff" * 12
        packed[148:156] = b" " * 8
        packed[148:156] = b"%06o\0 " % sum(packed[:512])
    reason = found(tmp_path, "hw.tar", bytes(packed) + PROGRAM.encode().ljust(512, b"\0") + bytes(1024))
    assert "hw.tar: " in reason
