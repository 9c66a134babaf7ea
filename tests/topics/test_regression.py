"""Linear regression: the decks' tables, autograd and torch.linalg, MAP beside ridge, descent."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import torch_ref.regression as ref
from manual import regression
from manual.regression import gradient, least_squares, maximum_a_posteriori, powers, ridge
from verify.bounds.bounded import Bounded
from verify.bounds.budget import FLOAT64

# Deck 002 "应用: Polynomial Curve Fitting": the ten points, to six digits.
T = [0.349486, 0.830839, 1.007332, 0.971507, 0.133066, 0.166823, -0.848307, -0.445686, -0.563567, 0.261502]
X = torch.arange(10, dtype=torch.float64) / 9
Y = torch.tensor(T, dtype=torch.float64)

# Deck 002 "对大的系数进行惩罚".
TABLE = {
    0: [0.19],
    1: [0.82, -1.27],
    3: [0.31, 7.99, -25.43, 17.37],
    9: [
        0.35, 232.37, -5321.83, 48568.31, -231639.30, 640042.26, -1061800.52, 1042400.18, -557682.99, 125201.43,
    ],
}  # fmt: skip
# The column that the deck heads ln λ = 0; these are the coefficients at λ = 10 (docs/ERRATA.md).
RIDGE = [0.13, -0.05, -0.06, -0.05, -0.03, -0.02, -0.01, -0.00, 0.00, 0.01]


def rounded(w: Tensor) -> list[float]:
    return [round(v, 2) + 0.0 for v in w.tolist()]


@pytest.mark.parametrize("M", [0, 1, 3])
def test_the_printed_coefficients_come_out(M: int) -> None:
    assert rounded(least_squares(powers(X, M), Y)) == TABLE[M]


def test_degree_nine_is_off_by_what_six_digits_of_the_data_explain() -> None:
    """Through ten points: w is linear in the data, and each of them may be off by half a unit of its sixth digit."""
    W = torch.stack([least_squares(powers(X, 9), unit) for unit in torch.eye(10, dtype=torch.float64)], dim=1)
    reach = W.abs().sum(dim=1) * 0.5e-6 + 0.005  # what the data's and the table's own rounding can explain
    apart = (least_squares(powers(X, 9), Y) - torch.tensor(TABLE[9], dtype=torch.float64)).abs()
    assert bool((apart <= reach).all())
    assert float(apart.max()) > 0.05  # they are no longer the printed digits


def test_the_ridge_column_is_that_of_lambda_ten() -> None:
    assert rounded(ridge(powers(X, 9), Y, 10.0)) == [v + 0.0 for v in RIDGE]
    assert rounded(ridge(powers(X, 9), Y, 1.0)) != [v + 0.0 for v in RIDGE]


def test_the_column_for_minus_eighteen_is_another_lambda() -> None:
    """Erratum 12: by its heading λ = e⁻¹⁸; the printed column is that of ln λ = −16.0813, to what the data allow."""
    printed = torch.tensor([0.35, 4.74, -0.77, -31.97, -3.89, 55.28, 41.32, -45.95, -91.53, 72.68], dtype=torch.float64)
    apart = lambda lam: float((ridge(powers(X, 9), Y, lam) - printed).abs().max())
    assert apart(math.exp(-16.0813)) < 0.02
    assert apart(math.exp(-18)) > 10


@pytest.mark.parametrize("M", [0, 1, 3, 9])
@pytest.mark.parametrize("lam", [1e-3, 1.0, 10.0])
def test_ridge_is_what_torch_finds_by_qr(M: int, lam: float) -> None:
    torch.testing.assert_close(ridge(powers(X, M), Y, lam), ref.ridge(powers(X, M), Y, lam), rtol=1e-9, atol=1e-11)


@given(
    D=st.integers(1, 5), N=st.integers(1, 9), seed=st.integers(0, 2**31), lam=st.sampled_from([0.0, 0.1, 3.0]),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)  # fmt: skip
def test_the_gradient_is_autograds_within_the_budget(D: int, N: int, seed: int, lam: float, scale: float) -> None:
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: scale * torch.randn(*shape, generator=rng, dtype=torch.float64)
    X, y, w = draw(D, N), draw(N), draw(D)
    bounded = gradient(*(Bounded.exact(v, FLOAT64) for v in (X, y, w)), lam)  # type: ignore[arg-type]
    budget = 2 * bounded.error
    mine, autograd = gradient(X, y, w, lam), ref.gradient(X, y, w, lam)
    assert bool(((mine - autograd).abs() <= budget).all())
    assert not bool(((1.001 * mine + 1e-300 - autograd).abs() <= budget).all())


def test_a_planted_sign_is_seen() -> None:
    w = torch.tensor([0.3, -0.2], dtype=torch.float64)
    wrong = powers(X, 1) @ (Y - regression.predictions(powers(X, 1), w))
    assert not torch.allclose(wrong, ref.gradient(powers(X, 1), Y, w))


def test_the_gradient_is_zero_at_the_solution() -> None:
    w = ridge(powers(X, 3), Y, 0.5)
    assert float(gradient(powers(X, 3), Y, w, 0.5).abs().max()) < 1e-13


@given(sigma=st.floats(0.05, 5), nu=st.floats(0.05, 5))
def test_map_is_ridge_at_the_ratio_of_the_variances(sigma: float, nu: float) -> None:
    """Deck 002 "线性回归训练 - 4": λ = σ²/ν². The ratio is rounded; ridge moves with λ by less than that."""
    X3 = powers(X, 3)
    lam = sigma**2 / nu**2
    map_, by_ridge = maximum_a_posteriori(X3, Y, sigma, nu), ridge(X3, Y, lam)
    beside = (ridge(X3, Y, lam * (1 + 2**-50)) - by_ridge).abs()  # what two roundings of λ can do, and more
    ulps = 2 * torch.finfo(torch.float64).eps * by_ridge.abs()
    assert bool(((map_ - by_ridge).abs() <= beside + ulps).all())


def test_the_gradients_of_likelihood_and_posterior() -> None:
    w = torch.tensor([0.3, -0.2, 0.5, 1.0], dtype=torch.float64)
    X3 = powers(X, 3)
    torch.testing.assert_close(
        regression.log_likelihood(X3, Y, w, 0.3), ref.log_likelihood(X3, Y, w, 0.3), rtol=1e-14, atol=0
    )
    torch.testing.assert_close(
        regression.log_likelihood_gradient(X3, Y, w, 0.3),
        ref.log_likelihood_gradient(X3, Y, w, 0.3),
        rtol=1e-13,
        atol=0,
    )
    torch.testing.assert_close(
        regression.log_posterior_gradient(X3, Y, w, 0.3, 0.7),
        ref.log_posterior_gradient(X3, Y, w, 0.3, 0.7),
        rtol=1e-13,
        atol=0,
    )


def test_likelihood_is_largest_at_least_squares() -> None:
    X1 = powers(X, 1)
    w, variance = regression.maximum_likelihood(X1, Y)
    best = regression.log_likelihood(X1, Y, w, math.sqrt(variance))
    for moved in (w + 1e-3, w - 1e-3):
        assert regression.log_likelihood(X1, Y, moved, math.sqrt(variance)) < best
    for factor in (0.99, 1.01):
        assert regression.log_likelihood(X1, Y, w, math.sqrt(variance * factor)) < best
    top = maximum_a_posteriori(X1, Y, 0.3, 0.7)
    for moved in (top + 1e-3, top - 1e-3):
        assert regression.log_posterior(X1, Y, moved, 0.3, 0.7) < regression.log_posterior(X1, Y, top, 0.3, 0.7)


def test_one_variable_has_the_closed_form_of_the_normal_equations() -> None:
    intercept, slope = regression.line(X.tolist(), T)
    assert [intercept, slope] == least_squares(powers(X, 1), Y).tolist()


def test_the_slides_closed_form_has_its_letters_exchanged() -> None:
    """Erratum 11: by the letter, β₀ is the slope. Of y = 1 + 2x the letter makes 2 + 1x."""
    x, y = [0.0, 1.0, 2.0], [1.0, 3.0, 5.0]
    n, sx, sy = 3, sum(x), sum(y)
    sxy, sxx = sum(a * b for a, b in zip(x, y, strict=True)), sum(a * a for a in x)
    below = n * sxx - sx**2
    letter = ((n * sxy - sx * sy) / below, (sxx * sy - sx * sxy) / below)
    assert letter == (2.0, 1.0)
    assert regression.line(x, y) == (1.0, 2.0)


def test_descent_arrives_at_the_same_weights() -> None:
    X1 = powers(X, 1)
    path = regression.descent(X1, Y, torch.zeros(2, dtype=torch.float64), eta=0.1, steps=2000)
    torch.testing.assert_close(path[-1], least_squares(X1, Y), rtol=1e-12, atol=1e-13)
    assert len(path) == 2001


def test_what_has_no_solution_is_said() -> None:
    with pytest.raises(ValueError, match="singular"):
        least_squares(powers(X[:2], 3), Y[:2])
    with pytest.raises(ValueError, match="all x are equal"):
        regression.line([1.0, 1.0], [0.0, 1.0])
