"""The worked problem: its numbers, put into its equations, give its values; and its values are autograd's."""

import json
import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from rich.cells import cell_len
from rich.console import Console

from verify.commands import compare
from verify.errors import BadInput
from verify.grading.explain_record import ExplainJob, ExplainRecord
from verify.grading.record import WorkingLine
from verify.lessons.network.cases.explain import explain
from verify.problems.lines import names
from verify.reports import explanation

PROBLEMS = {
    "default": {},
    "deep": {"layers": (1, 2, 3, 2), "batch": 3, "activation": "tanh", "lam": 0.5},
    "one layer": {"layers": (2, 3), "batch": 1, "lam": 0.0},
    "squared error": {"activation": "sigmoid", "output": "tanh", "loss": "squared-error", "layers": (1, 2, 1)},
    "logistic": {"activation": "swish", "output": "sigmoid", "loss": "binary-cross-entropy"},
    "leaky": {"activation": "leaky_relu", "seed": 5, "lam": 0.0},
}
FUNCTIONS = {
    "relu": lambda v: np.maximum(v, 0), "tanh": np.tanh, "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    "leaky_relu": lambda v: np.where(v > 0, v, 0.01 * v), "swish": lambda v: v / (1 + np.exp(-v)),
}  # fmt: skip


@pytest.fixture
def columns(tmp_path):
    path = tmp_path / "columns.toml"
    path.write_text('convention = "columns"')
    return path


def values(record: ExplainRecord) -> dict[str, Any]:
    return {line.name: line.expected for line in record.working}


# The numbers ---------------------------------------------------------------------------------------------------------


def evaluated(line: WorkingLine, classes: int) -> Any:
    """The right-hand side as it is written, worked out by numpy. classes: the axis over which softmax adds up."""
    matrices: list[np.ndarray] = []
    text = ""
    for part in line.terms:
        if isinstance(part, list):
            matrices.append(np.array(part))
            part = f"M[{len(matrices) - 1}]"
        text += part if isinstance(part, str) else repr(part)
    for shown, meant in (("½ ·", "0.5 *"), ("½ (", "0.5 * ("), ("·", "*"), ("⊙", "*"), ("−", "-"), ("²", "**2")):
        text = text.replace(shown, meant)
    text = re.sub(r"ln ([\d.e+-]+)", r"log(\1)", text)
    text = re.sub(r"\] (?=M)", "] @ ", text)
    text = re.sub(r"^\(1/(\d)\) ", r"1/\1 * ", text)
    text = re.sub(r"Σₙ (M\[0\])", r"samples(\1)", text)
    softmax = lambda v: np.exp(v) / np.exp(v).sum(axis=classes, keepdims=True)
    samples = lambda v: v.sum(axis=1 - classes, keepdims=classes == 0)
    return eval(text, {"M": matrices, "log": math.log, "softmax": softmax, "samples": samples, **FUNCTIONS})


@pytest.mark.parametrize("in_columns", [False, True], ids=["rows", "columns"])
@pytest.mark.parametrize("options", PROBLEMS.values(), ids=PROBLEMS)
def test_the_numbers_put_into_an_equation_give_its_value(options, in_columns, columns):
    record = explain(ExplainJob(**options, assignment=columns if in_columns else None))
    for line in record.working:
        np.testing.assert_allclose(
            evaluated(line, 0 if in_columns else 1), line.expected, rtol=1e-12, atol=1e-12, err_msg=line.equation
        )


def test_a_wrong_number_in_an_equation_would_be_seen():
    line = next(line for line in explain(ExplainJob()).working if line.name == "dW1")
    line.terms[-1][0][0] += 1  # of λW
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(evaluated(line, 1), line.expected, rtol=1e-12)


