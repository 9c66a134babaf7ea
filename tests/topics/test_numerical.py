"""Numerical gradients: the deck's listing with its faults, and every formula within what explains its error."""

from __future__ import annotations

import math

import pytest
import torch

import torch_ref.numerical
from manual import numerical

STEPS = torch.logspace(-14, -1, 53, dtype=torch.float64)
AT = torch.tensor(0.7, dtype=torch.float64)


def test_the_listing_is_right_to_half_its_digits_in_float64() -> None:
    x = torch.tensor([0.3, -0.5], dtype=torch.float64)
    f = lambda v: torch.sum(torch.sin(v))
    found = numerical.listing(f, x)
    apart = (found - torch_ref.numerical.gradient(f, x)).abs().max()
    assert 1e-8 < float(apart) < 1e-5


def test_the_listing_gives_zero_for_integers() -> None:
    """Erratum 10: x + h is stored as an integer, so f(x + h) is f(x)."""
    assert numerical.listing(lambda v: torch.sum(v.double() ** 2), torch.tensor([3, 100])).tolist() == [0.0, 0.0]


def test_the_listing_in_float32_divides_by_a_step_that_was_not_taken() -> None:
    """Erratum 10: at x = 100 in float32, x² has the slope 195.3 for 200."""
    in_single = numerical.listing(lambda v: torch.sum(v**2), torch.tensor([100.0], dtype=torch.float32))
    assert round(float(in_single), 1) == 195.3


def test_the_listing_leaves_its_argument_alone() -> None:
    x = torch.tensor([0.3, -0.5], dtype=torch.float64)
    numerical.listing(lambda v: torch.sum(v**2), x)
    assert x.tolist() == [0.3, -0.5]


# One function with its derivatives at hand: exp, all of whose derivatives are itself.
@pytest.mark.parametrize("name", numerical.METHODS)
def test_every_formula_stays_within_its_budget_and_shows_the_v(name: str) -> None:
    value = math.exp(float(AT) + 0.2)
    factor = {"one-sided": 1 / 2, "central": 1 / 6, "five-point": 1 / 30, "complex-step": 1 / 6}[name]
    found = numerical.errors(torch.exp, math.exp(float(AT)), AT, STEPS)[name]
    # x + h is rounded as well: by u |x|, which exp passes on.
    allowed = numerical.budget(name, value, factor * value, 4.0, STEPS) + 4 * 2.0**-53 * value
    assert bool((found <= allowed).all())
    best = int(found.argmin())
    if name != "complex-step":
        assert 0 < best < len(STEPS) - 1
        assert float(found[0]) > 10 * float(found[best])
    else:
        assert float(found[0]) <= 1e-15 * value
    assert float(found[-1]) > 10 * float(found[best])


def test_a_wrong_weight_leaves_the_budget() -> None:
    value = math.exp(float(AT) + 0.2)
    wrong = torch.stack([(torch.exp(AT + h) - torch.exp(AT - h)) / (2.01 * h) for h in STEPS])
    apart = (wrong - math.exp(float(AT))).abs()
    assert bool((apart > numerical.budget("central", value, value / 6, 8.0, STEPS)).any())
