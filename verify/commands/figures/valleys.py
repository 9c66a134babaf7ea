"""Deck 004's pictures of a loss: slices, three ways down, steps too small and too large, numerical gradients."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from manual import numerical, searches, slices, svm
from verify.problems.data import read_batch

_LAM = 0.001


def _svm() -> tuple[Any, Any, Tensor]:
    """The SVM loss of 100 images with its bias trick, its gradient, and weights to begin with (10, 785)."""
    batch = read_batch("fashion-mnist", 100, seed=0)
    x = torch.cat([batch.images.T, torch.ones(1, 100, dtype=torch.float64, device="cpu")])
    loss = lambda W: svm.loss(W, x, batch.labels, lam=_LAM)
    gradient = lambda W: svm.gradient(W, x, batch.labels, lam=_LAM)
    rng = torch.Generator().manual_seed(0)
    return loss, gradient, 0.0001 * torch.randn(10, 785, generator=rng, dtype=torch.float64, device="cpu")


def slices_topic() -> dict[str, Any]:
    """L(W + aW₁) as a curve, L(W + aW₁ + bW₂) as a surface: deck 004 "□ 举个栗子" and "□ 第二个栗子"."""
    loss, _, W = _svm()
    rng = torch.Generator().manual_seed(1)
    W1, W2 = (0.02 * torch.randn(W.shape, generator=rng, dtype=torch.float64, device="cpu") for _ in range(2))
    a, b = (
        torch.linspace(-5, 5, 81, dtype=torch.float64, device="cpu"),
        torch.linspace(-5, 5, 25, dtype=torch.float64, device="cpu"),
    )
    curve = slices.curve(loss, W, W1, a)
    return {
        "a": a.tolist(), "curve": curve.tolist(), "convex": slices.bends_upwards(curve),
        "b": b.tolist(), "surface": slices.surface(loss, W, W1, W2, b, b).tolist(),
    }  # fmt: skip


def searches_topic() -> dict[str, Any]:
    """Three strategies on one axis, and descent with steps too small, fitting, too large."""
    loss, gradient, W = _svm()
    rng, tries = torch.Generator().manual_seed(0), 200
    ways = {
        "random search": searches.random_search(loss, W, tries, 0.01, rng).best,
        "random local search": searches.local_search(loss, W, tries, 0.001, rng).best,
        "gradient": searches.descent(loss, gradient, W, tries, 0.01).best,
    }
    etas = {"too small": 0.0001, "fitting": 0.01, "too large": 20.0}
    return {
        "ways": ways,
        "steps": {name: searches.descent(loss, gradient, W, 60, eta).best for name, eta in etas.items()},
        "eta": etas,
    }


def numerical_topic() -> dict[str, Any]:
    """The error of four formulas for exp at 0.7 against the step, with what rounding and truncation explain."""
    x, steps = (
        torch.tensor(0.7, dtype=torch.float64, device="cpu"),
        torch.logspace(-15, -1, 113, dtype=torch.float64, device="cpu"),
    )
    slope, value = math.exp(0.7), math.exp(0.9)
    factor = {"one-sided": 1 / 2, "central": 1 / 6, "five-point": 1 / 30, "complex-step": 1 / 6}
    found = numerical.errors(torch.exp, slope, x, steps)
    return {
        "steps": steps.tolist(),
        "errors": {name: v.tolist() for name, v in found.items()},
        "budgets": {name: numerical.budget(name, value, factor[name] * value, 6.0, steps).tolist() for name in found},
    }
