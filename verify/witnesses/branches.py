"""The branches of units that are exactly where two pieces meet: every choice of them, one after the other.

relu and its kin are smooth pieces put together (`verify.bounds.pieces`); where two meet, at 0 mostly, each unit may
have the slope of either, or any in between: E is affine in each unit's slope by itself, so what lies between the
derivatives on all choices of branches is the set of all subgradients, no more and no less. A unit that is kept to a
branch has no kink.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from verify.bounds.curves import curve
from verify.bounds.pieces import pieces
from verify.witnesses.columns import Base, ErrorFunction, Function, LayerFunction

MOST = 6  # such units whose choices, 2 to that power, are tried


@dataclass(frozen=True)
class Choice:
    """Which units are where pieces meet ("at 0", for short), from layer l up, and a number for each of them.

    count (N, M): how many units at 0 a move of a_nj(l) can meet, itself among them. A choice is a whole number below
    2^count, whose bits say, unit by unit, whether it is kept to the piece above.
    """

    base: Base
    l: int
    stands: dict[
        int, Tensor
    ]  # layer -> (N, M), what stands where pieces may meet: a(l); of L + 1 it is y − t, or margins
    at_zero: dict[int, Tensor]  # layer -> (N, M) bool
    bit: dict[int, Tensor]  # layer -> (N, M); in layer l, where a unit meets none of its neighbours, the first free one
    count: Tensor

    @property
    def too_many(self) -> Tensor:
        """Where there are more choices than are tried."""
        return self.count > MOST

    def hidden(self, n: Tensor, j: Tensor, number: int) -> LayerFunction:
        """f of each layer for the pairs (n, j), those at 0 on their branches."""
        p = self.base.problem
        return lambda a, l: self._kept(a, p.f.f, p.activation, l, n, j, number)

    def output(self, n: Tensor, j: Tensor, number: int) -> Function:
        """y of scores (points · pairs, K) that stand point after point."""
        p = self.base.problem
        if p.L not in self.at_zero:
            return p.pair.y
        y = lambda a: self._kept(a.reshape(-1, len(n), a.shape[1]), p.pair.y, p.output, p.L, n, j, number)
        return lambda a: y(a).reshape(a.shape)

    def error(self, n: Tensor, j: Tensor, number: int) -> ErrorFunction:
        """E_n of scores, y and t (points · pairs, K), each with y = t kept to its branch of the loss."""
        p = self.base.problem
        rho = p.pair.rho
        if rho is None or p.L + 1 not in self.at_zero:
            return p.pair.error

        def error(a: Tensor, y: Tensor, t: Tensor) -> Tensor:
            apart = p.pair.apart(y, t).reshape(-1, len(n), y.shape[1])
            return torch.sum(self._kept(apart, rho.f, rho.name, p.L + 1, n, j, number), dim=2).reshape(-1)

        return error

    def _kept(self, a: Tensor, f: Function, name: str, l: int, n: Tensor, j: Tensor, number: int) -> Tensor:
        """f of a(l), (points, P, M), or of the moved unit alone, (points, P)."""
        joined = pieces(name, self.base.problem.constants)
        if l not in self.at_zero or joined is None:
            return f(a)
        pick = (lambda v: v[n, j]) if a.dim() == 2 else (lambda v: v[n])
        stands, bit = pick(self.stands[l]), pick(self.bit[l])
        up = (torch.bitwise_right_shift(torch.full_like(bit, number), bit) & 1) == 1
        value = f(a)
        for knot, left, right in joined.joints():
            if bool((here := stands == knot.at).any()):
                value = torch.where(here, torch.where(up, right(a), left(a)), value)
        return value


def residuals(base: Base) -> Tensor:
    """What ρ is taken of, y − t or margins, where nothing has moved, (N, K)."""
    p = base.problem
    return p.pair.apart(p.pair.y(base.a[p.L]), p.t)


def choices(base: Base, l: int) -> Choice:
    """The units at 0 that a move in layer l can meet."""
    p = base.problem
    names = dict.fromkeys(range(l, p.L), p.activation) | ({p.L: p.output} if p.pair.g is not None else {})
    stands = dict(base.a)
    if p.pair.rho is not None:
        names, stands[p.L + 1] = names | {p.L + 1: p.pair.rho.name}, residuals(base)
    curves = {above: curve(name, p.constants) for above, name in names.items()}
    at_zero = {above: c.at_knot(stands[above]) for above, c in curves.items() if c.knots}
    count = torch.zeros_like(base.a[l], dtype=torch.long)
    if not at_zero or not any(bool(v.any()) for v in at_zero.values()):
        return Choice(base, l, stands, {}, {}, count)
    bit: dict[int, Tensor] = {}
    met = torch.zeros_like(count[:, :1])
    shared = [above for above in at_zero if above > l]
    for above in shared:
        bit[above] = met + torch.cumsum(at_zero[above].long(), dim=1) - 1
        met = met + at_zero[above].sum(dim=1, keepdim=True)
    count = count + met
    if l in at_zero:
        bit[l] = count.clone()
        count = count + at_zero[l].long()
    return Choice(base, l, stands, at_zero, {above: v.clamp(min=0) for above, v in bit.items()}, count)
