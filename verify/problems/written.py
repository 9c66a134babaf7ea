"""How the losses and penalties are written: one row per loss and per penalty, known without importing an equation.

The outputs that a loss goes with stand in `verify.problems.choices`; what each computes, under the same name in
`manual.outputs` and `manual.penalties`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Loss:
    """A loss: E_n, and ∂E_n/∂y.

    by_y is "" where the derivative of the output cancels against that of the loss, and δ(L) = y − `goal`.
    """

    error: str
    by_y: str = ""
    goal: str = "t"
    alone: bool = False  # without a factor σ′: the output is the identity

    def delta(self, output: str, y: str = "y", a: str = "a(L)") -> str:
        """δ(L) with that output, its letters for y and a(L) put in."""
        if not self.by_y:
            return f"{y} − {self.goal}"
        if output == "softmax":
            return f"{y} ⊙ (e − Σₖ eₖ {_entry(y)}), e = {bare(self.by_y).replace('y', y)}"
        if self.alone:
            return bare(self.by_y)
        return f"{self.by_y.replace('y', y)} ⊙ σ′({a})"


def _entry(y: str) -> str:
    return "yₖ" if y == "y" else "aₖ(L)"


def bare(formula: str) -> str:
    """A formula that stands alone: without the brackets around all of it."""
    return formula[1:-1] if formula.startswith("(") and formula.index(")") == len(formula) - 1 else formula


LOSSES = {
    "cross-entropy": Loss("Eₙ = −Σₖ tₖ ln yₖ"),
    "binary-cross-entropy": Loss("Eₙ = −Σₖ (tₖ ln yₖ + (1 − tₖ) ln(1 − yₖ))"),
    "squared-error": Loss("Eₙ = ½ Σₖ (yₖ − tₖ)²", "(y − t)"),
    "mean-squared-error": Loss("Eₙ = (1/K) Σₖ (yₖ − tₖ)²", "(2/K) (y − t)"),
    "l1": Loss("Eₙ = Σₖ |yₖ − tₖ|", "sign(y − t)"),
    "huber": Loss("Eₙ = Σₖ ρ(yₖ − tₖ), ρ(r) = ½ r² where |r| ≤ κ, else κ (|r| − κ/2)", "clip(y − t, −κ, κ)"),
    "hinge": Loss(
        "Eₙ = Σ max(0, mₖ) over the classes but the true one, c, mₖ = yₖ − y_c + Δ",
        "(1(m > 0) − t Σₖ 1(mₖ > 0))",
        alone=True,
    ),
    "smoothed-cross-entropy": Loss("Eₙ = −Σₖ t′ₖ ln yₖ, t′ = (1 − ε) t + ε/K", goal="t′"),
}


@dataclass(frozen=True)
class Penalty:
    """A penalty: what stands before Σ ǁWǁ² in E and before W in its derivative, and multiples of the latter.

    one: what stands before sign W in the L1 penalty of the same kind. cancels, brings: why the derivative has no 2 more
    and no ½.
    """

    before: str
    rate: str
    doubled: str
    halved: str
    over_n: str
    one: str
    cancels: str
    brings: str = "the square brings a 2 that cancels the ½"

    @property
    def added(self) -> str:
        """What is added to E."""
        return f"{self.before} Σ ǁW(l)ǁ²"


PENALTIES = {
    "lam/2": Penalty(
        "(λ/2)", "λ", "2λ", "(λ/2)", "(λ/N)", "λ", "the ½ of (λ/2) ǁWǁ² cancels the 2 of the square"
    ),
    "lam": Penalty(
        "λ", "2λ", "4λ", "λ", "(2λ/N)", "λ", "the square brings one 2, and λ ǁWǁ² has no other",
        "the square brings a 2, and λ ǁWǁ² has no ½ to cancel it",
    ),
    "lam/(2N)": Penalty(
        "(λ/(2N))", "(λ/N)", "(2λ/N)", "(λ/(2N))", "(λ/N²)", "(λ/N)",
        "the ½ of (λ/(2N)) ǁWǁ² cancels the 2 of the square",
    ),
}  # fmt: skip
