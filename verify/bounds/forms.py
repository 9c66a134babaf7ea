"""Textbook forms that lose digits: equations that are right, and whose own rounding is more than the documented form's.

δ(L) = (y − t) / (y(1 − y)) ⊙ y(1 − y) is y − t for whoever has all digits. In floating point 1 − y of a y near 1 has
lost those that y(1 − y) of the next line has not, and the product is off by u/(1 − y). A `Form` is the documented
equation written that way: run on Bounded numbers it says how far rounding may move such a program, entry by entry, and
where nothing cancels that is no further than the documented one. What lies within it is right, and worth advice.

`explained` finds the fewest forms that explain a program's lines. It is asked where a line is beyond its own budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from manual import SLIDES, Equations, Working
from verify.bounds.bounded import Bounded
from verify.bounds.budget import FLOAT64, bounded_working, lines_of
from verify.problems.lines import kind_and_layer, symbol
from verify.problems.problem import Problem
from verify.said import Said, Value, saying

_LARGE = 50_000  # parameters: of such a problem one form's budgets are kept at a time
DECIDED = 1e-3  # of the largest entry of a line: an entry that may be off by more is undecided


@dataclass(frozen=True)
class Form:
    """A textbook way to write some equations of the network, with what it loses and the form that loses nothing."""

    key: str
    losses: tuple[str, ...]  # under which it is a form of the documented equation
    says: str  # how the line is written
    instead: str  # what loses nothing
    replaced: Mapping[str, Callable[..., Any]] = field(repr=False)  # fields of Equations

    def into(self, equations: Equations) -> Equations:
        """The equations with this form's in their places."""
        return replace(equations, **self.replaced)


@dataclass(frozen=True)
class Explanation:
    """Why lines that are beyond the documented form's rounding are right: the forms, and what they lose."""

    forms: tuple[Form, ...]
    eta: float | None  # the program hands over (W − W after a step of η) / η
    lost: Mapping[str, float]  # line -> the largest error over the largest entry, of the lines that needed it
    undecided: int  # entries that the forms' own rounding leaves undecided
    advice: tuple[Said, ...]


@dataclass(eq=False)
class Textbook:
    """One problem with its right lines and their budgets; how far each form may be off is worked out once.

    truth, own: line -> value, and how far a program of roundoff u may be from it by the documented equations.
    deepest: layers of the network in whose names its lines are told, counted from the output; without it, its own.
    """

    problem: Problem
    truth: Mapping[str, Tensor]
    own: Mapping[str, Tensor]
    u: float = FLOAT64
    deepest: int | None = None
    _found: dict[tuple[str, ...], dict[str, Tensor]] = field(default_factory=dict, repr=False)

    def allowed(self, forms: tuple[Form, ...]) -> dict[str, Tensor]:
        """Line -> how far a program that writes these forms may be from the truth; never less than `own`."""
        key = tuple(form.key for form in forms)
        if key not in self._found:
            if sum(w.numel() for w in self.problem.W) > _LARGE:
                self._found.clear()
            self._found[key] = self._worked(forms) if forms else dict(self.own)
        return self._found[key]

    def told(self, name: str) -> str:
        """The name under which a report has that line."""
        kind, l = kind_and_layer(name)
        return name if l is None or self.deepest is None else f"{kind}{l + self.deepest - self.problem.L}"

    def _worked(self, forms: tuple[Form, ...]) -> dict[str, Tensor]:
        equations = SLIDES
        for form in forms:
            equations = form.into(equations)
        lines = lines_of(bounded_working(self.problem, self.u, equations))
        return {name: torch.maximum(own, own / 2 + lines[name].error) for name, own in self.own.items()}


Asked = Sequence[tuple[Textbook, Mapping[str, Tensor]]]


def explained(asked: Asked) -> Explanation | None:
    """The fewest textbook forms whose own rounding explains every line that is given, on every problem; None if none.

    asked: of each problem, its `Textbook` and the program's lines by name (those that are in question, or all).
    A line without an entry that the forms leave decided, on any problem, is not explained: no "right" without evidence.
    Whoever asks prefers a mistake that reproduces the same numbers within the narrower budgets of its own equations.
    """
    if any(value.shape != book.truth[name].shape for book, lines in asked for name, value in lines.items()):
        return None
    for forms in _choices(asked):
        for eta in chain((None,), _steps(asked, forms)):
            if _explain(asked, forms, eta):
                return _explanation(asked, forms, eta)
    return None


