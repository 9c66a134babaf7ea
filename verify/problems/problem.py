"""A problem: all that one gradient depends on, and the only thing that witnesses share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from manual import Activation, Constants, Equations, Pair, Working, activation, pair, work
from manual.network import SLIDES
from manual.penalties import PENALTIES, Penalty
from verify.errors import BadInput
from verify.problems.choices import ONE_OF_MANY
from verify.problems.job import check_lam, check_names, check_penalty


@dataclass(frozen=True, eq=False)
class Problem:
    """Weights, biases, batch, target, activation, output and loss, λ; in the rows convention of deck 000's summary.

    W: L tensors (in, out); b: L tensors (out,); x (N, D); t (N, K); one floating dtype, one device.
    Raises BadInput, with the value and what is allowed, where the parts do not fit, and where the t of a sample do not
    add up to 1 under cross-entropy: δ(L) = y − t is the derivative of −Σ t ln y for those alone (else it is y Σt − t).
    """

    W: tuple[Tensor, ...]
    b: tuple[Tensor, ...]
    x: Tensor
    t: Tensor
    activation: str = "relu"
    output: str = "softmax"
    loss: str = "cross-entropy"
    lam: float = 0.0
    constants: Constants = field(default_factory=Constants)
    label: str = ""
    penalty: str = "lam/2"

    def __post_init__(self) -> None:
        check_names(self.activation, self.output, self.loss)
        check_lam(self.lam)
        check_penalty(self.penalty)
        _check_shapes(self)
        _check_tensors(self)
        _check_targets(self)

    @property
    def L(self) -> int:
        return len(self.W)

    @property
    def N(self) -> int:
        return self.x.shape[0]

    @property
    def layers(self) -> tuple[int, ...]:
        """D, M(1), …, K."""
        return (self.x.shape[1], *(w.shape[1] for w in self.W))

    @property
    def parameters(self) -> int:
        return sum(w.numel() + v.numel() for w, v in zip(self.W, self.b, strict=True))

    @property
    def dtype(self) -> torch.dtype:
        return self.x.dtype

    @property
    def device(self) -> torch.device:
        return self.x.device

    @property
    def f(self) -> Activation:
        return activation(self.activation, self.constants)

    @property
    def pair(self) -> Pair:
        return pair(self.output, self.loss, self.constants)

    @property
    def goal(self) -> Tensor:
        """What the loss compares y with: t, or what it makes of t."""
        return self.pair.goal(self.t)

    @property
    def form(self) -> Penalty:
        """The penalty by hand."""
        return PENALTIES[self.penalty]

    @property
    def rate(self) -> float:
        """What stands before W in the penalty's gradient: λ, 2λ or λ/N."""
        return self.form.of(self.lam, self.N)

    def work(self, equations: Equations = SLIDES) -> Working:
        """The whole working by hand, in the problem's dtype."""
        return work(self.W, self.b, self.x, self.t, self.f, self.pair, self.lam, equations, self.form)

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Problem:
        """The same problem in another dtype or on another device."""
        move = lambda v: v.to(dtype=dtype or v.dtype, device=device or v.device)
        return replace(self, W=tuple(map(move, self.W)), b=tuple(map(move, self.b)), x=move(self.x), t=move(self.t))


def _check_shapes(p: Problem) -> None:
    if not p.W or len(p.W) != len(p.b):
        raise BadInput(
            f"{len(p.W)} weight matrices and {len(p.b)} biases: allowed is one bias a layer, at least one layer"
        )
    if p.x.dim() != 2 or p.x.shape[0] < 1 or p.x.shape[1] < 1:
        raise BadInput(f"x has shape {tuple(p.x.shape)}: allowed is (N, D) with N and D at least 1")
    below = p.x.shape[1]
    for l, (w, v) in enumerate(zip(p.W, p.b, strict=True), 1):
        if w.dim() != 2 or w.shape[0] != below or w.shape[1] < 1:
            raise BadInput(f"W({l}) has shape {tuple(w.shape)}: allowed is ({below}, units) with {below} units below")
        if tuple(v.shape) != (w.shape[1],):
            raise BadInput(f"b({l}) has shape {tuple(v.shape)}: allowed is ({w.shape[1]},)")
        below = w.shape[1]
    if tuple(p.t.shape) != (p.N, below):
        raise BadInput(f"t has shape {tuple(p.t.shape)}: allowed is ({p.N}, {below})")


def _check_tensors(p: Problem) -> None:
    tensors: Sequence[Tensor] = [*p.W, *p.b, p.x, p.t]
    if len({(v.dtype, v.device) for v in tensors}) != 1 or not p.x.is_floating_point():
        kinds = sorted({f"{v.dtype} on {v.device}" for v in tensors})
        raise BadInput(f"tensors are {', '.join(kinds)}: allowed is one floating dtype on one device")


def _check_targets(p: Problem) -> None:
    if p.loss not in ONE_OF_MANY or type(p.t) is not Tensor:  # torch's fake tensors have no values to look at
        return
    sums = p.t.to(torch.float64).sum(dim=1)
    off = ~((sums - 1).abs() <= (p.t.shape[1] + 2) * torch.finfo(p.dtype).eps / 2)  # what normalising may round off
    if bool(off.any()):
        n = int(torch.argmax(off.to(torch.int8)))
        raise BadInput(
            f"t of sample {n + 1} adds up to {float(sums[n]):.17g}: with {p.loss} allowed is 1, as for a one-hot "
            "target or a distribution"
        )
