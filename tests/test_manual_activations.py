"""The activations by hand: f′ against 50 digits, extreme inputs, every dtype, what the decks state of them."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from manual import ACTIVATIONS, Constants, activation
from manual.activations import SELU_LAMBDA
from tests.exact import mp_activation, mp_derivative
from verify.bounds.curves import curve
from verify.strategies import constants

EVERY = pytest.mark.parametrize("name", ACTIVATIONS)
EXTREME = [0.0, -0.0, 5e-324, 1e-300, 1e-8, 1.0, 20.0, 50.0, 88.0, 709.0, 1e4, 1e30, 1e102, 1e150, 1e300]


@EVERY
@given(st.floats(-30, 30), constants)
def test_f_and_its_derivative_at_50_digits(name: str, a: float, c: Constants) -> None:
    f = activation(name, c)
    at = torch.tensor([a], dtype=torch.float64)
    with mpmath.workdps(50):
        f_right, slope_right = (float(mp(name, c)(mpmath.mpf(a))) for mp in (mp_activation, mp_derivative))
    scale = 2 + abs(a) * max(1, abs(c.leaky_relu), abs(c.prelu))
    assert float(f.f(at)) == pytest.approx(f_right, rel=1e-12, abs=1e-15 * scale)
    assert float(f.derivative(at)) == pytest.approx(slope_right, rel=1e-12, abs=3e-15 * scale)


@EVERY
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_extreme_inputs_stay_finite(name: str, dtype: torch.dtype) -> None:
    a = torch.tensor([s * v for v in EXTREME for s in (1, -1) if v <= torch.finfo(dtype).max / 2], dtype=dtype)
    f = activation(name)
    assert torch.isfinite(f.f(a)).all()
    slope = f.derivative(a)
    assert torch.isfinite(slope).all()
    assert float(slope.abs().max()) <= curve(name, Constants()).first * (1 + 1e-6)
    flat = ("sigmoid", "tanh", "relu6", "hard_tanh", "hard_sigmoid", "softsign", "log_sigmoid")
    settled = 0.0 if name in flat else SELU_LAMBDA if name == "selu" else 1.0
    far = 100 if name != "softsign" else 1e4
    assert float(slope[a > far].sub(settled).abs().max()) < 1e-6


@EVERY
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3, 4)], ids=str)
def test_shape_and_dtype_are_those_of_the_input(name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    a = torch.ones(shape, dtype=dtype)
    before = a.clone()
    for found in (activation(name).f(a), activation(name).derivative(a)):
        assert (found.shape, found.dtype, found.device) == (a.shape, dtype, a.device)
    assert torch.equal(a, before)


@pytest.mark.parametrize(
    ("name", "slope"), [("relu", 0.0), ("leaky_relu", 0.01), ("elu", 1.0), ("relu6", 0.0), ("celu", 1.0)]
)
def test_at_0_the_branch_of_the_slides(name: str, slope: float) -> None:
    assert float(activation(name).derivative(torch.zeros((), dtype=torch.float64))) == slope


@pytest.mark.parametrize(("name", "largest"), [("gelu_tanh", 4.73e-4), ("gelu_sigmoid", 2.03e-2)])
def test_how_far_the_forms_of_gelu_are_from_it(name: str, largest: float) -> None:
    a = torch.linspace(-8, 8, 160_001, dtype=torch.float64)
    error = (activation(name).f(a) - activation("gelu").f(a)).abs().max()
    assert float(error) == pytest.approx(largest, rel=2e-3)


def test_the_ranges_of_the_derivatives() -> None:
    """(0, ¼] and (0, 1], deck 003."""
    a = torch.linspace(-30, 30, 60_001, dtype=torch.float64)
    sigmoid, tanh = activation("sigmoid").derivative(a), activation("tanh").derivative(a[a.abs() < 18])
    assert float(sigmoid.max()) == 0.25
    assert float(sigmoid.min()) > 0
    assert float(tanh.max()) == 1
    assert float(tanh.min()) > 0


def test_special_cases_are_one_another() -> None:
    a = torch.linspace(-9, 9, 1001, dtype=torch.float64)
    is_same = lambda f, g: torch.allclose(f.f(a), g.f(a), rtol=0, atol=1e-14)
    assert is_same(activation("swish", Constants(swish=1.702)), activation("gelu_sigmoid"))
    assert is_same(activation("leaky_relu", Constants(leaky_relu=0)), activation("relu"))
    assert is_same(activation("elu", Constants(elu=0)), activation("relu"))
    halves = activation("swish", Constants(swish=0))
    assert is_same(halves, activation("leaky_relu", Constants(leaky_relu=0.5))) is False
    assert torch.allclose(halves.f(a), a / 2)


def test_softplus_is_the_integral_of_the_logistic_function() -> None:
    a = torch.linspace(-40, 40, 801, dtype=torch.float64)
    assert torch.equal(activation("softplus").derivative(a), activation("sigmoid").f(a))


def test_an_unknown_name_says_what_is_known() -> None:
    with pytest.raises(ValueError, match="activation 'sine' is not known; known are relu, leaky_relu"):
        activation("sine")


def test_the_constant_reaches_f_and_its_derivative() -> None:
    a = torch.tensor([-1.0], dtype=torch.float64)
    f = activation("elu", Constants(elu=2.0))
    assert float(f.f(a)) == pytest.approx(2 * math.expm1(-1))
    assert float(f.derivative(a)) == pytest.approx(2 * math.exp(-1))