def _explain(asked: Asked, forms: tuple[Form, ...], eta: float | None, slack: float = 0.0) -> bool:
    """Whether every line is within what the forms and a step of η may lose, and that share of it."""
    bounds = (_bounds(book, lines, forms, eta) for book, lines in asked)
    return all(_within(book, lines, bound, slack) for (book, lines), bound in zip(asked, bounds, strict=True))


def _choices(asked: Asked) -> Iterator[tuple[Form, ...]]:
    """None, then each by itself, the narrowest first: the forms of one loss stand in one another's place."""
    losses = {book.problem.loss for book, _ in asked}
    yield ()
    yield from ((form,) for form in FORMS if losses <= set(form.losses))


def _within(book: Textbook, lines: Mapping[str, Tensor], bound: Mapping[str, Tensor], slack: float) -> bool:
    """What is not finite is explained only where the form itself has no bound: where it divides by what may be 0."""
    return all(
        bool((((value - book.truth[name]).abs() <= bound[name] * (1 + slack)) | torch.isinf(bound[name])).all())
        for name, value in lines.items()
    )


def _bounds(
    book: Textbook, lines: Mapping[str, Tensor], forms: tuple[Form, ...], eta: float | None
) -> dict[str, Tensor]:
    allowed = book.allowed(forms)
    step = lambda name, value: 0.0 if eta is None else _of_step(book, name, value, eta)
    return {name: allowed[name] + step(name, value) for name, value in lines.items()}


# What an explanation says --------------------------------------------------------------------------------------------


def _explanation(asked: Asked, forms: tuple[Form, ...], eta: float | None) -> Explanation | None:
    lost: dict[str, float] = {}
    closed: dict[str, tuple[bool, bool]] = {}  # whether the line has a decided entry: documented, and by these forms
    undecided = 0
    for book, lines in asked:
        for name, bound in _bounds(book, lines, forms, eta).items():
            error, largest = (lines[name] - book.truth[name]).abs(), float(book.truth[name].abs().max())
            documented, here = book.own[name] <= DECIDED * largest, bound <= DECIDED * largest
            undecided += int((documented & ~here).sum())
            before = closed.get(name, (False, False))
            closed[name] = (before[0] or bool(documented.any()), before[1] or bool(here.any()))
            beyond = ~(error <= book.own[name])
            if bool(beyond.any()):
                share = float(torch.nan_to_num(error[beyond], nan=math.inf).max()) / largest if largest else math.inf
                lost[book.told(name)] = max(lost.get(book.told(name), 0.0), share)
    if any(documented and not here for documented, here in closed.values()):
        return None
    return Explanation(forms, eta, lost, undecided, tuple(_advice(forms, eta, lost, asked[0][0].u)))


def _advice(forms: Iterable[Form], eta: float | None, lost: Mapping[str, float], u: float) -> Iterator[Said]:
    worst = max(lost, key=lambda name: lost[name], default="")
    kept = {"digits": _digits(lost[worst]), "of": round(-math.log10(u))} if worst else {}
    values: dict[str, Value] = {"line": symbol(worst), **kept} if worst else {}
    alone = "" if worst else "-alone"
    for form in forms:
        yield said(f"form-{form.key}{alone}", **values)
    if eta is not None:
        yield said(f"form-step-difference{alone}", eta=eta, **values)


def _digits(share: float) -> int:
    return max(0, min(16, math.floor(-math.log10(share)))) if 0 < share < math.inf else 0 if share else 16


# (W − W after a step) / η --------------------------------------------------------------------------------------------

# η as people write it, the largest first: the larger it is, the less it explains.
_ETAS = sorted((digit * 10.0**-k for k in range(7) for digit in (1, 7.5, 5, 4, 3, 2.5, 2, 1.5, 1.25)), reverse=True)


