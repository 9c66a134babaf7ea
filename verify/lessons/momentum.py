"""One step with momentum, deck 002 "Exercise 1": as torch.optim.SGD has it, the rate outside of the velocity."""

from __future__ import annotations

import torch
from torch import Tensor

from verify.grading.lesson import Lesson, Line, Mistake


def reference(w: Tensor, g: Tensor, v: Tensor, eta: float, mu: float) -> dict[str, Tensor]:
    """The step of torch.optim.SGD, which is told its velocity."""
    parameter = w.detach().clone().requires_grad_()
    rule = torch.optim.SGD([parameter], lr=eta, momentum=mu)
    parameter.grad = g.clone()
    rule.state[parameter]["momentum_buffer"] = v.clone()
    rule.step()
    return {"w_new": parameter.detach(), "v_new": rule.state[parameter]["momentum_buffer"]}


LESSON = Lesson(
    name="momentum",
    title="A step with momentum",
    place='deck 002 "Exercise 1"',
    functions=("step(w, g, v, eta, mu) -> w_new, v_new",),
    inputs={"w": "D", "g": "D", "v": "D", "eta": "number", "mu": "number"},
    sizes={"D": (1, 6)},
    draw={"eta": lambda d: d.number(0.5, 0.25, 0.1), "mu": lambda d: d.number(0.5, 0.75, 0.9)},
    lines={
        "v_new": Line("v ← μ v + g", lambda v, g, mu: mu * v + g),
        "w_new": Line("w ← w − η v", lambda w, v_new, eta: w - eta * v_new),
    },
    reference=reference,
    mistakes=(
        Mistake(
            "momentum-sign",
            "The gradient has the wrong sign in the velocity: v ← μv + g goes with w ← w − ηv.",
            {"v_new": Line("μ v − g", lambda v, g, mu: mu * v - g)},
        ),
        Mistake(
            "step-sign",
            "The step goes along the velocity: w + ηv, where descent subtracts.",
            {"w_new": Line("w + η v", lambda w, v_new, eta: w + eta * v_new)},
        ),
        Mistake(
            "momentum-rate-in-velocity",
            "The rate is inside of the velocity, v ← μv − ηg and w ← w + v, as Keras has it: that is another "
            "convention, and while η changes another step.",
            {
                "v_new": Line("μ v − η g", lambda v, g, mu, eta: mu * v - eta * g),
                "w_new": Line("w + v", lambda w, v_new: w + v_new),
            },
        ),
        Mistake(
            "momentum-of-the-step-before",
            "The step takes the velocity of the step before; it belongs to the new one.",
            {"w_new": Line("w − η v(old)", lambda w, v, eta: w - eta * v)},
        ),
        Mistake(
            "momentum-dampened",
            "The gradient enters with the share 1 − μ, as in a mean: here it enters whole.",
            {"v_new": Line("μ v + (1 − μ) g", lambda v, g, mu: mu * v + (1 - mu) * g)},
        ),
        Mistake(
            "momentum-looks-ahead",
            "The step is Nesterov's, along g + μv: plain momentum goes along v.",
            {"w_new": Line("w − η (g + μ v)", lambda w, g, v_new, eta, mu: w - eta * (g + mu * v_new))},
        ),
        Mistake(
            "momentum-missing",
            "The velocity forgets: it is the gradient alone.",
            {"v_new": Line("g", lambda g: g * 1.0)},
        ),
    ),
)
