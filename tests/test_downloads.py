"""Downloads of Gradescope, nbgrader and GitHub Classroom: one row per person, the newest, and nobody's told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from verify.benchmarks.course import put
from verify.errors import BadInput
from verify.submissions.downloads import GRADESCOPE, moment
from verify.submissions.finding import Handed, find
from verify.submissions.reading import read_entry

DEF = "def gradients(W, b, x, t, activation, lam):\n    return W, b\n"

# As Gradescope writes it: Ruby's symbols, numbers with zeros before them, a group of two, one without a folder.
METADATA = """---
submission_101:
  :submitters:
  - :name: Ada Lovelace
    :sid: '0071'
    :email: ada@uni.example
  :created_at: 2026-11-20 22:59:00.123456000 Z
  :score: 0.0
  :status: processed
submission_102:
  :submitters:
  - :name: 王芳
    :sid: 0072
    :email: wf@uni.example
  - :name: "Bob: the <builder>"
    :sid:
    :email: bob@uni.example
  :created_at: 2026-11-21 08:00:00 +0100
submission_103:
  :submitters:
  - :name: Ada Lovelace
    :sid: '0071'
    :email: ada@uni.example
  :created_at: 2026-11-19 10:00:00 Z
submission_104:
  :submitters: []
"""
GRADESCOPE_FILES = {
    GRADESCOPE: METADATA,
    "submission_101/hw.py": DEF,
    "submission_102/net.ipynb": "{}",
    "submission_103/old.py": DEF,
    "solution.py": DEF,
}


def rows(handed: Handed) -> list[tuple[str, str]]:
    return sorted((person.name, person.id) for entry in handed.entries for person in entry.people)


def said(handed: Handed, text: str) -> bool:
    return any(text in line for line in handed.passed_over)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("root", ["", "assignment_9_export/"])
def test_gradescope(tmp_path: Path, packed: bool, root: str) -> None:
    found = find([put(tmp_path / "g", GRADESCOPE_FILES, packed, root)])
    assert rows(found) == [("Ada Lovelace", "0071"), ("Bob: the <builder>", ""), ("王芳", "0072")]
    ada = next(entry for entry in found.entries if entry.person.name == "Ada Lovelace")
    assert (ada.name, ada.person.email) == ("Ada Lovelace_0071", "ada@uni.example")
    assert (ada.person.submitted, read_entry(ada).entry) == ("2026-11-20T22:59:00+00:00", "hw.py")
    assert said(found, "solution.py: is nobody's")
    assert said(found, "submission_103: a newer one of the same person is graded")
    assert len(found.passed_over) == 2


def test_one_program_in_a_download_is_still_a_download(tmp_path: Path) -> None:
    files = {GRADESCOPE: METADATA.split("submission_102")[0], "submission_101/hw.py": DEF}
    assert rows(find([put(tmp_path / "g", files, True)])) == [("Ada Lovelace", "0071")]


def test_a_person_of_a_group_who_handed_in_alone_later_has_the_later_one(tmp_path: Path) -> None:
    text = METADATA.replace("2026-11-19 10:00:00 Z", "2026-11-25 10:00:00 Z").replace(
        ":name: Ada Lovelace\n    :sid: '0071'\n    :email: ada@uni.example\n  :created_at: 2026-11-25",
        ":name: 王芳\n    :sid: 0072\n    :email: wf@uni.example\n  :created_at: 2026-11-25",
    )
    found = find([put(tmp_path / "g", GRADESCOPE_FILES | {GRADESCOPE: text}, False)])
    assert rows(found) == [("Ada Lovelace", "0071"), ("Bob: the <builder>", ""), ("王芳", "0072")]
    assert {entry.person.name: entry.path.name for entry in found.entries}["王芳"] == "submission_103"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"a: [", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"- 1", "names no submissions"),
        (b"a: &x [1]\nb: [*x, *x]\n", "refers to another part of itself"),
        (b"", "names no submissions"),
        (b"submission_1: {}\n", "nobody handed anything in"),
    ],
)
def test_metadata_that_is_none_is_one_line(tmp_path: Path, text: bytes, says: str) -> None:
    folder = put(tmp_path / "g", {"submission_1/hw.py": DEF}, False)
    (folder / GRADESCOPE).write_bytes(text)
    with pytest.raises(BadInput, match=says) as caught:
        find([folder])
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


NBGRADER = {
    "submitted/ada/ps1/hw.ipynb": "{}",
    "submitted/ada/ps1/timestamp.txt": "2026-11-20 22:59:00.123456 UTC",
    "submitted/ada/ps2/hw.ipynb": "{}",
    "submitted/bob/ps1/hw.ipynb": "{}",
    "submitted/bob/notes.txt": "x",
    "submitted/stray.txt": "x",
}
COURSE = NBGRADER | {
    "source/ps1/hw.ipynb": "{}",
    "release/ps1/hw.ipynb": "{}",
    "nbgrader_config.py": "c = get_config()\n",
    "gradebook.db": "x",
}


@pytest.mark.parametrize("packed", [False, True])
def test_a_course_of_nbgrader(tmp_path: Path, packed: bool) -> None:
    path = put(tmp_path / "course", COURSE, packed)
    found = find([path], "ps1")
    assert rows(found) == [("ada", "ada"), ("bob", "bob")]
    assert {entry.name: entry.person.submitted for entry in found.entries}["ada"] == "2026-11-20T22:59:00+00:00"
    assert said(found, "source: is the instructor's own")
    assert said(found, "stray.txt: is nobody's")
    assert said(found, "ps2: is another assignment")
    with pytest.raises(BadInput, match=r"holds the assignments ps1, ps2; say which in the assignment's file, as name"):
        find([path])


def test_the_folder_submitted_itself(tmp_path: Path) -> None:
    path = put(tmp_path / "c", NBGRADER, False) / "submitted"
    assert rows(find([path], "ps1")) == [("ada", "ada"), ("bob", "bob")]


def test_one_students_folder_makes_no_class_one_of_nbgrader(tmp_path: Path) -> None:
    files = {
        "mallory/x/timestamp.txt": "2026-11-20 22:59:00 UTC",
        "mallory/x/a.py": DEF,
        "ada/a.py": DEF,
        "bob/b.py": DEF,
    }
    assert [entry.name for entry in find([put(tmp_path / "c", files, False)]).entries] == ["ada", "bob", "mallory"]


def test_the_exchange_of_nbgrader_has_one_folder_for_each_time(tmp_path: Path) -> None:
    files = {
        "ada+ps1+2026-11-20 22:59:00.123456 UTC/hw.py": DEF,
        "ada+ps1+2026-11-21 22:59:00.123456 UTC+Zm9v/hw.py": DEF + "# newer\n",
        "bob+ps1+2026-11-20 22:59:00.123456 UTC/hw.py": DEF,
        "readme.txt": "x",
    }
    found = find([put(tmp_path / "inbound", files, False)])
    assert rows(found) == [("ada", "ada"), ("bob", "bob")]
    assert read_entry(found.entries[0]).source.endswith("# newer\n")
    assert len(found.passed_over) == 2


CLONES = {"hw3-ada/hw.py": DEF, "hw3-bob-l/hw.py": DEF, "hw3-bob-l/README.md": "x", "rubric.md": "x"}


@pytest.mark.parametrize("packed", [False, True])
def test_github_classroom_by_the_name_of_its_folder(tmp_path: Path, packed: bool) -> None:
    path = put(tmp_path / "hw3-submissions", CLONES, packed, "hw3-submissions/" if packed else "")
    found = find([path])
    assert rows(found) == [("ada", ""), ("bob-l", "")]
    assert said(found, "rubric.md: is nobody's")


def test_github_classroom_by_its_clones(tmp_path: Path) -> None:
    path = put(tmp_path / "all", CLONES | {f"{name}/.git/HEAD": "x" for name in ("hw3-ada", "hw3-bob-l")}, False)
    assert rows(find([path])) == [("ada", ""), ("bob-l", "")]
    plain = put(tmp_path / "plain", {"wang-fang/a.py": DEF, "wang-wei/a.py": DEF}, False)
    assert rows(find([plain])) == [("wang-fang", ""), ("wang-wei", "")], "no clones, no beginning that is taken off"


def test_two_downloads_with_one_person_give_the_newer_whatever_their_order(tmp_path: Path) -> None:
    early = put(tmp_path / "early", {"Ada_71_assignsubmission_file_/hw.py": DEF}, False)
    late = put(tmp_path / "late", {"Ada_71_assignsubmission_file_/hw.py": DEF + "# newer\n"}, False)
    os.utime(early / "Ada_71_assignsubmission_file_", (1, 1))
    for paths in ([early, late], [late, early]):
        found = find(paths)
        assert [read_entry(entry).source for entry in found.entries] == [DEF + "# newer\n"]
        assert said(found, "a newer one of the same person is graded")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-11-20 22:59:00.123456 UTC", "2026-11-20T22:59:00+00:00"),
        ("2026-11-20 22:59:00 +0100", "2026-11-20T21:59:00+00:00"),
        ("2026-11-20T22:59:00Z\n", "2026-11-20T22:59:00+00:00"),
        ("2026-13-20 22:59:00 UTC", ""),
        ("2026-11-20 22:59:00 CET", ""),
        ("yesterday", ""),
    ],
)
def test_times(text: str, read: str) -> None:
    assert moment(text) == read
