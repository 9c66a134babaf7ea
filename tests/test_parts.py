"""Several lessons in one assignment: found, graded, weighed, told, exported; refused in one line where it is none."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from tests.classes import NO_MEAN, RIGHT, grade_class
from tests.lessons import styles
from tests.test_exports import RESULTS, fits
from verify import check_submission, grade
from verify.classroom.class_record import ClassRecord
from verify.classroom.exports import FORMATS, export
from verify.classroom.handout.making import make
from verify.classroom.sitting import Sitting
from verify.commands import autograder, gradescope
from verify.commands.schemas import schemas
from verify.errors import BadInput
from verify.grading.course import EXPLAINED
from verify.grading.lesson_assignment import PartsAssignment
from verify.grading.record import LessonRecord, PartsRecord, Task, decode, encode
from verify.grading.shown import shown_as
from verify.lessons.network.english import english
from verify.lessons.registry import checks_of, decoded, encoded, read_any
from verify.reports import graded_pages, graded_terminal

POISSON = Path(__file__).parent.parent / "docs" / "examples" / "poisson.py"
TOML = """
name = "Homework 4"
points = 20
seed = 0

[[part]]
lesson = "poisson.py"
weight = 1

[[part]]
name = "net"
weight = 3
layers = [1, 1]
"""
COUNTS, BAD_COUNTS = styles.RIGHT["arrays"], styles.WRONG["l2-missing"][0]
CHAIN = "\ndef forward(x):\n    return 3 * (2 * x + 2) + 3\n\n\ndef backward(x):\n    return 6.0\n"
HANDED_IN = {
    "alice/poisson.py": COUNTS,
    "alice/net.py": RIGHT,
    "bob/poisson.py": BAD_COUNTS,
    "bob/my_network.py": RIGHT.replace("def gradients(", "def _gradients(") + "\ngradients = _gradients\n",
    "carol/net.py": NO_MEAN,
    "dora/poisson.py": "def (",
    "dora/net.py": "def )",
}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An assignment, a class, and its gradebook."""
    root = tmp_path_factory.mktemp("parts")
    (root / "hw.toml").write_text(TOML)
    shutil.copy(POISSON, root)
    for name, text in HANDED_IN.items():
        (root / "class" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "class" / name).write_text(text, encoding="utf-8")
    graded(root)
    return root


def graded(root: Path) -> ClassRecord:
    sitting = Sitting(read_any(root / "hw.toml"), 0, "process")
    return grade_class(root / "class", root / "out", sitting=sitting)


def of(room: Path, name: str) -> PartsRecord:
    found = decode((room / "out" / f"{name}.json").read_bytes())
    assert isinstance(found, PartsRecord)
    return found


# What is graded ------------------------------------------------------------------------------------------------------


def test_each_part_is_graded_by_its_lesson_and_weighs_what_it_says(room: Path) -> None:
    found = {name: of(room, name) for name in ("alice", "bob", "carol", "dora")}
    assert {n: (r.state, r.score) for n, r in found.items() if n != "carol"} == {
        "alice": ("correct", 20), "bob": ("wrong", 17.5), "dora": ("ungradable", 0)
    }  # fmt: skip
    assert [(p.name, p.lesson, p.state, p.max_score) for p in found["bob"].parts] == [
        ("poisson", "poisson", "wrong", 5), ("net", "network", "correct", 15)
    ]  # fmt: skip
    first = found["bob"].parts[0].graded
    assert isinstance(first, LessonRecord)
    assert (first.score, first.max_score) == (5, 10), "in the lesson's own points"
    assert [f.mistake for f in found["bob"].diagnosis] == ["l2-missing"]
    assert found["bob"].first_wrong_line == "poisson: dw"


def test_a_part_that_is_missing_leaves_the_others_their_points(room: Path) -> None:
    record = of(room, "carol")
    assert [p.state for p in record.parts] == ["incomplete", "wrong"] or record.parts[0].state == "error"
    assert 0 < (record.score or 0) < 15
    assert record.state == "wrong"


