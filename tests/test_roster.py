"""The class list: who is who, who handed in nothing, and no doubt that is not said in one line."""

from __future__ import annotations

import itertools
import json
from datetime import datetime
from pathlib import Path

import pytest

import verify.classroom.classroom
from tests.classes import grade_download, write_class
from tests.test_downloads import GRADESCOPE_FILES
from verify.benchmarks.course import put
from verify.classroom.class_record import ClassRecord
from verify.classroom.gradebook import HISTORY
from verify.classroom.roster import Called, Roster, read_roster
from verify.classroom.sitting import Graded, Ground, Work
from verify.errors import BadInput
from verify.grading.assignment import Assignment, assignment_from
from verify.grading.course import Late, days_late
from verify.grading.record import encode, without_run
from verify.grading.sentence import said
from verify.submissions.people import Person, person
from verify.submissions.reading import Entry

LIST = "Name,Number,Group,Email\nAda Lovelace,71,A,ada@u.example\n王芳,72,B,wf@u.example\nJosé Díaz,73,A,jd@u.example\n"


def roster(tmp_path: Path, text: str | bytes = LIST) -> Roster:
    path = tmp_path / "roster.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_roster(path)


def entry(name: str, *people: Person, folder: Path = Path("/nowhere")) -> Entry:
    found = people or (person(name),)
    return Entry(name, folder / name, (), found[0], found[1:])


def matched(called: Called) -> dict[str, list[str]]:
    return {name: [member.name if member else "?" for member in members] for name, members in called.members.items()}


# Reading -------------------------------------------------------------------------------------------------------------

