"""The multi-class SVM loss, deck 004 "损失函数可视化" and "计算梯度": samples are columns, a class per row of W."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from torch_ref import svm
from verify.bounds.kinks import positive
from verify.grading.lesson import Lesson, Line, Mistake


def _own(y: Tensor, K: int) -> Tensor:
    """Which score is that of the sample's own class, (K, N)."""
    return (torch.arange(K, device=y.device).unsqueeze(1) == y).to(torch.float64)


def _over(s: Any, y: Tensor, margin: float, K: int) -> Any:
    """By how much each score, with the margin, exceeds that of the own class, (K, N)."""
    return s - (s * _own(y, K)).sum(0) + margin


_LOSS = "L = (1/N) Σᵢ Σ_{j≠yᵢ} max(0, mⱼᵢ) + (λ/2) ǁWǁ²"
_DW = "∂L/∂W = (1/N) C xᵀ + λ W"

LESSON = Lesson(
    name="svm",
    title="The multi-class SVM",
    place='deck 004 "计算梯度"',
    functions=("gradient(W, x, y, margin, lam) -> dW",),
    optional=("loss(W, x, y, margin, lam) -> L",),
    inputs={"W": "K D", "x": "D N", "y": "N", "margin": "number", "lam": "number"},
    sizes={"K": (2, 5), "D": (1, 5), "N": (1, 6)},
    draw={
        "y": lambda d: d.labels("K", "N"),
        "margin": lambda d: d.number(1.0, 2.5),
        "lam": lambda d: d.number(0.0, 0.5),
    },
    lines={
        "s": Line("s = W x", lambda W, x: W @ x),
        "m": Line("mⱼᵢ = sⱼᵢ − s_{yᵢ} + Δ, 0 for j = yᵢ", lambda s, y, margin, K: (
            _over(s, y, margin, K) * (1 - _own(y, K))
        )),
        "above": Line("1 where mⱼᵢ > 0, else 0", lambda m, y, K: positive(m - _own(y, K)) * 1.0),
        "counts": Line("C = above − (how many are above) at the own class", lambda above, y, K: (
            above - _own(y, K) * above.sum(0)
        )),
        "L": Line(_LOSS, lambda m, N, lam, W: torch.relu(m).sum() / N + lam / 2 * (W * W).sum()),
        "dW": Line(_DW, lambda counts, x, N, lam, W: counts @ x.T / N + lam * W),
    },
    objective="L",
    gradients={"dW": "W"},
    reference=lambda W, x, y, margin, lam: svm.loss(W, x, y, margin, lam),
    mistakes=(
        Mistake("own-class-counted",
                "The margin of the true class is counted, which is Δ always: the sum is over j ≠ yᵢ.", {
            "m": Line("sⱼᵢ − s_{yᵢ} + Δ for every j", lambda s, y, margin, K: _over(s, y, margin, K)),
            "above": Line("1 where m > 0", lambda m: positive(m) * 1.0),
            "counts": Line("−Σ above at the own class", lambda above, y, K: (
                above * (1 - _own(y, K)) - _own(y, K) * above.sum(0)
            )),
        }),
        Mistake("count-missing", "The row of the true class loses xᵢ once: it loses it as often as others exceed it.", {
            "counts": Line("above − 1 at the own class", lambda above, y, K: (
                above - _own(y, K) * positive(above.sum(0) - 0.5)
            )),
        }),
        Mistake("own-row-missing",
                "The row of the true class is left out: its score lowers every margin that is above 0.", {
            "counts": Line("above", lambda above: above * 1.0),
        }),
        Mistake("margin-missing", "The margin Δ is left out of the comparison.", {
            "m": Line("sⱼᵢ − s_{yᵢ}", lambda s, y, K: _over(s, y, 0.0, K) * (1 - _own(y, K))),
        }),
        Mistake("gradient-sign", "The gradient of the margins has the wrong sign.", {
            "dW": Line("−(1/N) C xᵀ + λ W", lambda counts, x, N, lam, W: -(counts @ x.T) / N + lam * W),
        }),
        Mistake("mean-missing", "The mean over the samples is missing: the sum is never divided by N.", {
            "dW": Line("C xᵀ + λ W", lambda counts, x, lam, W: counts @ x.T + lam * W),
        }),
        Mistake("l2-missing", "The penalty's gradient λW is missing.", {
            "dW": Line("(1/N) C xᵀ", lambda counts, x, N: counts @ x.T / N),
        }),
        Mistake("l2-doubled", "The penalty's gradient is 2λW. It should be λW: the ½ cancels the 2 of the square.", {
            "dW": Line("(1/N) C xᵀ + 2λ W", lambda counts, x, N, lam, W: counts @ x.T / N + 2 * lam * W),
        }),
    ),
)  # fmt: skip
