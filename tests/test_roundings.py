"""The libraries of this machine against what budgets and bars assume of them, judged by long doubles and 30 digits."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from manual import ACTIVATIONS, Constants, activation
from tests.exact import mp_activation, mp_derivative
from verify.bounds import bounded, roundings
from verify.bounds.curves import curve
from verify.bounds.roundings import CUDA, FORM, GLIBC, LIBRARIES, LIBRARY, ORDINARY
from verify.witnesses import complex_step, differences

POINTS = 100_000
FUNCTIONS = ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos")


def points(name: str, dtype: type) -> NDArray:
    """Of every size that matters: tiny, around 1, and as far as the function is finite."""
    rng = np.random.default_rng(5)
    sizes = 10 ** rng.uniform(-8, np.log10(80), POINTS)
    signs = 1 if name == "log" else rng.choice([-1, 1], POINTS)
    x = (sizes * signs).astype(dtype)
    return x[x > -1] if name == "log1p" else x


def worst(found: NDArray, x: NDArray, exact: Callable[[NDArray], NDArray]) -> float:
    """The largest error in units of u of the result."""
    right = exact(x.astype(np.longdouble))
    usable = (right != 0) & np.isfinite(right) & (abs(right) > np.finfo(found.dtype).tiny)
    u = np.finfo(found.dtype).eps / 2
    return float(np.max(abs((found[usable] - right[usable]) / right[usable])) / u)


LONGER = np.finfo(np.longdouble).eps < 1e-18
needs_longer = pytest.mark.skipif(not LONGER, reason="this machine's long double is no longer than a double")


@needs_longer
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpy_and_torch_round_as_assumed(name: str, dtype: type) -> None:
    x = points(name, dtype)
    exact = getattr(np, name)
    for found in (getattr(np, name)(x), getattr(torch, name)(torch.from_numpy(x)).numpy()):
        assert worst(found, x, exact) <= ORDINARY


@needs_longer
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_torch_sigmoid_rounds_as_assumed(dtype: type) -> None:
    x = points("tanh", dtype)
    assert worst(torch.sigmoid(torch.from_numpy(x)).numpy(), x, lambda v: 1 / (1 + np.exp(-v))) <= ORDINARY


@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_the_error_functions_round_as_assumed(name: str) -> None:
    x = np.linspace(-6, 6, 3001)
    found = getattr(torch, name)(torch.from_numpy(x)).numpy()
    with mpmath.workdps(30):
        off = [
            abs(mpmath.mpf(f) - e) / abs(e) for f, v in zip(found, x, strict=True) if (e := getattr(mpmath, name)(v))
        ]
    assert float(max(off)) / 2**-53 <= LIBRARY


@needs_longer
def test_a_library_that_is_worse_is_caught() -> None:
    x = points("exp", np.float64)
    assert worst(np.exp(x) * (1 + 2.0**-50), x, np.exp) > ORDINARY


def test_the_documented_errors_are_within_what_is_assumed() -> None:
    """An ulp is 2u at most; a correctly rounded result is half an ulp off."""
    for library, errors in LIBRARIES.items():
        extra = 0.5 if library.startswith("CUDA") else 0.0
        assert set(errors) == set(GLIBC)
        assert all(2 * (ulp + extra) <= (LIBRARY if name == "erfc" else 5) for name, ulp in errors.items()), library


def test_gelu_on_cuda_is_within_a_form() -> None:
    """½ a erfc(−a/√2): erfc's own, the argument's rounding times the slope of ½ erfc, which is φ, and two products."""
    erfc = 0.5 * 2 * (CUDA["erfc"] + 0.5)
    argument = float(max(v * v * np.exp(-v * v / 2) / np.sqrt(2 * np.pi) for v in np.linspace(0, 6, 601)))
    assert 7 < erfc + argument * 2 + 1.5 <= FORM


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_whole_activations_round_as_assumed(name: str) -> None:
    """f and f′ as they stand in the manual network, at 300 points, in units of u of the sizes of their terms."""
    c = Constants(leaky_relu=0.3, elu=2.0, swish=2.5)
    a = torch.from_numpy(np.random.default_rng(2).normal(0, 4, 300))
    f, stated = activation(name, c), curve(name, c)
    with mpmath.workdps(30):
        for form, right, terms in (
            (f.f, mp_activation(name, c), stated.terms),
            (f.derivative, mp_derivative(name, c), stated.derivative_terms),
        ):
            found, sizes = form(a).tolist(), terms(a).tolist()
            off = [
                abs(mpmath.mpf(y) - right(mpmath.mpf(v))) / s for y, v, s in zip(found, a.tolist(), sizes, strict=True)
            ]
            assert float(max(off)) / 2**-53 <= FORM / 2


@pytest.mark.parametrize("name", complex_step.ALLOWED)
def test_functions_of_the_complex_step_round_as_assumed(name: str) -> None:
    """Im f(a + is)/s, at 200 points, in units of u of the sizes of f′'s terms; 30 digits are the judge."""
    c = Constants(swish=2.5)
    a = torch.from_numpy(np.random.default_rng(3).normal(0, 4, 200))
    moved = torch.complex(a, torch.full_like(a, complex_step.STEP))
    found = (complex_step._FUNCTIONS[name](c)(moved).imag / complex_step.STEP).tolist()
    with mpmath.workdps(30):
        right, sizes = mp_derivative(name, c), curve(name, c).derivative_terms(a).tolist()
        off = [abs(mpmath.mpf(y) - right(mpmath.mpf(v))) / s for y, v, s in zip(found, a.tolist(), sizes, strict=True)]
    assert float(max(off)) / 2**-53 <= roundings.COMPLEX_STEP / 2


def test_one_place_says_what_functions_round() -> None:
    assert roundings.DIFFERENCES == roundings.FORM == bounded._FUNCTION_ROUNDINGS
    for witness in (differences, complex_step):
        assert not [name for name in vars(witness) if "ROUNDINGS" in name]
