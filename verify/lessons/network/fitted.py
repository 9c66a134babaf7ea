"""What a program does throughout with a number of its own: a clip, an epsilon, another constant or function.

A `Throughout` wraps the equations of every layer, or puts another function in an activation's place; mistakes in single
slots are decoded on top of it. Which numbers are worth trying is read off what came back (`read.py` beside this).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from manual import SLIDES, Activation, Constants, Equations, Working, activation, work
from verify.bounds.bounded import Bounded
from verify.bounds.budget import bounded_pair, lines_of
from verify.bounds.curves import bounded
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.mistake import Equation, without_error
from verify.lessons.network.rows_slope import of_output
from verify.said import Said


@dataclass(frozen=True)
class Function:
    """A function in an activation's place, on tensors and on bounded numbers."""

    plain: Activation
    bounded: Activation


Wrap = Callable[[Equations], Equations]


@dataclass(frozen=True)
class Throughout:
    """A mistake with its number; what it replaces in the equations, and which functions it puts in place of which."""

    mistake: str
    number: float | None
    form: Said | None = None
    wrap: Wrap | None = None
    functions: Mapping[str, Function] = field(default_factory=dict)
    says: Said | None = None  # in place of the mistake's own text
    wrong: str = ""
    right: str = ""
    only: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()  # of the lines that are wrong by themselves; (): those of the mistake

    def wrapped(self, equations: Equations) -> Equations:
        """The equations with what it replaces."""
        return equations if self.wrap is None else self.wrap(equations)

    def f(self, f: Activation) -> Activation:
        """What stands for that activation."""
        return self.functions[f.name].plain if f.name in self.functions else f

    def bounded_lines(self, case: Case, equations: Equations, u: float) -> dict[str, Bounded]:
        """The lines of a problem with it but E, each with its budget. equations: wrapped already."""
        p = case.problem
        exact: Callable[..., Any] = lambda v: Bounded.exact(v, u)
        f = self.functions[p.activation].bounded if p.activation in self.functions else bounded(p.f)
        W, b = [exact(w) for w in p.W], [exact(v) for v in p.b]
        asked = without_error(equations)
        lines = lines_of(work(W, b, exact(p.x), exact(p.t), f, bounded_pair(p), p.lam, asked, p.form))
        return {name: line for name, line in lines.items() if name != "E"}


# Functions -----------------------------------------------------------------------------------------------------------


def another(name: str, f: Activation) -> Function:
    """f under another activation's name."""
    plain = replace(f, name=name)
    made = bounded(f)
    return Function(plain, Activation(name, made.f, made.derivative, f.constants))


def with_slope_of(name: str, f: Activation) -> Function:
    """f under another activation's name, whose f′ by the formula of the output is kept: σ(a), but 1 − z² under tanh."""

    def kept(one: Activation) -> Activation:
        return Activation(name, one.f, lambda a: of_output(name, f.constants, one.f(a)), f.constants)

    return Function(kept(f), kept(bounded(f)))


@dataclass(frozen=True)
class Cut:
    """An activation whose argument is held between two limits; slope: what f′ is there."""

    f: Activation
    low: float
    high: float
    slope: str  # zero | held | free: f′ is 0 beyond the limits, that at the limit, or that of f

    def function(self) -> Function:
        """The cut activation under the name of the whole one."""
        return Function(self._activation(self.f), self._activation(bounded(self.f)))

    def _activation(self, f: Activation) -> Activation:
        return Activation(self.f.name, lambda a: f.f(self._held(a)), lambda a: self._derivative(f, a), self.f.constants)

    def _derivative(self, f: Activation, a: Any) -> Any:
        if self.slope == "free":
            return f.derivative(a)
        plain = _plain(a)
        inside = ((plain > self.low) & (plain < self.high)).to(plain.dtype)
        return f.derivative(self._held(a)) * (inside if self.slope == "zero" else torch.ones_like(inside))

    def _held(self, a: Any) -> Any:
        if isinstance(a, Tensor):
            return torch.clamp(a, self.low, self.high)
        held = torch.clamp(a.value, self.low, self.high)
        beyond = (a.value - held).abs() > 2 * a.error
        return Bounded(held, torch.where(beyond, 0.0, a.error), a.u)


@dataclass(frozen=True)
class Saturated:
    """A bounded activation that is its limit itself beyond ±`limit`; slope: f′ is 0 there, or that of f (free)."""

    f: Activation
    limit: float
    slope: str

    def function(self) -> Function:
        """It, under the activation's own name."""
        return Function(self._activation(self.f), self._activation(bounded(self.f)))

    def _activation(self, f: Activation) -> Activation:
        ends = torch.tensor([-torch.inf, torch.inf], dtype=torch.float64, device="cpu")
        below, above = self.f.f(ends).tolist()
        derivative = f.derivative if self.slope == "free" else lambda a: self._beyond(f.derivative(a), a, 0.0, 0.0)
        return Activation(f.name, lambda a: self._beyond(f.f(a), a, below, above), derivative, f.constants)

    def _beyond(self, whole: Any, a: Any, below: float, above: float) -> Any:
        plain, value = _plain(a), _plain(whole)
        ends = torch.where(plain > 0, torch.full_like(value, above), torch.full_like(value, below))
        value = torch.where(plain.abs() > self.limit, ends, value)
        return value if isinstance(whole, Tensor) else Bounded(value, whole.error, whole.u)


