"""Whatever serves the network serves every lesson: library, autograder, --explain, adapters, a lesson's own file."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.lessons import styles
from tests.test_exports import RESULTS
from verify import check_submission, grade
from verify.commands import autograder, compare, gradescope
from verify.errors import BadInput
from verify.grading.record import LessonRecord
from verify.lessons.registry import read_any

POISSON = Path(__file__).parents[2] / "docs" / "examples" / "poisson.py"
RIGHT, WRONG = styles.RIGHT["arrays"], styles.WRONG["mean-missing"][0]
CHAIN = "def forward(x):\n    return 3 * (2 * x + 2) + 3\n\n\ndef backward(x):\n    return 6.0\n"


def handed_in(folder: Path, text: str, name: str = "alice.py") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


# The library ---------------------------------------------------------------------------------------------------------


def test_a_test_of_an_instructors_own_grades_any_lesson(tmp_path: Path) -> None:
    program = handed_in(tmp_path, CHAIN)
    assert check_submission(program, {"lesson": "graph-chain"}, sandbox="process").state == "correct"
    with pytest.raises(AssertionError, match="mean-missing"):
        check_submission(handed_in(tmp_path, WRONG), lesson=POISSON, sandbox="process")


@pytest.mark.parametrize(
    ("assignment", "lesson"),
    [({"seed": 3}, POISSON), ("hw.toml", POISSON), ("beside.toml", None)],
    ids=["a table and a file", "a TOML and a file", "a TOML that names a file beside it"],
)
def test_a_lesson_may_be_named_in_each_way(tmp_path: Path, assignment, lesson) -> None:
    (tmp_path / "hw.toml").write_text("seed = 3")
    (tmp_path / "beside.toml").write_text('seed = 3\nlesson = "poisson.py"')
    shutil.copy(POISSON, tmp_path)
    asked = tmp_path / assignment if isinstance(assignment, str) else assignment
    record = grade(handed_in(tmp_path, RIGHT), asked, lesson=lesson, sandbox="process")
    assert isinstance(record, LessonRecord)
    assert (record.state, record.lesson, record.seed) == ("correct", "poisson", 3)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("none.py", 'hw.toml: lesson = "none.py": is no file; allowed is a Python file that has LESSON'),
        ("folder.py", 'lesson = "folder.py": is a folder; allowed is'),
        ("latin.py", 'lesson = "latin.py": is no text in UTF-8'),
        ("../poisson.py", "lesson takes one of network, regression"),
    ],
)
def test_a_lessons_file_that_is_none_is_one_line(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "latin.py").write_bytes(b"x = '\xe9'\n")
    (tmp_path / "hw.toml").write_text(f'lesson = "{name}"')
    with pytest.raises(BadInput) as caught:
        read_any(tmp_path / "hw.toml")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_lessons_file_needs_an_assignments_file_to_lie_beside(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="lies beside an assignment's file, and this is none"):
        grade(handed_in(tmp_path, RIGHT), {"lesson": "poisson.py"})
    with pytest.raises(BadInput, match="allowed is a lesson beside a file or a table"):
        grade(handed_in(tmp_path, RIGHT), read_any(None, POISSON), lesson=POISSON)


# The autograder ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["--lesson", "beside", "by name"])
def test_an_autograder_of_any_lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    shutil.copy(POISSON, tmp_path / "poisson.py")
    named = {"beside": "poisson.py", "by name": "graph-chain"}.get(how)
    (tmp_path / "hw.toml").write_text(f'lesson = "{named}"' if named else "")
    words = ["--assignment", str(tmp_path / "hw.toml"), "--out", str(tmp_path / "root" / "source")]
    with pytest.raises(SystemExit) as end:
        autograder.app([*words, *(["--lesson", str(POISSON)] if how == "--lesson" else [])])
    assert end.value.code in (0, None)
    (tmp_path / "poisson.py").unlink()
    (tmp_path / "root" / "submission").mkdir()
    handed_in(tmp_path / "root" / "submission", CHAIN if how == "by name" else RIGHT)
    monkeypatch.setattr(sys, "argv", ["gradescope", str(tmp_path / "root")])
    assert gradescope.main() == 0
    results = json.loads((tmp_path / "root" / "results" / "results.json").read_bytes())
    jsonschema.validate(results, RESULTS)
    assert results["score"] == 10


# --explain -----------------------------------------------------------------------------------------------------------


def explained(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        compare.app(["--explain", *words])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_a_small_problem_of_a_lesson_is_worked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {name: tmp_path / name for name in ("json", "html", "markdown")}
    options = [f"--{name}={path}" for name, path in files.items()]
    code, shown, _ = explained(capsys, "--lesson", str(POISSON), "--seed", "2", *options)
    assert code == 0
    record = json.loads(files["json"].read_text(encoding="utf-8"))
    assert (record["schema"], record["lesson"], record["seed"]) == ("backproof.explain/2", "poisson", 2)
    given = {v["name"]: v["value"] for v in record["inputs"]}
    assert {abs(number) for row in given["X"] for number in row} <= {1, 2}, "by hand"
    found = {line["name"]: line["expected"] for line in record["working"]}
    for n, row in enumerate(given["X"]):
        assert found["a"][n] == pytest.approx(sum(x * w for x, w in zip(row, given["w"], strict=True)) + given["b"])
    for line in record["working"]:
        for text in (shown, files["html"].read_text(encoding="utf-8"), files["markdown"].read_text(encoding="utf-8")):
            assert line["equation"] in text
    assert shown.startswith("Poisson regression worked by hand\n")


def test_sizes_are_those_of_the_assignment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hw.toml").write_text('lesson = "svm"\nK = [4, 5]\nN = [1, 1]')
    code, out, _ = explained(capsys, "--assignment", str(tmp_path / "hw.toml"), "--json", "-")
    assert code == 0
    assert json.loads(out)["sizes"] == {"K": 4, "D": 2, "N": 1}


def test_options_of_the_network_do_not_go_with_another_lesson(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = explained(capsys, "--lesson", str(POISSON), "--layers", "1,2")
    assert code == 2
    assert "--layers does not go with --explain of the lesson poisson; allowed are --assignment, --explain" in error


# Adapters ------------------------------------------------------------------------------------------------------------

ADAPTER = """
needs = "Poisson"

