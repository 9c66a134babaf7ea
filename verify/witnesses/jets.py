"""Numbers a + bε with ε² = 0 whose parts are balls: forward differentiation that encloses the exact derivative.

The balls are Arb's (python-flint): midpoint and radius, each operation rounded outward. A jet goes through f as f is
written in the decks, and its second part is f′ by the rules for sums, products, quotients and the few functions of the
library: no formula for a derivative of an activation or loss stands here. Forms are chosen so that both parts keep
their relative accuracy where f or f′ is tiny.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flint import arb

from manual.activations import Constants
from verify.bounds.pieces import Pieces, pieces

Ball = Any  # flint has no types


@dataclass(frozen=True, slots=True)
class Jet:
    """value + slope ε."""

    value: Ball
    slope: Ball

    def __neg__(self) -> Jet:
        return Jet(-self.value, -self.slope)

    def __add__(self, other: Any) -> Jet:
        o = _jet(other)
        return Jet(self.value + o.value, self.slope + o.slope)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Jet:
        return self + -_jet(other)

    def __mul__(self, other: Any) -> Jet:
        o = _jet(other)
        return Jet(self.value * o.value, self.value * o.slope + self.slope * o.value)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Jet:
        o = _jet(other)
        return Jet(self.value / o.value, (self.slope * o.value - self.value * o.slope) / o.value**2)

    def __rtruediv__(self, other: Any) -> Jet:
        return _jet(other) / self

    def exp(self) -> Jet:
        """e^self."""
        e = self.value.exp()
        return Jet(e, e * self.slope)

    def expm1(self) -> Jet:
        """e^self − 1."""
        return Jet(self.value.expm1(), self.value.exp() * self.slope)

    def log1p(self) -> Jet:
        """ln(1 + self)."""
        return Jet(self.value.log1p(), self.slope / (1 + self.value))

    def erfc(self) -> Jet:
        """1 − erf, whose derivative is −2/√π e^−x²."""
        v = self.value
        return Jet(v.erfc(), -2 / arb.const_sqrt_pi() * (-v * v).exp() * self.slope)


def _jet(v: Any) -> Jet:
    return v if isinstance(v, Jet) else Jet(v if isinstance(v, arb) else arb(v), arb(0))


def variable(value: Ball) -> Jet:
    """The number by which is differentiated."""
    return Jet(value, arb(1))


def _positive(a: Jet) -> bool:
    """Which of two forms that are equal everywhere keeps its digits; any answer is right."""
    return bool(a.value.mid() > 0)


# Activations ---------------------------------------------------------------------------------------------------------

Function = Callable[[Jet], Jet]


def sigmoid(a: Jet) -> Jet:
    """1/(1 + e⁻ᵃ)."""
    if _positive(a):
        return 1 / (1 + (-a).exp())
    e = a.exp()
    return e / (1 + e)


def softplus(a: Jet) -> Jet:
    """ln(1 + eᵃ)."""
    return a + (-a).exp().log1p() if _positive(a) else a.exp().log1p()


def tanh(a: Jet) -> Jet:
    """(eᵃ − e⁻ᵃ)/(eᵃ + e⁻ᵃ) = −m/(2 + m) with m = e⁻²ᵃ − 1, and m/(2 + m) with m = e²ᵃ − 1."""
    if _positive(a):
        m = (-2 * a).expm1()
        return -m / (m + 2)
    m = (2 * a).expm1()
    return m / (m + 2)


def swish(a: Jet, beta: Ball) -> Jet:
    """a σ(βa)."""
    return a * sigmoid(beta * a)


def gelu(a: Jet) -> Jet:
    """a P(X ≤ a) = a erfc(−a/√2)/2."""
    return a * (-a / arb(2).sqrt()).erfc() / 2


def gelu_tanh(a: Jet) -> Jet:
    """½a(1 + tanh u) = a σ(2u), u = √(2/π)(a + 0.044715 a³)."""
    cube = a * a * a * arb(44715) / 1_000_000
    return a * sigmoid((a + cube) * (2 * (2 / arb.pi()).sqrt()))


def mish(a: Jet) -> Jet:
    """a n/(n + 2) with n = eᵃ(eᵃ + 2); above 0 as a − 2a q²/(1 + 2q + 2q²), q = e⁻ᵃ."""
    if _positive(a):
        q = (-a).exp()
        return a - 2 * a * q * q / (1 + 2 * q + 2 * q * q)
    n = a.exp() * (a.exp() + 2)
    return a * n / (n + 2)


def piecewise(a: Jet, joined: Pieces) -> Jet:
    """The piece that a lies in; where pieces meet, or where the ball reaches that, the hull of both, slopes as well."""
    low = sum(1 for knot in joined.knots if a.value > knot.at)
    high = sum(1 for knot in joined.knots if not a.value < knot.at)
    found = joined.pieces[low](a)
    for piece in joined.pieces[low + 1 : high + 1]:
        other = piece(a)
        exact = a.value.rad() == 0  # the pieces meet: either value is f's
        found = Jet(other.value if exact else found.value.union(other.value), found.slope.union(other.slope))
    return found


def sides(joined: Pieces) -> dict[float, tuple[Ball, Ball]]:
    """f′ on either side of each point where pieces meet."""
    met = lambda k: variable(arb(k.at))
    return {k.at: (left(met(k)).slope, right(met(k)).slope) for k, left, right in joined.joints()}


def function(name: str, c: Constants) -> Function:
    """f of that name. Constants are the doubles that a problem has; 0.044715 and 1.702 are the decimals of the deck."""
    joined = pieces(name, c)
    if joined is not None:
        return lambda a: piecewise(a, joined)
    beta, sigmoids = arb(c.swish), arb(1702) / 1000
    smooth: dict[str, Function] = {
        "softplus": softplus,
        "sigmoid": sigmoid,
        "tanh": tanh,
        "swish": lambda a: swish(a, beta),
        "silu": lambda a: swish(a, arb(1)),
        "gelu": gelu,
        "gelu_tanh": gelu_tanh,
        "gelu_sigmoid": lambda a: swish(a, sigmoids),
        "mish": mish,
        "log_sigmoid": lambda a: -softplus(-a),
        "identity": lambda a: a,
    }
    return smooth[name]


# Outputs and losses of one sample ------------------------------------------------------------------------------------

Loss = Callable[[Sequence[Jet], Sequence[Ball]], Jet]
Outputs = Callable[[Sequence[Jet]], list[Jet]]


def softmax(a: Sequence[Jet]) -> list[Jet]:
    """e^a_k / Σ_j e^a_j, as 1 / Σ_j e^(a_j − a_k)."""
    return [1 / (1 + _others(a, k)) for k in range(len(a))]


def _others(a: Sequence[Jet], k: int) -> Jet:
    """Σ e^(a_j − a_k) over the others than k: what the softmax's denominator exceeds 1 by."""
    return sum(((a_j - a[k]).exp() for j, a_j in enumerate(a) if j != k), _jet(0))


