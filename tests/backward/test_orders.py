"""Unused outputs, second derivatives, forward mode and vmap of a Function: right ones, and one with each fault."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.autograd.function import once_differentiable

from verify import check_backward
from verify.benchmarks.planted import draw
from verify.errors import BadInput

X, Y = draw(4, 3), draw(4, 3, seed=2)


def checked(f, inputs, reference, *probes, **options):
    return check_backward(f, inputs, reference, shapes=False, probes=("upstream random", *probes), **options)


# Outputs whose gradient is None ------------------------------------------------------------------------------------


def sum_and_product(x, y):
    return x + 2 * y, x * y


def two(undefined):
    """The sum and the product; undefined(x, y, g, h) where an upstream gradient is None."""

    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(x, y)
            return sum_and_product(x, y)

        @staticmethod
        def backward(ctx, g, h):
            x, y = ctx.saved_tensors
            if g is None or h is None:
                return undefined(x, y, g, h)
            return g + h * y, 2 * g + h * x

    return Two.apply


def by_parts(x, y, g, h):
    return (g, 2 * g) if h is None else (h * y, h * x)


def test_an_unused_output_has_no_gradient():
    assert checked(two(by_parts), (X, Y), sum_and_product, "output").verdict == "right"


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (lambda x, y, g, h: (g, g) if h is None else (h * y, h * x), "output 1 alone"),
        (lambda x, y, g, h: (g, 2 * g) if h is None else (None, None), "output 2 alone"),
        (lambda x, y, g, h: (g + h * y, 2 * g + h * x), "output 1 alone"),
    ],
    ids=["a factor lost", "None for the product", "None taken for a tensor"],
)
def test_faults_with_an_unused_output_are_seen_there_alone(fault, seen):
    report = checked(two(fault), (X, Y), sum_and_product, "output")
    assert report.verdict == "wrong"
    assert {f.probe for f in report.findings} <= {"output 1 alone", "output 2 alone"}
    assert report.findings[0].probe == seen
    assert checked(two(fault), (X, Y), sum_and_product).verdict == "right"


def test_an_output_that_is_marked_takes_no_gradient_and_that_is_said():
    class Marked(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            largest = x.amax(-1)
            ctx.mark_non_differentiable(largest)
            return x * x, largest

        @staticmethod
        def backward(ctx, g, _):
            return 2 * ctx.saved_tensors[0] * g

    report = checked(Marked.apply, [X], lambda x: (x * x, x.amax(-1)), "output")
    assert report.verdict == "right"
    assert any("Output 2 takes no upstream gradient" in note for note in report.record.notes)


def test_a_function_whose_only_output_takes_no_gradient_is_wrong():
    report = checked(lambda x: (x * x).detach(), [X], lambda x: x * x)
    assert report.verdict == "wrong"
    assert "There is no gradient of x (None)" in report.record.sentence


@pytest.mark.parametrize(
    ("reference", "said"),
    [(lambda x: (x * x)[:, :1], "the shape (4, 3), the reference (4, 1)"), (lambda x: (x, x), "returns 1 tensors")],
)
def test_other_shapes_than_the_reference_are_bad_input(reference, said):
    with pytest.raises(BadInput) as caught:
        checked(torch.square, [X], reference)
    assert said in str(caught.value)


# The second derivative ---------------------------------------------------------------------------------------------


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x * x * g


class Kept(Cube):
    """x² kept beside inputs and outputs: a constant to the second derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.kept = x * x
        return x**3

    @staticmethod
    def backward(ctx, g):
        return 3 * ctx.kept * g


class Once(Cube):
    backward: Any = staticmethod(once_differentiable(Cube.backward))


class Detached(Cube):
    @staticmethod
    def backward(ctx, g):
        return Cube.backward(ctx, g).detach()


def cube(x):
    return x**3


def test_a_second_derivative_that_is_right():
    report = checked(Cube.apply, [X], cube, "double", double=True)
    assert report.verdict == "right"
    assert "double backward" in {c.probe for c in report.record.cells}


@pytest.mark.parametrize(
    ("function", "verdict", "said"),
    [(Kept, "wrong", "Its second derivative (create_graph) is wrong in"), (Once, "inconclusive", "once"),
     (Detached, "inconclusive", "cannot be had (create_graph): the gradients come without a graph")],
)  # fmt: skip
def test_without_it_the_report_says_so_and_asked_for_it_the_verdict_does(function, verdict, said):
    report = checked(function.apply, [X], cube, "double")
    assert report.verdict == "right"
    assert any(said in note for note in report.record.notes), report.record.notes
    assert checked(function.apply, [X], cube, "double", double=True).verdict == verdict


# Forward mode and vmap ---------------------------------------------------------------------------------------------


def sine(slope=1.0, batched=1.0):
    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return torch.sin(x)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0])
            ctx.save_for_forward(inputs[0])

        @staticmethod
        def backward(ctx, g):
            return g * torch.cos(ctx.saved_tensors[0])

        @staticmethod
        def jvp(ctx, t):
            return slope * t * torch.cos(ctx.saved_tensors[0])

        @staticmethod
        def vmap(info, in_dims, x):
            return Sine.apply(x) * batched, in_dims[0]

    return Sine.apply


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_forward_mode_and_vmap_that_are_right(dtype):
    report = checked(sine(), [X.to(dtype)], torch.sin, "forward mode", "vmap")
    assert report.verdict == "right", report
    assert {"forward mode", "vmap"} <= {p.name for p in report.record.probes}


@pytest.mark.parametrize(
    ("function", "probe", "said"),
    [(sine(slope=0.99), "forward mode", "The forward-mode derivative (jvp) of the output is wrong"),
     (sine(batched=2.0), "vmap", "The output is wrong under 'vmap'")],
    ids=["jvp", "vmap"],
)  # fmt: skip
def test_faults_of_forward_mode_and_vmap(function, probe, said):
    report = checked(function, [X], torch.sin, "forward mode", "vmap")
    assert report.verdict == "wrong"
    assert {f.probe for f in report.findings} == {probe}
    assert said in str(report)


class Product(torch.autograd.Function):
    @staticmethod
    def forward(x):
        return x.prod().reshape(1)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0], output)
        ctx.save_for_forward(inputs[0], output)

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * y / x

    @staticmethod
    def jvp(ctx, t):
        x, y = ctx.saved_tensors
        return (t * y / x).sum().reshape(1)


def scattered(x):
    return torch.ones(1, dtype=x.dtype).scatter_reduce(0, torch.zeros(len(x), dtype=torch.long), x, "prod")


def test_a_reference_whose_modes_contradict_each_other_judges_no_jvp():
    """torch 2.14.1 has 0 for the forward mode of this product."""
    factors = torch.tensor([4.0, 2.0, 3.0], dtype=torch.float64)
    report = checked(Product.apply, [factors], scattered, "forward mode")
    assert not [finding for finding in report.findings if finding.probe == "forward mode"], report
    assert "forward mode and its reverse mode contradict each other" in str(report)
    report = checked(Product.apply, [factors], lambda x: x.prod().reshape(1), "forward mode")
    assert report.verdict == "right"
    assert "contradict" not in str(report)


def test_a_function_without_them_is_asked_for_neither():
    report = checked(Cube.apply, [X], cube, "forward mode", "vmap")
    assert {p.name for p in report.record.probes} == {"upstream random"}