def gradients(student, w, b, X, t, lam):
    return student.Poisson(w, b, lam).backward(X, t)
"""
CLASS = RIGHT.replace("def gradients(", "def _gradients(") + (
    "\nclass Poisson:\n    def __init__(self, *p):\n        self.p = p\n"
    "    def backward(self, X, t):\n        w, b, lam = self.p\n        return _gradients(w, b, X, t, lam)\n"
)


def test_an_adapter_of_a_lesson(tmp_path: Path) -> None:
    handed_in(tmp_path, ADAPTER, "adapter.py")
    (tmp_path / "hw.toml").write_text('adapter = "adapter.py"')
    graded = lambda text: grade(handed_in(tmp_path, text), tmp_path / "hw.toml", lesson=POISSON, sandbox="process")
    assert graded(CLASS).state == "correct"
    wrong = graded(CLASS.replace("delta.sum() / N", "delta.sum()").replace("delta / N", "delta"))
    assert [found.mistake for found in wrong.diagnosis] == ["mean-missing"]
    record = graded(RIGHT)
    assert record.state == "incomplete"
    assert record.message == "The program defines no Poisson, which the assignment uses; found no function."


@pytest.mark.parametrize(
    ("adapter", "says"),
    [
        ("dict", "adapter = dict: is for lesson = network; allowed is a .py file beside this one"),
        ("adapter.py", r'is to have needs = "NAME", .* and gradients\(student, w, b, X, t, lam\)'),
    ],
)
def test_an_adapter_that_does_not_serve_the_lesson_is_one_line(tmp_path: Path, adapter: str, says: str) -> None:
    handed_in(tmp_path, 'needs = "step"\ndef step(student): ...\n', "adapter.py")
    (tmp_path / "hw.toml").write_text(f'adapter = "{adapter}"')
    with pytest.raises(BadInput, match=says):
        read_any(tmp_path / "hw.toml", POISSON)
