"""Tied entries: any share of their gradient is right, twice all of it and nothing of it are wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from verify import check_backward
from verify.benchmarks.planted import function


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def larger(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x, y)


def largest(x: Tensor) -> Tensor:
    return x.amax(-1)


def pooled(x: Tensor) -> Tensor:
    return functional.max_pool1d(x[None], 2)[0]


def of_rows(counted: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    return lambda g, x: g[:, None] * counted((x == x.amax(-1, keepdim=True)).to(g.dtype))


def of_windows(g: Tensor, x: Tensor) -> Tensor:
    """All of the gradient to each entry that is as large as the largest."""
    n = x.shape[1] // 2 * 2
    windows = x[:, :n].reshape(len(x), -1, 2)
    dx = torch.zeros_like(x)
    dx[:, :n] = (g[..., None] * (windows == windows.amax(-1, keepdim=True))).reshape(len(x), n)
    return dx


TWO = (draw(6, 5), draw(6, 5, seed=1))
ROWS = (draw(6, 5),)
CASES: dict[str, tuple[str, Callable[..., Any], Callable[..., Any], tuple[Tensor, ...]]] = {
    "to the first": ("right", larger, lambda g, x, y: (g * (x >= y), g * (y > x)), TWO),
    "halved": (
        "right", larger, lambda g, x, y: (g * ((x > y) + 0.5 * (x == y)), g * ((y > x) + 0.5 * (x == y))), TWO,
    ),
    "to both": ("wrong", larger, lambda g, x, y: (g * (x >= y), g * (y >= x)), TWO),
    "to none": ("wrong", larger, lambda g, x, y: (g * (x > y), g * (y > x)), TWO),
    "shared in a row": ("right", largest, of_rows(lambda m: m / m.sum(-1, keepdim=True)), ROWS),
    "to all of a row": ("wrong", largest, of_rows(lambda m: m), ROWS),
    "to all of a window": ("wrong", pooled, of_windows, ROWS),
    "relu, 1 at 0": ("right", torch.relu, lambda g, x: g * (x >= 0), ROWS),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_ties_are_told_from_a_choice(name: str, dtype: torch.dtype) -> None:
    verdict, forward, back, inputs = CASES[name]
    cast = [v.to(dtype) for v in inputs]
    report = check_backward(function(forward, back, "Tied"), cast, forward, shapes=False)
    assert report.verdict == verdict, str(report)
    if verdict == "wrong":
        assert "it is not counted twice, nor dropped" in report.findings[0].says


@pytest.mark.parametrize("name", ["to both", "shared in a row", "to all of a window"])
def test_ties_are_told_without_a_reference(name: str) -> None:
    verdict, forward, back, inputs = CASES[name]
    probes = ("upstream random", "ties together")
    report = check_backward(function(forward, back, "Tied"), inputs, shapes=False, probes=probes)
    assert report.verdict == verdict, str(report)


def test_a_step_that_is_too_long_for_the_function_is_no_tie() -> None:
    """A row of zeros, normalised: the slope is 10¹² there, and no finite step sees it."""
    unit = lambda x: x / x.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    report = check_backward(unit, [draw(4, 6)], shapes=False, probes=("upstream random", "ties together"))
    assert report.verdict == "right", str(report)


def test_what_is_no_number_is_wrong_where_differences_find_one() -> None:
    """Products divided by their factors: 0/0 at a zero, where the function is a polynomial."""
    products = lambda x: x.cumprod(-1)
    divided = lambda g, x: (g * x.cumprod(-1)).flip(-1).cumsum(-1).flip(-1) / x
    probes = ("upstream random", "inputs with zeros")
    report = check_backward(function(products, divided, "Divided"), [draw(3, 4)], shapes=False, probes=probes)
    assert report.verdict == "wrong", str(report)
    assert any("yours nan, expected" in finding.says for finding in report.findings)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_float32_inside_is_no_tie(scale: float) -> None:
    inside = lambda x: (x.float() ** 2).sum(-1).to(x.dtype)
    report = check_backward(inside, [scale * draw(4, 6)], shapes=False, probes=("upstream random", "ties together"))
    assert report.verdict == "right", str(report)
