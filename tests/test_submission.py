"""Reading what students hand in: every form that is taken, and the reason and the place for every one that is not."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from verify.errors import BadInput
from verify.submissions import programs, reading, unpacking
from verify.submissions.decoding import decode
from verify.submissions.finding import find
from verify.submissions.reading import read_entry, read_submission
from verify.submissions.submission import Submission, Ungradable, safe_name, shown

PROGRAM = "def gradients(W, b, x, t, activation, lam):\n    return W, b\n"


def read(folder: Path, name: str, content: bytes | str) -> Submission:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_submission(path)


def refusal(folder: Path, name: str, content: bytes | str) -> str:
    with pytest.raises(Ungradable) as caught:
        read(folder, name, content)
    message = str(caught.value)
    assert message.startswith(name)
    assert message.isprintable()
    return message


# Programs ------------------------------------------------------------------------------------------------------------


def test_a_program_is_read_as_it_is(tmp_path: Path) -> None:
    found = read(tmp_path, "alice.py", PROGRAM)
    assert (found.name, found.entry, found.source, dict(found.files)) == ("alice.py", "alice.py", PROGRAM, {})
    assert found.place(2) == "line 2"
    (tmp_path / "bob.py").write_text("secret = 1")
    assert read_submission(tmp_path / "alice.py").files == {}, "files beside a single file are other students'"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\xef\xbb\xbfx = 'caf\xc3\xa9'\n", "x = 'café'\n"),
        (b"x = 1\r\ny = 2\rz = 3\n", "x = 1\ny = 2\nz = 3\n"),
        (b"# -*- coding: latin-1 -*-\nx = 'caf\xe9'\n", "# -*- coding: latin-1 -*-\nx = 'café'\n"),
        (b"#!/usr/bin/env python\n# vim: set fileencoding=cp1252 :\nx = '\x80'\n", "x = '€'\n"),
        ("# coding: shift_jis\nx = 'ソ'\n".encode("shift_jis"), "x = 'ソ'\n"),
        ("# coding: gbk\nx = '反向传播'\n".encode("gbk"), "x = '反向传播'\n"),
        (b"if 1:\n\tx = 1\n", "if 1:\n\tx = 1\n"),
    ],
    ids=["BOM", "line ends", "latin-1", "cp1252 on line 2", "shift_jis", "gbk", "tabs"],
)
def test_encodings_that_python_accepts(content: bytes, text: str) -> None:
    decoded, notes = decode(content)
    assert (decoded.endswith(text), notes) == (True, ())


UNREADABLE: list[tuple[str, bytes | str, str]] = [
    ("a.py", b"", "is empty"),
    ("a.py", b" \n\t\n", "is empty"),
    ("a.py", b"\xff\xd8\xff\xe0" + bytes(range(1, 200)), "line 1 or 2 is not UTF-8, and no other"),
    ("a.py", b"x = 1\n\ny = '\xe9'\n", "line 3 is not utf-8 (byte 0xe9)"),
    ("a.py", b"x = 1\n\0\n", "line 2 has a null byte"),
    ("a.py", b"# coding: klingon\n", "encoding"),
    ("a.py", b"# coding: punycode\nx = 1\n", "punycode, which is none for programs"),
    ("a.py", b"# coding: rot13\nk = 1\n", "encoding"),
    ("a.py", b"\xef\xbb\xbf# coding: latin-1\nx = 1\n", "encoding"),
    ("a.py", "x = 1\ndef f(:\n", "line 2: SyntaxError"),
    ("a.py", "if 1:\n\tx = 1\n        y = 2\n", "line 3: TabError"),
    ("a.py", "def f():\nreturn 1\n", "line 2: IndentationError"),
    ("a.py", "return 1\n", "line 1: SyntaxError: 'return' outside function"),
    ("a.py", "x = " + "-" * 200_000 + "1", "nested more deeply"),
    ("a.py", "x = " + "9" * 10_000, "line 1: SyntaxError"),
    ("a.py", b"#" * (programs.MAX_SOURCE_BYTES + 1), "larger than 1 MiB"),
    ("a.txt", PROGRAM, "is no .py file"),
    ("a", PROGRAM, "is no .py file"),
    ("a.zip", b"", "zip archive"),
    ("a.zip", b"PK\x03\x04 and no more", "zip archive"),
    ("a.tar", b"not a tar", "tar archive"),
    ("a.tar.gz", b"not a gz", "cannot be unpacked"),
    ("a.tar.bz2", b"not a bz2", "cannot be unpacked"),
    ("a.tar.xz", b"not an xz", "cannot be unpacked"),
    ("a.ipynb", b"", "no notebook: line 1"),
    ("a.ipynb", b"\xff", "byte 0 is not UTF-8"),
    ("a.ipynb", "[1, 2]", "no nbformat version"),
    ("a.ipynb", '{"nbformat": 4, "cells": 3}', "no notebook that nbformat can read"),
    ("a.ipynb", '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}', "without code cells"),
    ("a.ipynb", "[" * 100_000, "nested too deeply"),
    ("a.ipynb", " " * (programs.MAX_NOTEBOOK_BYTES + 1), "larger than 16 MiB"),
]


@pytest.mark.parametrize(("name", "content", "reason"), UNREADABLE, ids=[f"{n}: {r}"[:40] for n, _, r in UNREADABLE])
def test_what_is_no_python_is_refused_with_reason_and_place(
    tmp_path: Path, name: str, content: bytes | str, reason: str
) -> None:
    assert reason in refusal(tmp_path, name, content)


def test_source_that_only_warns_is_taken(tmp_path: Path) -> None:
    assert read(tmp_path, "a.py", "x = '\\d'\ny = x is 'd'\n").source


def test_a_path_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "shut").mkdir()
    for path, reason in [
        (tmp_path / "pipe.py", "no file or folder"),
        (tmp_path / "none.py", "no file or folder"),
        (tmp_path / "shut", "has no .py file"),
        (Path("/dev/zero"), "no file or folder"),
    ]:
        with pytest.raises(Ungradable, match=reason):
            read_submission(path)


def test_digest_depends_on_what_runs_and_not_on_the_name() -> None:
    first = Submission("alice.py", "x", "a.py", {"b": b"1"})
    assert first.digest == Submission("bob.py", "x", "a.py", {"b": b"1"}).digest
    others = [
        Submission("alice.py", "y", "a.py", {"b": b"1"}),
        Submission("alice.py", "x", "b.py", {"b": b"1"}),
        Submission("alice.py", "x", "a.py", {"b": b"2"}),
        Submission("alice.py", "x", "a.py", {"b1": b""}),
        Submission("alice.py", "x", "a.py", {}),
    ]
    assert len({first.digest, *(other.digest for other in others)}) == len(others) + 1


# Notebooks -----------------------------------------------------------------------------------------------------------


def notebook(*cells: str | tuple[str, str], **more: Any) -> str:
    """A notebook of version 4 with code cells; a pair is a cell's type and text."""
    made = [("code", cell) if isinstance(cell, str) else cell for cell in cells]
    content = [
        {
            "cell_type": kind,
            "metadata": {},
            "source": text.splitlines(keepends=True),
            **(
                {"outputs": [{"output_type": "stream", "text": "x" * 50}], "execution_count": 1}
                if kind == "code"
                else {}
            ),
        }
        for kind, text in made
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": content, **more})


def test_a_notebook_is_its_code_cells(tmp_path: Path) -> None:
    text = notebook(("markdown", "# Homework"), "import numpy as np", ("raw", "no"), PROGRAM)
    found = read(tmp_path, "hw.ipynb", text)
    assert found.source == f"import numpy as np\n{PROGRAM}\n"
    assert [found.place(line) for line in (1, 2, 3)] == ["cell 1, line 1", "cell 2, line 1", "cell 2, line 2"]


def test_lines_for_the_notebook_alone_become_calls_and_lines_keep_their_places(tmp_path: Path) -> None:
    cells = [
        "%matplotlib inline\nx = 1",
        "%%bash\nrm -rf /\n",
        "!pip install \\\n  torch\nif x:\n    %timeit x\ny = 2",
        "%%time\n\nz = (7\n     % 4)\nw = '''\n% text\n! text\n'''\nv = 9 \\\n% 5  # \\\n!ls",
    ]
    found = read(tmp_path, "hw.ipynb", notebook(*cells))
    asked = MagicMock()
    values: dict[str, Any] = {"get_ipython": lambda: asked}
    exec(found.source, values)
    assert {name: values[name] for name in "xyzwv"} == {"x": 1, "y": 2, "z": 3, "w": "\n% text\n! text\n", "v": 4}
    assert [call.args[0] for call in asked.system.call_args_list] == ["pip install    torch", "ls"]
    assert asked.run_cell_magic.call_args.args == ("bash", "", "rm -rf /\n")
    lines = found.source.splitlines()
    assert found.place(lines.index("y = 2") + 1) == "cell 3, line 5"
    assert found.place(lines.index("z = (7") + 1) == "cell 4, line 3"


def test_a_syntax_error_in_a_notebook_is_placed_in_its_cell(tmp_path: Path) -> None:
    assert "cell 2, line 3: SyntaxError" in refusal(tmp_path, "hw.ipynb", notebook("x = 1", "y = 2\n\ndef f(:\n"))


def test_notebooks_of_older_versions_and_without_cell_ids(tmp_path: Path) -> None:
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1\n"], "language": "python", "outputs": []}]}],
    }
    assert read(tmp_path, "old.ipynb", json.dumps(old)).source.strip() == "x = 1"
    assert read(tmp_path, "new.ipynb", notebook("x = 1", nbformat_minor=5)).source.strip() == "x = 1"


