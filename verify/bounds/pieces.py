"""Activations and losses that are put together from pieces: where these meet, each piece a function of the whole line.

A piece is written once, for whatever knows +, −, ·, / and expm1: tensors, and the jets of `verify.witnesses.jets`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from manual.activations import SELU_ALPHA, SELU_LAMBDA, Constants

Piece = Callable[[Any], Any]


@dataclass(frozen=True)
class Knot:
    """A point where two pieces meet, and f′ on either side of it."""

    at: float
    left: float
    right: float

    @property
    def jump(self) -> float:
        """|f′(at+) − f′(at−)|; 0 where only a higher derivative jumps."""
        return abs(self.right - self.left)

    @property
    def beside(self) -> float:
        """The number next to the knot on its steeper side."""
        steep = math.copysign(math.inf, 1 if abs(self.right) >= abs(self.left) else -1)
        return math.copysign(_BESIDE_0, steep) if self.at == 0 else math.nextafter(self.at, steep)


_BESIDE_0 = 2.0**-1022


@dataclass(frozen=True)
class Pieces:
    """knots in ascending order, and one piece more than knots: each holds from one knot to the next."""

    knots: tuple[Knot, ...]
    pieces: tuple[Piece, ...]

    def joints(self) -> Iterator[tuple[Knot, Piece, Piece]]:
        """Each knot with the pieces on its left and right."""
        return zip(self.knots, self.pieces, self.pieces[1:], strict=False)


_zero: Piece = lambda a: a * 0
_same: Piece = lambda a: a


def _at_0(left: float, right: float, below: Piece, above: Piece = _same) -> Pieces:
    return Pieces((Knot(0.0, left, right),), (below, above))


def _held(low: float, high: float, slope: float, middle: Piece, ends: tuple[float, float]) -> Pieces:
    """Constant below `low` and above `high`, straight between them."""
    knots = Knot(low, 0.0, slope), Knot(high, slope, 0.0)
    return Pieces(knots, (lambda a: a * 0 + ends[0], middle, lambda a: a * 0 + ends[1]))


def _hard_swish() -> Pieces:
    return Pieces((Knot(-3.0, 0.0, -0.5), Knot(3.0, 1.5, 1.0)), (_zero, lambda a: a * (a / 6 + 0.5), _same))


def _huber(k: float) -> Pieces:
    """κ (|r| − ½ κ) beyond ±κ, ½ r² between; the slopes meet."""
    knots = Knot(-k, -k, -k), Knot(k, k, k)
    return Pieces(knots, (lambda a: (a + k / 2) * -k, lambda a: a * a / 2, lambda a: (a - k / 2) * k))


_PIECES: dict[str, Callable[[Constants], Pieces]] = {
    "relu": lambda c: _at_0(0.0, 1.0, _zero),
    "leaky_relu": lambda c: _at_0(c.leaky_relu, 1.0, lambda a: c.leaky_relu * a),
    "prelu": lambda c: _at_0(c.prelu, 1.0, lambda a: c.prelu * a),
    "elu": lambda c: _at_0(c.elu, 1.0, lambda a: c.elu * a.expm1()),
    "selu": lambda c: _at_0(
        SELU_LAMBDA * SELU_ALPHA, SELU_LAMBDA,
        lambda a: SELU_LAMBDA * (SELU_ALPHA * a.expm1()), lambda a: SELU_LAMBDA * a,
    ),
    "celu": lambda c: _at_0(1.0, 1.0, lambda a: c.celu * (a / c.celu).expm1()),
    "softsign": lambda c: _at_0(1.0, 1.0, lambda a: a / (-a + 1), lambda a: a / (a + 1)),
    "relu6": lambda c: _held(0.0, 6.0, 1.0, _same, (0.0, 6.0)),
    "hard_tanh": lambda c: _held(-1.0, 1.0, 1.0, _same, (-1.0, 1.0)),
    "hard_sigmoid": lambda c: _held(-3.0, 3.0, 1 / 6, lambda a: a / 6 + 0.5, (0.0, 1.0)),
    "hard_swish": lambda c: _hard_swish(),
    # ρ of losses, in y − t
    "absolute": lambda c: _at_0(-1.0, 1.0, lambda a: -a),
    "huber": lambda c: _huber(c.huber),
}  # fmt: skip


def pieces(name: str, c: Constants) -> Pieces | None:
    """The pieces of that activation at those constants; None for one formula on the whole line."""
    return _PIECES[name](c) if name in _PIECES else None
