"""`compare.py SUBMISSION`: exit codes, the record, what is explained, and what is refused."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from verify.commands import compare
from verify.grading.record import GradeRecord, decode

ROOT = Path(__file__).parent.parent

# One activation: a small run, and enough for what the command does with it.
SMALL = 'layers = [1, 3]\nactivations = ["tanh"]\nseed = 4\n'
RIGHT = """
import numpy as np

def gradients(W, b, x, t, activation, lam):
    L, N = len(W), len(x)
    z = [x]
    for l in range(L):
        a = z[-1] @ W[l] + b[l]
        z.append(np.tanh(a))
    e = np.exp(a - a.max(axis=1, keepdims=True))
    delta = e / e.sum(axis=1, keepdims=True) - t
    dW, db, lines = [], [], {}
    for l in reversed(range(L)):
        lines[f"delta{l + 1}"] = delta
        dW.insert(0, z[l].T @ delta / N + lam * W[l])
        db.insert(0, delta.mean(axis=0))
        delta = delta @ W[l].T * (1 - z[l] ** 2)
    return dW, db, lines
"""
WRONG = RIGHT.replace(" * (1 - z[l] ** 2)", "")
IN_COLUMNS = """
import numpy as np

def gradients(W, b, x, t, activation, lam):
    L, N = len(W), x.shape[1]
    a = [x]
    for l in range(L):
        z = W[l] @ a[-1] + b[l]
        a.append(np.tanh(z))
    e = np.exp(z - z.max(axis=0))
    delta = e / e.sum(axis=0) - t
    dW, db, lines = [], [], {}
    for l in reversed(range(L)):
        lines[f"delta{l + 1}"] = delta
        dW.insert(0, delta @ a[l].T / N + lam * W[l])
        db.insert(0, delta.mean(axis=1, keepdims=True))
        delta = W[l].T @ delta
    return dW, db, lines