def _steps(asked: Asked, forms: tuple[Form, ...]) -> Iterator[float]:
    """The η that fit every line of dW and db where it is beyond its budget by these forms, the largest first.

    Each problem is asked by itself: a program that steps in float32 here may step in float64 there, by the type that
    its f′ returns.
    """
    if not _explain(asked, forms, _ETAS[-1], slack=1e-9):
        return  # the smallest η loses most, so no other explains what it does not
    beyond = [(book, n, v) for book, n, v in _beyond(asked, forms) if kind_and_layer(n)[0] in ("dW", "db")]
    for eta in _ETAS if beyond else ():
        if all(_steps_by(eta, book, name, value) for book, name, value in beyond):
            yield eta


def step_of(lines: Sequence[tuple[Tensor, Tensor]], u: float = FLOAT64) -> float | None:
    """The η of a program that hands over (W − W after a step) / η, the smallest that fits; None where none does.

    lines: each parameter with its gradient. A step that is small beside W stands on W's grid by no accident.
    """
    stepped = [(w[g != 0], g[g != 0]) for w, g in lines]  # where there is no step, every η fits
    if not any(len(w) for w, _ in stepped):
        return None
    return next((eta for eta in reversed(_ETAS) if all(_on_grid(w, g, eta, u) for w, g in stepped)), None)


def step_rounding(w: Tensor, g: Tensor, eta: float, u: float = FLOAT64) -> Tensor:
    """What (w − (w − ηg)) / η rounds off: the half-units of w − ηg, and three roundings of g."""
    return u * ((w.abs() + eta * g.abs()) / eta + 4 * g.abs()) * (1 + 8 * u)


def _steps_by(eta: float, book: Textbook, name: str, value: Tensor) -> bool:
    """Whether a line stands on the grid of its parameter's own numbers, as one after a step of η does."""
    w, g = parameter_of(book.problem, name).flatten(), value.flatten()
    return _on_grid(w[g != 0], g[g != 0], eta, book.u)  # where there is no step, every η fits


def _beyond(asked: Asked, forms: tuple[Form, ...]) -> Iterator[tuple[Textbook, str, Tensor]]:
    for book, lines in asked:
        allowed = book.allowed(forms)
        for name, value in lines.items():
            if not bool(((value - book.truth[name]).abs() <= allowed[name]).all()):
                yield book, name, value


def parameter_of(problem: Problem, name: str) -> Tensor:
    """W(l) for dW(l), b(l) for db(l)."""
    kind, l = kind_and_layer(name)
    assert l is not None
    return problem.W[l - 1] if kind == "dW" else problem.b[l - 1]


