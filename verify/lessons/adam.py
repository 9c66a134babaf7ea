"""One step of Adam, as deck 002 "Exercise 1" asks for it: Kingma and Ba (ICLR 2015), algorithm 1."""

from __future__ import annotations

import torch
from torch import Tensor

from verify.grading.lesson import Lesson, Line, Mistake


def reference(
    w: Tensor, g: Tensor, m: Tensor, v: Tensor, k: float, eta: float, beta1: float, beta2: float, epsilon: float
) -> dict[str, Tensor]:
    """The step of torch.optim.Adam, which is told what it remembers."""
    parameter = w.detach().clone().requires_grad_()
    rule = torch.optim.Adam([parameter], lr=eta, betas=(beta1, beta2), eps=epsilon)
    parameter.grad = g.clone()
    memory = {"step": torch.tensor(k - 1, device="cpu"), "exp_avg": m.clone(), "exp_avg_sq": v.clone()}
    rule.state[parameter].update(memory)
    rule.step()
    return {"w_new": parameter.detach(), "m_new": memory["exp_avg"], "v_new": memory["exp_avg_sq"]}


LESSON = Lesson(
    name="adam",
    title="A step of Adam",
    place="Kingma and Ba 2015, algorithm 1",
    functions=("step(w, g, m, v, k, eta, beta1, beta2, epsilon) -> w_new, m_new, v_new",),
    inputs=dict.fromkeys("wgmv", "D") | dict.fromkeys(("k", "eta", "beta1", "beta2", "epsilon"), "number"),
    draw={
        "v": lambda d: abs(d.normal("D")) + 0.5,
        "k": lambda d: d.number(1.0, 2.0, 5.0, 3.0),
        "eta": lambda d: d.number(0.5, 0.25, 0.1),
        "beta1": lambda d: d.number(0.5, 0.9),
        "beta2": lambda d: d.number(0.75, 0.999, 0.9),
        "epsilon": lambda d: d.number(0.5, 1e-8, 0.125),
    },
    lines={
        "m_new": Line("m ← β₁ m + (1 − β₁) g", lambda m, g, beta1: beta1 * m + (1 - beta1) * g),
        "v_new": Line("v ← β₂ v + (1 − β₂) g²", lambda v, g, beta2: beta2 * v + (1 - beta2) * (g * g)),
        "m_hat": Line("m̂ = m / (1 − β₁ᵏ)", lambda m_new, beta1, k: m_new / (1 - beta1**k)),
        "v_hat": Line("v̂ = v / (1 − β₂ᵏ)", lambda v_new, beta2, k: v_new / (1 - beta2**k)),
        "w_new": Line(
            "w ← w − η m̂ / (√v̂ + ε)",
            lambda w, m_hat, v_hat, eta, epsilon: w - eta * (m_hat / (torch.sqrt(v_hat) + epsilon)),
        ),
    },
    reference=reference,
    mistakes=(
        Mistake("adam-correction-missing",
                "Neither mean is corrected for its start at 0, as in MLX: Adam divides them by 1 − βᵏ.", {
            "m_hat": Line("m̂ = m", lambda m_new: m_new * 1.0),
            "v_hat": Line("v̂ = v", lambda v_new: v_new * 1.0),
        }),
        Mistake("adam-bias-correction",
                "The means are divided by 1 − β in every step: it is 1 − βᵏ in step k, which grows to 1.", {
            "m_hat": Line("m̂ = m / (1 − β₁)", lambda m_new, beta1: m_new / (1 - beta1)),
            "v_hat": Line("v̂ = v / (1 − β₂)", lambda v_new, beta2: v_new / (1 - beta2)),
        }),
        Mistake("adam-epsilon-inside-root", "ε stands inside of the root; Adam adds it to the root.", {
            "w_new": Line(
                "w − η m̂ / √(v̂ + ε)",
                lambda w, m_hat, v_hat, eta, epsilon: w - eta * (m_hat / torch.sqrt(v_hat + epsilon)),
            ),
        }),
        Mistake("adam-epsilon-before-correction",
                "ε is added to √v before v is corrected, as Keras, MindSpore and Chainer do: Adam adds it to √v̂.", {
            "w_new": Line(
                "w − η (√(1 − β₂ᵏ) / (1 − β₁ᵏ)) m / (√v + ε)",
                lambda w, m_hat, v_new, beta2, k, eta, epsilon:
                    w - eta * ((1 - beta2**k) ** 0.5 * (m_hat / (torch.sqrt(v_new) + epsilon))),
            ),
        }),
        Mistake("adam-root-missing",
                "The step is divided by v̂ + ε: it is √v̂ + ε, which has the unit of the gradient.", {
            "w_new": Line(
                "w − η m̂ / (v̂ + ε)",
                lambda w, m_hat, v_hat, eta, epsilon: w - eta * (m_hat / (v_hat + epsilon)),
            ),
        }),
        Mistake("adam-share-missing", "The new gradient comes in whole: its share is 1 − β.", {
            "m_new": Line("β₁ m + g", lambda m, g, beta1: beta1 * m + g),
            "v_new": Line("β₂ v + g²", lambda v, g, beta2: beta2 * v + g * g),
        }),
        Mistake("adam-betas-exchanged",
                "β₁ and β₂ have changed places: β₁ belongs to the mean of g, β₂ to that of g².", {
            "m_new": Line("β₂ m + (1 − β₂) g", lambda m, g, beta2: beta2 * m + (1 - beta2) * g),
            "v_new": Line("β₁ v + (1 − β₁) g²", lambda v, g, beta1: beta1 * v + (1 - beta1) * (g * g)),
            "m_hat": Line("m / (1 − β₂ᵏ)", lambda m_new, beta2, k: m_new / (1 - beta2**k)),
            "v_hat": Line("v / (1 − β₁ᵏ)", lambda v_new, beta1, k: v_new / (1 - beta1**k)),
        }),
        Mistake("step-sign", "The step goes up: w + η …, where descent subtracts.", {
            "w_new": Line(
                "w + η m̂ / (√v̂ + ε)",
                lambda w, m_hat, v_hat, eta, epsilon: w + eta * (m_hat / (torch.sqrt(v_hat) + epsilon)),
            ),
        }),
    ),
)  # fmt: skip