# Folders and archives ------------------------------------------------------------------------------------------------

Files = Mapping[str, bytes | str]


def as_folder(where: Path, files: Files) -> Path:
    for name, content in files.items():
        path = where / "hw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return where / "hw"


def zipped(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def as_zip(where: Path, files: Files) -> Path:
    (where / "hw.zip").write_bytes(zipped(files))
    return where / "hw.zip"


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "hw.tar": bytes,
    "hw.tar.gz": gzip.compress,
    "HW.TGZ": gzip.compress,
    "hw.tar.bz2": bz2.compress,
    "hw.tar.xz": lzma.compress,
}


def tar_maker(name: str) -> Callable[[Path, Files], Path]:
    def make(where: Path, files: Files) -> Path:
        (where / name).write_bytes(PACKERS[name](tarred(files)))
        return where / name

    return make


FORMS = {"folder": as_folder, "zip": as_zip, **{name: tar_maker(name) for name in PACKERS}}
STRAY = {
    "__MACOSX/._hw.py": b"\0",
    ".DS_Store": b"\0",
    "._hw.py": b"\0",
    "a/.ipynb_checkpoints/hw.py": "x",
    ".git/hook.py": "x",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("files", "entry", "beside"),
    [
        ({"hw.py": PROGRAM, **STRAY}, "hw.py", []),
        ({"a/b/c/hw.py": PROGRAM, "a/data.csv": "1"}, "a/b/c/hw.py", ["a/data.csv"]),
        ({"submission.py": PROGRAM, "numpy.py": "x", "conftest.py": "x"}, "submission.py", ["conftest.py", "numpy.py"]),
        ({"x/submission.py": PROGRAM, "x/old/submission.py": "y"}, "x/submission.py", ["x/old/submission.py"]),
        ({"pkg/hw.py": PROGRAM, "pkg/__init__.py": ""}, "pkg/hw.py", ["pkg/__init__.py"]),
        ({"conftest.py": PROGRAM}, "conftest.py", []),
        ({"hw.ipynb": notebook(PROGRAM), "notes.txt": "x"}, "hw.ipynb", ["notes.txt"]),
        ({"反向/作业.py": PROGRAM, "ünï.txt": "x"}, "反向/作业.py", ["ünï.txt"]),
    ],
    ids=["stray", "deep", "submission.py", "topmost", "package", "only helper", "notebook", "scripts"],
)
def test_the_entry_of_every_form(tmp_path: Path, form: str, files: Files, entry: str, beside: list[str]) -> None:
    found = read_submission(FORMS[form](tmp_path, files))
    assert found.name.casefold() == ("hw" if form == "folder" else form.casefold() if "." in form else "hw.zip")
    assert found.entry == entry
    assert found.source.strip() == PROGRAM.strip()
    assert list(found.files) == beside


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"notes.txt": "x"}, "has no .py file or notebook"),
        ({"a.py": "x", "b.py": "x"}, "has 2 programs and no single submission.py: a.py, b.py"),
        ({"a.py": "x", "a.ipynb": "x"}, "has 2 programs"),
        ({"a/submission.py": "x", "b/submission.py": "x"}, "has 2 programs"),
        ({"a/hw.py": "def f(:"}, "a/hw.py: line 1: SyntaxError"),
        ({"hw.py": ""}, "hw.py: is empty"),
        ({"hw.py": "#" * (programs.MAX_SOURCE_BYTES + 1)}, "hw.py is larger than 1 MiB"),
    ],
    ids=["none", "two", "two kinds", "two deep", "syntax", "empty", "huge"],
)
def test_forms_without_a_program(tmp_path: Path, form: str, files: Files, reason: str) -> None:
    with pytest.raises(Ungradable) as caught:
        read_submission(FORMS[form](tmp_path, files))
    assert reason in str(caught.value)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "folder"])
