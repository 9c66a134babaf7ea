"""Whose is what: course downloads, numbers, versions, archives among others, and the order of arguments."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.classes import write_class
from verify.classroom.grade_job import assignment_beside
from verify.errors import BadInput
from verify.submissions.finding import Handed, find
from verify.submissions.people import Person, person
from verify.submissions.reading import read_entry
from verify.submissions.submission import no_command, shown, typed

DEF = "def gradients(W, b, x, t, activation, lam):\n    return W, b\n"


def archive(path: Path, files: Mapping[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return path


def rows(handed: Handed) -> list[tuple[str, str, bool]]:
    return sorted((entry.person.name, entry.person.id, entry.person.late) for entry in handed.entries)


CANVAS = {
    "doejohn_1234_98765_hw3.py": DEF,
    "doejohn_1234_98799_hw3-1.py": DEF + "# second\n",
    "doejohn_1234_98801_hw3-10.py": DEF + "# tenth\n",
    "roejane_LATE_1235_98766_hw3.ipynb": "{}",
    "wang_1236_98767_net.py": DEF,
    "wang_1236_98768_helper.py": "twice = 2\n",
}
MOODLE = {
    "Ada Lovelace_71_assignsubmission_file_/hw.py": DEF,
    "Ada Lovelace_71_assignsubmission_onlinetext_/onlinetext.html": "<p>see file</p>",
    "Wang Fang_72_assignsubmission_file_/deep/hw.py": DEF,
    "李 雷_73_assignsubmission_file_/hw.py": DEF,
}


def test_canvas_has_one_row_per_person_with_the_newest_version(tmp_path: Path) -> None:
    found = find([write_class(tmp_path / "c", CANVAS | {"grades.csv": "x", "reference.py": DEF})])
    assert rows(found) == [("doejohn", "1234", False), ("roejane", "1235", True), ("wang", "1236", False)]
    john, wang = (next(entry for entry in found.entries if entry.person.name == name) for name in ("doejohn", "wang"))
    assert read_entry(john).source.endswith("# tenth\n")
    assert (read_entry(wang).entry, list(read_entry(wang).files)) == ("net.py", ["helper.py"])
    assert len(found.passed_over) == 4
    assert any("reference.py: is nobody's" in text for text in found.passed_over)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("files", [MOODLE, {"Ada Lovelace_71_assignsubmission_file_/hw.py": DEF}])
def test_moodle_as_folder_or_zip_and_with_one_program_in_it(
    tmp_path: Path, packed: bool, files: dict[str, str]
) -> None:
    path = archive(tmp_path / "m.zip", files) if packed else write_class(tmp_path / "m", files)
    found = find([path])
    assert rows(found)[0] == ("Ada Lovelace", "71", False)
    assert len(found.entries) == len({person(name.split("/")[0]).id for name in files})
    assert all(read_entry(entry).source == DEF for entry in found.entries)


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("mallory_77_88_x_1234_99_hw.py", Person("mallory", "77")),
        ("mallory_77_88_x_1234_assignsubmission_file_hw.py", Person("mallory", "77")),
        ("Mallory_77_assignsubmission_file_x_1234_assignsubmission_file_hw.py", Person("Mallory", "77")),
        ("O'Neil_Ann_5_assignsubmission_file_", Person("O'Neil_Ann", "5")),
        ("hw_1.py", Person("hw_1", "")),
        ("1234_5_6.py", Person("1234_5_6", "")),
    ],
)
def test_the_first_number_of_the_systems_own_pattern_decides(name: str, who: Person) -> None:
    assert person(name) == who


def test_two_people_with_one_number_are_refused_with_both_names(tmp_path: Path) -> None:
    path = write_class(tmp_path / "c", {"alice_1234_1_hw.py": DEF, "mallory_1234_2_hw.py": DEF})
    with pytest.raises(BadInput) as caught:
        find([path])
    assert "alice_1234_1_hw.py" in str(caught.value)
    assert "mallory_1234_2_hw.py have one number, 1234" in str(caught.value)


def test_an_archive_among_several_paths_is_one_submission(tmp_path: Path) -> None:
    alice = archive(tmp_path / "alice.zip", {"hw.py": DEF})
    mallory = archive(tmp_path / "mallory.zip", {"alice.zip": "x", "a.py": DEF, "b.py": DEF})
    assert [entry.name for entry in find([alice, mallory]).entries] == ["alice.zip", "mallory.zip"]
    assert [entry.name for entry in find([mallory]).entries] == ["a.py", "alice.zip", "b.py"], "alone it is a class"


def test_a_class_archive_is_one_although_a_file_is_called_submission(tmp_path: Path) -> None:
    whole = archive(tmp_path / "class.zip", {"alice.py": DEF, "bob.py": DEF, "submission.py": DEF})
    assert len(find([whole]).entries) == 3
    single = archive(tmp_path / "hw.zip", {"submission.py": "from net import *\n", "net.py": DEF, "plot.py": "x = 1\n"})
    assert [entry.name for entry in find([single]).entries] == ["hw.zip"]


def test_a_folder_that_is_a_submission_is_one(tmp_path: Path) -> None:
    path = write_class(tmp_path / "alice", {"submission.py": DEF, "helper.py": "x = 1\n", "data.csv": "1"})
    assert [(entry.name, entry.path) for entry in find([path]).entries] == [("alice", path)]
    more = write_class(tmp_path / "many", {"submission.py": DEF, "bob.py": DEF})
    assert len(find([more]).entries) == 2


def test_a_script_beside_the_notebook_of_its_name_is_the_same_program(tmp_path: Path) -> None:
    found = find([write_class(tmp_path / "c", {"alice.ipynb": "{}", "alice.py": DEF, "bob.py": DEF})])
    assert [entry.name for entry in found.entries] == ["alice.ipynb", "bob.py"]
    assert found.passed_over[0].endswith("alice.py: is graded as alice.ipynb, the notebook of that name")


def test_names_do_not_depend_on_the_order_of_arguments(tmp_path: Path) -> None:
    paths = [write_class(tmp_path / part, {"alice.py": DEF}) for part in "abc"]
    named = {(entry.name, entry.origin) for entry in find(paths).entries}
    assert named == {(entry.name, entry.origin) for entry in find(paths[::-1]).entries}


def test_names_in_zips_that_are_not_marked_as_utf8(tmp_path: Path) -> None:
    for number, raw in enumerate(["李雷.py".encode(), "李雷.py".encode("gbk"), "José.py".encode("cp437")]):
        path = tmp_path / f"{number}.zip"
        with zipfile.ZipFile(path, "w") as made:
            for name in (b"bob.py", b"x" * len(raw)):
                made.writestr(name.decode(), DEF)
        path.write_bytes(path.read_bytes().replace(b"x" * len(raw), raw))
    names = [{entry.name for entry in find([tmp_path / f"{number}.zip"]).entries} for number in range(3)]
    assert names == [{"bob.py", "李雷.py"}, {"bob.py", "李雷.py"}, {"bob.py", "José.py"}]


def test_names_and_words_that_something_would_obey() -> None:
    assert typed("-rf.py") == "./-rf.py"
    assert shown("::error::x ##[group]y ##vso[task.x]z") == ": :error::x # #[group]y # #vso[task.x]z"
    assert no_command("a[::2]\n  ::set-output name=x::y") == "a[::2]\n  : :set-output name=x::y"


def test_a_classs_assignment_and_tables_are_no_submissions(tmp_path: Path) -> None:
    files = {"alice.py": DEF, "backproof.toml": "", "grades.csv": "x", "notes.docx": "x", "bob.zip": "x"}
    found = find([write_class(tmp_path / "c", files)])
    assert [entry.name for entry in found.entries] == ["alice.py", "bob.zip", "notes.docx"]
    assert found.passed_over == [f"{tmp_path / 'c' / 'grades.csv'}: is no form that a submission has"]


def test_the_assignment_of_a_class_lies_in_its_folder_and_never_in_a_submission(tmp_path: Path) -> None:
    one = write_class(
        tmp_path / "c", {"alice.py": DEF, "backproof.toml": "", "bob/submission.py": DEF, "bob/backproof.toml": ""}
    )
    archive(tmp_path / "class.zip", {"alice.py": DEF})
    assert assignment_beside([one]) == one / "backproof.toml"
    assert assignment_beside([one / "alice.py"]) == one / "backproof.toml"
    assert assignment_beside([one / "bob", one / "alice.py"]) == one / "backproof.toml"
    assert assignment_beside([tmp_path / "class.zip"]) is None
    (tmp_path / "backproof.toml").write_text("")
    assert assignment_beside([tmp_path / "class.zip"]) == tmp_path / "backproof.toml"
    with pytest.raises(BadInput, match="allowed is one; say which by --assignment FILE"):
        assignment_beside([one, tmp_path / "class.zip"])
