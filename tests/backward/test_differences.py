"""check_backward without a reference, and what its report does with verdicts that are not right."""

from __future__ import annotations

import math

import pytest
import torch

from verify import check_backward
from verify.backward.expected import FIRST, OTHERS
from verify.backward.subject import forward_of
from verify.benchmarks.planted import draw, function
from verify.errors import BadInput

FEW = ("upstream random", "upstream ones")


def cube(factor=3.0):
    return function(lambda x: x**3, lambda g, x: factor * x * x * g, "Cube")


def test_a_large_input_is_sampled_and_the_report_says_so():
    x = draw(60, 50)
    report = check_backward(cube(), [x], shapes=False, probes=FEW)
    assert report.verdict == "right"
    assert "in the entries that were differenced" in report.record.sentence
    share = f"{FIRST:,} of 3,000 entries of x ({100 * FIRST / 3000:.2g} %), drawn with seed 0"
    assert any(share in note.replace("input 0", "x") for note in report.record.notes), report.record.notes
    decided = {c.probe: c.entries - c.undecided for c in report.record.cells if not c.input.startswith("output")}
    assert decided == {"upstream random": FIRST, "upstream ones": OTHERS}


def test_a_fault_in_a_large_input_is_found_by_the_sample():
    wrong = function(lambda x: x**3, lambda g, x: 3 * x * x * g * (torch.arange(50) < 45), "Cut")
    report = check_backward(wrong, [draw(60, 50)], shapes=False, probes=FEW)
    assert report.verdict == "wrong"


def test_a_wave_is_undecided_and_said():
    """cos of 2³⁰·2πx has one value at all powers of two apart."""
    fast = 2 * math.pi * 2.0**30
    wave = function(lambda x: torch.sin(fast * x), lambda g, x: fast * torch.cos(fast * x) * g, "Wave")
    flat = function(lambda x: torch.sin(fast * x), lambda g, x: 0 * g, "Flat")
    x = torch.tensor([0.1, 0.7], dtype=torch.float64)
    for f in (wave, flat):
        report = check_backward(f, [x], shapes=False, probes=("upstream random",))
        assert report.verdict == "inconclusive", report
        assert any("a wave cannot be excluded" in note for note in report.record.notes)


def test_random_numbers_in_the_function_are_bad_input():
    noisy = function(lambda x: x * torch.rand(()), lambda g, x: g, "Noisy")
    with pytest.raises(BadInput, match="for the same arguments"):
        check_backward(noisy, [draw(3)], shapes=False, probes=FEW)


def test_the_forward_pass_alone_takes_vmap():
    class Split(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            raise AssertionError

        @staticmethod
        def backward(ctx, *g):
            raise AssertionError

    for f in (Split.apply, function(lambda x: x * 2, lambda g, x: 2 * g)):
        assert torch.equal(torch.func.vmap(forward_of(f))(draw(4, 3)), 2 * draw(4, 3))
    assert forward_of(torch.tanh) is torch.tanh


# What the report does --------------------------------------------------------------------------------------------


def _doubtful():
    """The variance as a difference of squares: right in exact arithmetic, and digits are lost."""
    one_pass = lambda x: (x * x).mean(-1) - x.mean(-1) ** 2
    return check_backward(one_pass, [draw(4, 30) + 300], lambda x: x.var(-1, correction=0), shapes=False, probes=FEW)


def test_only_what_is_allowed_passes():
    wrong = check_backward(cube(2.0), [draw(4, 3)], lambda x: x**3, shapes=False, probes=FEW)
    doubtful = _doubtful()
    blind = check_backward(cube(), [torch.zeros(4, 3)], lambda x: x**3, shapes=False, probes=("upstream random",))
    found = {"wrong": wrong, "doubtful": doubtful, "inconclusive": blind}
    for verdict, report in found.items():
        assert report.verdict == verdict, report
        for allow in ((), tuple(v for v in found if v != verdict)):
            with pytest.raises(AssertionError, match=verdict):
                report.raise_if_wrong(allow=allow)
        report.raise_if_wrong(allow=verdict)
        report.raise_if_wrong(allow=(verdict,))
    right = check_backward(cube(), [draw(4, 3)], lambda x: x**3, shapes=False, probes=FEW)
    right.raise_if_wrong()
    with pytest.raises(BadInput, match="allow='right': allowed are"):
        right.raise_if_wrong(allow="right")


UNRULED = {
    "a Bessel function": (torch.special.i0, draw(5)),
    "an inverse": (torch.linalg.inv, draw(4, 4)),
    "eigenvalues": (lambda x: torch.linalg.eigvalsh(x @ x.T), draw(4, 4)),
}


@pytest.mark.parametrize("name", UNRULED)
def test_an_operation_without_a_rule_is_named_and_never_right(name):
    f, x = UNRULED[name]
    report = check_backward(f, [x], f, shapes=False, probes=FEW)
    assert report.verdict == "inconclusive", report
    assert report.record.unruled
    assert report.record.unruled[0] in str(report)
    with pytest.raises(AssertionError, match="inconclusive"):
        report.raise_if_wrong()
