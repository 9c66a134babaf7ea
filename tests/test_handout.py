"""What students get: it fits the assignment, runs alone, tells right from wrong, and gives no gradient away."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest

from tests.classes import NO_MEAN, NO_SLOPE, RIGHT
from verify.classroom.handout.making import make
from verify.commands import handout
from verify.errors import BadInput
from verify.grading.assignment import assignment_from
from verify.problems.headings import headings

LOSS = """
def loss(W, b, x, t, activation, lam):
    z = x
    for l, (W_l, b_l) in enumerate(zip(W, b), 1):
        a = z @ W_l + b_l
        z = f(a, activation) if l < len(W) else a
    e = np.exp(z - z.max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)
    return -(t * np.log(y)).sum() / len(x) + lam / 2 * sum((W_l**2).sum() for W_l in W)
"""
OTHERS = {
    "columns": {"convention": "columns", "layers": [2, 2]},
    "torch": {"backend": "torch", "functions": ["step"], "points": {"step": 2, "loss": 1}},
    "squared": {"output": "tanh", "loss": "squared-error", "activations": ["elu", "leaky_relu"], "l2": False},
    "no biases": {"biases": False, "output": "sigmoid", "loss": "binary-cross-entropy", "program": "hw3.py"},
    "all": {
        "name": "Homework 3", "late": {"per_day": 0.1, "most": 0.5, "grace": 15}, "epsilon": "wrong",
        "forward_only": "wrong", "show": {"before": "states"}, "points": {"lines": {"delta": 2}},
        "due": tomllib.loads("due = 2026-11-20T23:59:00+01:00")["due"],
    },
}  # fmt: skip


def made(folder: Path, table: dict[str, Any] | None = None) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in make(folder, assignment_from(table or {}, "t"))}


def selfcheck(folder: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location("selfcheck_of_a_student", folder / "selfcheck.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def defined(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(source, names)
    return names


# What it says --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [{}, *OTHERS.values()], ids=["default", *OTHERS])
def test_everything_fits_the_assignment(tmp_path: Path, table: dict[str, Any]) -> None:
    files = made(tmp_path, table)
    page, program = files["STUDENT.md"], table.get("program", "submission.py")
    assert set(files) == {"STUDENT.md", program, Path(program).with_suffix(".ipynb").name, "selfcheck.py"}
    asked = assignment_from(table, "t")
    functions = ["forward", "loss", "gradients", *(["step"] if "step" in asked.asked else [])]
    assert re.findall(r"^def (\w+)\(", files[program], re.M) == functions
    for name in asked.activations:
        assert f"- {name}: f(v) = " in page
    for text in files.values():
        assert "{{" not in text
    assert "None" not in page
    for name in (program, "selfcheck.py"):
        compile(files[name], name, "exec")
    notebook = nbformat.reads(next(text for name, text in files.items() if name.endswith(".ipynb")), 4)
    nbformat.validate(notebook)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert [re.findall(r"^def (\w+)", cell, re.M) for cell in cells[1:-1]] == [[name] for name in functions]


def test_the_page_says_dates_costs_and_what_is_shown(tmp_path: Path) -> None:
    page = made(tmp_path, OTHERS["all"])["STUDENT.md"]
    assert page.startswith("# Homework 3\n")
    assert "Due: **2026-11-20 23:59 +0100**. Each day begun after that costs 10 % of the score, at most 50 %" in page
    assert "the first 15 minutes are free" in page
    assert "Until the due date you see your score, and which lines are right. After it you see" in page
    assert "These have points and must be there: delta (weight 2)." in page
    assert "one wide problem is asked" in page


def test_places_stand_in_both_languages(tmp_path: Path) -> None:
    for table in ({}, OTHERS["columns"]):
        for text in (made(tmp_path, table)[name] for name in ("STUDENT.md", "submission.py")):
            cited = re.findall(r"deck (\d+) “([^”]+)” \(([^)]+)", text)
            assert cited
            assert all(headings()[deck][heading].startswith(english) for deck, heading, english in cited)


# f′ and the backward pass of each convention, as anybody would write them in the project's own words.
GIVEN_AWAY = ("f′", "⊙", "y − t", "y - t", "ᵀ δ", ".T @", "@ delta", "cosh", "tanh²")


@pytest.mark.parametrize("table", [{}, *OTHERS.values()], ids=["default", *OTHERS])
def test_nothing_of_it_tells_a_gradient(tmp_path: Path, table: dict[str, Any]) -> None:
    for name, text in made(tmp_path, table).items():
        assert [words for words in GIVEN_AWAY if words in text] == [], name
        assert "seed" not in text.lower() or name == "selfcheck.py"


# The self-check ------------------------------------------------------------------------------------------------------


def test_right_gradients_agree_and_wrong_ones_do_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(tmp_path)
    check = selfcheck(tmp_path).check
    for seed in range(5):
        right = defined(RIGHT + LOSS)
        assert check(right["gradients"], right["loss"], seed=seed)
    assert "x " not in re.sub(r", x \(", "", capsys.readouterr().out)
    for source in (NO_MEAN, NO_SLOPE, RIGHT.replace("+ lam * W[l]", "")):
        wrong = defined(source + LOSS)
        assert not check(wrong["gradients"], wrong["loss"], problems=8, seed=1)
        assert re.search(
            r"  x d[Wb]\d differs at \[\d.*\]: yours \S+, differences of your own loss ", capsys.readouterr().out
        )


@pytest.mark.parametrize(
    ("gives", "says"),
    [
        ("None", "returned NoneType; it is to return dW, db"),
        ("([], [])", "dW is to be a list of"),
        ("([None] * len(W), b)", "dW holds None"),
        ("(W, [v[None] for v in b])", "has shape"),
        ("([w * float('nan') for w in W], b)", "is not finite"),
    ],
)
def test_what_has_not_the_form_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], gives: str, says: str
) -> None:
    made(tmp_path)
    names = defined(RIGHT + LOSS + f"\ndef gradients(W, b, x, t, activation, lam):\n    return {gives}\n")
    assert not selfcheck(tmp_path).check(names["gradients"], names["loss"], problems=1, seed=0)
    assert says in capsys.readouterr().out


def test_changed_arguments_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(tmp_path)
    names = defined(RIGHT.replace("    z, a = [x], []", "    W[0] *= 2\n    z, a = [x], []") + LOSS)
    assert not selfcheck(tmp_path).check(names["gradients"], names["loss"], problems=1, seed=0)
    assert "changed its arguments: work on copies" in capsys.readouterr().out


def test_columns_and_torch(tmp_path: Path) -> None:
    made(tmp_path, {"convention": "columns"})
    turned = """
