"""More operations on Bounded numbers: what equations of any lesson may use beside those of the network.

Importing this module puts them into `bounded.FUNCTIONS`, by which torch's functions and a tensor's own methods find
them: torch.sqrt(v), v.mean(0), torch.softmax(v, dim=1) and so on. Each carries the bound through its own derivative or
Lipschitz constant and adds the roundings of its terms, as `bounded` does; what only moves entries moves their bounds.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from manual.activations import Constants, activation
from verify.bounds import bounded as table
from verify.bounds.bounded import Bounded, Terms, gamma_n, lifted
from verify.bounds.curves import bounded
from verify.bounds.kinks import compared

_Move = Callable[[Tensor], Tensor]


def _moved(v: Bounded, move: _Move) -> Bounded:
    """Entries in another place or shape, with their bounds."""
    return Bounded(move(v.value), move(v.error), v.u, v.terms and v.terms.changed(move))


def _moving(function: Callable[..., Tensor]) -> Callable[..., Bounded]:
    return lambda v, *args, **kwargs: _moved(v, lambda x: function(x, *args, **kwargs))


def _curve(name: str) -> Callable[[Bounded], Any]:
    f: Callable[..., Any] = bounded(activation(name, Constants())).f
    return lambda v: f(v)


# Functions -----------------------------------------------------------------------------------------------------------


def sqrt(v: Bounded) -> Bounded:
    """√v; where v is below 0 beyond rounding, no bound."""
    value, low = torch.sqrt(v.value), v.value - 2 * v.error
    near = v.error / (value + torch.sqrt(torch.clamp(low, min=0)))
    moved = torch.where(v.error == 0, 0.0, torch.where(value > 0, near, torch.sqrt(2 * v.error)))
    return v.through(value, torch.where(v.value + 2 * v.error < 0, torch.inf, moved), value)


def softplus(v: Bounded, beta: float = 1, threshold: float = 20) -> Bounded:
    """ln(1 + eᵛ), also as −ln(1 − σ(v)): a form that keeps the roundings of σ, e^|v| times over."""
    if (beta, threshold) != (1, 20):
        raise TypeError("softplus with a beta or a threshold of its own has no running error analysis")
    size = v.value.abs()
    return v.through(functional.softplus(v.value), v.error, 1 + size + torch.exp(torch.clamp(size, max=30)))


def log_sigmoid(v: Bounded) -> Bounded:
    """ln σ(v) = −ln(1 + e⁻ᵛ)."""
    return -softplus(-v)


def wave(function: Callable[[Tensor], Tensor]) -> Callable[[Bounded], Bounded]:
    """sin and cos."""
    return lambda v: v.through(function(v.value), torch.clamp(v.error, max=2), torch.ones_like(v.value))


def expm1(v: Bounded) -> Bounded:
    """eᵛ − 1, also by the difference."""
    return v.exp() - 1


def log1p(v: Bounded) -> Bounded:
    """ln(1 + v), also of the sum."""
    return (1 + v).log()


def power(v: Bounded, exponent: Any) -> Bounded:
    """v to a whole power or ½."""
    if exponent == 0.5:
        return sqrt(v)
    if exponent == 0:
        return Bounded.exact(torch.ones_like(v.value), v.u)
    if float(exponent).is_integer():
        return v ** int(exponent) if exponent > 0 else 1 / (v ** int(-exponent))
    raise TypeError(f"power {exponent!r} has no running error analysis; whole numbers and 0.5 have")


# Sums and largest entries --------------------------------------------------------------------------------------------


def mean(v: Bounded, dim: Any = None, keepdim: bool = False) -> Bounded:
    """The sum over some axes, divided by how many it adds."""
    total = v.sum(dim, keepdim)
    return total / (v.value.numel() / max(1, total.value.numel()))


def largest(v: Bounded, dim: Any = None, keepdim: bool = False) -> Bounded:
    """The largest entry along an axis or axes, or of all."""
    dims = tuple(range(v.value.dim())) if dim is None else dim
    make: Callable[[Tensor], Tensor] = lambda x: torch.amax(x, dim=dims, keepdim=keepdim)
    return Bounded(make(v.value), make(v.error), v.u)


def smallest(v: Bounded, dim: Any = None, keepdim: bool = False) -> Bounded:
    """The smallest entry along an axis or axes, or of all."""
    return -largest(-v, dim, keepdim)


def logsumexp(v: Bounded, dim: Any, keepdim: bool = False) -> Bounded:
    """ln Σ eᵛ moves no further than the entry that moves furthest; a form without a shift keeps K roundings."""
    value = torch.logsumexp(v.value, dim, keepdim=keepdim)
    count = v.value.numel() // max(1, value.numel())
    sizes = torch.amax(v.value.abs(), dim=dim, keepdim=keepdim)
    return v.through(value, torch.amax(v.error, dim=dim, keepdim=keepdim), 2 * sizes + 2 + count / 8)


def softmax(v: Bounded, dim: int = -1, **_: Any) -> Bounded:
    """eᵛ / Σ eᵛ, of scores that are shifted or not."""
    e = (v - torch.amax(v.value, dim=dim, keepdim=True)).exp()
    shift = v.u * torch.amax(v.value.abs(), dim=dim, keepdim=True)
    found = e / e.sum(dim, True)
    return Bounded(found.value, found.error + 4 * shift * found.value, v.u)


def log_softmax(v: Bounded, dim: int = -1, **_: Any) -> Bounded:
    """ln softmax(v), also as the logarithm of it."""
    made = v - logsumexp(v, dim, True)
    return Bounded(made.value, made.error + 16 * v.u * (1 + made.value.abs()), v.u)


def einsum(pattern: str, *operands: Any) -> Bounded:
    """Sums of products of two factors."""
    if len(operands) != 2:
        raise TypeError("einsum of other than two factors has no running error analysis")
    like = next(v for v in operands if isinstance(v, Bounded))
    a, b = (lifted(v, like) for v in operands)
    make = lambda x, y: torch.einsum(pattern, x, y)
    value, size = make(a.value, b.value), make(a.value.abs(), b.value.abs())
    count = max(1, int(make(torch.ones_like(a.value), torch.ones_like(b.value)).max()) if value.numel() else 1)
    moved = make(a.value.abs(), b.error) + make(a.error, b.value.abs() + 3 * b.error)
    error = (gamma_n(count, like.u) * size + moved) * (1 + 2 * gamma_n(count, like.u))
    return Bounded(value, error, like.u, Terms(count, size + 2 * error))


def outer(a: Any, b: Any) -> Any:
    """a bᵀ of two vectors."""
    return a[:, None] * b[None, :]


# Several at once -----------------------------------------------------------------------------------------------------


def _joined(function: Callable[..., Tensor]) -> Callable[..., Bounded]:
    def made(parts: Sequence[Any], *args: Any, **kwargs: Any) -> Bounded:
        like = next(v for v in parts if isinstance(v, Bounded))
        all_ = [lifted(v, like) for v in parts]
        value = function([v.value for v in all_], *args, **kwargs)
        return Bounded(value, function([v.error for v in all_], *args, **kwargs), like.u)

    return made


def _of_two(choose: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Any, Any], Bounded]:
    """maximum and minimum: they move no further than the argument that moves further."""

    def made(a: Any, b: Any) -> Bounded:
        like = a if isinstance(a, Bounded) else b
        one, two = lifted(a, like), lifted(b, like)
        return Bounded(
            choose(one.value, two.value), torch.maximum(*torch.broadcast_tensors(one.error, two.error)), like.u
        )

    return made


def _clamp(v: Bounded, min: Any = None, max: Any = None) -> Bounded:
    return Bounded(torch.clamp(v.value, min=min, max=max), v.error, v.u)


def _constant(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """What takes only the shape of its argument."""
    return lambda v, *args, **kwargs: function(v.value, *args, **kwargs)


def _by(operation: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def made(a: Any, b: Any) -> Any:
        like = a if isinstance(a, Bounded) else b
        return operation(lifted(a, like), b)

    return made


def _compare(compare: Callable[[Any, Any], Any]) -> Callable[..., Tensor]:
    return lambda a, b: compare(compared(lifted(a, a if isinstance(a, Bounded) else b) - b), 0)


# The table -----------------------------------------------------------------------------------------------------------

_BOTH: dict[str, Callable[..., Any]] = {  # of torch and of tensors
    "sqrt": sqrt, "abs": abs, "absolute": abs, "square": lambda v: v * v,
    "sigmoid": _curve("sigmoid"), "exp": Bounded.exp, "log": Bounded.log, "tanh": Bounded.tanh, "sign": Bounded.sign,
    "relu": Bounded.relu, "sum": Bounded.sum, "log1p": log1p, "expm1": expm1, "sin": wave(torch.sin),
    "cos": wave(torch.cos), "reciprocal": lambda v: 1 / v, "rsqrt": lambda v: 1 / sqrt(v), "pow": power,
    "neg": operator.neg, "mean": mean, "amax": largest, "amin": smallest, "logsumexp": logsumexp, "softmax": softmax,
    "log_softmax": log_softmax, "clamp": _clamp, "clip": _clamp, "outer": outer,
    "maximum": _of_two(torch.maximum), "minimum": _of_two(torch.minimum), "t": _moving(torch.t),
    "add": _by(operator.add), "sub": _by(operator.sub), "mul": _by(operator.mul),
    "div": _by(operator.truediv), "matmul": _by(operator.matmul), "mm": _by(operator.matmul),
    "mv": _by(operator.matmul), "dot": _by(operator.matmul),
    "gt": _compare(operator.gt), "ge": _compare(operator.ge), "lt": _compare(operator.lt),
    "le": _compare(operator.le), "eq": _compare(operator.eq), "ne": _compare(operator.ne),
    **{
        name: _moving(getattr(torch.Tensor, name))
        for name in ("reshape", "flatten", "unsqueeze", "squeeze", "transpose", "permute", "flip", "roll", "diagonal",
                     "gather", "index_select", "take_along_dim", "tril", "triu", "broadcast_to", "swapaxes", "diag",
                     "movedim", "narrow", "select")
    },
}  # fmt: skip
_OF_TORCH: dict[Any, Callable[..., Any]] = {
    torch.einsum: einsum, torch.stack: _joined(torch.stack), torch.cat: _joined(torch.cat),
    torch.zeros_like: _constant(torch.zeros_like), torch.ones_like: _constant(torch.ones_like),
    torch.full_like: _constant(torch.full_like), functional.softplus: softplus,
    functional.logsigmoid: log_sigmoid, functional.relu: Bounded.relu, functional.softmax: softmax,
    functional.log_softmax: log_softmax, functional.sigmoid: _curve("sigmoid"),
    torch.linalg.vector_norm: lambda v, **kwargs: sqrt((v * v).sum(**kwargs)),
}  # fmt: skip
_OF_TENSORS: dict[Any, Callable[..., Any]] = {
    torch.Tensor.view: _moving(torch.Tensor.view), torch.Tensor.expand: _moving(torch.Tensor.expand),
    torch.Tensor.clone: lambda v: v, torch.Tensor.detach: lambda v: v, torch.Tensor.double: lambda v: v,
    torch.Tensor.numel: lambda v: v.value.numel(), torch.Tensor.dim: lambda v: v.value.dim(),
    torch.Tensor.size: lambda v, *args: v.value.size(*args), torch.Tensor.contiguous: lambda v: v,
}  # fmt: skip

table.FUNCTIONS.update(_OF_TORCH)
table.FUNCTIONS.update(_OF_TENSORS)
for _sign in ("gt", "ge", "lt", "le", "eq", "ne"):
    table.FUNCTIONS[getattr(torch.Tensor, f"__{_sign}__")] = _BOTH[_sign]
for _name, _made in _BOTH.items():
    for _home in (torch, torch.Tensor):
        if hasattr(_home, _name):
            table.FUNCTIONS.setdefault(getattr(_home, _name), _made)
