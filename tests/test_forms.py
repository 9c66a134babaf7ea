"""Textbook forms that lose digits are explained, with what they lose; mistakes that look like them are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from manual import SLIDES, Equations, Working, work
from verify.bounds.budget import FLOAT64, budgets, lines_of
from verify.bounds.forms import Explanation, Textbook, explained
from verify.problems.problem import Problem
from verify.problems.samples import Shape, sample, seeded

Program = Callable[[Problem], Mapping[str, Tensor]]
SIGMOID, SOFTMAX = ("sigmoid", "binary-cross-entropy"), ("softmax", "cross-entropy")


def problems(pair: tuple[str, str], gain: float = 1.0) -> list[Problem]:
    """Ordinary ones, and some whose scores reach far: y near 0 and 1, of right answers and of wrong ones."""
    generator = seeded(11)
    output, loss = pair
    made = []
    for number in range(12):
        shape = Shape("", (4, 5, 3), 1 + number % 4)
        p = sample(generator, shape, activation="tanh", output=output, loss=loss, lam=0.1 * (number % 2))
        far = gain * (1 + 4 * (number % 3))
        made.append(replace(p, W=(p.W[0], far * p.W[1])))
    return made


def books(cases: list[Problem]) -> list[Textbook]:
    return [Textbook(p, lines_of(_work(p)), {n: 2 * e for n, e in budgets(p, FLOAT64).items()}) for p in cases]


def _work(p: Problem, equations: Equations = SLIDES) -> Working:
    return work(p.W, p.b, p.x, p.t, p.f, p.pair, p.lam, equations)


def judged(program: Program, cases: list[Problem]) -> tuple[int, Explanation | None]:
    """How many entries are beyond the documented budget, and what explains them."""
    asked = [(book, program(book.problem)) for book in books(cases)]
    beyond = sum(
        int((~((v - book.truth[n]).abs() <= book.own[n])).sum()) for book, lines in asked for n, v in lines.items()
    )
    return beyond, explained(asked)


def writes(**equations: Callable) -> Program:
    """A program that writes those equations so, and hands over its gradients and E."""

    def program(p: Problem) -> Mapping[str, Tensor]:
        lines = lines_of(_work(p, replace(SLIDES, **equations)))
        return {name: v for name, v in lines.items() if name[:2] in ("dW", "db", "E")}

    return program


def _slope(net: Working, a: Tensor) -> Tensor:
    return torch.exp(-a) / (1 + torch.exp(-a)) ** 2


def _from_exponentials(net: Working, l: int) -> Tensor:
    e = torch.exp(net.a[l])
    S = torch.sum(e, dim=1, keepdim=True)
    return (net.y - net.t) / (net.y * (1 - net.y)) * ((e * S - e * e) / S**2)


def _log_loss(y: Callable[[Tensor], Tensor]) -> Callable:
    def total_error(net: Working, l: int) -> Tensor:
        held = y(net.a[l])
        E_n = -torch.sum(net.t * torch.log(held) + (1 - net.t) * torch.log(1 - held), dim=1)
        return torch.mean(E_n) + net.lam / 2 * sum(torch.sum(w * w) for w in net.W.values())

    return total_error


half_tanh: Callable[[Tensor], Tensor] = lambda a: 0.5 * (1 + torch.tanh(a / 2))
minus: Callable[[Tensor], Tensor] = lambda a: 1 - 1 / (1 + torch.exp(a))
FORMS: dict[str, tuple[tuple[str, str], Program, str]] = {
    "(y − t)/(y(1 − y)), e/(1 + e)²": (
        SIGMOID,
        writes(delta_output=lambda net, l: (net.y - net.t) / (net.y * (1 - net.y)) * _slope(net, net.a[l])),
        "one-minus-output",
    ),
    "−t/y + (1 − t)/(1 − y), σ(a)σ(−a)": (
        SIGMOID,
        writes(
            delta_output=lambda net, l: (
                ((1 - net.t) / (1 - net.y) - net.t / net.y) * torch.sigmoid(net.a[l]) * torch.sigmoid(-net.a[l])
            )
        ),
        "one-minus-output",
    ),
    "(y − t)/(y(1 − y)), softmax by the quotient rule": (
        SOFTMAX,
        writes(delta_output=_from_exponentials),
        "one-minus-output",
    ),
    "ln y, y = ½(1 + tanh(a/2))": (SIGMOID, writes(total_error=_log_loss(half_tanh)), "output-by-difference"),
    "ln y, y = 1 − 1/(1 + eᵃ)": (SIGMOID, writes(total_error=_log_loss(minus)), "output-by-difference"),
    "−t/y of y = 1 − 1/(1 + eᵃ)": (
        SIGMOID,
        writes(
            delta_output=lambda net, l: (
                ((1 - net.t) / (1 - minus(net.a[l])) - net.t / minus(net.a[l])) * _slope(net, net.a[l])
            )
        ),
        "output-by-difference",
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_loses_digits_is_explained_by_its_own_rounding(name: str) -> None:
    pair, program, key = FORMS[name]
    beyond, found = judged(program, problems(pair, gain=2.5))
    assert beyond > 0
    assert found is not None
    assert [form.key for form in found.forms] == [key]
    assert found.lost
    assert "digits" in found.advice[0].text


def test_what_loses_nothing_needs_no_form() -> None:
    beyond, found = judged(writes(), problems(SIGMOID, gain=2.5))
    assert beyond == 0
    assert found is not None
    assert (found.forms, found.advice, dict(found.lost)) == ((), (), {})


def stepped(eta: float) -> Program:
    def program(p: Problem) -> Mapping[str, Tensor]:
        lines = lines_of(_work(p))
        held = {f"{k}{l}": v for l in range(1, p.L + 1) for k, v in (("dW", p.W[l - 1]), ("db", p.b[l - 1]))}
        return {name: (v - (v - eta * lines[name])) / eta for name, v in held.items()}

    return program


@pytest.mark.parametrize("eta", [0.1, 0.03, 0.01, 1e-3])
def test_a_difference_of_weights_before_and_after_a_step(eta: float) -> None:
    beyond, found = judged(stepped(eta), problems(SIGMOID))
    assert beyond > 0
    assert found is not None
    assert found.eta == pytest.approx(eta)
    assert f"η = {eta:g}" in found.advice[0].text


# Mistakes of the size of such losses ---------------------------------------------------------------------------------


def clipped(low: float) -> Callable[[Working, int], Tensor]:
    return lambda net, l: torch.clamp(net.y, low, 1 - low) - net.t


MISTAKES: dict[str, tuple[tuple[str, str], Program]] = {
    **{
        f"y clipped at {low:g}, {pair[0]}": (pair, writes(delta_output=clipped(low)))
        for low in (1e-7, 1e-10)
        for pair in (SIGMOID, SOFTMAX)
    },
    **{
        f"y(1 − y) + {eps:g}, {pair[0]}": (
            pair,
            writes(
                delta_output=lambda net, l, eps=eps: (net.y - net.t) / (net.y * (1 - net.y) + eps) * net.y * (1 - net.y)
            ),
        )
        for eps in (1e-8, 1e-12)
        for pair in (SIGMOID, SOFTMAX)
    },
    "ln(y + 1e-12)": (SIGMOID, writes(total_error=_log_loss(lambda a: torch.sigmoid(a) + 1e-12))),
    "no 1/N": (SIGMOID, writes(mean=lambda net, total: total)),
    "off by 1e-11 of its size": (SIGMOID, writes(mean=lambda net, total: total / net.N * (1 + 1e-11))),
    "λ off by 1e-9": (SIGMOID, writes(decay=lambda net, l: net.lam * (1 + 1e-9) * net.W[l])),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_no_form(name: str) -> None:
    pair, program = MISTAKES[name]
    beyond, found = judged(program, problems(pair, gain=2.5))
    assert beyond > 0
    assert found is None


def test_a_line_of_another_shape_is_not_explained() -> None:
    (book,) = books(problems(SIGMOID)[:1])
    assert explained([(book, {"dW1": book.truth["dW1"].T})]) is None
