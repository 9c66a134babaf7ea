"""What parts classes: the perceptron's examples, logistic regression, the SVM loss of three samples."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from manual import logistic, perceptron, svm
from manual.perceptron import Trained

_ROUNDS = 200


def _tensor(rows: list) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64, device="cpu")


# Deck 002 "感知机实现样例" and "感知器 - 失败算例" give the first and the last; the other pictures' points
# are not in the text, so these are ours.
_POINTS = {
    "listing": ([[3, -3], [4, -3], [1, 1], [1, 2]], [-1, -1, 1, 1]),
    "two groups": ([[2, 3], [3, 4], [4, 3], [6, 1], [7, 2], [8, 1]], [1, 1, 1, -1, -1, -1]),
    "one point on the other side": ([[2, 3], [3, 4], [4, 3], [6, 1], [7, 2], [3, 3.4]], [1, 1, 1, -1, -1, -1]),
    "xor": ([[0, 0], [1, 1], [1, 0], [0, 1]], [-1, -1, 1, 1]),
}  # fmt: skip


def perceptron_topic() -> dict[str, Any]:
    """Every example with updates and bound; XOR once more behind a hidden layer."""
    examples = []
    for name, (points, labels) in _POINTS.items():
        examples.append(_example(name, _tensor(points), _tensor(labels)))
    points, labels = _POINTS["xor"]
    examples.append(_example("xor behind a hidden layer", perceptron.hidden_layer(_tensor(points)), _tensor(labels)))
    return {"examples": examples}


def _example(name: str, x: Tensor, labels: Tensor) -> dict[str, Any]:
    found: Trained = perceptron.train(x, labels, _ROUNDS)
    bound = perceptron.bound(x, labels, found.w, found.b) if found.separated else None
    return {
        "name": name, "separable": found.separated, "updates": found.updates, "bound": bound, "rounds": found.rounds,
        "w": found.w.tolist(), "b": float(found.b), "points": x.tolist(), "labels": labels.tolist(),
    }  # fmt: skip


def logistic_topic() -> dict[str, Any]:
    """Descent on the cross-entropy of two clouds, and the count of dead units when a ReLU layer's biases fall."""
    rng = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=torch.float64, device="cpu")
    x, t = torch.cat([draw(40, 2) + 1.2, draw(40, 2) - 1.2]), _tensor([1.0] * 40 + [0.0] * 40)
    w, b, history = (
        torch.zeros(2, dtype=torch.float64, device="cpu"),
        torch.zeros((), dtype=torch.float64, device="cpu"),
        [],
    )
    for _ in range(200):
        history.append(float(logistic.error(w, b, x, t)))
        dw, db = logistic.gradients(w, b, x, t)
        w, b = w - 0.5 * dw, b - 0.5 * db
    right = float(((logistic.probability(w, b, x) > 0.5) == (t > 0.5)).double().mean())
    layer, offsets = draw(2, 50), torch.linspace(0, -6, 25, dtype=torch.float64, device="cpu")
    dead = [int(logistic.dead(x @ layer + offset).sum()) for offset in offsets]
    return {
        "x": x.tolist(), "t": t.tolist(), "w": w.tolist(), "b": float(b), "loss": history, "right": right,
        "dead": {"units": 50, "bias": offsets.tolist(), "count": dead},
    }  # fmt: skip


def svm_topic() -> dict[str, Any]:
    """The three losses of deck 004 "损失函数可视化" and their mean, along the weight of the first class."""
    x, y = svm.three_samples()
    w = _tensor([[0.0], [0.5], [-0.5]])
    a = torch.linspace(-3, 3, 121, dtype=torch.float64, device="cpu")
    rows = [torch.cat([_tensor([[float(v)]]), w[1:]]) for v in a]
    return {
        "x": x.tolist(), "y": y.tolist(), "w": w.tolist(), "a": a.tolist(),
        "losses": [svm.losses(W, x, y).tolist() for W in rows],
        "loss": [float(svm.loss(W, x, y)) for W in rows],
        "gradient": [float(svm.gradient(W, x, y)[0, 0]) for W in rows],
    }  # fmt: skip
