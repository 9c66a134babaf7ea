"""The general engine's bars against derivatives at 50 digits, on functions that hide their noise, kinks and scales."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from verify.benchmarks.tables import Goal, Settings, Table, none_of
from verify.witnesses.general import differences_of

_POINTS = 200
Draw = Callable[[Generator, int], Tensor]


@dataclass(frozen=True)
class Curve:
    """A function of one number, its derivative at 50 digits, and where it is asked."""

    name: str
    function: Callable[[Tensor], Tensor]
    derivative: Callable[[Any], Any]
    points: Draw


def _uniform(low: float, high: float) -> Draw:
    return lambda draw, n: low + (high - low) * torch.rand(n, generator=draw, dtype=torch.float64)


def _powers(low: float, high: float) -> Draw:
    return lambda draw, n: 10 ** (low + (high - low) * torch.rand(n, generator=draw, dtype=torch.float64))


def curves() -> Iterator[Curve]:
    """The functions of the table."""
    yield from _smooth_ones()
    yield from _hard_ones()


def _smooth_ones() -> Iterator[Curve]:
    import mpmath as mp

    root = lambda x: mp.mpf(1 / 3) * x ** (mp.mpf(1 / 3) - 1)
    bell = lambda x: -50 * x / (1 + 25 * x * x) ** 2
    yield Curve("exp", torch.exp, mp.exp, _uniform(-5, 5))
    yield Curve("sin 10x", lambda x: torch.sin(10 * x), lambda x: 10 * mp.cos(10 * x), _uniform(-3, 3))
    yield Curve("tanh 3x", lambda x: torch.tanh(3 * x), lambda x: 3 / mp.cosh(3 * x) ** 2, _uniform(-3, 3))
    yield Curve("1/(1+25x²)", lambda x: 1 / (1 + 25 * x * x), bell, _uniform(-1, 1))
    yield Curve("cube root near 1", lambda x: x ** (1 / 3), root, _uniform(0.9, 1.1))
    yield Curve("erf", torch.erf, lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x), _uniform(-4, 4))


def _hard_ones() -> Iterator[Curve]:
    import mpmath as mp

    logistic = lambda x: -1 / (1 + mp.exp(x))
    loss = lambda x: -torch.log(1 / (1 + torch.exp(-x)))
    pair = lambda x: -torch.log_softmax(torch.stack([x, 0 * x]), 0)[0]
    wave = lambda x: mp.sin(1 / x) - mp.cos(1 / x) / x
    normal = lambda x: mp.ncdf(x) + x * mp.npdf(x)
    yield Curve("|x| from 1e-9", torch.abs, mp.sign, _powers(-9, 0))
    yield Curve("relu²", lambda x: torch.relu(x) ** 2, lambda x: 2 * max(x, mp.mpf(0)), _uniform(-1, 1))
    yield Curve("ln(1+x) to −0.999", torch.log1p, lambda x: 1 / (1 + x), lambda g, n: -1 + _powers(-3, 0)(g, n))
    yield Curve("x sin(1/x)", lambda x: x * torch.sin(1 / x), wave, _uniform(0.02, 1))
    yield Curve("gelu near −7", torch.nn.functional.gelu, normal, _uniform(-8, -6))
    yield Curve("−ln of 1/(1+e⁻ˣ) near 15.5", loss, logistic, _uniform(14, 17))
    yield Curve("(3x−1)² near 0.332", lambda x: (3 * x - 1) ** 2, lambda x: 6 * (3 * x - 1), _uniform(0.33, 0.335))
    yield Curve("cross-entropy at (30, 0)", pair, logistic, _uniform(28, 32))


@dataclass
class Count:
    """Of one function: points, undecided, and where the stated error is smaller than the true one."""

    points: int = 0
    undecided: int = 0
    beyond: int = 0
    worst: float = 0.0
    median: float = math.inf  # bar over value

    def add(self, value: float, bar: float, truth: float) -> None:
        self.points += 1
        if bar == math.inf:
            self.undecided += 1
            return
        off = abs(value - truth) - abs(truth) * 2**-53
        if off > bar:
            self.beyond += 1
            self.worst = max(self.worst, off / bar if bar > 0 else math.inf)


def measure(curve: Curve, seed: int, points: int = _POINTS) -> Count:
    """Every point differenced by itself, as a function of one number."""
    import mpmath as mp

    found, ratios = Count(), []
    with mp.workdps(50):
        for x in curve.points(torch.Generator().manual_seed(seed), points).tolist():
            (e,) = differences_of(lambda v: curve.function(v).sum(), torch.tensor(x, dtype=torch.float64))
            truth = float(curve.derivative(mp.mpf(x)))
            found.add(float(e.value), float(e.bar), truth)
            ratios.append(float(e.bar) / abs(truth) if truth else float(e.bar))
    found.median = sorted(ratios)[len(ratios) // 2]
    return found


def network(seed: int, draws: int = 10) -> Count:
    """A network of 20 parameters, at several draws of all of them."""
    import mpmath as mp

    found, ratios = Count(), []
    for n in range(draws):
        draw = torch.Generator().manual_seed(seed + n)
        x, w = (torch.randn(s, generator=draw, dtype=torch.float64) for s in ((3, 2), (20,)))
        (e,) = differences_of(lambda v, x=x: _net(x, v), w)
        with mp.workdps(50):
            truth = _net_slopes(x.tolist(), w.tolist())
        for entry in zip(e.value.tolist(), e.bar.tolist(), truth, strict=True):
            found.add(*entry)
            ratios.append(entry[1] / abs(entry[2]))
    found.median = sorted(ratios)[len(ratios) // 2]
    return found


def _net(x: Tensor, v: Tensor) -> Tensor:
    """2 → 5 → 1 with tanh: 10 weights, 5 biases, 5 weights."""
    return torch.mean((torch.tanh(x @ v[:10].reshape(2, 5) + v[10:15]) @ v[15:]) ** 2)


def _net_slopes(x: list[list[float]], v: list[float]) -> list[float]:
    import mpmath as mp

    def loss(p: list[Any]) -> Any:
        h = [[mp.tanh(r[0] * p[j] + r[1] * p[5 + j] + p[10 + j]) for j in range(5)] for r in x]
        return sum(sum(u * p[15 + j] for j, u in enumerate(row)) ** 2 for row in h) / len(x)

    p, step, found = [mp.mpf(u) for u in v], mp.mpf(10) ** -16, []
    for k in range(len(p)):
        up, down = ([u + s * step if j == k else u for j, u in enumerate(p)] for s in (1, -1))
        found.append(float((loss(up) - loss(down)) / (2 * step)))
    return found


def general_table(settings: Settings) -> Table:
    """Stated errors smaller than the true one, and undecided entries, function by function."""
    points = 20 if settings.quick else _POINTS
    counts = {c.name: measure(c, settings.seed, points) for c in curves()}
    counts["network of 20"] = network(settings.seed, 1 if settings.quick else 10)
    rows = [
        (name, str(c.points), str(c.beyond), f"{c.worst:.2g}", f"{c.undecided / c.points:.1%}", f"{c.median:.1e}")
        for name, c in counts.items()
    ]
    beyond, undecided, every = (sum(getattr(c, f) for c in counts.values()) for f in ("beyond", "undecided", "points"))
    share = undecided / every
    return Table(
        "general",
        "The general engine against 50 digits",
        ("function", "points", "beyond its bar", "worst", "undecided", "median bar/value"),
        rows,
        record={name: vars(c) for name, c in counts.items()},
        goals=[
            none_of("general engine: stated error smaller than the true one", beyond),
            Goal("general engine: undecided", "≤ 2 %", f"{share:.2%}", share <= 0.02),
        ],
    )
