"""The page of a class: what it says, that it stays small, that nothing of a student's is obeyed, where it lies."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import time
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from tests.classes import CLASS, HERE, grade_class, write_class
from tests.test_graded_reports import HOSTILE, Page, read, record
from verify.classroom.class_record import ClassRecord, Origin, groups_of, scores_of, states_of, students_of
from verify.classroom.classroom import Classroom
from verify.classroom.gradebook import Gradebook, Row, row_of
from verify.classroom.sitting import Sitting
from verify.grading.assignment import Assignment
from verify.grading.record import GradeRecord, encode
from verify.reports import class_page, class_terminal
from verify.reports.class_page import SCRIPT
from verify.submissions.confined import find_submissions


def summary(graded: list[GradeRecord], names: dict[str, str] | None = None, **changes: object) -> str:
    """The page of these records. names: submission -> a person's name."""
    rows: dict[str, Row] = {}
    for one in graded:
        row = row_of(encode(one))
        assert row is not None
        rows[one.submission] = row
    origins = {
        f"{s}.json": [Origin(f"{s}.json", name=n, id=f"id-{i}")] for i, (s, n) in enumerate((names or {}).items())
    }
    students = students_of(rows, origins)
    made = ClassRecord(
        submissions=len(rows), states=states_of(students), max_score=10.0, scores=scores_of(students),
        groups=groups_of(rows.values()), students=students, grader_errors=[], regraded=[], earlier=[], restored=[],
        sandbox="process", seed=None, digests={},
    )  # fmt: skip
    return class_page.render(msgspec.structs.replace(made, **changes), rows)


def right(name: str, seconds: float = 0.1) -> GradeRecord:
    return GradeRecord(submission=name, state="correct", score=10.0, max_score=10.0, timings={"seconds": seconds})


def test_mistakes_are_ranked_and_explained_and_everybody_has_a_link() -> None:
    other = msgspec.structs.replace(record().diagnosis[0], mistake="mean-missing", says="The mean is missing.")
    graded = [
        right("ann.py", 3.0), record(submission="bob.py"), record(submission="cem.py"),
        record(submission="dee.py", diagnosis=[other]),
        GradeRecord(submission="eve.py", state="timeout", score=0.0, max_score=10.0, message="did not finish"),
    ]  # fmt: skip
    html = summary(graded, {"bob.py": "Bob 王"}, assignment="hw 3", missing=["Finn"])
    text = " ".join(read(html).split())
    order = [
        "hw 3", "5 submissions", "wrong", "correct", "timeout", "did not finish within the assignment",
        "2 of 5 : δ is t − y for y − t.", "δ(L) = t − y", "δ(L) = y − t", "1 of 5 : The mean is missing.",
        "mean-missing",
        "eve.py : timeout , did not finish", "Bob 王", "The slowest", "ann.py : 3.00 s", "Handed in nothing", "Finn",
    ]  # fmt: skip
    at = 0
    for part in (p.replace(" :", ":").replace(" ,", ",") for p in order):
        plain = text.replace(" :", ":").replace(" ,", ",")
        assert part in plain[at:], part
        at = plain.index(part, at)
    links = re.findall(r'href="([^"]*)"', html)
    assert {"./ann.py.html", "./bob.py.html", "./eve.py.html"} <= set(links)


def test_the_page_can_be_read_without_its_script_and_the_script_is_the_only_one() -> None:
    html = summary([right("ann.py")])
    assert html.count("<script") == 1
    assert '<form id="filter" hidden>' in html
    assert "ann" in html[html.index('id="people"') :]
    script = re.search(r"<script>(.*?)</script>", html, re.S)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert script[1] == SCRIPT
    assert f"script-src 'sha256-{digest}'" in html