def test_the_gradients_are_those_of_autograd():
    record = explain(ExplainJob(layers=(2, 3, 2), batch=3, activation="tanh", lam=0.5))
    W, b = (
        [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values] for values in (record.W, record.b)
    )
    z = torch.tanh(torch.tensor(record.x, dtype=torch.float64) @ W[0] + b[0])
    E_n = torch.nn.functional.cross_entropy(z @ W[1] + b[1], torch.tensor(record.t, dtype=torch.float64))
    E = E_n + 0.25 * sum((w**2).sum() for w in W)
    E.backward()
    found = values(record)
    assert found["E"] == pytest.approx(E.item(), rel=1e-12)
    for l in (1, 2):
        np.testing.assert_allclose(found[f"dW{l}"], W[l - 1].grad, rtol=1e-11, atol=1e-15)  # type: ignore[arg-type]
        np.testing.assert_allclose(found[f"db{l}"], b[l - 1].grad, rtol=1e-11, atol=1e-15)  # type: ignore[arg-type]


def test_the_given_numbers_are_small_and_whole():
    for seed in range(4):
        record = explain(ExplainJob(seed=seed))
        given = np.concatenate([np.ravel(v) for v in (*record.W, *record.b, record.x, record.t)])
        assert set(given) <= {-2, -1, 0, 1, 2}
    assert explain(ExplainJob(seed=1)).W != explain(ExplainJob(seed=2)).W


def test_columns_are_the_rows_turned_over(columns):
    rows, turned = explain(ExplainJob()), explain(ExplainJob(assignment=columns))
    assert np.array_equal(np.array(rows.W[0]).T, turned.W[0])
    assert np.array_equal(np.array(values(rows)["a1"]).T, values(turned)["z1"])
    assert np.array_equal(np.array(values(rows)["y"]).T, values(turned)["a2"])
    assert np.array_equal(np.array(values(rows)["db1"])[:, None], values(turned)["db1"])
    assert [line.equation for line in turned.working][:2] == ["z(1) = W(1) x + b(1)", "a(1) = f(z(1))"]
    assert turned.working[0].place == 'deck 003 "变量定义"'


# The command ---------------------------------------------------------------------------------------------------------


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        compare.app(["--explain", *arguments])
    return ended.value.code or 0  # type: ignore[return-value]


def test_the_command_prints_and_writes_the_whole_working(tmp_path, capsys):
    files = {name: tmp_path / name for name in ("json", "html", "markdown")}
    assert run("--layers", "1,1,2", "--activation", "tanh", *(f"--{n}={p}" for n, p in files.items())) == 0
    shown = capsys.readouterr().out
    record = json.loads(files["json"].read_text())
    assert record["schema"] == "backproof.explain/1"
    assert [line["name"] for line in record["working"]] == list(names(2))
    for line in record["working"]:
        for text in (shown, files["html"].read_text(), files["markdown"].read_text()):
            assert line["equation"] in text
            assert line["place"].split('"')[1] in text
    assert "tanh: f(v) = tanh v" in shown


def test_json_on_standard_output_stands_alone(capsys):
    assert run("--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["layers"] == [2, 2, 2]


@pytest.mark.parametrize(
    "options", [{}, {"layers": (5,) * 6, "batch": 5, "activation": "gelu_tanh"}], ids=["small", "largest"]
)
def test_the_terminal_keeps_to_80_columns(options, capsys):
    explanation.show(explain(ExplainJob(**options)), Console(width=80, highlight=False))
    shown = capsys.readouterr().out
    assert max(cell_len(line) for line in shown.splitlines()) <= 80
    assert "…" not in shown


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--layers", "784,256,128,10"], "784,256,128,10"),
        (["--layers", "3"], "--layers 3"),
        (["--layers", "1,x"], "1,x"),
        (["--batch", "7"], "--batch 7"),
        (["--batch", "-1"], "--batch -1"),
        (["--activation", "sine"], "sine"),
        (["--output", "sigmoid"], "sigmoid"),
        (["--lam", "nan"], "nan"),
        (["--seed", "-1"], "--seed -1"),
        (["--sandbox", "auto"], "--sandbox"),
        (["--data", "mnist"], "--data"),
        (["alice.py"], "--explain"),
        (["--assignment", "missing.toml"], "missing.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_explained_is_one_line_with_the_value(arguments, named, capsys):
    assert run(*arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert named in said.err
    assert "allowed" in said.err or "is no such file" in said.err


def test_the_job_refuses_by_itself():
    with pytest.raises(BadInput, match="from 1 to 5"):
        explain(ExplainJob(layers=(7, 2)))
