"""Backward passes with a planted error each, and the probe that is there to see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Planted:
    """A wrong function, its inputs and reference, and the beginnings of the probes that see it."""

    name: str
    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    reference: Callable[..., Any]
    probes: tuple[str, ...]
    only: bool = False  # no other probe sees it
    shapes: bool = False


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed + 7 * sum(shape) + len(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def function(forward: Callable[..., Any], gradient: Callable[..., Any], name: str = "Planted") -> Callable[..., Any]:
    """forward(*inputs) with gradient(upstream, *inputs) for a backward pass."""

    class Made(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            ctx.save_for_backward(*(v for v in inputs if isinstance(v, Tensor)))
            return forward(*inputs)

        @staticmethod
        def backward(ctx: Any, *upstream: Any) -> Any:
            return gradient(*upstream, *ctx.saved_tensors)

    Made.__name__ = Made.__qualname__ = name
    return Made.apply


# What every gradient may be -----------------------------------------------------------------------------------------


def linear(x: Tensor, w: Tensor) -> Tensor:
    return x @ w


def linear_back(g: Tensor, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    return g @ w.T, x.T @ g


def softmax(x: Tensor) -> Tensor:
    return torch.softmax(x, -1)


def softmax_back(g: Tensor, x: Tensor) -> Tensor:
    y = softmax(x)
    return y * (g - (g * y).sum(-1, keepdim=True))


def layer_norm(x: Tensor) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:])


def layer_norm_back(g: Tensor, x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    r = torch.rsqrt((centred * centred).mean(-1, keepdim=True) + 1e-5)
    h = centred * r
    return r * (g - g.mean(-1, keepdim=True) - h * (g * h).mean(-1, keepdim=True))


def _without(dim: int) -> Callable[[Tensor], Tensor]:
    def lose(v: Tensor) -> Tensor:
        v = v.clone()
        v.select(dim, v.shape[dim] - 1).zero_()
        return v

    return lose


SPOILT: dict[str, Callable[[Tensor], Tensor]] = {
    "zero": torch.zeros_like,
    "negated": torch.neg,
    "doubled": lambda v: 2 * v,
    "1 % off": lambda v: 1.01 * v,
    "last row missing": _without(0),
    "last column missing": _without(-1),
    "shuffled": lambda v: v.reshape(-1).roll(1).reshape(v.shape),
    "a common 3/4": lambda v: 0.75 * v,
}
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def everywhere() -> Iterator[Planted]:
    """The same mistakes in three layers and every dtype, seen by a random upstream gradient."""
    layers = {
        "linear": (linear, linear_back, (draw(6, 5), draw(5, 4))),
        "softmax": (softmax, softmax_back, (draw(6, 5),)),
        "layer norm": (layer_norm, layer_norm_back, (draw(6, 8),)),
    }
    for dtype in DTYPES:
        for layer, (forward, back, inputs) in layers.items():
            for mistake, spoil in SPOILT.items():
                if mistake == "1 % off" and dtype not in (torch.float32, torch.float64):
                    continue
                yield Planted(
                    f"{layer}, {mistake}, {str(dtype).removeprefix('torch.')}",
                    function(forward, _last(back, spoil)),
                    tuple(v.to(dtype) for v in inputs),
                    forward,
                    ("upstream random",),
                )


def _last(back: Callable[..., Any], spoil: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    """The gradient of the last input spoilt."""

    def gradient(*arguments: Any) -> Any:
        found = back(*arguments)
        return (*found[:-1], spoil(found[-1])) if isinstance(found, tuple) else spoil(found)

    return gradient


# Faults that one probe is there for --------------------------------------------------------------------------------


def flat(g: Tensor, *, offset: bool = True) -> Tensor:
    """The upstream gradient as a kernel reads it that takes it for contiguous."""
    strides = torch.empty(g.shape).stride()
    room = torch.zeros(g.storage_offset() + g.numel() + g.untyped_storage().nbytes(), dtype=g.dtype)
    whole = g.as_strided((g.untyped_storage().nbytes() // g.element_size(),), (1,), 0)
    room[: len(whole)] = whole
    return room.as_strided(g.shape, strides, g.storage_offset() if offset else 0)


def square(x: Tensor) -> Tensor:
    return x * x


def _gather_from(x: Tensor, t: Tensor) -> Tensor:
    return x[t]


def _relu_back(at_zero: float) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda g, x: g * torch.where(x > 0, 1.0, torch.where(x == 0, at_zero, 0.0)).to(x.dtype)


def _lost_beyond(n: int) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor) -> Tensor:
        dx = 2 * x * g
        dx[:, n:] = 0
        return dx

    return back


def _where(condition: Callable[[Tensor], bool], factor: float = 0.5) -> Callable[..., Any]:
    """The gradient of a square, off by a factor where the upstream gradient is of one kind."""
    return lambda g, x: 2 * x * g * (factor if condition(g) else 1.0)


def _norm(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x, dim=-1)


def _ce(a: Tensor, t: Tensor) -> Tensor:
    return functional.cross_entropy(a, t, reduction="none")


def _ce_back(a: Tensor, t: Tensor) -> Tensor:
    return torch.softmax(a, -1) - functional.one_hot(t, a.shape[-1])


X = draw(6, 5)
LABELS = torch.arange(6) % 5


class Fallback(torch.autograd.Function):
    """A Function whose apply goes another way: its own backward pass never runs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * x

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        return upstream[0]

    @classmethod
    def apply(cls, x: Tensor) -> Tensor:
        return x * x