def test_lateness_costs_a_share_of_all_parts_together(tmp_path: Path) -> None:
    due = "due = 2026-11-20T23:59:00+01:00\n\n[late]\nper_day = 0.25\n"
    (tmp_path / "hw.toml").write_text(TOML.replace("seed = 0\n", f"seed = 0\n{due}"))
    shutil.copy(POISSON, tmp_path)
    (tmp_path / "class").mkdir()
    for name, text in {"doejohn_LATE_1_2_poisson.py": COUNTS, "doejohn_LATE_1_3_net.py": RIGHT}.items():
        (tmp_path / "class" / name).write_text(text)
    (john,) = graded(tmp_path).students
    assert (john.score, john.late, john.days_late, john.final) == (20, True, 1, 15)


def test_the_lines_of_all_parts_make_up_the_whole(room: Path) -> None:
    for name in ("alice", "bob", "carol"):
        record = of(room, name)
        assert sum(line.points for line in record.lines) == pytest.approx(record.score, abs=1e-5)
        assert sum(part.score or 0 for part in record.parts) == pytest.approx(record.score, abs=1e-5)
    asked = set(checks_of(read_any(room / "hw.toml")))
    assert {("poisson.gradients", "dw"), ("net.gradients", "dW1")} <= asked
    assert {(line.function, line.name) for line in of(room, "bob").lines} <= asked


def test_sentences_are_made_again_from_their_keys(room: Path) -> None:
    record = of(room, "bob")
    task = record.parts[1].graded.task
    assert isinstance(task, Task)
    told = [english(said, task) for said in record.message_said if said.values["part"] == "net"]
    assert len(told) == 1
    assert record.message.endswith(told[0])
    assert all(said.key == "of-part" for said in record.message_said)


def test_a_second_run_grades_nothing_again(room: Path) -> None:
    before = {path.name: path.read_bytes() for path in (room / "out").glob("*.json")}
    record = graded(room)
    assert record.regraded == []
    assert {path.name: path.read_bytes() for path in (room / "out").glob("*.json")} == before
    rows = {row["submission"]: row for row in csv.DictReader(io.StringIO(record.csv()))}
    assert (rows["bob"]["score"], rows["bob"]["max_score"], rows["bob"]["diagnosis"]) == ("17.5", "20", "l2-missing")


def test_one_file_may_have_all_parts(tmp_path: Path) -> None:
    asked = {"part": [{"lesson": "graph-chain", "weight": 2}, {"layers": [1, 1]}], "seed": 1}
    (tmp_path / "alice.py").write_text(RIGHT + CHAIN)
    record = check_submission(tmp_path / "alice.py", asked, sandbox="process")
    assert isinstance(record, PartsRecord)
    assert [part.max_score for part in record.parts] == pytest.approx([20 / 3, 10 / 3], abs=1e-5)
    (tmp_path / "alice.py").write_text(RIGHT + CHAIN.replace("6.0", "3.0"))
    with pytest.raises(AssertionError, match=r"alice.py: wrong, 6.67 of 10 points[\s\S]*graph-chain: wrong, 5 of 10"):
        check_submission(tmp_path / "alice.py", asked, sandbox="process")


# What is told --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", EXPLAINED)
def test_pages_have_every_part_and_no_more_than_is_shown(room: Path, level: str) -> None:
    record = shown_as(of(room, "bob"), level)
    assert encode(decode(encode(record))) == encode(record)
    out = io.StringIO()
    graded_terminal.show(record, Console(file=out, width=100))
    for text in (out.getvalue(), graded_pages.as_html(record), graded_pages.as_markdown(record)):
        assert ("poisson: " in text) == (level != "nothing")
        assert ("17.5 of 20" in text) == (level != "nothing")
        assert ("l2-missing" in text) == (level in ("hints", "case"))
        assert ("smallest case" in text) == (level == "case")


def test_a_page_is_one_page(room: Path) -> None:
    html = graded_pages.as_html(of(room, "bob"))
    assert (html.count("<main>"), html.count("<html"), html.count('class="part"')) == (1, 1, 2)
    page = graded_pages.as_markdown(of(room, "bob"))
    assert [line for line in page.splitlines() if line.startswith("# ")] == ["# bob: wrong, 17.5 of 20 points"]
    assert "| poisson | 2.5 of 5 | wrong |" in page


def test_every_export_is_written_and_fits(room: Path) -> None:
    asked, record = read_any(room / "hw.toml"), graded(room)
    for name in FORMATS:
        export(name, record, room / "out", asked)
    results = json.loads((room / "out" / "gradescope" / "bob" / "results.json").read_bytes())
    jsonschema.validate(results, RESULTS)
    assert {"poisson.gradients: dw", "net.gradients: dW1"} <= {test["name"] for test in results["tests"]}
    from xml.etree import ElementTree

    fits(ElementTree.parse(room / "out" / "junit.xml").getroot())


