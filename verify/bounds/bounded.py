"""Running error analysis as arithmetic: numbers that carry a bound on how far rounding can have moved them.

A `Bounded` is a float64 tensor with an absolute error bound an entry. Its operations pass the bounds of their inputs on
through the absolute values of their factors and add γₙ times the sum of the absolute values of their terms (Higham,
*Accuracy and Stability of Numerical Algorithms*, 2nd ed., ch. 3; for networks Beuzeville, Buttari, Gratton and Mary,
hal-04663142). The equations of `manual.network` run on Bounded tensors unchanged, so each equation is written once and
a mistaken equation has its budget as well as a right one.

The bound holds for every program that evaluates the same terms in any order, in an arithmetic of unit roundoff u
(2⁻⁵³ for float64, 2⁻²⁴ for float32), with the textbook's forms of the activations (1 − tanh² a and not only sech² a):
what it computes lies within `error` of the exact number. `value` is such a program's, so the exact number lies within
`error` of it, and another program's within 2 `error`. That is why products of two errors stand below three times, and
why curves are looked at as far as 2 `error` from `value`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

# Roundings that one elementary function may take: the library's own error, and the few operations of a textbook form.
_FUNCTION_ROUNDINGS = 8


def unit_roundoff(dtype: torch.dtype) -> float:
    """u of a floating dtype: half the distance from 1 to the next number."""
    return torch.finfo(dtype).eps / 2


class Bounded:
    """value ± error, entry by entry; u is the unit roundoff of the arithmetic that is judged."""

    __slots__ = ("error", "u", "value")

    def __init__(self, value: Tensor, error: Tensor, u: float) -> None:
        self.value = value
        # 0 · ∞ is what "no bound" times "nothing" gives: no bound.
        self.error = torch.nan_to_num(error, nan=torch.inf, posinf=torch.inf)
        self.u = u

    @classmethod
    def exact(cls, value: Tensor, u: float) -> Bounded:
        """An input, known exactly in its own dtype; an arithmetic shorter than that rounds it once on the way in."""
        entry = u if value.is_floating_point() and unit_roundoff(value.dtype) < u else 0.0
        value = value.to(torch.float64)
        return cls(value, value.abs() * entry, u)

    # What tensors answer ---------------------------------------------------------------------------------------------

    @property
    def shape(self) -> torch.Size:
        return self.value.shape

    @property
    def dtype(self) -> torch.dtype:
        return self.value.dtype

    @property
    def device(self) -> torch.device:
        return self.value.device

    @property
    def T(self) -> Bounded:
        return Bounded(self.value.T, self.error.T, self.u)

    @property
    def requires_grad(self) -> bool:
        return False

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: Any) -> Bounded:
        return Bounded(self.value[index], self.error[index], self.u)

    # Arithmetic ------------------------------------------------------------------------------------------------------

    def _tiny(self) -> float:
        """What one operation may lose by underflow."""
        return torch.finfo(torch.float64 if self.u < 1e-10 else torch.float32).tiny

    def _with(self, value: Tensor, error: Tensor) -> Bounded:
        """The bound is computed with rounding as well, and an operation rounds what its inputs' errors have moved."""
        return Bounded(value, error * (1 + 16 * self.u) + self._tiny(), self.u)

    def _other(self, other: Any) -> Bounded:
        if isinstance(other, Bounded):
            return other
        value = other if isinstance(other, Tensor) else torch.tensor(other, dtype=self.dtype, device=self.device)
        return Bounded.exact(value, self.u)

    def _sum_like(self, other: Any, sign: int) -> Bounded:
        o = self._other(other)
        value = self.value + sign * o.value
        return self._with(value, self.error + o.error + self.u * (self.value.abs() + o.value.abs()))

    def __add__(self, other: Any) -> Bounded:
        return self._sum_like(other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Bounded:
        return self._sum_like(other, -1)

    def __rsub__(self, other: Any) -> Bounded:
        return (-self) + other

    def __neg__(self) -> Bounded:
        return Bounded(-self.value, self.error, self.u)

    def __mul__(self, other: Any) -> Bounded:
        o = self._other(other)
        p, q = self.value.abs(), o.value.abs()
        return self._with(self.value * o.value, p * o.error + self.error * (q + 3 * o.error) + 2 * self.u * p * q)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Bounded:
        o = self._other(other)
        value = self.value / o.value
        # x̂/ŷ − x/y = (x̂ − x − (x/y)(ŷ − y)) / ŷ, where |x/y| is |value| and this very error at most.
        margin = o.value.abs() - 3 * o.error
        wide = torch.where(margin > 0, (self.error + value.abs() * o.error) / margin, torch.inf)
        return self._with(value, wide + 2 * self.u * value.abs())

    def __rtruediv__(self, other: Any) -> Bounded:
        return self._other(other) / self

    def __pow__(self, exponent: int) -> Bounded:
        if not (isinstance(exponent, int) and exponent >= 1):
            raise TypeError(f"power {exponent!r} has no running error analysis; whole numbers from 1 have")
        product = self
        for _ in range(exponent - 1):
            product = product * self
        return product

    def __matmul__(self, other: Any) -> Bounded:
        o = self._other(other)
        p, q = self.value.abs(), o.value.abs()
        gamma = gamma_n(self.shape[-1] + 1, self.u)
        error = p @ (gamma * q + o.error)
        if bool((self.error > 0).any()):  # x, the usual exact factor, saves a product
            error = error + self.error @ (q + 3 * o.error)
        # The moved factors are rounded too, and the bound's own products round as often as those they bound.
        return self._with(self.value @ o.value, error * (1 + 2 * gamma))

    def __rmatmul__(self, other: Any) -> Bounded:
        return self._other(other) @ self

    def sum(self, dim: int | None = None, keepdim: bool = False) -> Bounded:
        """The sum over one dimension, or over all."""
        dims = tuple(range(self.value.dim())) if dim is None else (dim,)
        count = 1
        for d in dims:
            count *= self.shape[d]
        if not dims:
            return self
        add: Callable[[Tensor], Tensor] = lambda v: torch.sum(v, dim=dims, keepdim=keepdim)
        gamma = gamma_n(count, self.u)
        return self._with(add(self.value), (1 + 2 * gamma) * (add(self.error) + gamma * add(self.value.abs())))

    # Functions -------------------------------------------------------------------------------------------------------

    def through(self, value: Tensor, moved: Tensor, terms: Tensor) -> Bounded:
        """A function of this: its value, how far the input's error moves it, the sum of its terms' sizes."""
        return self._with(value, moved + _FUNCTION_ROUNDINGS * self.u * terms)

    def rounded(self, times: int) -> Bounded:
        """The same number after that many more roundings."""
        return Bounded(self.value, self.error + gamma_n(times, self.u) * self.value.abs(), self.u)

    def exp(self) -> Bounded:
        value, growth = torch.exp(self.value), torch.expm1(self.error)
        return self.through(value, value * (1 + growth) * growth, value * (1 + growth) ** 2)

    def log(self) -> Bounded:
        """ln of a number above 0; without bound where a program may hold 0, or the exact number may be 0."""
        value = torch.log(self.value)
        margin = self.value - 2 * self.error
        moved = torch.where(margin > 0, self.error / margin, torch.inf)
        return self.through(value, moved, value.abs())

    def tanh(self) -> Bounded:
        value = torch.tanh(self.value)
        return self.through(value, torch.clamp(self.error, max=2), torch.ones_like(value))

    def sign(self) -> Bounded:
        unsure = (self.value.abs() <= 2 * self.error) & (self.error > 0)
        return Bounded(torch.sign(self.value), unsure * 2.0, self.u)

    def relu(self) -> Bounded:
        return Bounded(torch.clamp(self.value, min=0), self.error, self.u)

    def where(self, condition: Tensor, other: Any) -> Bounded:
        """This where the condition holds, other elsewhere."""
        o = self._other(other)
        return Bounded(torch.where(condition, self.value, o.value), torch.where(condition, self.error, o.error), self.u)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """torch.exp(bounded) and the like: the functions that equations use, by the table below."""
        if func not in _FUNCTIONS:
            raise TypeError(f"{getattr(func, '__name__', func)} has no running error analysis")
        return _FUNCTIONS[func](*args, **(kwargs or {}))


def _reflected(operation: str) -> Callable[[Any, Bounded], Bounded]:
    """tensor ∘ bounded: torch asks Bounded first, with the tensor on the left."""
    return lambda left, right: getattr(_lift(left, right), operation)(right)


def _lift(left: Any, like: Any) -> Bounded:
    return left if isinstance(left, Bounded) else Bounded.exact(left, like.u)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    torch.exp: Bounded.exp,
    torch.log: Bounded.log,
    torch.tanh: Bounded.tanh,
    torch.sign: Bounded.sign,
    torch.relu: Bounded.relu,
    torch.sum: Bounded.sum,
    torch.where: lambda condition, a, b: _lift(a, b).where(condition, b),
    torch.Tensor.__add__: _reflected("__add__"),
    torch.Tensor.add: _reflected("__add__"),
    torch.Tensor.__sub__: _reflected("__sub__"),
    torch.Tensor.sub: _reflected("__sub__"),
    torch.Tensor.__mul__: _reflected("__mul__"),
    torch.Tensor.mul: _reflected("__mul__"),
    torch.Tensor.__truediv__: _reflected("__truediv__"),
    torch.Tensor.div: _reflected("__truediv__"),
    torch.Tensor.__matmul__: _reflected("__matmul__"),
    torch.Tensor.matmul: _reflected("__matmul__"),
}


def gamma_n(n: int, u: float) -> float:
    """γₙ = nu / (1 − nu) (Higham, lemma 3.1); without bound where nu reaches 1."""
    return n * u / (1 - n * u) if n * u < 1 else float("inf")
