"""What is stated of the activations' curves: bounds that hold, and that some point comes close to."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import mpmath
import pytest
import torch
from torch import Tensor

from manual import ACTIVATIONS, Constants, activation
from manual.activations import SELU_ALPHA, SELU_LAMBDA
from tests.exact import mp_activation, mp_derivative
from verify.benchmarks.textbook import ACTIVATION_FORMS
from verify.bounds import curves
from verify.bounds.bounded import Bounded
from verify.bounds.curves import Curve, bounded, curve
from verify.bounds.pieces import pieces

U = 2.0**-53
CONSTANTS = [
    Constants(),
    Constants(leaky_relu=3.0, elu=2.0, swish=2.5, celu=2.0, prelu=0.5),
    Constants(leaky_relu=-0.25, elu=0.5, swish=-0.5, celu=0.25, prelu=-2.0),
]
EVERY = pytest.mark.parametrize(
    ("name", "c"), [(name, c) for name in ACTIVATIONS for c in CONSTANTS], ids=lambda v: v if isinstance(v, str) else ""
)


def grid() -> Tensor:
    """Fine, wide, and without 0, where some have a kink."""
    a = torch.cat([torch.linspace(-9, 9, 180_001, dtype=torch.float64), torch.linspace(-60, 60, 1_000).double()])
    return a[a != 0]


def slopes(name: str, c: Constants, a: Tensor) -> tuple[Tensor, Tensor]:
    """f′ and f″ by torch's double backward of f, so that nothing of ours is compared with itself."""
    a = a.clone().requires_grad_()
    once = _slope(activation(name, c).f(a), a)
    return once.detach(), _slope(once, a).detach()


def _slope(value: Tensor, a: Tensor) -> Tensor:
    if not value.requires_grad:
        return torch.zeros_like(a)
    found = torch.autograd.grad(value.sum(), a, create_graph=True, allow_unused=True)[0]
    return torch.zeros_like(a) if found is None else found


def broken(c: Curve, first: Tensor, second: Tensor, a: Tensor) -> list[str]:
    """The bounds that some point is beyond, but for rounding."""
    C, kappa = c.tail
    tail = torch.clamp(C * torch.exp(-kappa * a.abs()), max=c.second)
    beyond = {"first": first.abs() - c.first, "second": second.abs() - c.second, "tail": second.abs() - tail}
    return [name for name, excess in beyond.items() if float(excess.max()) > 1e-12]


@EVERY
def test_bounds_hold_and_are_reached(name: str, c: Constants) -> None:
    a = grid()
    first, second = slopes(name, c, a)
    stated = curve(name, c)
    assert broken(stated, first, second, a) == []
    assert float(first.abs().max()) > 0.998 * stated.first
    assert float(second.abs().max()) >= 0.998 * stated.second


@pytest.mark.parametrize("field", ["first", "second"])
def test_a_bound_that_is_too_small_is_caught(field: str) -> None:
    a = grid()
    for name in ("softplus", "sigmoid", "tanh", "swish", "gelu", "gelu_tanh", "gelu_sigmoid"):
        stated = curve(name, Constants())
        small = replace(stated, **{field: 0.99 * getattr(stated, field)})
        assert field in broken(small, *slopes(name, Constants(), a), a)


@EVERY
def test_the_jump_at_the_kink(name: str, c: Constants) -> None:
    first, _ = slopes(name, c, torch.tensor([-1e-12, 1e-12], dtype=torch.float64))
    stated = curve(name, c)
    assert abs(float(first[1] - first[0])) == pytest.approx(stated.jump_at_0, abs=1e-10)