FILES = [
    (LIST, "Ada Lovelace", "71", "A"),
    (LIST.replace(",", ";"), "Ada Lovelace", "71", "A"),
    (LIST.replace(",", "\t"), "Ada Lovelace", "71", "A"),
    (LIST.encode("utf-8-sig"), "Ada Lovelace", "71", "A"),
    (LIST.encode("utf-16"), "Ada Lovelace", "71", "A"),
    ("姓名,学号,班级\n李雷,71,一\n".encode("gbk"), "李雷", "71", "一"),
    ("First name,Surname,ID number,Groups\nAda,Lovelace,0071,A\n", "Ada Lovelace", "0071", "A"),
    ("Student,ID,SIS User ID,SIS Login ID,Section,hw1\n    Points Possible,,,,,10\n\"Lovelace, Ada\",9,71,ada,A,3\n",
     "Ada Lovelace", "71", "A"),
    ("Identifier,Full name,ID number,Email address,Grade\nParticipant 9,Ada Lovelace,71,ada@u.example,\n",
     "Ada Lovelace", "71", ""),
    ("identifier,github_username,github_id,name\n71,ada-l,1,Ada Lovelace\n", "Ada Lovelace", "", ""),
    ("\r\n\r\n" + LIST, "Ada Lovelace", "71", "A"),
    ("sep=;\r\n" + LIST.replace(",", ";"), "Ada Lovelace", "71", "A"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name", "number", "group"), FILES)
def test_lists_as_they_come(tmp_path: Path, text: str | bytes, name: str, number: str, group: str) -> None:
    first = roster(tmp_path, text).members[0]
    assert (first.name, first.number, first.group) == (name, number, group)


def test_what_exports_say_besides(tmp_path: Path) -> None:
    canvas = roster(tmp_path, FILES[7][0]).members
    assert [(m.system, m.login) for m in canvas] == [("9", "ada")]
    assert [m.system for m in roster(tmp_path, FILES[8][0]).members] == ["9"]
    assert [m.login for m in roster(tmp_path, FILES[9][0]).members] == ["ada-l"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has the heading of no words"),
        ("a,b\n1,2\n", "has the heading a,b; allowed is a CSV file with a heading, with a column name"),
        ("name,number\n", "names nobody"),
        ("name,number\nAda,71\nBob,71\n", "Ada and Bob have one number, 71; allowed is one person each"),
        (b"name\n\x00\n", "null byte: this is no text"),
        ('name,number\n"Ada,71\n', "is no CSV"),
        ("name\n" + '"' + "x" * 200_000 + '"\n', "line 2 is no CSV"),
    ],
)
def test_what_is_no_list_is_refused_in_one_line(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        roster(tmp_path, text)
    assert str(tmp_path / "roster.csv") in str(caught.value)
    assert str(caught.value).isprintable()


def test_no_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        read_roster(tmp_path / "none.csv")


def test_a_row_that_stands_twice_is_told_and_kept_once(tmp_path: Path) -> None:
    found = roster(tmp_path, "name,number,section\nAda,71,A\nAda,71,B\n")
    assert [(m.name, m.group) for m in found.members] == [("Ada", "A; B")]
    assert found.said == [f"{tmp_path / 'roster.csv'}: Ada (71) stands there twice; one row is kept"]


# Who is who ----------------------------------------------------------------------------------------------------------

WHO = [
    (Person("Ada Lovelace", "5"), "Ada Lovelace"),
    (Person("adalovelace", "5"), "Ada Lovelace"),
    (Person("lovelaceada", "5"), "Ada Lovelace"),
    (Person("Jose\u0301 Di\u0301az", ""), "José Díaz"),
    (Person("王芳", "9"), "王芳"),
    (Person("71", "71"), "Ada Lovelace"),
    (Person("A. Lovelace", "4", email="ADA@u.example"), "Ada Lovelace"),
    (Person("ada@u.example", ""), "Ada Lovelace"),
    (Person("Bob", "71"), None),
    (Person("Ada", "71"), None),
    (Person("nobody", ""), None),
]


@pytest.mark.parametrize(("who", "name"), WHO)
def test_who_is_who(tmp_path: Path, who: Person, name: str | None) -> None:
    found = roster(tmp_path).find(who)
    assert (found.name if found else None) == name


def test_unknown_people_are_graded_and_said_in_one_line_each(tmp_path: Path) -> None:
    called = roster(tmp_path).call([entry("zoe.py"), entry("x", Person("Bob", "71")), entry("ada lovelace.py")])
    assert matched(called) == {"zoe.py": ["?"], "x": ["?"], "ada lovelace.py": ["Ada Lovelace"]}
    assert [m.name for m in called.missing] == ["王芳", "José Díaz"]
    source = tmp_path / "roster.csv"
    assert called.said == [
        f"/nowhere/zoe.py: zoe is not in {source}: nobody there has that name or number",
        f"/nowhere/x: Bob (71) is not in {source}: its number 71 is that of Ada Lovelace there",
    ]


def test_two_people_of_one_name_are_told_by_their_numbers_or_not_at_all(tmp_path: Path) -> None:
    two = roster(tmp_path, "name,number\nWang Wei,1\nWang Wei,2\nLi Lei,3\n")
    by_number = two.call([entry("a", Person("Wang Wei", "2")), entry("b", Person("Wang Wei", "1"))])
    assert {name: members[0].number for name, members in by_number.members.items() if members[0]} == {
        "a": "2",
        "b": "1",
    }
    unknown = two.call([entry("a", Person("Wang Wei", "55"))])
    assert matched(unknown) == {"a": ["?"]}
    assert "2 people there have that name, and no number tells which" in unknown.said[0]
    assert len(unknown.missing) == 3


def test_two_people_are_never_one_member(tmp_path: Path) -> None:
    called = roster(tmp_path).call([entry("a", Person("Ada Lovelace", "8")), entry("b", Person("Ada Lovelace", "9"))])
    assert matched(called) == {"a": ["?"], "b": ["?"]}
    assert all("two people of that name handed something in" in line for line in called.said)
    own = roster(tmp_path).call([entry("a", Person("Ada Lovelace", "71")), entry("b", Person("Ada Lovelace", "9"))])
    assert matched(own) == {"a": ["Ada Lovelace"], "b": ["?"]}


def test_the_newest_of_several_counts_whatever_the_order(tmp_path: Path) -> None:
    old = entry("old", Person("Ada Lovelace", "", submitted="2026-11-20T10:00:00+00:00"))
    new = entry("new", Person("Ada Lovelace", "", submitted="2026-11-21T10:00:00+00:00"))
    pair = entry("pair", Person("王芳", ""), Person("Ada Lovelace", "", submitted="2026-11-19T10:00:00+00:00"))
    for entries in itertools.permutations([old, new, pair]):
        called = roster(tmp_path).call(entries)
        assert matched(called) == {"new": ["Ada Lovelace"], "pair": ["王芳"]}
        assert called.said == ["/nowhere/old: a newer one of Ada Lovelace is graded"]


# In a gradebook ------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grading that runs nothing: the score is the length of the program."""

    def grade(work: Work) -> Graded:
        assert not hasattr(work.read, "reason"), work.read
        record = without_run(work.entry.name, "wrong", said("unreadable", what="x"), Assignment(), 0)
        record.score = float(len(work.read.source) % 10)  # type: ignore[union-attr]
        record.digests = dict(record.digests, submission=work.read.digest, grader=work.sitting.version)  # type: ignore[union-attr]
        return Graded(encode(record), b"# page")

    monkeypatch.setattr(verify.classroom.classroom, "grade", grade)
    monkeypatch.setattr(verify.classroom.classroom, "ground", lambda _: Ground("", "v"))


def people(record: ClassRecord) -> list[tuple[str, str, str, str]]:
    return sorted((s.name, s.number, s.group, s.state) for s in record.students)


def test_who_handed_in_nothing_is_a_row_without_a_score(tmp_path: Path, quick: None) -> None:
    folder = write_class(tmp_path / "c", {"ada lovelace.py": "x = 1\n", "zoe.py": "y = 2\n"})
    record = grade_download([folder], tmp_path / "out", roster(tmp_path))
    assert people(record) == [
        ("Ada Lovelace", "71", "A", "wrong"), ("José Díaz", "73", "A", "missing"), ("zoe", "", "", "wrong"),
        ("王芳", "72", "B", "missing"),
    ]  # fmt: skip
    assert (record.missing, record.submissions) == (["王芳", "José Díaz"], 2)
    assert record.states == {"missing": 2, "wrong": 2}
    assert [s.score for s in record.students if s.state == "missing"] == [None, None]
    assert len(record.doubts) == 1
    summary = json.loads((tmp_path / "out" / "class.json").read_bytes())
    assert [s["name"] for s in summary["students"] if s["state"] == "missing"] == ["王芳", "José Díaz"]


def test_who_hands_in_later_into_the_same_gradebook_is_one_row(tmp_path: Path, quick: None) -> None:
    listed = roster(tmp_path)
    early = write_class(tmp_path / "c", {"Ada Lovelace_5_assignsubmission_file_/a.py": "x = 1\n"})
    late = write_class(
        tmp_path / "d",
        {"Ada Lovelace_9_assignsubmission_file_/a.py": "x = 12\n", "王芳_6_assignsubmission_file_/b.py": "z = 3\n"},
    )
    grade_download([early], tmp_path / "out", listed)
    record = grade_download([late], tmp_path / "out", listed)
    assert [who[0] for who in people(record)] == ["Ada Lovelace", "José Díaz", "王芳"]
    assert record.missing == ["José Díaz"]
    assert any("it is in history/" in line for line in record.passed_over)
    assert len([*(tmp_path / "out" / HISTORY).iterdir()]) == 1
    again = grade_download([late], tmp_path / "out", listed)
    assert people(again) == people(record)


def test_a_list_given_later_knows_earlier_records(tmp_path: Path, quick: None) -> None:
    early = write_class(tmp_path / "c", {"Ada Lovelace_5_assignsubmission_file_/a.py": "x = 1\n"})
    grade_download([early], tmp_path / "out")
    other = write_class(tmp_path / "d", {"王芳.py": "x = 1\n"})
    record = grade_download([other], tmp_path / "out", roster(tmp_path))
    assert record.missing == ["José Díaz"]
    assert [who[:2] for who in people(record)] == [("Ada Lovelace", "71"), ("José Díaz", "73"), ("王芳", "72")]


def test_people_who_hand_in_together_have_a_row_each(tmp_path: Path, quick: None) -> None:
    files = GRADESCOPE_FILES | {"submission_102/net.py": "x = 1\n"}
    del files["submission_102/net.ipynb"]
    record = grade_download([put(tmp_path / "g", files, True)], tmp_path / "out")
    assert [(s.name, s.id, s.file) for s in record.students] == [
        ("Ada Lovelace", "0071", "Ada Lovelace_0071.json"),
        ("Bob: the <builder>", "", "Bob_ the _builder_.json"),
        ("王芳", "0072", "Bob_ the _builder_.json"),
    ]
    assert (record.submissions, len(record.students)) == (2, 3)


def test_lateness_is_kept_and_costs_what_the_assignment_says(tmp_path: Path, quick: None) -> None:
    asked = assignment_from({"due": datetime.fromisoformat("2026-11-20T23:59:00+01:00"), "late": {"per_day": 0.1}}, "t")
    tree = {
        "submitted/ada/ps1/hw.py": "x = 1234\n",
        "submitted/ada/ps1/timestamp.txt": "2026-11-20 22:00:00 UTC",
        "submitted/bob/ps1/hw.py": "x = 1234\n",
        "submitted/bob/ps1/timestamp.txt": "2026-11-22 10:00:00 UTC",
    }
    record = grade_download([put(tmp_path / "c", tree, False) / "submitted"], tmp_path / "out", assignment=asked)
    found = {s.name: (s.late, s.days_late, s.score, s.final) for s in record.students}
    assert found == {"ada": (False, 0, 9.0, 9.0), "bob": (True, 2, 9.0, 7.2)}
    assert record.due == "2026-11-20T23:59:00+01:00"


@pytest.mark.parametrize(
    ("submitted", "days"),
    [
        ("", 1),
        ("2026-11-20T22:58:59+00:00", 0),
        ("2026-11-20T23:09:00+00:00", 0),
        ("2026-11-20T23:09:01+00:00", 1),
        ("2026-11-21T23:09:00+00:00", 1),
        ("2026-11-21T23:09:01+00:00", 2),
    ],
)
def test_days_begun_after_the_due_date_and_the_minutes_of_grace(submitted: str, days: int) -> None:
    late = Late(per_day=0.25, most=0.4, grace=10)
    assert days_late(submitted, "2026-11-20T23:59:00+01:00", late, marked=True) == days
    assert late.lost(days) == min(0.4, 0.25 * days)
    assert days_late("", "2026-11-20T23:59:00+01:00", late, marked=False) == 0
