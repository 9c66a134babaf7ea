"""Operations of references that programs use and the analysis once knew not, or wrongly: each must be judged right."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from verify import check_backward
from verify.errors import BadInput

QUICK = {"shapes": False, "probes": ("upstream random", "inputs with ties", "upstream ones")}
PLACES = torch.tensor([0, 2, 2, 1])
BAGS = torch.tensor([1, 2, 2, 0, 3]), torch.tensor([0, 2, 2])


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def bags(table: Tensor, mode: str = "mean") -> Tensor:
    return functional.embedding_bag(BAGS[0], table, BAGS[1], mode=mode)


def weighted(table: Tensor, weights: Tensor) -> Tensor:
    return functional.embedding_bag(BAGS[0], table, BAGS[1], mode="sum", per_sample_weights=weights)


def spread(reduce: str) -> Callable[[Tensor], Tensor]:
    at = PLACES[:, None].expand(4, 3)
    return lambda x: torch.zeros(3, 3, dtype=x.dtype).scatter_reduce(0, at, x, reduce, include_self=False)


OPERATIONS: dict[str, tuple[Callable[..., Tensor | tuple[Tensor, ...]], tuple[Tensor, ...]]] = {
    "clamp to numbers that the dtype rounds": (lambda x: x.clamp(-0.3, 0.7), (draw(5, 6),)),
    "hardtanh by names": (lambda x: functional.hardtanh(x, min_val=-0.3, max_val=0.7), (draw(5, 6),)),
    "a constant tensor in float64": (lambda x: x * torch.full_like(x, 0.1), (draw(5, 6),)),
    "padded by a number that the dtype rounds": (lambda x: functional.pad(x, (1, 1), value=0.1), (draw(5, 6),)),
    "topk": (lambda x: x.topk(3, -1)[0], (draw(4, 7),)),
    "topk along columns": (lambda x: x.topk(2, 0)[0], (draw(4, 7),)),
    "sort, falling": (lambda x: x.sort(-1, descending=True)[0], (draw(4, 6),)),
    "median along rows": (lambda x: x.median(1)[0], (draw(4, 5),)),
    "median of all": (lambda x: x.median(), (draw(4, 5),)),
    "the third smallest": (lambda x: x.kthvalue(3, 1)[0], (draw(4, 5),)),
    "running maximum": (lambda x: x.cummax(1)[0], (draw(4, 5),)),
    "norm −∞": (lambda x: torch.linalg.vector_norm(x, -torch.inf, 1), (draw(4, 5),)),
    "norm 3": (lambda x: torch.linalg.vector_norm(x, 3, 1), (draw(4, 5),)),
    "x to the y": (lambda x, y: (x * x + 0.5) ** y, (draw(4, 5), draw(4, 5, seed=1))),
    "logsumexp of a number": (lambda x: torch.logsumexp(x.sum(), 0) * x, (draw(4, 5),)),
    "sign times x": (lambda x: torch.sgn(x) * x, (draw(4, 5),)),
    "remainder": (lambda x: torch.remainder(x, 0.7), (draw(4, 5),)),
    "round to decimals": (lambda x: torch.round(x, decimals=2) + x, (draw(4, 5),)),
    "cast to float64": (lambda x: x.double(), (draw(4, 5),)),
    "unsqueeze in place": (lambda x: (x * 2).unsqueeze_(0), (draw(4, 5),)),
    "arctangent of two": (torch.atan2, (draw(4, 5), draw(4, 5, seed=1))),
    "hypotenuse": (torch.hypot, (draw(4, 5), draw(4, 5, seed=1))),
    "bilinear form": (functional.bilinear, (draw(3, 4), draw(3, 5), draw(2, 4, 5))),
    "mean of bags": (bags, (draw(5, 3),)),
    "bags of weighted rows": (weighted, (draw(5, 3), draw(5))),
    "scattered mean": (spread("mean"), (draw(4, 3),)),
    "scattered sum": (spread("sum"), (draw(4, 3),)),
    "scattered maximum": (spread("amax"), (draw(4, 3),)),
    "weight norm": (lambda v, g: torch.ops.aten._weight_norm(v, g[:, None], 0), (draw(4, 5), draw(4))),
    "distances": (lambda x, y: torch.cdist(x, y), (draw(4, 3), draw(5, 3, seed=1))),
    "soft shrink": (functional.softshrink, (draw(5, 6),)),
    "max pool, ceil_mode": (lambda x: functional.max_pool2d(x, 3, 2, 1, ceil_mode=True), (draw(2, 2, 6, 6),)),
    "max pool in 3 dimensions": (lambda x: functional.max_pool3d(x, 2), (draw(1, 2, 4, 4, 4),)),
    "adaptive max pool": (lambda x: functional.adaptive_max_pool2d(x, 2), (draw(1, 2, 5, 5),)),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_right_against_itself(name: str) -> None:
    function, inputs = OPERATIONS[name]
    report = check_backward(function, inputs, function, **QUICK)
    assert report.verdict == "right", str(report)


# Those whose rule is new, and not made of others'.
@pytest.mark.parametrize(
    "name", ["mean of bags", "scattered mean", "weight norm", "arctangent of two", "topk", "distances"]
)
def test_the_same_operation_shows_a_gradient_that_is_5_percent_off(name: str) -> None:
    function, inputs = OPERATIONS[name]

    def off(*given: Tensor) -> Tensor | tuple[Tensor, ...]:
        return function(*(v.detach() + 1.05 * (v - v.detach()) for v in given))

    assert check_backward(off, inputs, function, **QUICK).verdict == "wrong"


NEAR = draw(2, 9, 4, 2, seed=3) / 2  # coordinates, some of them within a rounding of a cell's edge
IN_BFLOAT16: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "products of matrices, added one by one": (torch.addbmm, (draw(5, 6), draw(8, 5, 4), draw(8, 4, 6))),
    "a quotient that is rounded to a whole number": (
        lambda x, y: torch.div(x, y, rounding_mode="trunc") + x, (draw(40, 9).abs() * 9, draw(40, 9, seed=1).abs()),
    ),
    "coordinates near the edge of a cell": (
        lambda x, grid: functional.grid_sample(x, grid, align_corners=False), (draw(2, 3, 7, 8), NEAR),
    ),
    "cast to complex numbers": (lambda x: x.cfloat(), (draw(4, 5),)),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_BFLOAT16)
def test_an_operation_is_right_in_bfloat16(name: str) -> None:
    function, inputs = IN_BFLOAT16[name]
    report = check_backward(function, [v.bfloat16() for v in inputs], function, **QUICK)
    assert report.verdict == "right", str(report)


def test_running_statistics_that_the_reference_writes_too_are_no_finding() -> None:
    norm = lambda x, mean, var: functional.batch_norm(x, mean, var, training=True)
    inputs = draw(6, 3).requires_grad_(), torch.zeros(3), torch.ones(3)
    assert check_backward(norm, inputs, norm, **QUICK).verdict == "right"
    pure = lambda x, mean, var: functional.batch_norm(x, None, None, training=True)
    assert "writes into mean" in str(check_backward(norm, inputs, pure, **QUICK))


def test_a_forward_pass_that_refuses_the_given_data_is_bad_input() -> None:
    def refuses(x: Tensor) -> Tensor:
        raise NotImplementedError(f"no kernel for {x.dtype}")

    with pytest.raises(BadInput, match="the function does not take these inputs.*no kernel for torch.float32"):
        check_backward(refuses, [draw(3)], torch.relu)


def test_other_shapes_at_other_sizes_are_no_exception_of_the_function() -> None:
    pairs = lambda x: torch.cat([x, x[:2]]) if len(x) == 3 else torch.cat([x, x])
    report = check_backward(lambda x: torch.cat([x, x]), [draw(4)], pairs, probes=("upstream random", "size 4 → 3"))
    assert (
        "Under 'size 4 → 3' the function gives its output the shape (6,), the reference (5,)" in report.findings[0].says
    )
    assert "raises" not in str(report)


def test_what_no_rule_bounds_is_not_laid_on_the_data() -> None:
    report = check_backward(torch.linalg.inv, [draw(3, 3) + 3 * torch.eye(3)], torch.linalg.inv, **QUICK)
    assert report.verdict == "inconclusive"
    assert "there is no rule for linalg_inv_ex" in str(report)
    assert "These data cannot tell" not in str(report)
