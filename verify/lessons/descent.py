"""One step of gradient descent with the penalty (λ/2)ǁWǁ², deck 000 "综上,误差反向传播求导及调整步骤"."""

from __future__ import annotations

import torch
from torch import Tensor

from verify.grading.lesson import Lesson, Line, Mistake


def reference(W: Tensor, g: Tensor, eta: float, lam: float) -> dict[str, Tensor]:
    """The step of torch.optim.SGD, with λ as its weight_decay. g is the data's gradient alone."""
    parameter = W.detach().clone().requires_grad_()
    parameter.grad = g.clone()
    torch.optim.SGD([parameter], lr=eta, weight_decay=lam).step()
    return {"W_new": parameter.detach()}


LESSON = Lesson(
    name="descent",
    title="A step of gradient descent",
    place='deck 000 "综上,误差反向传播求导及调整步骤"',
    functions=("step(W, g, eta, lam) -> W_new",),
    inputs={"W": "M K", "g": "M K", "eta": "number", "lam": "number"},
    sizes={"M": (1, 6), "K": (1, 6)},
    draw={"eta": lambda d: d.number(0.5, 0.1), "lam": lambda d: d.number(0.0, 0.25, 0.01)},
    lines={
        "dW": Line("∂E/∂W = g + λ W", lambda g, W, lam: g + lam * W),
        "W_new": Line("W ← W − η ∂E/∂W", lambda W, dW, eta: W - eta * dW),
    },
    reference=reference,
    mistakes=(
        Mistake(
            "step-sign",
            "The step goes up: W + η …, where descent subtracts.",
            {"W_new": Line("W + η ∂E/∂W", lambda W, dW, eta: W + eta * dW)},
        ),
        Mistake(
            "rate-missing",
            "The step is taken without the rate η.",
            {"W_new": Line("W − ∂E/∂W", lambda W, dW: W - dW)},
        ),
        Mistake(
            "l2-missing",
            "The penalty's gradient λW is missing.",
            {"dW": Line("g", lambda g: g * 1.0)},
        ),
        Mistake(
            "l2-sign",
            "The penalty's gradient has the wrong sign: it pushes weights away from 0.",
            {"dW": Line("g − λ W", lambda g, W, lam: g - lam * W)},
        ),
        Mistake(
            "l2-doubled",
            "The penalty's gradient is 2λW. It should be λW: the ½ cancels the 2 of the square.",
            {"dW": Line("g + 2λ W", lambda g, W, lam: g + 2 * lam * W)},
        ),
        Mistake(
            "l2-decoupled",
            "The weights decay by λW itself, outside of the step, as in AdamW without its rate: in the slides λW is "
            "part of the gradient, and η multiplies it.",
            {"W_new": Line("W − η g − λ W", lambda W, g, eta, lam: W - eta * g - lam * W)},
        ),
    ),
)
