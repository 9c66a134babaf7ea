"""Running error analysis as arithmetic: numbers that carry a bound on how far rounding can have moved them.

A `Bounded` is a float64 tensor with an absolute error bound an entry. Its operations pass the bounds of their inputs on
through the absolute values of their factors and add γₙ times the sum of the absolute values of their terms (Higham,
*Accuracy and Stability of Numerical Algorithms*, 2nd ed., ch. 3; for networks Beuzeville, Buttari, Gratton and Mary,
hal-04663142). The equations of `manual.network` run on Bounded tensors unchanged, so each equation is written once and
a mistaken equation has its budget as well as a right one.

The bound holds for every program that evaluates the terms of each line in any order, in an arithmetic of unit roundoff
u (2⁻⁵³ for float64, 2⁻²⁴ for float32), with the textbook's forms of the activations (1 − tanh² a and not only sech² a):
what it computes lies within `error` of the exact number. A sum of M terms, added in any order, with or without fused
multiply-adds, rounds each of them M − 1 times at most (Higham, 4.4). A sum therefore knows its terms, and where two of
them are joined (zW + b, the mean of zᵀδ and λW, E) each term may be rounded once more for every term of the other side.

`value` is such a program's, so the exact number lies within `error` of it, and another program's within 2 `error`. That
is why products of two errors stand below three times, and why curves are looked at as far as 2 `error` from `value`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from verify.bounds import roundings

# Roundings that one function may take: the library's own error, and the few operations of a textbook form.
_FUNCTION_ROUNDINGS = roundings.FORM


def unit_roundoff(dtype: torch.dtype) -> float:
    """u of a floating dtype: half the distance from 1 to the next number."""
    return torch.finfo(dtype).eps / 2


@dataclass(frozen=True)
class Terms:
    """The terms of a sum: how many, the sum of their absolute values as a program may hold them, an entry each."""

    count: int
    size: Tensor
    scalings: int = 0  # roundings of the factors that all of them have in common, as 1/N

    def changed(self, change: Callable[[Tensor], Tensor]) -> Terms:
        """The same terms with their sizes turned over, indexed or scaled."""
        return replace(self, size=change(self.size))


def _is_nothing(error: Tensor) -> bool:
    """Whether it is the one 0 that stands for all entries of what is exact."""
    return error.numel() > 1 and not any(error.stride()) and float(error[(0,) * error.dim()]) == 0


def _by_method(name: str) -> Callable[[Any, Any], Any]:
    """An operator that is the method of that name."""
    return lambda left, right: getattr(left, name)(right)


class Bounded:
    """value ± error, entry by entry; u is the unit roundoff of the arithmetic that is judged.

    Of a sum, `terms` says of how many terms each entry is one, how much their absolute values add up to, and how often
    they have been scaled together. Whatever is no sum is a term by itself.
    """

    __slots__ = ("error", "terms", "u", "value")

    def __init__(self, value: Tensor, error: Tensor, u: float, terms: Terms | None = None) -> None:
        self.value = value
        # 0 · ∞ is what "no bound" times "nothing" gives: no bound.
        self.error = error if _is_nothing(error) else torch.nan_to_num(error, nan=torch.inf, posinf=torch.inf)
        self.u = u
        self.terms = terms

    @classmethod
    def exact(cls, value: Tensor, u: float) -> Bounded:
        """An input, known exactly in its own dtype; an arithmetic shorter than that rounds it once on the way in."""
        rounds = value.is_floating_point() and unit_roundoff(value.dtype) < u
        value = value.to(torch.float64)
        return cls(value, value.abs() * u if rounds else value.new_zeros(()).expand(value.shape), u)

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
        return Bounded(self.value.T, self.error.T, self.u, self.terms and self.terms.changed(lambda v: v.T))

    @property
    def requires_grad(self) -> bool:
        return False

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: Any) -> Bounded:
        terms = self.terms and self.terms.changed(lambda v: v[index])
        return Bounded(self.value[index], self.error[index], self.u, terms)

    # Arithmetic ------------------------------------------------------------------------------------------------------

    def _tiny(self) -> float:
        """What one operation may lose by underflow."""
        return torch.finfo(torch.float64 if self.u < 1e-10 else torch.float32).tiny

    def _with(self, value: Tensor, error: Tensor, terms: Terms | None = None) -> Bounded:
        """The bound is computed with rounding as well, and an operation rounds what its inputs' errors have moved."""
        return Bounded(value, error * (1 + 16 * self.u) + self._tiny(), self.u, terms)

    def as_sum(self) -> Terms:
        """The terms of a sum; what is none is one term."""
        return self.terms or Terms(1, self.value.abs() + 2 * self.error)

    def _other(self, other: Any) -> Bounded:
        if isinstance(other, Bounded):
            return other
        value = other if isinstance(other, Tensor) else torch.tensor(other, dtype=self.dtype, device=self.device)
        return Bounded.exact(value, self.u)

    def _joined(self, other: Any, sign: int) -> Bounded:
        """One sum of all terms of both: each is rounded once more for every term of the other side.

        A factor that one side's terms have in common may be divided out of the other's, and put to the whole sum.
        """
        o = self._other(other)
        mine, theirs = self.as_sum(), o.as_sum()
        count = mine.count + theirs.count
        more = lambda other: more_roundings(other.count + other.scalings, count + other.scalings, self.u)
        error = self.error + o.error + more(theirs) * mine.size + more(mine) * theirs.size
        terms = Terms(count, mine.size + theirs.size, max(mine.scalings, theirs.scalings))
        return self._with(self.value + sign * o.value, error, terms)

    def __add__(self, other: Any) -> Bounded:
        return self._joined(other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Bounded:
        return self._joined(other, -1)

    def __rsub__(self, other: Any) -> Bounded:
        return (-self) + other

    def __neg__(self) -> Bounded:
        return Bounded(-self.value, self.error, self.u, self.terms)

    def _scaled(self, value: Tensor, factor: float) -> Bounded:
        """Every term of a sum times a number, or the sum itself. A number times 0 leaves no term.

        Two roundings, as of a rounded 1/N; and that of a factor which is no number of a shorter arithmetic.
        """
        if factor == 0:
            return self._with(value, self.error * 0, Terms(0, value.abs()))
        terms = self.as_sum()
        size = terms.size * abs(factor)
        times = 2 if self.u <= unit_roundoff(torch.float64) else 3
        error = self.error * abs(factor) + times * self.u * size
        return self._with(value, error, Terms(terms.count, size, times if terms.count > 1 else 0))

    def __mul__(self, other: Any) -> Bounded:
        if isinstance(other, Real):
            return self._scaled(self.value * float(other), float(other))
        o = self._other(other)
        p, q = self.value.abs(), o.value.abs()
        return self._with(self.value * o.value, p * o.error + self.error * (q + 3 * o.error) + 2 * self.u * p * q)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Bounded:
        if isinstance(other, Real) and other != 0:
            return self._scaled(self.value / float(other), 1 / float(other))
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
            if torch.Tensor.pow in FUNCTIONS:
                return FUNCTIONS[torch.Tensor.pow](self, exponent)
            raise TypeError(f"power {exponent!r} has no running error analysis; whole numbers from 1 have")
        product = self
        for _ in range(exponent - 1):
            product = product * self
        return product

    def __abs__(self) -> Bounded:
        return Bounded(self.value.abs(), self.error, self.u)

    # Comparisons are of the values (`verify.bounds.kinks`); they need `verify.bounds.operations`, which has them.
    __gt__, __ge__, __lt__, __le__ = (_by_method(name) for name in ("gt", "ge", "lt", "le"))
    __eq__, __ne__ = (_by_method(name) for name in ("eq", "ne"))
    __hash__ = object.__hash__

    def __matmul__(self, other: Any) -> Bounded:
        o = self._other(other)
        p, q = self.value.abs(), o.value.abs()
        n = self.shape[-1]
        gamma = gamma_n(n, self.u)  # the product, and n − 1 additions
        size = p @ q
        error = gamma * size
        # x and W, exact factors, save a product each.
        if bool((o.error > 0).any()):
            error = error + p @ o.error
        if bool((self.error > 0).any()):
            error = error + self.error @ (q + 3 * o.error)
        # The moved factors are rounded too, and the bound's own products round as often as those they bound.
        error = error * (1 + 2 * gamma)
        return self._with(self.value @ o.value, error, Terms(n, size + 2 * error))

    def __rmatmul__(self, other: Any) -> Bounded:
        return self._other(other) @ self

    def sum(self, dim: int | tuple[int, ...] | None = None, keepdim: bool = False) -> Bounded:
        """The sum over one dimension, over some, or over all."""
        dims = tuple(range(self.value.dim())) if dim is None else dim if isinstance(dim, tuple) else (dim,)
        count = 1
        for d in dims:
            count *= self.shape[d]
        if not dims:
            return self
        add: Callable[[Tensor], Tensor] = lambda v: torch.sum(v, dim=dims, keepdim=keepdim)
        terms = self.as_sum()
        total = count * terms.count
        size = add(terms.size) * (1 + gamma_n(count, self.u))
        error = (
            add(self.error) * (1 + gamma_n(count, self.u)) + more_roundings(total - terms.count, total, self.u) * size
        )
        return self._with(add(self.value), error, Terms(total, size, terms.scalings))

    # Functions -------------------------------------------------------------------------------------------------------

    def through(self, value: Tensor, moved: Tensor, terms: Tensor) -> Bounded:
        """A function of this: its value, how far the input's error moves it, the sum of its terms' sizes."""
        return self._with(value, moved + _FUNCTION_ROUNDINGS * self.u * terms)

    def alone(self) -> Bounded:
        """The same number as one term: its sum is finished before anything is joined to it."""
        return Bounded(self.value, self.error, self.u)

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
        if func not in FUNCTIONS:
            raise TypeError(f"{getattr(func, '__name__', func)} has no running error analysis")
        return FUNCTIONS[func](*args, **(kwargs or {}))

    def __getattr__(self, name: str) -> Any:
        """v.mean(0) and the like: a tensor's method, by the same table."""
        function = FUNCTIONS.get(getattr(torch.Tensor, name, None))
        if function is None:
            raise AttributeError(f"{name} has no running error analysis")
        return partial(function, self)


def _reflected(operation: str) -> Callable[[Any, Bounded], Bounded]:
    """tensor ∘ bounded: torch asks Bounded first, with the tensor on the left."""
    return lambda left, right: getattr(lifted(left, right), operation)(right)


def lifted(left: Any, like: Any) -> Bounded:
    """The left one as a Bounded of the other's arithmetic."""
    if isinstance(left, Bounded):
        return left
    return Bounded.exact(
        left if isinstance(left, Tensor) else torch.tensor(left, dtype=like.dtype, device=like.device), like.u
    )


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    torch.exp: Bounded.exp,
    torch.log: Bounded.log,
    torch.tanh: Bounded.tanh,
    torch.sign: Bounded.sign,
    torch.relu: Bounded.relu,
    torch.sum: Bounded.sum,
    torch.where: lambda condition, a, b: lifted(a, b).where(condition, b),
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


def more_roundings(more: int, total: int, u: float) -> float:
    """γ_total − γ_(total − more) at most: what `more` roundings add to those that a term has had."""
    return more * u / (1 - total * u) ** 2 if total * u < 1 else float("inf")


def gamma_n(n: int, u: float) -> float:
    """γₙ = nu / (1 − nu) (Higham, lemma 3.1); without bound where nu reaches 1."""
    return n * u / (1 - n * u) if n * u < 1 else float("inf")
