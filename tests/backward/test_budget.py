"""Budgets of random programs hold, and what the arguments refuse."""

from __future__ import annotations

import pytest
import torch

from verify import check_backward, check_gradients
from verify.benchmarks.backward import violations
from verify.errors import BadInput


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_no_budget_is_broken(dtype):
    found = violations(dtype, 10, seed=7)
    assert found.entries > 20_000
    assert found.beyond == 0
    assert found.deviations < 8


ARCS = {
    "asin": (torch.asin, 0.8), "acos": (torch.acos, 0.8), "atanh": (torch.atanh, 0.8), "tan": (torch.tan, 1.4),
    "acosh": (lambda x: torch.acosh(2 + x), 0.8), "lgamma": (lambda x: torch.lgamma(3 + x), 2.5),
    "digamma": (lambda x: torch.digamma(3 + x), 2.5), "erfinv": (torch.erfinv, 0.8),
    "erfcx": (torch.special.erfcx, 3.0),
}  # fmt: skip


@pytest.mark.parametrize("name", ARCS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_functions_with_poles_and_ends(name, dtype):
    function, reach = ARCS[name]
    x = (torch.linspace(-reach, reach, 9, dtype=dtype) * 0.99).reshape(3, 3)
    steeper = lambda x: function(x) * 1.001
    some = {"shapes": False, "probes": ("upstream random", "upstream ones")}
    report = check_backward(function, [x], function, **some)
    assert report.verdict == "right", report
    assert check_backward(steeper, [x], function, **some).verdict == "wrong"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([torch.arange(3)], "no input is a tensor of a floating dtype"),
        ([torch.tensor([1.0, float("nan")])], "not finite"),
        ([torch.randn(3).to(torch.float8_e4m3fn)], "dtype torch.float8_e4m3fn"),
        (torch.randn(3), "inputs are Tensor"),
    ],
)
def test_inputs_that_cannot_be_checked_are_refused_in_one_line(inputs, message):
    with pytest.raises(BadInput, match=message):
        check_backward(torch.tanh, inputs, torch.tanh)


def test_gradients_of_a_plain_function():
    check_gradients(lambda x: (x**3).sum(), lambda x: 3 * x * x, [torch.tensor([1.0, -2.0])])
    with pytest.raises(AssertionError, match="wrong"):
        check_gradients(lambda x: (x**3).sum(), lambda x: 3 * x, [torch.tensor([1.0, -2.0])])


def test_a_declared_gradient_is_no_derivative():
    """Straight-through rounding."""

    class Round(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.round(x)

        @staticmethod
        def backward(ctx, *g):
            return g[0]

    x = torch.tensor([0.3, 1.7, -2.2])
    assert check_backward(Round.apply, [x], declared=lambda g, x: g, shapes=False).verdict == "right"
    assert check_backward(Round.apply, [x], declared=lambda g, x: 2 * g, shapes=False).verdict == "wrong"