@EVERY
def test_where_pieces_meet(name: str, c: Constants) -> None:
    """On either side of each knot stands the piece that is f there, with the slope that is stated."""
    joined = pieces(name, c)
    a = grid()
    if joined is None:
        assert curve(name, c).knots == ()
        return
    f = activation(name, c)
    edges = [-math.inf, *(k.at for k in joined.knots), math.inf]
    for low, high, piece in zip(edges, edges[1:], joined.pieces, strict=False):
        inside = a[(a > low) & (a < high)]
        assert torch.allclose(piece(inside), f.f(inside), rtol=1e-14, atol=1e-15)
    for knot in joined.knots:
        beside = torch.tensor([knot.at - 1e-9, knot.at + 1e-9], dtype=torch.float64)
        assert slopes(name, c, beside)[0].tolist() == pytest.approx([knot.left, knot.right], abs=1e-8)
        steep = f.derivative(torch.tensor([knot.beside], dtype=torch.float64)).abs()
        assert float(steep) == pytest.approx(max(abs(knot.left), abs(knot.right)), abs=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_torch_bends_as_50_digits_do(name: str) -> None:
    """The double backward that the bounds are tested by, against mpmath."""
    c = CONSTANTS[1]
    a = [-7.5, -2.25, -1.125, -0.125, 0.0625, 0.5, 1.5, 3.25]
    first, second = slopes(name, c, torch.tensor(a, dtype=torch.float64))
    with mpmath.workdps(50):
        for i, point in enumerate(a):
            h = mpmath.mpf(10) ** -12
            assert float(mpmath.diff(mp_activation(name, c), point, h=h)) == pytest.approx(float(first[i]), abs=1e-12)
            assert float(mpmath.diff(mp_activation(name, c), point, 2, h=h)) == pytest.approx(
                float(second[i]), abs=1e-12
            )


# Roundings: the library's form and the textbook's -----------------------------------------------------------------

sigmoid: Callable[[Tensor], Tensor] = lambda a: 1 / (1 + torch.exp(-a))
TEXTBOOK: dict[str, Callable[[Tensor, Constants], tuple[Tensor, Tensor]]] = {
    "elu": lambda a, c: (
        torch.where(a > 0, a, c.elu * (torch.exp(a) - 1)),
        torch.where(a > 0, torch.ones_like(a), torch.where(a > 0, a, c.elu * (torch.exp(a) - 1)) + c.elu),
    ),
    "softplus": lambda a, c: (torch.log(1 + torch.exp(a)), torch.exp(a) / (1 + torch.exp(a))),
    "sigmoid": lambda a, c: (sigmoid(a), sigmoid(a) * (1 - sigmoid(a))),
    "tanh": lambda a, c: (
        (torch.exp(a) - torch.exp(-a)) / (torch.exp(a) + torch.exp(-a)),
        1 - ((torch.exp(a) - torch.exp(-a)) / (torch.exp(a) + torch.exp(-a))) ** 2,
    ),
    "swish": lambda a, c: (
        a * sigmoid(c.swish * a),
        sigmoid(c.swish * a) + c.swish * a * sigmoid(c.swish * a) * (1 - sigmoid(c.swish * a)),
    ),
    "gelu": lambda a, c: (
        a * (1 + torch.erf(a / 2**0.5)) / 2,
        (1 + torch.erf(a / 2**0.5)) / 2 + a * torch.exp(-a * a / 2) / (2 * torch.pi) ** 0.5,
    ),
    "gelu_sigmoid": lambda a, c: (
        a * sigmoid(1.702 * a),
        sigmoid(1.702 * a) + 1.702 * a * sigmoid(1.702 * a) * (1 - sigmoid(1.702 * a)),
    ),
}


def points() -> list[float]:
    rng = random.Random(7)
    return [rng.gauss(0, 1) * size for size in (1e-6, 0.1, 1.0, 4.0, 12.0) for _ in range(24)]


def shares(name: str, c: Constants) -> tuple[float, float]:
    """How much of their budgets the roundings of f and of f′ take, in the library's form and in the textbook's."""
    a = torch.tensor(points(), dtype=torch.float64)
    stand = bounded(activation(name, c))
    exact = Bounded.exact(a, U)
    forms = [(activation(name, c).f(a), activation(name, c).derivative(a))]
    forms += [TEXTBOOK[name](a, c)] if name in TEXTBOOK else []
    with mpmath.workdps(50):
        return (
            _share(stand.f(exact), mp_activation(name, c), [f for f, _ in forms]),  # type: ignore[arg-type]
            _share(stand.derivative(exact), mp_derivative(name, c), [d for _, d in forms]),  # type: ignore[arg-type]
        )


def _share(bound: Bounded, right: Callable, forms: list[Tensor]) -> float:
    worst = mpmath.mpf(0)
    for i, point in enumerate(points()):
        exact = right(mpmath.mpf(point))
        worst = max([worst, *(abs(mpmath.mpf(float(v[i])) - exact) / float(bound.error[i]) for v in forms)])
    return float(worst)


@EVERY
def test_roundings_stay_within_their_terms(name: str, c: Constants) -> None:
    f, derivative = shares(name, c)
    assert f <= 1
    assert derivative <= 1


def test_terms_that_are_too_small_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelling form needs the size of what cancels: with that of the result alone the test above fails."""
    right = curves.curve

    def small(name: str, c: Constants) -> Curve:
        f = activation(name, c)
        return replace(right(name, c), terms=lambda a: f.f(a).abs(), derivative_terms=lambda a: f.derivative(a).abs())

    monkeypatch.setattr(curves, "curve", small)
    assert all(max(shares(name, Constants())) > 1 for name in ("softplus", "tanh", "gelu", "gelu_sigmoid", "elu"))


def test_the_terms_of_gelu_by_tanh_where_a_is_large() -> None:
    """1 − tanh² u keeps roundings of 1, and ½a·u′ is 21 of them at |a| = 7: 4 + |a| was too few for four forms."""
    a = torch.linspace(-7.3, 7.3, 293, dtype=torch.float64)
    with mpmath.workdps(30):
        right = [mp_derivative("gelu_tanh", Constants())(mpmath.mpf(v)) for v in a.tolist()]
    terms, shares = curve("gelu_tanh", Constants()).derivative_terms(a), []
    for form in ACTIVATION_FORMS["gelu_tanh"][1].values():
        off = [float(abs(mpmath.mpf(f) - r)) / U for f, r in zip(form(a, Constants()).tolist(), right, strict=True)]
        assert max(o / t for o, t in zip(off, terms.tolist(), strict=True)) <= 8
        shares.append(max(o / (4 + abs(v)) for o, v in zip(off, a.tolist(), strict=True)))
    assert max(shares) > 8


@EVERY
def test_what_moves_an_activation_is_bounded(name: str, c: Constants) -> None:
    """a known to an error: the exact one and a program's lie anywhere within it."""
    generator = torch.Generator().manual_seed(1)
    uniform = lambda: 2 * torch.rand(4000, generator=generator, dtype=torch.float64) - 1
    f = activation(name, c)
    value = 4 * uniform()
    for size in (1e-9, 1e-3, 0.3, 3.0):
        error = size * uniform().abs()
        exact = value + error * uniform()
        program = exact + error * uniform()
        held = Bounded(value, error, U)
        stand = bounded(f)
        for form, on_bounded in ((f.f, stand.f), (f.derivative, stand.derivative)):
            bound: Bounded = on_bounded(held)  # type: ignore[arg-type, assignment]
            assert bool(((form(program) - form(exact)).abs() <= bound.error).all())


# Beside the real line: what Cauchy's bound needs ---------------------------------------------------------------------


def _mish_slope(w: Tensor) -> Tensor:
    n = torch.exp(w) * (torch.exp(w) + 2)
    return n / (n + 2) + 4 * w * torch.exp(w) * (torch.exp(w) + 1) / (n + 2) ** 2


def complex_slope(name: str, c: Constants, w: Tensor) -> Tensor:
    """f′ at complex points, from its formula; of the piecewise ones the curved branch alone."""
    sigma = lambda v: 1 / (1 + torch.exp(-v))
    swish = lambda v: sigma(v) + v * sigma(v) * sigma(-v)
    u = (2 / torch.pi) ** 0.5 * (w + 0.044715 * w**3)
    return {
        "elu": lambda: c.elu * torch.exp(w),
        "softplus": lambda: sigma(w),
        "sigmoid": lambda: sigma(w) * sigma(-w),
        "tanh": lambda: 1 / torch.cosh(w) ** 2,
        "swish": lambda: swish(c.swish * w),
        "gelu_tanh": lambda: (
            0.5 * (1 + torch.tanh(u)) + 0.5 * w / torch.cosh(u) ** 2 * (2 / torch.pi) ** 0.5 * (1 + 3 * 0.044715 * w**2)
        ),
        "gelu_sigmoid": lambda: swish(1.702 * w),
        "selu": lambda: SELU_LAMBDA * SELU_ALPHA * torch.exp(w),
        "celu": lambda: torch.exp(w / c.celu),
        "log_sigmoid": lambda: sigma(-w),
        "silu": lambda: swish(w),
        "mish": lambda: _mish_slope(w),
    }[name]()


CURVED = (
    "selu",
    "celu",
    "mish",
    "log_sigmoid",
    "silu",
    "elu",
    "softplus",
    "sigmoid",
    "tanh",
    "swish",
    "gelu_tanh",
    "gelu_sigmoid",
)


@pytest.mark.parametrize(
    ("name", "c"), [(name, c) for name in CURVED for c in CONSTANTS], ids=lambda v: v if isinstance(v, str) else ""
)
def test_the_slope_within_the_strip(name: str, c: Constants) -> None:
    """Analytic and bounded functions are steepest on the edge of a strip; some inner lines are looked at as well."""
    strip = curve(name, c).strip
    end = {"elu": 1.0, "selu": 1.0, "celu": c.celu}.get(name, 12)
    x = torch.linspace(-12, end, 20_001).double()
    largest = 0.0
    for share in (0.0, 0.3, 0.9, 1.0):
        sizes = complex_slope(name, c, torch.complex(x, torch.full_like(x, share * strip.half_width))).abs()
        largest = max(largest, float(sizes.max()))
    assert 0.7 * strip.first <= largest <= strip.first * (1 + 1e-12)


def test_the_slopes_of_the_straight_and_bent_pieces_within_their_strips() -> None:
    """At each part of the width, by the rule for what lies between."""
    for name, steepest in (("hard_swish", lambda r: 1.5 + r / 3), ("softsign", lambda r: 1 / (1 - r) ** 2)):
        stated = curve(name, Constants())
        for part in (0.125, 0.25, 0.5, 0.9, 1.0):
            between = stated.first ** (1 - part) * stated.strip.first**part
            assert steepest(part * stated.strip.half_width) <= between * (1 + 1e-12)


def test_the_slope_of_gelu_within_the_strip() -> None:
    strip = curve("gelu", Constants()).strip
    with mpmath.workdps(20):
        slope = lambda w: mpmath.erfc(-w / mpmath.sqrt(2)) / 2 + w * mpmath.npdf(w)
        largest = max(abs(slope(mpmath.mpc(k / 50, strip.half_width))) for k in range(-300, 301))
    assert 0.5 * strip.first <= largest <= strip.first


def test_the_strip_of_the_softmax() -> None:
    """Σ|y_k| of complex scores: at the edge it comes close to what is stated, and never beyond."""
    generator = torch.Generator().manual_seed(3)
    scores = 3 * torch.randn(20_000, 3, generator=generator).double()
    signs = torch.sign(torch.randn(20_000, 3, generator=generator).double())
    e = torch.exp(torch.complex(scores, curves.SOFTMAX_STRIP.half_width * signs))
    sums = (e.abs() / e.sum(dim=1, keepdim=True).abs()).sum(dim=1)
    assert 0.99 * curves.SOFTMAX_STRIP.first <= float(sums.max()) <= curves.SOFTMAX_STRIP.first * (1 + 1e-12)