def _on_grid(w: Tensor, g: Tensor, eta: float, u: float = FLOAT64) -> bool:
    """Whether w − ηg is a floating-point number, up to the rounding of ηg itself, in every entry.

    Some entries are asked before all are: those of another origin seldom pass, and there may be millions.
    """
    some = max(1, len(g) // _SOME)
    return all(_on_grid_here(w[::every], g[::every], eta, u) for every in (some, 1))


_SOME = 1000


def _on_grid_here(w: Tensor, g: Tensor, eta: float, u: float) -> bool:
    step = g * eta
    single: Callable[[Tensor], Tensor] = lambda v: v if u == FLOAT64 else v.to(torch.float32).to(v.dtype)
    w = single(w)
    after = single(w - step)
    # What w − after misses of the step was rounded off here: of a step that was a difference before, next to nothing.
    off = (step - (w - after)).abs()
    return bool((off <= 4 * u * step.abs()).all())


def _of_step(book: Textbook, name: str, value: Tensor, eta: float) -> Tensor | float:
    gradient = kind_and_layer(name)[0] in ("dW", "db")
    return step_rounding(parameter_of(book.problem, name), value, eta, book.u) if gradient else 0.0


# The forms -----------------------------------------------------------------------------------------------------------


def _widest(*forms: Any) -> Any:
    """Several ways to write one line: the first one's value, each entry with the largest of their bounds."""
    first = forms[0]
    if not isinstance(first, Bounded):
        return first
    error = first.error
    for form in forms[1:]:
        error = torch.maximum(error, form.error)
    return Bounded(first.value, error, first.u)


def _chain(y: Any, t: Any) -> Any:
    """∂E/∂y, then ∂y/∂a of the same unit, each by itself: (y − t)/(y(1 − y)), −t/y + (1 − t)/(1 − y)."""
    slope = y - y * y  # y(1 − y) with its terms; y(1 − y), σ(a)σ(−a) and e/(1 + e)² have smaller ones
    return _widest((y - t) / (y * (1 - y)) * slope, ((1 - t) / (1 - y) - t / y) * slope).rounded(3)


def _through_one_minus_output(net: Working, l: int) -> Any:
    return _chain(_accurate(net, l), net.pair.goal(net.t))


def _through_difference(net: Working, l: int) -> Any:
    return _chain(net.y, net.pair.goal(net.t))


def _accurate(net: Working, l: int) -> Any:
    """y with an error relative to y: of the softmax always, of the logistic function by 1/(1 + e⁻ᵃ)."""
    if net.pair.output == "softmax":
        return net.y
    a: Any = net.a[l]
    y, other = torch.sigmoid(a.value), torch.sigmoid(-a.value)
    growth = torch.expm1(torch.clamp(2 * a.error, max=350))
    return a.through(y, torch.clamp(y * other * growth * (1 + growth), max=1), y)


def _through_jacobian(net: Working, l: int) -> Any:
    """δ = (diag(y) − yyᵀ) c with c = −t/y, every term rounded by itself; products of small y underflow in float32."""
    y: Any = net.y
    c: Any = -(net.pair.goal(net.t) / y)
    delta = (y * c - y * torch.sum(y * c, dim=1, keepdim=True)).rounded(3)
    lost = torch.sum(c.value.abs() + 2 * c.error, dim=1, keepdim=True) * delta._tiny()
    return Bounded(delta.value, delta.error + lost, delta.u)


def _logarithm_of_difference(net: Working, l: int) -> Any:
    """E from ln y of a y that is 1 − 1/(1 + eᵃ) or ½(1 + tanh(a/2)), for which a small y is off by u/y."""
    y: Any = net.y
    E: Any = SLIDES.total_error(net, l)
    t: Any = net.pair.goal(net.t)
    logarithm: Any = torch.log(y)
    lost = torch.sum(logarithm.error * t.value.abs()) / net.N
    return Bounded(E.value, E.error + lost, E.u)


FORMS: tuple[Form, ...] = (
    Form(
        "jacobian",
        ("cross-entropy", "smoothed-cross-entropy"),
        "δ(L) is taken through the whole Jacobian of the softmax, from −t/y.",
        "y − t is the same number in fewer roundings.",
        {"delta_output": _through_jacobian},
    ),
    Form(
        "one-minus-output",
        ("cross-entropy", "binary-cross-entropy"),
        "δ(L) is taken by way of 1 − y: the derivative of the loss divides by y(1 − y), and that of the output "
        "multiplies by it again. Where y is near 1, 1 − y has lost its digits.",
        "y − t is the same number without the loss.",
        {"delta_output": _through_one_minus_output},
    ),
    Form(
        "output-by-difference",
        ("binary-cross-entropy",),
        "y is taken by a difference, as 1 − 1/(1 + eᵃ) and ½(1 + tanh(a/2)) are: a small y keeps few digits, and E and "
        "δ(L) divide by it.",
        "1/(1 + e⁻ᵃ) keeps them all.",
        {"delta_output": _through_difference, "total_error": _logarithm_of_difference},
    ),
)

_SEEN = " The worst entry of {line} keeps about {digits} of {of} digits."
_STEP = "The gradient is handed over as (W − W after a step of η = {eta:g}) / η, which loses digits to W itself."


def _texts() -> Iterator[tuple[str, str]]:
    rows = [*((form.key, form.says, form.instead) for form in FORMS)]
    for key, says, instead in (*rows, ("step-difference", _STEP, "Hand over what is multiplied by η.")):
        yield f"form-{key}", f"{says}{_SEEN} {instead}"
        yield f"form-{key}-alone", f"{says} {instead}"


TEXTS = dict(_texts())

said = saying(TEXTS)


def step_difference(eta: float) -> Said:
    """What is said of a program that hands over (W − W after a step of η) / η."""
    return said("form-step-difference-alone", eta=eta)
