"""Polynomial fits of deck 002: least squares, ridge, MAP; and descent on the same loss."""

from __future__ import annotations

from typing import Any

import torch

from manual import regression

# Deck 002 "应用: Polynomial Curve Fitting" prints the picture alone; these are Bishop's ten points, to six digits.
T = (0.349486, 0.830839, 1.007332, 0.971507, 0.133066, 0.166823, -0.848307, -0.445686, -0.563567, 0.261502)
DEGREES = (0, 1, 3, 9)
LAMBDA, SIGMA, NU = 10.0, 0.3, 0.5


def topic() -> dict[str, Any]:
    """w* of every degree, w* of ridge at λ = 10 and degree 9, how MAP compares, the fits as curves, a descent."""
    x, t = (
        torch.arange(len(T), dtype=torch.float64, device="cpu") / 9,
        torch.tensor(T, dtype=torch.float64, device="cpu"),
    )
    grid = torch.linspace(0, 1, 101, dtype=torch.float64, device="cpu")
    w = {str(M): regression.least_squares(regression.powers(x, M), t) for M in DEGREES}
    ridge = regression.ridge(regression.powers(x, 9), t, LAMBDA)
    cubic = regression.powers(x, 3)
    map_ = regression.maximum_a_posteriori(cubic, t, SIGMA, NU)
    same = regression.ridge(cubic, t, SIGMA**2 / NU**2)
    line = regression.powers(x, 1)
    path = regression.descent(line, t, torch.zeros(2, dtype=torch.float64, device="cpu"), 0.1, 300)
    curve = lambda w: regression.predictions(regression.powers(grid, len(w) - 1), w).tolist()
    return {
        "x": x.tolist(),
        "t": list(T),
        "w": {M: v.tolist() for M, v in w.items()},
        "ridge": ridge.tolist(),
        "lambda": LAMBDA,
        "map": map_.tolist(),
        "map_equals_ridge": bool(((map_ - same).abs() <= 1e-13 * same.abs()).all()),
        "grid": grid.tolist(),
        "fits": {M: curve(v) for M, v in w.items()} | {"ridge": curve(ridge)},
        "descent": [float(regression.error(line, t, v)) for v in path],
    }