def test_nothing_of_a_student_is_obeyed() -> None:
    harmless, page = Page(), Page()
    harmless.feed(summary([record(message="x")], {"alice.py": "x"}))
    text = HOSTILE.replace("\ud800", "")  # no record that was written holds half a letter
    hostile = record(submission=text.replace("/", "_"), message=text, state="error", diagnosis=[])
    made = summary([hostile, record()], {hostile.submission: text}, assignment=text, doubts=[text])
    page.feed(made)
    assert page.tags - harmless.tags <= {"ul", "li", "small", "br"}
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert not any(value and value.startswith("javascript:") for _, value in page.attributes)
    for line in made.split("\n"):
        assert not [c for c in line if not c.isprintable()], line


def test_a_thousand_people_make_a_page_of_less_than_5_mb_in_less_than_10_s() -> None:
    graded = [record(submission=f"s{i}.py") if i % 3 else right(f"s{i}.py") for i in range(1000)]
    begun = time.process_time()
    html = summary(graded, {f"s{i}.py": f"Somebody Longname {i}" for i in range(1000)})
    assert len(html.encode()) < 5_000_000
    assert time.process_time() - begun < 10
    assert html.count("<tr data-state") == 1000
    assert "<svg" in html  # of the scores, once there are enough


def test_the_pictures_colours_follow_the_theme() -> None:
    html = summary([right(f"s{i}.py") for i in range(9)])
    svg = html[html.index("<svg") : html.index("</svg>")]
    assert "var(--soft)" in svg
    assert not re.search(r"#(?:01020\d|000000|ffffff)", svg)
    assert 'role="img"' in svg


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("class") / "out"
    few = {name: CLASS[name] for name in ("bob.py", "dora.py")}
    grade_class(write_class(out.parent / "in", few), out)
    return out


def test_pages_lie_beside_the_records_and_the_class_links_to_them(folder: Path) -> None:
    page = (folder / "class.html").read_text(encoding="utf-8")
    for link in re.findall(r'href="\./([^"]*)"', page):
        assert (folder / link).is_file(), link
    assert "mean-missing" in (folder / "bob.py.html").read_text(encoding="utf-8")
    assert not list(folder.glob("pages"))


def test_pages_that_are_missing_are_made_again_without_grading(folder: Path) -> None:
    (folder / "bob.py.html").unlink()
    record = (folder / "bob.py.json").stat().st_mtime_ns

    def again(html: bool) -> None:
        with Gradebook(folder) as gradebook:
            sitting = Sitting(Assignment(), 0, "process", html=html)
            Classroom(gradebook, sitting, HERE).grade(find_submissions([folder.parent / "in"]))

    again(True)
    assert (folder / "bob.py.html").is_file()
    assert (folder / "bob.py.json").stat().st_mtime_ns == record
    again(False)
    assert not (folder / "bob.py.html").exists()
    assert (folder / "bob.py.md").is_file()


def test_the_summary_in_the_terminal_names_every_state_at_80_columns() -> None:
    states = ["correct", "wrong", "undecided", "incomplete", "error", "timeout", "memory", "crashed", "forbidden",
              "ungradable", "grader-error"]  # fmt: skip
    graded = [GradeRecord(submission=f"{s}.py", state=s, score=None if s == "grader-error" else 0.0, max_score=10.0,
                          message="m") for s in states]  # fmt: skip
    rows = {one.submission: row for one in graded if (row := row_of(encode(one))) is not None}
    students = students_of(rows)
    made = ClassRecord(
        submissions=len(rows), states=states_of(students), max_score=10.0, scores=scores_of(students),
        groups=groups_of(rows.values()), students=students, grader_errors=["grader-error.py"], regraded=[], earlier=[],
        restored=[], sandbox="process", seed=None, digests={},
    )  # fmt: skip
    out = Console(width=80, file=io.StringIO(), highlight=False)
    class_terminal.show(made, Path("out"), out)
    text = out.file.getvalue()  # type: ignore[union-attr]
    for state in states:
        assert f"\n{state} " in f"\n{text}"
    assert "…" not in text
    html = class_page.render(made, rows)
    for state in states:
        assert class_page.meaning(state) in " ".join(read(html).split())
