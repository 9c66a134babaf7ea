"""check_backward: planted errors are flagged, right backward passes are called right, and each probe has its fault."""

from __future__ import annotations

import pytest
import torch

from verify import check_backward
from verify.benchmarks.kernels import kernels
from verify.benchmarks.planted import everywhere, function, single
from verify.benchmarks.sound import sound
from verify.errors import BadInput

PLANTED = {p.name: p for p in (*everywhere(), *single())}
SOUND = {s.name: s for s in sound()}


def test_there_are_enough_of_both():
    assert len(PLANTED) >= 60
    assert len(SOUND) >= 40


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_error_is_flagged(name):
    p = PLANTED[name]
    report = check_backward(p.function, p.inputs, p.reference, shapes=p.shapes, probes=p.probes)
    assert report.verdict == "wrong", report
    with pytest.raises(AssertionError, match="wrong"):
        report.raise_if_wrong(allow=("doubtful", "inconclusive"))


@pytest.mark.parametrize("name", [p.name for p in single() if p.only])
def test_no_other_probe_sees_it(name):
    p = PLANTED[name]
    report = check_backward(p.function, p.inputs, p.reference, shapes=p.shapes)
    assert {f.probe for f in report.findings if f.probe} <= {q for q in _names(report) if q.startswith(p.probes)}


def _names(report):
    return [probe.name for probe in report.record.probes]


@pytest.mark.parametrize("name", SOUND)
def test_a_right_backward_pass_is_called_right(name):
    s = SOUND[name]
    some = ("upstream random", "upstream expanded", "inputs with", "second", "size 5 → 65")
    report = check_backward(s.function, s.inputs, s.reference, accumulate=s.accumulate, probes=some)
    assert report.verdict in ("right", s.known), report
    report.raise_if_wrong(allow=s.known if s.known != "right" else ())


def test_half_precisions_have_no_proof_and_still_power():
    """The negative control: on the same data a zero, negated or doubled gradient would be seen."""
    s = SOUND["attention, bfloat16"]
    report = check_backward(s.function, s.inputs, s.reference, shapes=False)
    for power in report.power.values():
        assert all(power.seen[mistake] > 0.9 for mistake in ("zero", "negated", "doubled")), power


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_one_percent_is_seen(dtype):
    s = SOUND[f"layer norm, {str(dtype).removeprefix('torch.')}"]
    report = check_backward(s.function, s.inputs, s.reference, shapes=False)
    assert all(power.seen["1 % off"] > 0.9 for power in report.power.values())


def test_whole_numbers_of_the_reference_stay_whole():
    """Indices that the reference clamps, or takes the larger of."""
    t = torch.tensor([1, -100, 2, 0])

    def pick(x):
        at = torch.maximum(t.clamp(min=0), torch.zeros_like(t))
        return x.gather(1, at[:, None])

    inputs = [torch.randn(4, 3, generator=torch.Generator().manual_seed(0))]
    assert check_backward(pick, inputs, pick, shapes=False, probes="upstream").verdict == "right"


def test_at_a_tie_of_two_all_of_the_gradient_is_a_subgradient():
    x = torch.tensor([1.0, -2.0, 0.5, 3.0])
    for share in (0.0, 0.3, 1.0):
        back = lambda g, a, b, s=share: (g * s, g * (1 - s))
        for f in (torch.maximum, torch.minimum):
            report = check_backward(function(f, back), [x, x.clone()], f, shapes=False, probes="upstream random")
            assert report.verdict in ("right", "inconclusive"), report
            if share == 1:
                outside = lambda g, a, b: (1.2 * g, -0.2 * g)
                wrong = check_backward(function(f, outside), [x, x], f, shapes=False, probes="upstream random")
                assert wrong.verdict == "wrong"


def test_a_transform_that_loses_digits_of_the_largest_is_doubtful_and_a_wrong_one_wrong():
    k = next(k for k in kernels() if "FFT" in k.name)
    for f, verdict in ((k.right(), "doubtful"), (k.faulty(), "wrong")):
        assert check_backward(f, k.inputs, k.reference, shapes=False, probes="upstream").verdict == verdict


def test_a_staircase_is_exact_away_from_its_steps():
    steps = lambda x: torch.round(x * 3) + torch.floor(x * 2) + torch.ceil(x) + x
    report = check_backward(steps, [torch.tensor([0.3, 1.3, -2.1])], steps, shapes=False, probes="upstream")
    assert report.verdict == "right"


def test_a_reference_that_cannot_be_differentiated_is_bad_input():
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, *g):
            raise RuntimeError("no way back")

    with pytest.raises(BadInput, match="reference cannot be differentiated here: no way back"):
        check_backward(torch.tanh, [torch.ones(3)], Once.apply, probes="upstream")


def _doubled_by(refuses):
    """y = 2x, that raises where `refuses` says so."""

    def forward(x):
        if refuses(x):
            raise ValueError("this kernel takes no such input")
        return 2 * x

    return function(forward, lambda g, x: 2 * g, "Doubled")


def test_a_layout_or_a_size_that_the_forward_pass_refuses_is_said_and_no_fault():
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    picky = _doubled_by(lambda x: not x.is_contiguous() or x.shape[-1] % 2)
    report = check_backward(picky, [x], lambda x: 2 * x)
    assert report.verdict == "right", report
    assert any("refuses" in n and "layouts and sizes that the reference takes" in n for n in report.record.notes)
    assert "inputs transposed" not in {p.name for p in report.record.probes}
    zeros = _doubled_by(lambda x: bool((x == 0).any()))
    assert check_backward(zeros, [x], lambda x: 2 * x, shapes=False).verdict == "doubtful"


def test_wrong_at_other_sizes_alone_says_how_to_go_on():
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    even = function(lambda x: 2 * x, lambda g, x: 2 * g if x.shape[-1] % 2 == 0 else 0 * g, "Even")
    report = check_backward(even, [x], lambda x: 2 * x)
    assert report.verdict == "wrong"
    assert any("others than the given ones" in n for n in report.record.notes)
    everywhere_ = function(lambda x: 2 * x, lambda g, x: 3 * g, "Three")
    assert not any("others than" in n for n in check_backward(everywhere_, [x], lambda x: 2 * x).record.notes)


def test_no_number_where_the_reference_has_one_is_never_passed_over():
    """0/0 at a row of zeros, where rounding has no bound because the reference divides by an ε."""

    def back(g, x, y):
        n, m = (v.norm(dim=1, keepdim=True) for v in (x, y))
        c = (x * y).sum(1, keepdim=True) / (n * m)
        return g[:, None] * (y / (n * m) - c * x / n**2), g[:, None] * (x / (n * m) - c * y / m**2)

    f = torch.nn.functional.cosine_similarity
    draws = torch.Generator().manual_seed(0)
    for dtype, verdict in ((torch.float64, "wrong"), (torch.float32, "wrong"), (torch.bfloat16, "doubtful")):
        inputs = [torch.randn(4, 3, generator=draws).to(dtype) for _ in range(2)]
        report = check_backward(function(f, back), inputs, f, shapes=False, probes="inputs with zeros")
        assert report.verdict == verdict, report
        assert "yours nan" in str(report)
