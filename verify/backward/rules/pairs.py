"""A complex tensor as its real and its imaginary part, each a real number with bounds of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from verify.backward.bound import Bound, plus, stored
from verify.backward.precision import Precision
from verify.backward.rules.arithmetic import add, multiply
from verify.backward.rules.table import Rule, lift

COMPLEX_RULES: dict[str, Rule] = {}  # by aten name, as RULES


@dataclass(frozen=True)
class Pair:
    """The real and the imaginary part of a complex tensor."""

    re: Bound
    im: Bound

    @property
    def value(self) -> Tensor:
        return torch.complex(*torch.broadcast_tensors(self.re.value, self.im.value))

    @property
    def reach(self) -> Tensor | None:
        """How far rounding may have moved the number; None: not at all."""
        if self.re.proof is None and self.im.proof is None:
            return None
        zero = torch.zeros_like(self.re.value)
        proofs = (zero if b.proof is None else b.proof for b in (self.re, self.im))
        return torch.hypot(*torch.broadcast_tensors(*proofs))

    @property
    def parts(self) -> list[Bound]:
        return [self.re, self.im]


def split(found: Bound) -> Pair:
    """(…, 2) -> the parts."""

    def part(k: int) -> Bound:
        of: Callable[[Tensor | None], Tensor | None] = lambda v: None if v is None else v[..., k]
        terms = None if found.terms is None else (found.terms[0], found.terms[1][..., k])
        return Bound(found.value[..., k], of(found.proof), of(found.var), found.derived, terms)

    return Pair(part(0), part(1))


def joined(pair: Pair) -> Bound:
    """The parts -> (…, 2)."""
    both = torch.broadcast_tensors(pair.re.value, pair.im.value)

    def stack(name: str) -> Tensor | None:
        found = [getattr(b, name) for b in pair.parts]
        if all(v is None for v in found):
            return None
        return torch.stack([torch.zeros_like(both[0]) if v is None else v.expand_as(both[0]) for v in found], -1)

    terms = None
    if pair.re.terms is not None and pair.im.terms is not None:
        spread = [b.terms[1].expand_as(both[0]) for b in pair.parts if b.terms is not None]
        terms = (max(pair.re.terms[0], pair.im.terms[0]), torch.stack(spread, -1))
    return Bound(torch.stack(both, -1), stack("proof"), stack("var"), pair.re.derived or pair.im.derived, terms)


def pair_of(p: Precision, value: Any, like: Tensor) -> Pair:
    """A complex tensor, a real one, or a number, as a pair."""
    if isinstance(value, Pair):
        return value
    if isinstance(value, complex):
        return Pair(lift(p, value.real, like), lift(p, value.imag, like))
    return Pair(lift(p, value, like), Bound(torch.zeros((), dtype=torch.float64, device=like.device)))


def enter_complex(*names: str) -> Callable[[Rule], Rule]:
    def enter(function: Rule) -> Rule:
        COMPLEX_RULES.update(dict.fromkeys(names, function))
        return function

    return enter


def two_pairs(p: Precision, a: Any, b: Any) -> tuple[Pair, Pair]:
    like = next(v.re.value if isinstance(v, Pair) else v.value for v in (a, b) if isinstance(v, (Pair, Bound)))
    return pair_of(p, a, like), pair_of(p, b, like)


def product(p: Precision, a: Pair, b: Pair) -> Pair:
    """(ar br − ai bi) + i (ar bi + ai br)."""
    of = lambda one, two: multiply(p, one, two)
    return Pair(add(p, of(a.re, b.re), of(a.im, b.im), -1), add(p, of(a.re, b.im), of(a.im, b.re)))


def plus_pair(p: Precision, a: Pair, b: Pair, alpha: Any) -> Pair:
    if isinstance(alpha, complex) or alpha not in (1, -1):
        b, alpha = product(p, *two_pairs(p, b, alpha)), 1
    return Pair(add(p, a.re, b.re, alpha), add(p, a.im, b.im, alpha))


def rounded(p: Precision, x: Bound, times: float) -> Bound:
    """With so many roundings more."""
    return stored(p, x.value, [x], x.proof, x.var, relative=times, sigma=times / 2)


def either(z: Pair) -> Tensor | None:
    """The variance of both parts together."""
    return plus(z.re.var, z.im.var)
