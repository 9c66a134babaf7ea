"""Why gradients vanish, and what is done about it: deck 003 "梯度不稳定的原因" and "梯度不稳定的解决方法", measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from manual import activation, normalised, pair, work
from manual.initialisation import weights
from manual.optimisers import clip_by_norm
from verify.problems.data import CLASSES, read_batch

_WIDTH, _IMAGES, _HIDDEN, _EPOCHS, _ETA = 30, 300, 4, 60, 0.5
# A unit is saturated where its slope is below a hundredth of the largest that its function has (¼, 1, 1).
_SATURATED = {"sigmoid": 0.25 / 100, "tanh": 1 / 100, "relu": 1 / 100}
_OUTPUT = ("softmax", "cross-entropy")

Params = tuple[list[Tensor], list[Tensor]]


def _samples() -> tuple[Tensor, Tensor]:
    batch = read_batch("mnist", _IMAGES, seed=0)
    return batch.images, torch.eye(CLASSES, dtype=torch.float64, device="cpu")[batch.labels]


def _layers(hidden: int) -> list[int]:
    return [784, *[_WIDTH] * hidden, CLASSES]


def _first(hidden: int, how: str) -> Params:
    return weights(_layers(hidden), how, torch.Generator().manual_seed(0))


def _speeds(db: list[Tensor]) -> list[float]:
    """How fast each layer learns: ǁ∂E/∂b(l)ǁ, deck 003 "梯度消失"."""
    return [float(torch.linalg.vector_norm(g)) for g in db]


def vanishing_topic() -> dict[str, Any]:
    """Learning speed by layer for 1 to 8 hidden layers, and by epoch for four; products of w·σ′."""
    x, t = _samples()
    f, of = activation("sigmoid"), pair(*_OUTPUT)
    at_first = {}
    for hidden in range(1, 9):
        W, b = _first(hidden, "fan-in")
        at_first[str(hidden)] = _speeds(list(reversed(work(W, b, x, t, f, of, 0.0).db.values())))
    W, b = _first(_HIDDEN, "fan-in")
    history = []
    for _ in range(_EPOCHS):
        net = work(W, b, x, t, f, of, 0.0)
        history.append(_speeds(list(reversed(net.db.values()))))
        W = [w - _ETA * net.dW[l] for l, w in enumerate(W, 1)]
        b = [v - _ETA * net.db[l] for l, v in enumerate(b, 1)]
    a = torch.linspace(-8, 8, 161, dtype=torch.float64, device="cpu")
    return {
        "speeds": at_first,
        "ratio": {hidden: speeds[0] / speeds[-2] for hidden, speeds in at_first.items() if len(speeds) > 2},
        "history": history,
        "products": {"0.1^5": 0.1**5, "9^5": float(9**5)},
        "slopes": {
            "a": a.tolist(),
            "sigmoid": f.derivative(a).tolist(),
            "tanh": activation("tanh").derivative(a).tolist(),
        },
    }


def remedies_topic() -> dict[str, Any]:
    """Each remedy of the deck by itself, from the same start: the ratio of the layers' speeds, saturated units, E."""
    runs = {
        "standard normal weights": _run("sigmoid", "normal"),
        "weights of 1/√n": _run("sigmoid", "fan-in"),
        "Xavier": _run("sigmoid", "xavier"),
        "tanh, Xavier": _run("tanh", "xavier"),
        "ReLU, He": _run("relu", "he"),
        "η five times as large": _run("sigmoid", "fan-in", eta=5 * _ETA),
        "clipping at norm 1": _run("sigmoid", "normal", clip=1.0),
        "batch normalisation": _normalised("fan-in"),
    }
    return {"hidden": _HIDDEN, "width": _WIDTH, "epochs": _EPOCHS, "eta": _ETA, "remedies": runs}


def _run(name: str, how: str, eta: float = _ETA, clip: float | None = None) -> dict[str, Any]:
    x, t = _samples()
    f, of = activation(name), pair(*_OUTPUT)
    W, b = _first(_HIDDEN, how)
    measured: dict[str, Any] = {"loss": []}
    for epoch in range(_EPOCHS):
        net = work(W, b, x, t, f, of, 0.0)
        measured["loss"].append(float(net.E))
        if epoch == 0:
            slopes = [f.derivative(net.a[l]) for l in range(1, net.L)]
            measured |= _measured(_speeds([net.db[l] for l in range(1, net.L + 1)]), slopes, name)
        if clip is not None:
            clip_by_norm([*net.dW.values(), *net.db.values()], clip)
        W = [w - eta * net.dW[l] for l, w in enumerate(W, 1)]
        b = [v - eta * net.db[l] for l, v in enumerate(b, 1)]
    return measured


def _normalised(how: str) -> dict[str, Any]:
    x, t = _samples()
    f, of = activation("sigmoid"), pair(*_OUTPUT)
    W, b = _first(_HIDDEN, how)
    ones: Callable[[float], list[Tensor]] = lambda v: [torch.full_like(x, v) for x in b[:-1]]
    held = [W, b, ones(1.0), ones(0.0)]
    measured: dict[str, Any] = {"loss": []}
    for epoch in range(_EPOCHS):
        W, b, gamma, beta = held
        net = normalised.work(W, b, gamma, beta, x, t, f, of)
        measured["loss"].append(float(net.E))
        if epoch == 0:
            # A bias in front of a normalisation changes nothing, so β's gradient stands for it.
            speeds = _speeds([*net.dbeta, net.db[-1]])
            measured |= _measured(speeds, [f.derivative(n) for n in net.n], "sigmoid")
        steps = (net.dW, net.db, net.dgamma, net.dbeta)
        held = [[v - _ETA * g for v, g in zip(now, of_, strict=True)] for now, of_ in zip(held, steps, strict=True)]
    return measured


def _measured(speeds: list[float], slopes: list[Tensor], name: str) -> dict[str, Any]:
    every = torch.cat([s.flatten() for s in slopes])
    return {
        "speeds": speeds,
        "ratio": speeds[0] / speeds[-2],
        "saturated": float((every < _SATURATED[name]).double().mean()),
        "median_slope": float(every.median()),
    }
