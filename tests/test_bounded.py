"""Running error arithmetic against exact fractions and 50 digits: what any program computes lies within the bound."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import pytest
import torch
from torch import Tensor

from verify.bounds import bounded
from verify.bounds.bounded import Bounded, gamma_n, unit_roundoff

U = 2.0**-53
DTYPES = {torch.float64: U, torch.float32: 2.0**-24}
SIZES = (1e-300, 1e-9, 1e-3, 1.0, 40.0, 1e6, 1e90)


class Inputs:
    """Numbers that are known to `error` only: the exact ones, and what two programs hold of them.

    value is the Bounded's; other is another program's. Both lie within error of exact, at its ends now and then.
    """

    def __init__(self, rng: random.Random, shape: Sequence[int], size: float, relative: float, dtype: torch.dtype):
        draw = lambda: [rng.gauss(0, 1) * size for _ in range(_count(shape))]
        held = torch.tensor(draw(), dtype=dtype).reshape(tuple(shape))
        self.value = held.to(torch.float64)
        self.error = self.value.abs() * relative * (1 + 2 * unit_roundoff(dtype) / max(relative, 1e-300))
        if relative == 0:
            self.error = torch.zeros_like(self.value)
        off = lambda: torch.tensor([rng.choice((-1.0, 1.0, rng.uniform(-1, 1))) for _ in range(held.numel())])
        moved = self.value - off().reshape(held.shape).double() * self.value.abs() * relative
        self.exact = [Fraction(v) for v in moved.flatten().tolist()]
        back = moved + off().reshape(held.shape).double() * self.value.abs() * relative * (1 - 1e-9)
        self.other = held if relative == 0 else back.to(dtype)
        self.dtype = dtype

    def bounded(self) -> Any:  # as the equations take it
        return Bounded(self.value, self.error, DTYPES[self.dtype])

    def rows(self) -> list[list[Fraction]]:
        width = self.value.shape[-1]
        return [self.exact[i : i + width] for i in range(0, len(self.exact), width)]


def _count(shape: Sequence[int]) -> int:
    return torch.Size(shape).numel()


def overshoot(bound: Bounded, exact: Sequence[Any], *computed: Tensor) -> float:
    """The largest share of its bound that a program's result takes: over 1, the bound is broken."""
    worst = 0.0
    allowed = bound.error.flatten().tolist()
    for program in (bound.value, *computed):
        for found, right, most in zip(program.flatten().tolist(), exact, allowed, strict=True):
            apart = abs(Fraction(found) - right) if isinstance(right, Fraction) else abs(mpmath.mpf(found) - right)
            share = float(apart / most) if most else float("inf")
            worst = max(worst, share if apart else 0.0)
    return worst


Operation = tuple[Callable[[Any, Any], Any], Callable[[Fraction, Fraction], Fraction]]
ENTRYWISE: dict[str, Operation] = {
    "sum": (lambda x, y: x + y, lambda x, y: x + y),
    "difference": (lambda x, y: x - y, lambda x, y: x - y),
    "product": (lambda x, y: x * y, lambda x, y: x * y),
    "quotient": (lambda x, y: x / y, lambda x, y: x / y),
    "square": (lambda x, y: x**2, lambda x, y: x**2),
    "cube": (lambda x, y: x**3, lambda x, y: x**3),
    "constant times": (lambda x, y: 0.1 * x, lambda x, y: Fraction(0.1) * x),
    "constant minus": (lambda x, y: 1 - x, lambda x, y: 1 - x),
    "over N": (lambda x, y: x / 7, lambda x, y: x / 7),
}


def worst_entrywise(operation: Operation, dtype: torch.dtype, relative: float) -> float:
    on_tensors, on_fractions = operation
    rng = random.Random(f"{relative}{dtype}")
    worst = 0.0
    for size in SIZES if dtype is torch.float64 else SIZES[1:6]:
        x, y = (Inputs(rng, (40,), size, relative, dtype) for _ in range(2))
        exact = [on_fractions(a, b) for a, b in zip(x.exact, y.exact, strict=True)]
        bound = on_tensors(x.bounded(), y.bounded())
        worst = max(worst, overshoot(bound, exact, on_tensors(x.other, y.other)))
    return worst


@pytest.mark.parametrize("relative", [0.0, 1e-15, 1e-6, 0.1])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("operation", ENTRYWISE)
def test_entry_by_entry(operation: str, dtype: torch.dtype, relative: float) -> None:
    worst = worst_entrywise(ENTRYWISE[operation], dtype, relative)
    assert 0.02 < worst <= 1  # held, and not by being wide


