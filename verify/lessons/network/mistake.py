"""What a mistake of the catalogue is: one equation of the manual network replaced by a wrong one.

A `Mistake` is what a report names: its id, the wrong and the right formula, a text for the student. It has one or more
`Variant`s, forms that look different in code and are one mistake to its author. Mistakes whose equations stand in
different slots can be combined by replacing one field of `Equations` for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from manual import SLIDES, Equations, Working
from verify.problems.written import LOSSES

Equation = Callable[[Working, int], Tensor]

# The slots in which mistakes stand, each a field of `Equations`; in the order in which a working meets them.
SLOTS = (
    "output",
    "delta_output",
    "mean",
    "bias_terms",
    "bias_gradient",
    "weight_terms",
    "weight_gradient",
    "decay",
    "carried",
    "slope",
    "delta_hidden",
)

# The kinds of line whose own equation a slot is part of; δ of the output and δ below it have equations of their own.
_KINDS_OF_SLOT = {
    "output": ("y",),
    "delta_output": ("delta output",),
    "mean": ("dW", "db"),
    "bias_terms": ("db",),
    "bias_gradient": ("db",),
    "weight_terms": ("dW",),
    "weight_gradient": ("dW",),
    "decay": ("dW",),
    "carried": ("delta below",),
    "slope": ("delta below",),
    "delta_hidden": ("delta below",),
}

# Losses whose derivative cancels against the output's, δ(L) = y − t; and those that come through the output.
ENTROPY = tuple(name for name, loss in LOSSES.items() if not loss.by_y)
THROUGH = tuple(name for name, loss in LOSSES.items() if loss.by_y)
SQUARES = tuple(name for name in THROUGH if "²" in LOSSES[name].error and name != "huber")
# A mean over the outputs stands in them.
MEANS = tuple(name for name, loss in LOSSES.items() if "1/K" in loss.error)
SUMS = tuple(name for name in LOSSES if name not in MEANS)


@dataclass(frozen=True)
class Variant:
    """One form of a mistake: the slot, the equation that stands there, the activations and outputs that it concerns."""

    mistake: str
    slot: str
    equation: Callable[..., Any]
    activations: tuple[str, ...] | None = None  # None: any
    outputs: tuple[str, ...] | None = None
    losses: tuple[str, ...] | None = None
    penalties: tuple[str, ...] | None = None
    fitted: bool = False  # the equation takes (net, l, number), and the number is the program's own
    form: str = ""  # what the form is called in a report, where a mistake has several
    layers: str = "all"  # all | output | below: the layers in which the equation differs from the slides'
    handed: Equation | None = None  # what layer L−1 gets in place of δ(L) W(L)ᵀ, where δ(L) itself is not handed down
    decay: Equation | None = None  # what stands for the penalty's gradient, of a mistake in the mean
    kinds: tuple[str, ...] | None = None  # of the lines that are wrong by themselves; None: those of the slot
    wrong: str = ""  # the formula of this form, where it is not the mistake's
    right: str = ""
    says: str = ""  # the text of this form, where it is not the mistake's
    at: int = 0  # which form of its mistake it is
    number: float | None = None  # the program's own number, once it is fitted

    def with_number(self, number: float) -> Variant:
        """The variant with its number fixed."""
        equation = self.equation
        return replace(self, equation=lambda net, l: equation(net, l, number), fitted=False, number=number)

    def concerns(self, activation_name: str, output: str, loss: str, penalty: str = "lam/2") -> bool:
        """Whether the variant can differ from the slides under that activation, output, loss and penalty."""
        return (
            (self.activations is None or activation_name in self.activations)
            and (self.outputs is None or output in self.outputs)
            and (self.losses is None or loss in self.losses)
            and (self.penalties is None or penalty in self.penalties)
        )

    @property
    def wrong_kinds(self) -> tuple[str, ...]:
        """The kinds of line whose own equation it replaces: delta below, delta output, dW, db, y."""
        return _KINDS_OF_SLOT[self.slot] if self.kinds is None else self.kinds


def error_by_output(net: Working) -> Any:
    """∂E_n/∂y, what δ(L) is before the output's derivative; y − t where the two cancel."""
    return net.y - net.pair.goal(net.t) if net.pair.by_y is None else net.pair.by_y(net.y, net.t)


@dataclass(frozen=True)
class Mistake:
    """A row of the catalogue. In its texts {delta} stands for the assignment's own formula of δ(L), {by_y} for that of
    ∂E_n/∂y, {λ} for the penalty's λ; `verify.lessons.network.words` has all of them.
    """

    id: str
    wrong: str
    right: str
    says: str
    kinds: tuple[str, ...]  # kinds of the lines whose equation is wrong: delta output, delta below, dW, db, y, E, W
    also: tuple[str, ...] = ()  # rows that cannot be told from it on any problem
    variants: tuple[Variant, ...] = field(default=(), repr=False)


Form = tuple[str, Callable[..., Any]] | tuple[str, Callable[..., Any], dict[str, Any]]


def mistake(
    id: str, wrong: str, right: str, says: str, *forms: Form, kinds: tuple[str, ...] = (), also: tuple[str, ...] = ()
) -> Mistake:
    """A row of the catalogue with its forms, each (slot, equation) or (slot, equation, {what else a variant has})."""
    made = tuple(
        Variant(id, form[0], form[1], at=at, **(form[2] if len(form) > 2 else {})) for at, form in enumerate(forms)
    )
    return Mistake(id, wrong, right, says, kinds or _kinds(made), also, made)


def _kinds(variants: tuple[Variant, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(kind for v in variants[:1] for kind in v.wrong_kinds))


def replaced(equations: Equations, chosen: Mapping[str, Variant]) -> Equations:
    """The equations with those variants in their slots: dataclasses.replace, without the cost that decoding feels."""
    if not chosen:
        return equations
    made = object.__new__(Equations)
    made.__dict__.update(equations.__dict__)
    made.__dict__.update((slot, v.equation) for slot, v in chosen.items())
    top = chosen.get("delta_output")
    scale = chosen.get("mean")
    if scale is not None and scale.decay is not None and "decay" not in chosen:
        made.__dict__["decay"] = scale.decay
    if top is not None and top.handed is not None and "carried" not in chosen:
        made.__dict__["carried"] = _handed_first(top.handed, equations.carried)
    return made


def without_error(equations: Equations) -> Equations:
    """The equations without that of E, for which the gradients have no use."""
    return replace(equations, total_error=lambda net, l: net.y[:0])


def _handed_first(handed: Equation, carried: Equation) -> Equation:
    return lambda net, l: handed(net, l) if l == net.L - 1 else carried(net, l)


def equations_with(chosen: Mapping[str, Variant], slopes: Mapping[str, Variant] | None = None) -> Equations:
    """The slides' equations with those variants in their slots; slopes: activation -> variant of the slot `slope`."""
    return replaced(SLIDES, {**chosen, "slope": _by_activation(slopes)} if slopes else chosen)


def _by_activation(slopes: Mapping[str, Variant]) -> Variant:
    def slope(net: Working, l: int) -> Any:
        variant = slopes.get(net.f.name)
        return SLIDES.slope(net, l) if variant is None else variant.equation(net, l)

    return Variant("", "slope", slope)
