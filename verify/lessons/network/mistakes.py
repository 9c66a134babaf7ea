"""The catalogue: mistakes that people really make, in the order in which they are preferred.

Where two mistakes give the same numbers the earlier is named. The rows stand by topic in the modules beside this one.
"""

from __future__ import annotations

from verify.lessons.network.mistake import SLOTS, Equation, Mistake, Variant, equations_with, replaced
from verify.lessons.network.rows_output import OUTPUT
from verify.lessons.network.rows_paths import HANDED_DOWN, INDICES
from verify.lessons.network.rows_scale import BIASES, DECAY, SCALE
from verify.lessons.network.rows_slope import SLOPE
from verify.lessons.network.rows_state import ARRANGED, CONSTANTS, STATE

__all__ = [
    "CATALOGUE", "SLOTS", "Equation", "Mistake", "Variant", "equations_with", "rank", "replaced", "variants"
]  # fmt: skip

CATALOGUE: dict[str, Mistake] = {
    m.id: m
    for rows in (SCALE, DECAY, OUTPUT, SLOPE, HANDED_DOWN, INDICES, BIASES, STATE, CONSTANTS, ARRANGED)
    for m in rows
}

_RANK = {id: rank for rank, id in enumerate(CATALOGUE)}


def rank(id: str) -> int:
    """The place of a mistake in the catalogue: the lower is named first where two give the same numbers."""
    return _RANK[id]


def variants(slot: str, activations: tuple[str, ...], output: str, loss: str, penalty: str = "lam/2") -> list[Variant]:
    """The variants in one slot that can show under one of the activations with that output, loss and penalty."""
    return [
        v
        for m in CATALOGUE.values()
        for v in m.variants
        if v.slot == slot and any(v.concerns(name, output, loss, penalty) for name in activations)
    ]