def test_a_bound_that_is_too_small_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the roundings, or without how far the inputs are off, the tests above fail."""
    monkeypatch.setattr(Bounded, "_with", lambda self, value, error, terms=None: Bounded(value, error / 8, self.u))
    assert all(worst_entrywise(operation, torch.float64, 0.0) > 1 for operation in ENTRYWISE.values())
    assert all(worst_entrywise(operation, torch.float64, 1e-6) > 1 for operation in ENTRYWISE.values())


def products(rng: random.Random, n: int, size: float, relative: float, dtype: torch.dtype) -> float:
    """x @ W over n terms, in three orders of summation."""
    x, w = Inputs(rng, (3, n), size, relative, dtype), Inputs(rng, (n, 2), size, relative, dtype)
    columns = list(zip(*w.rows(), strict=True))
    exact = [
        sum((a * b for a, b in zip(row, column, strict=True)), Fraction(0)) for row in x.rows() for column in columns
    ]
    order = torch.randperm(n, generator=torch.Generator().manual_seed(n))
    one_by_one = torch.zeros(3, 2, dtype=dtype)
    for i in range(n):
        one_by_one = one_by_one + x.other[:, i : i + 1] * w.other[i : i + 1]
    return overshoot(
        x.bounded() @ w.bounded(), exact, x.other @ w.other, x.other[:, order] @ w.other[order], one_by_one
    )


@pytest.mark.parametrize("relative", [0.0, 1e-15, 1e-3])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("n", [1, 2, 7, 60])
def test_products_of_matrices(n: int, dtype: torch.dtype, relative: float) -> None:
    rng = random.Random(n)
    assert 0 < max(products(rng, n, size, relative, dtype) for size in (1e-9, 1.0, 1e6)) <= 1


def test_a_product_without_its_roundings_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "gamma_n", lambda n, u: u / 4)
    assert products(random.Random(1), 60, 1.0, 0.0, torch.float64) > 1


@pytest.mark.parametrize("relative", [0.0, 1e-6])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_sums(dtype: torch.dtype, relative: float) -> None:
    rng = random.Random(5)
    for n in (1, 3, 50):
        x = Inputs(rng, (n, 4), 1.0, relative, dtype)
        columns = list(zip(*x.rows(), strict=True))
        exact = [sum(column, Fraction(0)) for column in columns]
        upwards = torch.zeros(4, dtype=dtype)
        for row in x.other.flip(0):
            upwards = upwards + row
        assert overshoot(x.bounded().sum(dim=0), exact, x.other.sum(dim=0), upwards) <= 1
        total = sum(exact, Fraction(0))
        assert overshoot(x.bounded().sum(), [total], x.other.sum()) <= 1


@pytest.mark.parametrize("relative", [0.0, 1e-6, 0.1])
@pytest.mark.parametrize("name", ["exp", "tanh"])
def test_functions(name: str, relative: float) -> None:
    rng = random.Random(name)
    for size in (1e-9, 1.0, 40.0):
        x = Inputs(rng, (30,), size, relative, torch.float64)
        with mpmath.workdps(50):
            right = [getattr(mpmath, name)(mpmath.mpf(v.numerator) / v.denominator) for v in x.exact]
            assert overshoot(getattr(torch, name)(x.bounded()), right, getattr(torch, name)(x.other)) <= 1


def test_functions_that_choose() -> None:
    x: Any = Bounded(_real(-2.0, -1e-3, 0.0, 1e-3, 2.0), _real(0.1, 0.1, 0.0, 0.1, 0.1), U)
    found: Any = torch.sign(x)
    assert found.error.tolist() == [0, 2, 0, 2, 0]
    found = torch.relu(x)
    assert found.value.tolist() == [0, 0, 0, 1e-3, 2]
    chosen: Any = torch.where(_real(1, 0, 1, 0, 1) > 0, x, 0.5)
    assert chosen.value.tolist() == [-2, 0.5, 0, 0.5, 2]
    assert chosen.error.tolist() == [0.1, 0, 0, 0, 0.1]


@pytest.mark.parametrize("operation", [torch.add, torch.matmul], ids=["+", "@"])
def test_a_plain_tensor_on_either_side(operation: Callable) -> None:
    plain, x = torch.eye(2, dtype=torch.float64), Inputs(random.Random(0), (2, 2), 1.0, 1e-6, torch.float64).bounded()
    symbol = {torch.add: lambda a, b: a + b, torch.matmul: lambda a, b: a @ b}[operation]
    for found in (symbol(plain, x), symbol(x, plain)):
        assert torch.equal(found.value, operation(plain, x.value))
        assert bool((found.error >= x.error).all())


def test_a_number_with_no_bound_stays_without() -> None:
    wide: Any = Bounded(_real(1.0, 0.0), _real(torch.inf, torch.nan), U)
    found: list[Any] = [wide + 1, wide * 0.0, wide / 2, 1 / wide, torch.exp(wide), wide @ _real(1.0, 1.0)]
    assert all(bool(torch.isinf(v.error).all()) for v in found)


def test_a_divisor_that_may_be_0_gives_no_bound() -> None:
    found = 1 / Bounded(_real(1.0, 1e-3, 0.0), _real(1e-6, 1e-3, 0.0), U)
    assert torch.isfinite(found.error).tolist() == [True, False, False]


def test_a_shorter_arithmetic_rounds_what_it_is_given() -> None:
    third = _real(1 / 3)
    assert Bounded.exact(third, U).error.item() == 0
    assert Bounded.exact(third, 2.0**-24).error.item() >= abs(float(third.to(torch.float32)) - 1 / 3)


def test_what_has_no_analysis_says_so() -> None:
    one: Any = Bounded.exact(_real(1.0), U)
    with pytest.raises(TypeError, match="sinh has no running error analysis"):
        torch.sinh(one)
    with pytest.raises(TypeError, match=r"power 1\.5"):
        _ = one**1.5


def test_gamma() -> None:
    assert gamma_n(3, U) == 3 * U / (1 - 3 * U)
    assert gamma_n(2**53, U) == float("inf")


def _real(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