@pytest.mark.parametrize("name", ["../hw.py", "a/../../hw.py", "/hw.py", "C:\\hw.py", "..\\hw.py", "\\\\host\\hw.py"])
def test_paths_that_lead_out_of_an_archive(tmp_path: Path, form: str, name: str) -> None:
    with pytest.raises(Ungradable, match=r"leads out|climbs out"):
        read_submission(FORMS[form](tmp_path, {"submission.py": PROGRAM, name: "x"}))
    assert {path.name for path in tmp_path.rglob("*")} == {form if "." in form else "hw.zip"}


def test_links_and_devices_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("secret = 1\n")
    folder = tmp_path / "hw"
    folder.mkdir()
    (folder / "submission.py").symlink_to(secret)
    (folder / "more").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(Ungradable, match=r"no \.py file"):
        read_submission(folder)

    archive = tmp_path / "links.tar"
    with tarfile.open(archive, "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("submission.py")
            info.type, info.linkname = kind, str(secret)
            tar.addfile(info)
    with pytest.raises(Ungradable, match=r"no \.py file"):
        read_submission(archive)

    zipped_link = tmp_path / "links.zip"
    with zipfile.ZipFile(zipped_link, "w") as archive_zip:
        entry = zipfile.ZipInfo("submission.py")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive_zip.writestr(entry, str(secret))
    with pytest.raises(Ungradable, match=r"no \.py file"):
        read_submission(zipped_link)


def test_archives_in_archives(tmp_path: Path) -> None:
    inner = zipped({"submission.py": PROGRAM})
    with pytest.raises(Ungradable, match=r"inner\.zip inside is an archive, and those are not opened"):
        read_submission(as_zip(tmp_path, {"inner.zip": inner}))
    # What learning platforms write: a folder a student, with the student's archive in it.
    assert read_submission(as_folder(tmp_path, {"inner.zip": inner})).source == PROGRAM
    (tmp_path / "hw" / "inner.zip").write_bytes(zipped({"again.zip": inner}))
    with pytest.raises(Ungradable, match="not opened"):
        read_submission(tmp_path / "hw")


def test_archive_bombs_are_refused_before_they_go_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_UNPACKED_BYTES", 1 << 20)
    monkeypatch.setattr(unpacking, "MAX_MEMBERS", 50)
    zeros = bytes(2 << 20)
    for form in FORMS:
        if form != "folder":
            with pytest.raises(Ungradable, match=r"more than 1 MiB|larger than 1 MiB"):
                read_submission(FORMS[form](tmp_path, {"submission.py": PROGRAM, "bomb.bin": zeros}))
    many = {f"{number}.txt": "" for number in range(60)}
    for form in FORMS:
        with pytest.raises(Ungradable, match="more than 50 files"):
            read_submission(FORMS[form](tmp_path, {"submission.py": PROGRAM, **many}))


def test_a_zip_that_lies_about_sizes_is_read_no_further_than_the_bound(tmp_path: Path) -> None:
    data = bytearray(zipped({"submission.py": b"#" * (4 << 20)}))
    size = (4 << 20).to_bytes(4, "little")
    assert data.count(size) == 2
    (tmp_path / "hw.zip").write_bytes(bytes(data).replace(size, (100).to_bytes(4, "little")))
    with pytest.raises(Ungradable, match=r"damaged|larger than"):
        read_submission(tmp_path / "hw.zip")


def test_encrypted_and_oddly_packed_zips(tmp_path: Path) -> None:
    data = bytearray(zipped({"submission.py": PROGRAM}))
    central = data.index(b"PK\x01\x02")
    data[central + 8] |= 1
    assert "encrypted" in refusal(tmp_path, "a.zip", bytes(data))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("submission.py", PROGRAM)
    assert "other than store and deflate" in refusal(tmp_path, "b.zip", buffer.getvalue())


def test_an_xz_that_asks_for_gigabytes_of_memory(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    compressor = lzma.LZMACompressor(filters=filters)
    assert "cannot be unpacked" in refusal(
        tmp_path, "a.tar.xz", compressor.compress(tarred({"hw.py": "x"})) + compressor.flush()
    )


def test_a_tar_header_of_negative_size_does_not_go_round_for_ever(tmp_path: Path) -> None:
    header = bytearray(tarfile.TarInfo("hw.py").tobuf())
    for kind in (b"0", b"x", b"L", b"5", b"g"):
        header[124:136] = (-1536).to_bytes(12, "big", signed=True)
        header[156:157] = kind
        header[148:156] = b" " * 8
        header[148:156] = f"{sum(header):06o}\0 ".encode()
        refusal(tmp_path, "a.tar", bytes(512) * 3 + bytes(header) + bytes(1024))
        refusal(tmp_path, "b.tar", tarred({"x": bytes(600)})[:1536] + bytes(header) + bytes(1024))


def test_large_files_beside_the_program_stay_behind(tmp_path: Path) -> None:
    files = {"submission.py": PROGRAM, "big.bin": bytes(reading.MAX_FILE_BYTES + 1)}
    files |= {f"part{number:02}.bin": bytes(reading.MAX_FILE_BYTES) for number in range(12)}
    found = read_submission(as_folder(tmp_path, files))
    assert list(found.files) == [f"part{number:02}.bin" for number in range(8)]


def test_no_mutation_of_a_good_file_raises_anything_but_ungradable(tmp_path: Path) -> None:
    chance = random.Random(3)
    files = {"submission.py": PROGRAM, "data/x.txt": "1"}
    good = {name: pack(tarred(files)) for name, pack in PACKERS.items()}
    good |= {"hw.zip": zipped(files), "hw.ipynb": notebook(PROGRAM, "x = 1").encode(), "hw.py": PROGRAM.encode()}
    refused = 0
    for name, content in good.items():
        for _ in range(40):
            data = bytearray(content)
            for _ in range(chance.randint(1, 5)):
                place = chance.randrange(len(data))
                data[place : place + chance.randint(0, 4)] = chance.randbytes(chance.randint(0, 4))
            (tmp_path / name).write_bytes(data)
            try:
                read_submission(tmp_path / name)
            except Ungradable:
                refused += 1
    assert refused > 100


# A class -------------------------------------------------------------------------------------------------------------


def names(*paths: Path) -> list[str]:
    return [entry.name for entry in find(paths).entries]


def test_a_folder_of_submissions(tmp_path: Path) -> None:
    moodle = "Ada Lovelace_123456_assignsubmission_file_"
    canvas = "turinga_LATE_4711_815_hw-2.py"
    files: Files = {
        "alice.py": PROGRAM,
        f"{moodle}/hw.py": PROGRAM,
        canvas: PROGRAM,
        "submission_1234/submission.py": PROGRAM,
        "stray.zip": zipped({"deep/down/hw.py": PROGRAM}),
        "李雷.ipynb": notebook(PROGRAM),
        "essay.docx": b"\0",
        "__MACOSX/._alice.py": b"\0",
        ".DS_Store": b"\0",
    }
    folder = as_folder(tmp_path, files)
    assert names(folder) == sorted(
        [moodle, "alice.py", "essay.docx", "stray.zip", "submission_1234", canvas, "李雷.ipynb"]
    )
    for entry in find([folder]).entries:
        if entry.name == "essay.docx":
            with pytest.raises(Ungradable, match="essay.docx"):
                read_entry(entry)
        else:
            found = read_entry(entry)
            assert (found.name, found.source.strip()) == (entry.name, PROGRAM.strip())


@pytest.mark.parametrize("form", [form for form in FORMS if form != "folder"])
@pytest.mark.parametrize("root", ["", "class/"])
def test_an_archive_of_submissions(tmp_path: Path, form: str, root: str) -> None:
    files: Files = {
        f"{root}alice.py": PROGRAM,
        f"{root}bob/submission.py": PROGRAM,
        f"{root}carol.zip": zipped({"hw.py": PROGRAM}),
        f"{root}dan/dan.tar": tarred({"hw.py": PROGRAM}),
        f"{root}eve.txt": "x",
        "__MACOSX/x": b"\0",
    }
    entries = find([FORMS[form](tmp_path, files)]).entries
    assert [entry.name for entry in entries] == ["alice.py", "bob", "carol.zip", "dan", "eve.txt"]
    assert [read_entry(entry).source for entry in entries[:4]] == [PROGRAM] * 4
    with pytest.raises(Ungradable, match=r"eve\.txt: is no \.py file"):
        read_entry(entries[4])


@pytest.mark.parametrize("form", [form for form in FORMS if form != "folder"])
@pytest.mark.parametrize(
    "files",
    [
        {"x/hw.py": PROGRAM, "x/data.csv": "1"},
        {"submission.py": PROGRAM, "helper.py": "x"},
        {"x/notes.txt": "no program"},
    ],
)
def test_an_archive_that_is_one_submission(tmp_path: Path, form: str, files: Files) -> None:
    path = FORMS[form](tmp_path, files)
    assert names(path) == [path.name]


def test_a_damaged_archive_is_one_submission_that_cannot_be_graded(tmp_path: Path) -> None:
    (tmp_path / "hw.zip").write_bytes(b"PK")
    [entry] = find([tmp_path / "hw.zip"]).entries
    with pytest.raises(Ungradable):
        read_entry(entry)


def test_two_students_with_one_name_get_two_records(tmp_path: Path) -> None:
    for folder, student in [("a", "alice.py"), ("b", "alice.py"), ("c", "Alice.py"), ("d", "alice (2).py")]:
        as_folder(tmp_path / folder, {student: PROGRAM})
    folders = [tmp_path / folder / "hw" for folder in "abcd"]
    expected = ["alice.py", "alice (2).py", "Alice (3).py", "alice (2) (2).py"]
    assert names(*folders) == names(*folders) == expected
    composed, decomposed = "\u00e9.py", "e\u0301.py"
    assert len(set(names(*(as_folder(tmp_path / n, {n: "x"}) for n in (composed, decomposed))))) == 2
    assert names(folders[0], folders[0], folders[0] / "alice.py") == ["alice.py"]


def test_a_link_in_a_class_is_not_followed_and_one_that_is_named_is(tmp_path: Path) -> None:
    folder = as_folder(tmp_path, {"alice.py": PROGRAM})
    (folder / "bob.py").symlink_to(folder / "alice.py")
    bob = find([folder]).entries[1]
    with pytest.raises(Ungradable, match="is a link"):
        read_entry(bob)
    assert read_entry(find([folder / "bob.py"]).entries[0]).source == PROGRAM


def test_paths_with_nothing_to_grade(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "none"):
        with pytest.raises(BadInput) as caught:
            find([path])
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "a/b\\c.py",
        "..",
        ".",
        "",
        "   ",
        "a\0b.py",
        "a\nb\x1b[31m.py",
        "x" * 400 + ".py",
        "李" * 100 + ".tar.gz",
    ],
)
def test_record_names_are_safe_on_disk(tmp_path: Path, name: str) -> None:
    safe = safe_name(name)
    path = tmp_path / f"{safe}.json.partial-0123456789"
    path.write_text("x")
    assert path.parent == tmp_path
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert safe.isprintable()
    assert safe_name(safe) == safe


def test_record_names_keep_any_script_and_long_names_apart() -> None:
    for name in [
        "alice.py",
        "Ada Lovelace_1_assignsubmission_file_",
        "李雷.ipynb",
        "Ólafur.zip",
        "محمد.py",
        "=1+1.py",
        "<b>.py",
    ]:
        assert safe_name(name) == name.replace("<", "_").replace(">", "_")
    assert safe_name("x" * 300 + "a.py") != safe_name("x" * 300 + "b.py")
    assert safe_name("\udce9.py").encode()


def test_shown_is_one_printable_line() -> None:
    assert shown("a\n\x1b[31mb\u202e") == "a\\n\\x1b[31mb\\u202e"
    assert len(shown("x" * 1000)) == 400