def cross_entropy(a: Sequence[Jet], t: Sequence[Ball]) -> Jet:
    """Σ_k −t_k ln y_k = Σ_k t_k ln(1 + Σ_(j≠k) e^(a_j − a_k)): accurate for a y_k near 1 as well."""
    return sum((t_k * _others(a, k).log1p() for k, t_k in enumerate(t) if not t_k.is_zero()), _jet(0))


def binary_cross_entropy(a: Sequence[Jet], t: Sequence[Ball]) -> Jet:
    """−Σ_k t_k ln σ(a_k) + (1 − t_k) ln σ(−a_k), with −ln σ(a) = softplus(−a)."""
    terms = [
        term
        for a_k, t_k in zip(a, t, strict=True)
        for term in ([] if t_k.is_zero() else [t_k * softplus(-a_k)])
        + ([] if t_k == 1 else [(1 - t_k) * softplus(a_k)])
    ]
    return sum(terms, _jet(0))


def squared_error(y: Outputs) -> Loss:
    """½ Σ_k (y_k − t_k)²."""
    return lambda a, t: _squares(y(a), t) / 2


def mean_squared_error(y: Outputs) -> Loss:
    """(1/K) Σ_k (y_k − t_k)²."""
    return lambda a, t: _squares(y(a), t) / len(t)


def margins(y: Sequence[Jet], t: Sequence[Ball], delta: Ball) -> list[Jet]:
    """y_k − y_c + Δ of the classes whose t is 0, c the true one."""
    own = next(y_k for y_k, t_k in zip(y, t, strict=True) if not t_k.is_zero())
    return [y_k - own + delta for y_k, t_k in zip(y, t, strict=True) if t_k.is_zero()]


def of_residuals(rho: Function) -> Callable[[Outputs], Loss]:
    """Σ_k ρ(y_k − t_k)."""
    return lambda y: lambda a, t: sum((rho(y_k - t_k) for y_k, t_k in zip(y(a), t, strict=True)), _jet(0))


def _squares(y: Sequence[Jet], t: Sequence[Ball]) -> Jet:
    return sum((_square(y_k - t_k) for y_k, t_k in zip(y, t, strict=True)), _jet(0))


def _square(v: Jet) -> Jet:
    return v * v


def output(name: str, c: Constants) -> Outputs:
    """y of the scores of one sample."""
    if name == "softmax":
        return softmax
    g = function(name, c)
    return lambda a: [g(v) for v in a]


def loss(name: str, output_name: str, c: Constants) -> Loss:
    """E_n of the scores of one sample."""
    if name == "smoothed-cross-entropy":
        epsilon = arb(c.smoothing)
        return lambda a, t: cross_entropy(a, [(1 - epsilon) * t_k + epsilon / len(t) for t_k in t])
    if name == "hinge":
        rho, delta = function("relu", c), arb(c.margin)
        return lambda a, t: sum((rho(m) for m in margins(output(output_name, c)(a), t, delta)), _jet(0))
    if name in _OF_SCORES:
        return _OF_SCORES[name]
    made = _OF_OUTPUTS[name] if name in _OF_OUTPUTS else of_residuals(function(_RHOS[name], c))
    return made(output(output_name, c))


_RHOS = {"l1": "absolute", "huber": "huber"}


_OF_SCORES: dict[str, Loss] = {"cross-entropy": cross_entropy, "binary-cross-entropy": binary_cross_entropy}
_OF_OUTPUTS: dict[str, Callable[[Outputs], Loss]] = {
    "squared-error": squared_error,
    "mean-squared-error": mean_squared_error,
}