@dataclass(frozen=True)
class Straight:
    """Softplus that is a itself from some a on; slope: f′ is one there, or that of softplus (free)."""

    begins: float
    slope: str

    def function(self) -> Function:
        """It, under softplus's name."""
        softplus = activation("softplus", Constants())
        return Function(self._activation(softplus), self._activation(bounded(softplus)))

    def _activation(self, f: Activation) -> Activation:
        derivative = f.derivative if self.slope == "free" else lambda a: self._joined(f.derivative(a), a * 0 + 1.0, a)
        return Activation(f.name, lambda a: self._joined(f.f(a), a, a), derivative, f.constants)

    def _joined(self, below: Any, above: Any, a: Any) -> Any:
        on = _plain(a) > self.begins
        if isinstance(below, Tensor):
            return torch.where(on, above, below)
        return Bounded(torch.where(on, above.value, below.value), torch.where(on, above.error, below.error), below.u)


def _plain(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else value.value


# Equations -----------------------------------------------------------------------------------------------------------


def clamped(value: Any, low: float, high: float) -> Any:
    """Entry by entry held between two limits; a bounded number keeps its error."""
    if isinstance(value, Tensor):
        return torch.clamp(value, low, high)
    return Bounded(torch.clamp(value.value, low, high), value.error, value.u)


def _delta_clipped(*fields: str) -> Callable[[float], Wrap]:
    """Those equations of δ, entry by entry within ±limit."""

    def held(equation: Equation, limit: float) -> Equation:
        return lambda net, l: clamped(equation(net, l), -limit, limit)

    return lambda limit: lambda eq: replace(eq, **{f: held(getattr(eq, f), limit) for f in fields})


DELTA_CLIPS: dict[str, Callable[[float], Wrap]] = {
    "δ": _delta_clipped("delta_output", "delta_hidden"),
    "δ of the hidden layers": _delta_clipped("delta_hidden"),
    "δ(l+1) W(l+1)ᵀ": _delta_clipped("carried"),
    "δ(L)": _delta_clipped("delta_output"),
}
_GRADIENTS = {"dW": "weight_gradient", "db": "bias_gradient"}


def gradients_clipped(limit: float, kinds: Sequence[str]) -> Wrap:
    """dW, db or both entry by entry within ±limit."""
    return _delta_clipped(*(_GRADIENTS[kind] for kind in kinds))(limit)


def gradients_of_norm(limit: float, kinds: Sequence[str]) -> Wrap:
    """Every dW, db or both scaled to that norm where its own is larger."""

    def short(equation: Equation) -> Equation:
        def scaled(net: Working, l: int) -> Any:
            value = equation(net, l)
            norm = float(torch.linalg.vector_norm(_plain(value)))
            return value * (limit / norm) if norm > limit else value

        return scaled

    return lambda eq: replace(eq, **{f: short(getattr(eq, f)) for f in (_GRADIENTS[kind] for kind in kinds)})


def output_clipped(low: float, high: float) -> Wrap:
    """δ(L) of a y that is held between two limits."""

    def wrap(eq: Equations) -> Equations:
        def delta(net: Working, l: int) -> Any:
            y = net.y
            net.y = clamped(y, low, high)
            made = eq.delta_output(net, l)
            net.y = y
            return made

        return replace(eq, delta_output=delta)

    return wrap


def scores_clipped(low: float, high: float) -> Wrap:
    """y of scores that are held between two limits."""

    def output(net: Working, l: int) -> Any:
        held = copy(net)
        held.a = {**net.a, l: clamped(net.a[l], low, high)}
        return SLIDES.output(held, l)

    return lambda eq: replace(eq, output=output) if eq.output is SLIDES.output else eq


def another_kappa(kappa: float) -> Wrap:
    """δ(L) of the Huber loss with that κ."""

    def delta(net: Working, l: int) -> Any:
        assert net.pair.g is not None
        return clamped(net.y - net.t, -kappa, kappa) * net.pair.g.derivative(net.a[l])

    return lambda eq: replace(eq, delta_output=delta) if eq.delta_output is SLIDES.delta_output else eq


def own_output(y: Any, t: Any, *, binary: bool) -> Any:
    """y of the true class (N, 1); of the binary cross-entropy y where t is 1 and 1 − y where it is 0 (N, K)."""
    return y * t + (1 - y) * (1 - t) if binary else torch.sum(y * t, dim=1, keepdim=True)


def through_loss(factor: Callable[[Any], Any], *, binary: bool = False) -> Wrap:
    """δ(L) through a wrong ∂E/∂y: the right one times factor(`own_output`)."""

    def wrap(eq: Equations) -> Equations:
        def delta(net: Working, l: int) -> Any:
            return eq.delta_output(net, l) * factor(own_output(net.y, net.t, binary=binary))

        return replace(eq, delta_output=delta)

    return wrap


def epsilon_in_softmax(epsilon: float, *, shifted: bool) -> Wrap:
    """y = e / (Σ e + ε), with the row's maximum taken off before e or with the bare scores."""

    def output(net: Working, l: int) -> Any:
        y = SLIDES.output(net, l)
        a = _plain(net.a[l])
        top = torch.amax(a, dim=1, keepdim=True)
        total = torch.sum(torch.exp(a - top), dim=1, keepdim=True)
        total = total if shifted else total * torch.exp(top)
        return y * (total / (total + epsilon))

    return lambda eq: replace(eq, output=output) if eq.output is SLIDES.output else eq
