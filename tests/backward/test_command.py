"""`backproof check`: what it runs, its exit codes, its baseline, and one line for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verify.commands.check import app

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """
import torch

class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return FACTOR * x * dy

def square():
    generator = torch.Generator().manual_seed(0)
    return Square.apply, (torch.randn(5, 3, generator=generator, dtype=torch.float64),), lambda x: x * x

def needs(something):
    return something

def number():
    return 3

def odd():
    return {"function": Square.apply, "inputs": (), "tolerance": 1}
"""
FEW = ("--probe", "random", "--no-shapes")


def ended(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        app(list(arguments))
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


@pytest.fixture
def right(tmp_path: Path) -> Path:
    path = tmp_path / "square.py"
    path.write_text(SOURCE.replace("FACTOR", "2"), encoding="utf-8")
    return path


def test_a_right_one_leaves_with_0_and_a_planted_factor_with_1(capsys: pytest.CaptureFixture[str], right: Path) -> None:
    assert ended(capsys, f"{right}:square", *FEW)[0] == 0
    right.write_text(SOURCE.replace("FACTOR", "2.001"), encoding="utf-8")
    code, out, _ = ended(capsys, f"{right}:square", *FEW, "--json", "-")
    assert code == 1
    assert json.loads(out)["verdict"] == "wrong"


def test_a_baseline_is_written_kept_and_differs(
    capsys: pytest.CaptureFixture[str], right: Path, tmp_path: Path
) -> None:
    baseline = tmp_path / "baseline.json"
    command = (f"{right}:square", *FEW, "--baseline", str(baseline))
    assert ended(capsys, *command)[0] == 0
    assert ended(capsys, *command)[0] == 0
    kept = json.loads(baseline.read_text(encoding="utf-8"))
    baseline.write_text(json.dumps(kept | {"verdict": "doubtful"}), encoding="utf-8")
    code, _, err = ended(capsys, *command)
    assert code == 1
    assert "the verdict was doubtful and is right" in err


def test_the_page_is_written(capsys: pytest.CaptureFixture[str], right: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert ended(capsys, f"{right}:square", *FEW, "--html", str(page))[0] == 0
    assert page.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")


BAD = [
    ("nosuch.py:f", "there is no such file"),
    ("FILE", "allowed is FILE.py:NAME"),
    ("FILE:", "allowed is FILE.py:NAME"),
    ("FILE:nobody", "has no function nobody: it has"),
    ("FILE:needs", "needs() raised TypeError: needs() missing 1 required positional argument"),
    ("FILE:number", "number() returns int: allowed are"),
    ("FILE:odd", "odd() has 'tolerance': allowed are"),
]


@pytest.mark.parametrize(("target", "said"), BAD, ids=lambda v: v[:20])
def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], right: Path, target: str, said: str) -> None:
    code, out, err = ended(capsys, target.replace("FILE", str(right)), *FEW)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema": "backproof.check-baseline/1"}'])
def test_a_file_that_is_no_baseline_is_one_line(
    capsys: pytest.CaptureFixture[str], right: Path, tmp_path: Path, content: str
) -> None:
    baseline = tmp_path / "baseline.json"
    baseline.write_text(content, encoding="utf-8")
    code, _, err = ended(capsys, f"{right}:square", *FEW, "--baseline", str(baseline))
    assert code == 2
    assert f"--baseline {baseline}" in err.replace("\n", "")
    assert err.count("\n") == 1