rows = gradients, loss
def gradients(W, b, x, t, activation, lam):
    dW, db = rows[0]([w.T for w in W], [v[:, 0] for v in b], x.T, t.T, activation, lam)
    return [w.T for w in dW], [v[:, None] for v in db]
def loss(W, b, x, t, activation, lam):
    return rows[1]([w.T for w in W], [v[:, 0] for v in b], x.T, t.T, activation, lam)
"""
    names = defined(RIGHT + LOSS + turned)
    assert selfcheck(tmp_path).check(names["gradients"], names["loss"], seed=3)
    made(tmp_path, {"backend": "torch"})
    numpy = """
import torch
rows = gradients, loss
def plain(W, b, x, t):
    return [w.numpy() for w in W], [v.numpy() for v in b], x.numpy(), t.numpy()
def gradients(W, b, x, t, *rest):
    return tuple([torch.from_numpy(g) for g in part] for part in rows[0](*plain(W, b, x, t), *rest))
def loss(W, b, x, t, *rest):
    return torch.tensor(rows[1](*plain(W, b, x, t), *rest))
"""
    names = defined(RIGHT + LOSS + numpy)
    assert selfcheck(tmp_path).check(names["gradients"], names["loss"], seed=3)


def test_it_runs_alone_with_numpy(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "submission.py").write_text(RIGHT + LOSS, encoding="utf-8")
    command = [sys.executable, "-I", "selfcheck.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "All that could be decided agrees." in done.stdout
    assert "import verify" not in (tmp_path / "selfcheck.py").read_text(encoding="utf-8")
    module = selfcheck(tmp_path)
    assert module.main([str(tmp_path / "none.py")]) == 2
    (tmp_path / "empty.py").write_text("")
    assert module.main([str(tmp_path / "empty.py")]) == 2


# The command ---------------------------------------------------------------------------------------------------------


def command(words: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        handout.app(words)
    return int(end.value.code or 0)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hw.toml").write_text('name = "Homework 3"')
    assert command([str(tmp_path / "hw.toml"), "--out", str(tmp_path / "out")]) == 0
    assert "out holds STUDENT.md, submission.py, submission.ipynb, selfcheck.py" in capsys.readouterr().out
    assert command([str(tmp_path / "hw.toml"), "--out", str(tmp_path / "out")]) == 2
    assert "is there already; allowed is a name for a new folder" in capsys.readouterr().err
    assert command([str(tmp_path / "no.toml"), "--out", str(tmp_path / "other")]) == 2
    assert command([str(tmp_path / "hw.toml"), "--out", "/proc/nothing/here"]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"hw.toml", "out"}


def test_files_are_listed_and_other_forms_have_no_handout(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("1")
    make(tmp_path, assignment_from({"files": ["data"]}, "t", tmp_path))
    assert "Beside your program lie, to be read: `data/a.csv`." in (tmp_path / "STUDENT.md").read_text(encoding="utf-8")
    with pytest.raises(BadInput, match="adapter = dict: has no hand-out"):
        make(tmp_path, assignment_from({"adapter": "dict"}, "t"))