class Overwrites(torch.autograd.Function):
    """Its backward pass writes into what the forward pass saved."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.kept = 2 * x
        return x * x

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        return ctx.kept.mul_(upstream[0]).clone()


class Frozen(torch.autograd.Function):
    """Forgets a term where the other input is frozen."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return x * y + y

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        x, y = ctx.saved_tensors
        g = upstream[0]
        return g * y, g * x + (g if ctx.needs_input_grad[0] else 0)


def _writes_upstream(g: Tensor, x: Tensor) -> Tensor:
    kept = g.clone()
    g.detach().mul_(0.5) if g.stride() == torch.empty(g.shape).stride() else None
    return 2 * x * kept


def _writes_input(x: Tensor) -> Tensor:
    y = x * x
    x.detach().add_(1)
    return y


def _half_square(x: Tensor) -> Tensor:
    return x * x / 2


def _square(name: str, back: Callable[..., Any], *probes: str, only: bool = False, shapes: bool = False) -> Planted:
    return Planted(name, function(square, back), (X,), square, probes, only, shapes)


def _of(
    name: str, forward: Callable[..., Any], back: Callable[..., Any], *probes: str, x: Tensor = X, only: bool = False
) -> Planted:
    return Planted(name, function(forward, back), (x,), forward, probes, only)


def single() -> Iterator[Planted]:
    """One fault a probe, most of which no other probe sees."""
    yield from _of_upstream()
    yield from _of_inputs()
    yield from _of_sizes()
    yield from _of_calls()


def _of_upstream() -> Iterator[Planted]:
    stride_zero = lambda g: g.dim() > 1 and any(s == 0 for s in g.stride()) and any(s != 0 for s in g.stride())
    uniform = lambda g: g.dim() > 1 and all(s == 0 for s in g.stride())
    alone = lambda g: int((g != 0).sum()) == 1
    small = lambda g, x: 2 * x * torch.where(g.abs() < 1e-4, 0, g)
    yield _square("first entry of the upstream for all", lambda g, x: 2 * x * g.reshape(-1)[0], "upstream random")
    yield _square("upstream ignored", lambda g, x: 2 * x, "upstream random")
    yield _square("first row of the upstream for all rows", lambda g, x: 2 * x * g[:1], "upstream random")
    yield _square("upstream read as if contiguous", lambda g, x: 2 * x * flat(g), "upstream transposed")
    yield _square("storage offset ignored", lambda g, x: 2 * x * flat(g, offset=False), "upstream slice")
    yield _square("wrong for a stride of 0", _where(stride_zero), "upstream expanded", only=True)
    yield _square("scalar load for .sum()", _where(uniform), "upstream zero-dimensional", only=True)
    yield _square("upstream clipped", lambda g, x: 2 * x * g.clamp(-100, 100), "upstream huge", only=True)
    yield _square("small upstream dropped", small, "upstream tiny", only=True)
    yield _square("sparse upstream", _where(alone), "upstream one-hot", only=True)
    yield _square("a short cut for ones", _where(lambda g: bool((g == 1).all())), "upstream ones", only=True)
    one = function(_ce, lambda g, a, t: (g[0] * _ce_back(a, t), None))
    yield Planted("one row's upstream for the mean", one, (X, LABELS), _ce, ("upstream random",))
    last = function(_gather_from, lambda g, x, t: (torch.zeros_like(x).index_put((t,), g), None))
    yield Planted("equal rows keep the last", last, (X, torch.tensor([1, 2, 1, 0])), _gather_from, ("upstream random",))


