"""What students get of any lesson: it fits the lesson, runs alone, tells right from wrong, and gives no answer away."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

from tests.lessons import styles
from tests.test_handout import defined, selfcheck
from verify.classroom.handout.making import make
from verify.commands import handout
from verify.grading.lesson import Lesson
from verify.grading.lesson_assignment import LessonAssignment
from verify.lessons.registry import BUILT_IN, any_from, lesson_of, read_any

ROOT = Path(__file__).parent.parent
EXAMPLES = ("poisson", "convolution")
LOSS = """
import numpy as np

def loss(w, b, X, t, lam):
    a = X @ w + b
    return (np.exp(a) - t * a).mean() + lam / 2 * (w @ w)
"""


@cache
def asked(name: str) -> LessonAssignment:
    """The default assignment of a lesson that comes along, or of an example of the docs."""
    found = (
        read_any(None, ROOT / "docs/examples" / f"{name}.py") if name in EXAMPLES else any_from({"lesson": name}, "t")
    )
    assert isinstance(found, LessonAssignment)
    return found


@cache
def lesson(name: str) -> Lesson:
    return lesson_of(asked(name))


def made(folder: Path, name: str) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in make(folder, asked(name))}


def checked(folder: Path, name: str) -> ModuleType:
    made(folder, name)
    return selfcheck(folder)


# One of each kind: gradients of a loss; labels; a step; forward and backward; upstream gradients; a file of one's own.
KINDS = ["svm", "perceptron", "clipping", "graph-arrays", "convolution", "poisson"]


@pytest.mark.parametrize("name", KINDS)
def test_everything_fits_the_lesson_and_nothing_tells_an_answer(tmp_path: Path, name: str) -> None:
    files, of = made(tmp_path, name), lesson(name)
    assert set(files) == {"STUDENT.md", "submission.py", "submission.ipynb", "selfcheck.py"}
    page, starter = files["STUDENT.md"], files["submission.py"]
    for contract in of.contracts[: len(of.functions)]:
        assert f"| `{contract.call}` |" in page
        assert f"def {contract.call}:" in starter
    for line, shape in of.inputs.items():
        assert f"| `{line}` |" in page
        assert all(letter in page for letter in shape.split() if shape != "number")
    for text in files.values():
        assert "{{" not in text
        assert "None" not in text.replace("NotImplementedError", "") or text is files["selfcheck.py"]
    told = {of.lines[n].equation for n in of.sources(of.objective)} if of.gradients else set()
    for line in set(of.lines.values()) - {of.lines[n] for n in of.lines if of.lines[n].equation in told}:
        assert " = " not in line.equation or all(line.equation not in text for text in files.values()), line.equation
    for starter_or_check in ("submission.py", "selfcheck.py"):
        compile(files[starter_or_check], starter_or_check, "exec")
    notebook = nbformat.reads(files["submission.ipynb"], 4)
    nbformat.validate(notebook)
    assert "check(globals())" in notebook.cells[-1].source


def test_a_place_of_the_slides_stands_in_both_languages(tmp_path: Path) -> None:
    for text in (made(tmp_path, "svm")[name] for name in ("STUDENT.md", "submission.py")):
        assert "deck 004 “计算梯度” (Computing the gradient)" in text


def test_right_gradients_agree_and_wrong_ones_do_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check = checked(tmp_path, "poisson").check
    for source in styles.RIGHT.values():
        assert check(defined(source + LOSS))
    assert "  x " not in capsys.readouterr().out
    for mistake, sources in styles.WRONG.items():
        assert not check(defined(sources[0] + LOSS)), mistake
        told = capsys.readouterr().out
        assert re.search(r"  x gradients: d[wb] differs at \[.*\]: yours \S+, differences of your own loss ", told)


@pytest.mark.parametrize(
    ("gives", "says"),
    [
        ("None", "returned 1 values; it is to return dw, db"),
        ("w, None", "returned None for db"),
        ("w[:1], 0.0", "dw has shape"),
        ("w * float('nan'), 0.0", "dw is not finite"),
        ("w + np.random.rand(), 0.0", "gives something else when it is called again"),
    ],
)
def test_what_has_not_the_form_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], gives: str, says: str
) -> None:
    check = checked(tmp_path, "poisson").check
    assert not check(defined(f"import numpy as np\ndef gradients(w, b, X, t, lam):\n    return {gives}\n"))
    assert says in capsys.readouterr().out
    assert not check({})
    assert "gradients is not defined" in capsys.readouterr().out
    assert not check(defined("def gradients(w, b, X, t, lam):\n    w *= 2\n    return w, b"))
    assert "changed its arguments: work on copies" in capsys.readouterr().out


CONVOLUTION = """
import numpy as np

def windows(x):
    return np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))

def forward(x, k, b):
    return np.einsum("nijuv,kuv->nkij", windows(x), k) + b[:, None, None]

def backward(x, k, b, d_y):
    d_k = np.einsum("nkij,nijuv->kuv", d_y, windows(x))
    padded = np.pad(d_y, [(0, 0), (0, 0), (2, 2), (2, 2)])
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.einsum("nkijuv,kuv->nij", around, k[:, ::-1, ::-1]), d_k, d_y.sum((0, 2, 3))
"""


def test_a_backward_pass_is_set_against_differences_of_ones_own_forward(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = checked(tmp_path, "convolution").check
    assert check(defined(CONVOLUTION))
    assert "  . backward: d_x agrees" in capsys.readouterr().out
    assert not check(defined(CONVOLUTION.replace("k[:, ::-1, ::-1]", "k")))
    assert "  x backward: d_x differs at " in capsys.readouterr().out


def test_of_a_step_the_form_alone_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check = checked(tmp_path, "descent").check
    assert check(defined("def step(W, g, eta, lam):\n    return W"))
    assert "  . step: W_new has its form" in capsys.readouterr().out
    assert not check(defined("def step(W, g, eta, lam):\n    return W.T[:1]"))


@pytest.mark.parametrize("name", [n for n in BUILT_IN if n not in KINDS and n.count("-") < 2][::3])
def test_the_problems_are_of_the_lesson_and_none_that_is_graded(tmp_path: Path, name: str) -> None:
    text = made(tmp_path, name)["selfcheck.py"]
    found = re.search(r'TASK = json\.loads\(r"""(.*?)"""\)', text)
    assert found is not None
    task = json.loads(found[1])
    assert len(task["problems"]) >= 4
    for problem in task["problems"]:
        assert set(problem["inputs"]) == set(lesson(name).inputs)
    assert "seed" not in task
    assert not {*lesson(name).lines} & {*task["problems"][0]["inputs"]}


def test_it_runs_alone_with_numpy(tmp_path: Path) -> None:
    text = made(tmp_path, "poisson")["selfcheck.py"]
    assert "verify" not in text
    (tmp_path / "submission.py").write_text(styles.RIGHT["arrays"] + LOSS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "selfcheck.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "All that could be decided agrees." in done.stdout
    assert selfcheck(tmp_path).main([str(tmp_path / "none.py")]) == 2


def test_the_command_takes_a_lesson(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--lesson", str(ROOT / "docs/examples/poisson.py"), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as end:
        handout.app(words)
    assert end.value.code in (0, None)
    assert "# Poisson regression" in (tmp_path / "out" / "STUDENT.md").read_text(encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        handout.app(["--out", str(tmp_path / "other")])
    assert end.value.code == 2
    assert "ASSIGNMENT" in capsys.readouterr().err