"""


@pytest.fixture
def small(tmp_path) -> list[str]:
    (tmp_path / "small.toml").write_text(SMALL)
    return ["--assignment", str(tmp_path / "small.toml")]


def submission(folder: Path, source: str, name: str = "alice.py") -> str:
    (folder / name).write_text(source)
    return str(folder / name)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        compare.app(list(arguments))
    return ended.value.code or 0  # type: ignore[return-value]


def graded(tmp_path: Path, *arguments: str) -> tuple[int, GradeRecord]:
    file = tmp_path / "record.json"
    code = run(*arguments, "--json", str(file))
    return code, decode(file.read_bytes())


# States and exit codes -----------------------------------------------------------------------------------------------

RAISING = RIGHT.replace("    z = [x]\n", "    z = [x]\n    if N > 1: raise ValueError('more than one row')\n")


@pytest.mark.parametrize(
    ("source", "code", "state", "said"),
    [
        (RIGHT, 0, "correct", "All lines are right"),
        (WRONG, 1, "wrong", "δ(l) lacks the factor f′(a(l))"),
        ("def gradients(:\n", 1, "ungradable", "line 1"),
        ("def gradient(): pass\n", 1, "incomplete", "The function gradients is missing; found gradient"),
        (RIGHT.replace("L, N = len(W), len(x)", "L, N = 1 / 0"), 1, "error", "ZeroDivisionError"),
        (RAISING, 1, "wrong", "ValueError: more than one row"),
    ],
    ids=["correct", "wrong", "ungradable", "incomplete", "error", "partly"],
)
def test_the_exit_code_and_the_words_of_a_state(source, code, state, said, tmp_path, small, capsys):
    found, record = graded(tmp_path, submission(tmp_path, source), *small)
    assert (found, record.state) == (code, state)
    assert record.submission == "alice.py"
    shown = " ".join(capsys.readouterr().out.split())
    assert said in shown
    assert " of 10 points" in shown


def test_a_missing_function_is_said_and_takes_its_points(tmp_path, small, capsys):
    (tmp_path / "small.toml").write_text(SMALL + "[points]\nstep = 4.0\nloss = 1.0\n")
    code, record = graded(tmp_path, submission(tmp_path, RIGHT), *small)
    assert (code, record.state, record.score, record.max_score) == (1, "incomplete", 10.0, 15.0)
    assert [(line.function, line.name, line.max_points) for line in record.lines if line.state == "absent"] == [
        ("loss", "E", 1.0), ("step", "W", 2.0), ("step", "b", 2.0),
    ]  # fmt: skip
    assert sum(line.max_points for line in record.lines) == pytest.approx(record.max_score)
    assert record.first_wrong_line is None
    shown = capsys.readouterr().out
    assert "Missing: loss, step." in shown
    assert "the function step is missing" in shown


def test_our_own_failure_is_exit_3_and_no_score(tmp_path, small, capsys, monkeypatch):
    def fails(*arguments: Any, **options: Any) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr("verify.lessons.network.ran.run", fails)
    code, record = graded(tmp_path, submission(tmp_path, RIGHT), *small)
    assert (code, record.state, record.score) == (3, "grader-error", None)
    assert "no more processes" in record.message
    shown = capsys.readouterr().out
    assert "no score" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["missing.py"], "missing.py"),
        (["bad\x1b[2J\nname.py"], "\\x1b[2J"),
        (["HERE", "--layers", "1,2"], "--layers"),
        (["HERE", "--sweep", "0"], "--sweep"),
        (["--assignment", "a.toml"], "--assignment"),
        (["--sandbox", "auto"], "--sandbox"),
        (["HERE", "--sandbox", "docker"], "docker"),
        (["HERE", "--seed", "-3"], "-3"),
        (["HERE", "--seed", "x"], "'x'"),
        (["HERE", "--device", "tpu"], "tpu"),
        (["HERE", "--assignment", "missing.toml"], "missing.toml"),
        (["HERE", "--json", "/no/such/folder/x.json"], "/no/such/folder"),
        (["HERE", "HERE"], "HERE"),
    ],
    ids=lambda value: " ".join(map(ascii, value)) if isinstance(value, list) else "",
)
def test_a_bad_command_is_one_line_and_nothing_is_run(arguments, named, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("verify.classroom.sitting.record_of", lambda work: pytest.fail("it was run"))
    here = submission(tmp_path, RIGHT)
    assert run(*(here if a == "HERE" else a for a in arguments)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    assert (here if named == "HERE" else named) in said.err


def test_from_outside_a_missing_file_is_exit_2():
    command = [sys.executable, str(ROOT / "scripts" / "compare.py"), "missing.py"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("compare.py: missing.py: is no file or folder")


# The record ----------------------------------------------------------------------------------------------------------


def test_two_runs_with_one_seed_give_the_same_record_but_for_timings(tmp_path, small, capsys):
    alice = submission(tmp_path, WRONG)
    records = []
    for _ in range(2):
        assert run(alice, *small, "--seed", "7", "--json", "-") == 1
        said = capsys.readouterr()
        assert said.err == ""
        records.append(json.loads(said.out))
    timings = [record.pop("timings") for record in records]
    # Processor time is counted in the kernel's ticks: of a short run it may be none.
    assert timings[0].pop("cpu") >= 0
    assert all(value > 0 for value in timings[0].values())
    assert "total" in timings[0]
    first, second = (json.dumps(record) for record in records)
    assert first == second
    assert records[0]["seed"] == 7


def test_the_seed_is_the_assignments_unless_one_is_given(tmp_path, small):
    alice = submission(tmp_path, RIGHT)
    assert graded(tmp_path, alice, *small)[1].seed == 4
    assert graded(tmp_path, alice, *small, "--seed", "7")[1].seed == 7


def test_the_smallest_case_can_be_redone_by_hand(tmp_path, small, capsys):
    _, record = graded(tmp_path, submission(tmp_path, WRONG), *small)
    assert [f.mistake for f in record.diagnosis] == ["derivative-missing"]
    assert record.diagnosis[0].place == 'deck 000 "综上,误差反向传播求导及调整步骤"'
    case = record.counterexample
    assert case is not None
    first = next(line for line in case.working if line.differs)
    assert (first.name, case.line, record.first_wrong_line) == ("delta1", "delta1", "delta2")
    # (δ(2) W(2)ᵀ) ⊙ f′(a(1)), and the student's is the same without f′
    _, delta, _, W_T, _, slope = first.terms
    product = sum(d * w[0] for d, w in zip(delta[0], W_T, strict=True))
    assert first.expected[0][0] == pytest.approx(product * slope[0][0], rel=1e-12)
    assert first.yours[0][0] == pytest.approx(product, rel=1e-12)
    shown = capsys.readouterr().out
    assert f"▶ {first.equation}" in shown
    assert "yours [" in shown


def test_in_columns_everything_is_in_its_letters(tmp_path, small):
    (tmp_path / "small.toml").write_text(SMALL + 'convention = "columns"\n')
    code, record = graded(tmp_path, submission(tmp_path, IN_COLUMNS), *small)
    assert (code, [f.mistake for f in record.diagnosis]) == (1, ["derivative-missing"])
    case = record.counterexample
    assert case is not None
    line = next(line for line in case.working if line.differs)
    assert line.equation == "δ(1) = W(2)ᵀ δ(2) ⊙ f′(z(1))"
    assert line.place == record.diagnosis[0].place == 'deck 003 "隐藏层残差"'
    assert len(case.b[0]) == len(case.W[0])
    assert {line.equation for line in record.lines} >= {"δ(1) = W(2)ᵀ δ(2) ⊙ f′(z(1))"}


def test_a_huge_answer_makes_no_huge_record(tmp_path, small):
    huge = WRONG.replace("return dW, db, lines", "return [np.zeros((70, 70))] * L, db, {'y': np.zeros((60, 60))}")
    alice = submission(tmp_path, huge)
    code, record = graded(tmp_path, alice, *small)
    assert code == 1
    assert (tmp_path / "record.json").stat().st_size < 100_000
    assert record.counterexample is not None
    assert record.counterexample.yours == "an array of shape (60, 60)"


# Files ---------------------------------------------------------------------------------------------------------------


def test_pages_are_written_where_asked(tmp_path, small):
    pages = {name: tmp_path / f"page.{name}" for name in ("html", "markdown")}
    assert run(submission(tmp_path, WRONG), *small, *(f"--{n}={p}" for n, p in pages.items())) == 1
    for page in pages.values():
        text = page.read_text(encoding="utf-8")
        assert "derivative-missing" in text
        assert "δ(1) = δ(2) W(2)ᵀ ⊙ f′(a(1))" in text


def test_folders_and_archives_go_by_their_own_names(tmp_path, small):
    folder = tmp_path / "bob"
    folder.mkdir()
    submission(folder, RIGHT, "submission.py")
    with zipfile.ZipFile(tmp_path / "stray.zip", "w") as archive:
        archive.write(folder / "submission.py", "deep/inside/work.py")
    for name in ("bob", "stray.zip"):
        code, record = graded(tmp_path, str(tmp_path / name), *small)
        assert (code, record.submission) == (0, name)


def test_a_name_made_for_reports_is_only_shown(tmp_path, small, capsys):
    name = "<b>=1+1 \x1b[2J\udcff\u202e@all.py"
    page = tmp_path / "page.html"
    code, record = graded(tmp_path, submission(tmp_path, "x = (", name), *small, "--html", str(page))
    assert (code, record.state) == (1, "ungradable")
    for text in (capsys.readouterr().out, page.read_text(), record.submission):
        assert all(c.isprintable() or c == "\n" for c in text)
    assert "<b>=" not in page.read_text()


def test_a_line_that_has_points_and_is_not_handed_over_makes_it_incomplete_and_not_wrong(tmp_path, capsys):
    (tmp_path / "delta.toml").write_text('activations = ["tanh"]\n[points.lines]\ndelta = 4.0\n', encoding="utf-8")
    bare = submission(tmp_path, RIGHT.replace("return dW, db, lines", "return dW, db"))
    assert run(bare, "--assignment", str(tmp_path / "delta.toml"), "--json", "-") == 1
    record = json.loads(capsys.readouterr().out)
    assert record["state"] == "incomplete"
    assert record["score"] < record["max_score"]
    assert record["message"].startswith("Not handed over on every problem: delta3, delta2 and delta1.")
    assert record["message_said"][0]["key"] == "lines-missing"