def _twice_at_ties(g: Tensor, x: Tensor) -> Tensor:
    tied = x == x.amax(-1, keepdim=True)
    return 2 ** (tied.sum(-1, keepdim=True) - 1) * g[:, None] * tied


def _lost_near_one(g: Tensor, x: Tensor) -> Tensor:
    return softmax_back(g, x) * (softmax(x).amax(-1, keepdim=True) < 0.99)


def _tail_cut(g: Tensor, x: Tensor) -> Tensor:
    return g * torch.sigmoid(x) * torch.sigmoid(-x) * (x.abs() < 6)


def _squared_sum(x: Tensor) -> Tensor:
    return x.sum(-1) ** 2


def _small_sum_lost(g: Tensor, x: Tensor) -> Tensor:
    total = x.sum(-1)
    return (2 * g * total * (total.abs() > 0.05 * x.abs().sum(-1)))[:, None].expand_as(x)


def _of_inputs() -> Iterator[Planted]:
    spaced = lambda g, x: 2 * (x if x.stride(-1) != 2 else flat(x)) * g
    zeros, ties = "inputs with zeros", "inputs with ties"
    yield _square("input read as if contiguous", lambda g, x: 2 * flat(x) * g, "inputs transposed", "inputs non")
    yield _square("input's stride of 2 ignored", spaced, "inputs non-contiguous", only=True)
    yield _of("relu's slope 2 at 0", torch.relu, _relu_back(2.0), zeros, ties, only=True)
    yield _of("relu's slope −1 at 0", torch.relu, _relu_back(-1.0), zeros, ties, only=True)
    yield _of("0/0 at a row of zeros", _norm, lambda g, x: g[:, None] * x / _norm(x)[:, None], zeros, only=True)
    yield _of("twice at a tie", lambda x: x.amax(-1), _twice_at_ties, ties, zeros, "ties together", only=True)
    yield _of("softmax's derivative lost near 1", softmax, _lost_near_one, "inputs saturated", only=True)
    yield _of("sigmoid's tail cut off", torch.sigmoid, _tail_cut, "inputs saturated", only=True)
    yield _of("small sums taken for 0", _squared_sum, _small_sum_lost, "inputs cancelling", x=draw(6, 4).abs())


def _of_sizes() -> Iterator[Planted]:
    single_row = lambda g, x: 2 * x * g * (0.5 if len(x) == 1 else 1)
    odd = lambda g, x: _without(0)(2 * x * g) if len(x) % 2 else 2 * x * g
    for n, size in ((64, 65), (128, 129), (63, 64), (126, 127)):
        yield _square(f"columns from {n} on lost", _lost_beyond(n), f"size 5 → {size}", shapes=True)
    yield _square("wrong for a batch of 1", single_row, "size 6 → 1", only=True, shapes=True)
    yield _square("last of an odd batch lost", odd, "size 6 → 3", shapes=True)


def _of_calls() -> Iterator[Planted]:
    memory = lambda g, x: x if bool((g == 1).all()) else x * g
    both = lambda x, y: x * y + y
    noise = lambda g, x: 2 * x * g * (1 + 1e-3 * torch.rand(()))
    other = draw(6, 5, seed=3)
    yield Planted("a term lost where the other is frozen", Frozen.apply, (X, other), both, ("frozen",), only=True)
    yield Planted("saved values overwritten", Overwrites.apply, (X,), square, ("second backward",), only=True)
    yield _square("upstream written into", _writes_upstream, "upstream random")
    written = function(_writes_input, lambda g, x: 2 * (x - 1) * g)
    yield Planted("input written into", written, (X,), square, ("upstream random",))
    yield _of("gradient is the input's memory", _half_square, memory, "upstream ones", only=True)
    yield _square("no gradient", lambda g, x: None, "upstream random")
    yield Planted("the kernel never ran", Fallback.apply, (X,), square, ("upstream random",))
    yield _square("different each time", noise, "called twice")
    yield _of("1 % off in bfloat16", square, lambda g, x: 2.02 * x * g, "float64", x=X.bfloat16())


def planted() -> list[Planted]:
    return [*everywhere(), *single()]