def test_records_fit_their_schema(room: Path) -> None:
    whole = jsonschema.Draft202012Validator(schemas()["grade-parts.schema.json"])
    record = json.loads((room / "out" / "bob.json").read_bytes())
    whole.validate(record)
    for part, name in zip(record["parts"], ("grade-lesson", "grade"), strict=True):
        jsonschema.Draft202012Validator(schemas()[f"{name}.schema.json"]).validate(part["record"])
    assert not whole.is_valid(record | {"parts": [{}]})


# What goes out -------------------------------------------------------------------------------------------------------


def test_the_handout_has_a_folder_for_each_part(tmp_path: Path) -> None:
    shutil.copy(POISSON, tmp_path)
    (tmp_path / "hw.toml").write_text(TOML.replace("seed = 0", "due = 2026-11-20T23:59:00+01:00"))
    make(tmp_path, read_any(tmp_path / "hw.toml"))
    page = (tmp_path / "STUDENT.md").read_text(encoding="utf-8")
    assert "| `poisson` | `poisson.py`, or a notebook | Poisson regression | 5 |" in page
    assert "Due: **2026-11-20 23:59 +0100**" in page
    for part in ("poisson", "net"):
        names = {path.name for path in (tmp_path / part).iterdir()}
        assert names == {"STUDENT.md", f"{part}.py", f"{part}.ipynb", "selfcheck.py"}
        assert "Due: **2026-11-20" in (tmp_path / part / "STUDENT.md").read_text(encoding="utf-8")


def test_the_autograder_has_what_the_parts_need(room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        autograder.app(["--assignment", str(room / "hw.toml"), "--out", str(tmp_path / "source")])
    assert (tmp_path / "source" / "poisson.py").is_file()
    shutil.copytree(room / "class" / "bob", tmp_path / "submission")
    monkeypatch.setattr(sys, "argv", ["gradescope", str(tmp_path)])
    assert gradescope.main() == 0
    assert json.loads((tmp_path / "results" / "results.json").read_bytes())["score"] == 17.5


# The assignment ------------------------------------------------------------------------------------------------------


def test_an_assignment_of_parts_reads_back(room: Path) -> None:
    asked = read_any(room / "hw.toml")
    assert isinstance(asked, PartsAssignment)
    again = decoded(encoded(asked))
    assert again == asked
    assert again.digest() == asked.digest()
    assert [part.name for part in asked.parts] == ["poisson", "net"]


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("part = 1", "part is to be 1 to 20 tables [[part]], each of one lesson"),
        ("part = []", "part is to be 1 to 20 tables"),
        ("layers = [1, 2]\n[[part]]", 'unknown key "layers"; known here: part, name, due, late, show, seed, points'),
        ("[[part]]\n[[part]]", "two parts are called network; allowed is a name"),
        ("[[part]]\nlesson = 'none'", 'part 1: lesson = "none" is not allowed'),
        ("[[part]]\nname = 'a b'", 'part 1: name = "a b" is not allowed; part 1: name takes a name of letters'),
        ("[[part]]\nweight = 0", "part 1: weight = 0 is not allowed; part 1: weight takes a number greater than 0"),
        ("[[part]]\nname = 'x'\nseed = 3", "part 1: seed stands once for all parts, above the first [[part]]"),
        ("[[part]]\nname = 'x'\nlayers = 3", "part x: layers = 3 is not allowed"),
        ("points = -1\n[[part]]", "points = -1 is not allowed"),
        ("[[part]]\nlesson = 'none.py'", 'part 1: lesson = "none.py": is no file'),
    ],
)  # fmt: skip
def test_what_is_no_assignment_of_parts_is_one_line(tmp_path: Path, toml: str, says: str) -> None:
    (tmp_path / "hw.toml").write_text(toml)
    with pytest.raises(BadInput) as caught:
        read_any(tmp_path / "hw.toml")
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "hw.toml"))
    assert "\n" not in str(caught.value)


def test_a_lesson_beside_an_assignment_of_parts_is_refused(room: Path) -> None:
    with pytest.raises(BadInput, match="has parts; of one of them a lesson of your own is lesson ="):
        grade(room / "class" / "bob", room / "hw.toml", lesson=POISSON)
