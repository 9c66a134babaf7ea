"""Numbers that a program uses, read off what it returned: limits, epsilons, constants of its activations.

Of one sample dW(l) = z(l−1)ᵀ δ(l) + λ W(l) and db(l) = δ(l): whatever is wrong with δ, the program's own z(l−1) is
their quotient. So is what its activation makes of a pre-activation, layer after layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

import torch
from torch import Tensor

from manual import ACTIVATIONS, Activation, Constants, activation
from verify.grading.answers import Answer
from verify.lessons.network import fitted
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.fitted import Cut, Function, Straight, Throughout
from verify.lessons.network.own_scale import own_activations
from verify.lessons.network.rows_slope import SHORT_FORMULAS
from verify.lessons.network.texts import said
from verify.lessons.network.typed import rounded

Observed = tuple[Case, Answer]
Pairs = tuple[Tensor, Tensor]  # pre-activations, and what the program made of them

_ALIKE = 1e-9
_FLOOR = 1e-11
_CONSTANTS = {"leaky_relu": "slope γ", "elu": "γ", "swish": "β"}
_GELU = ("gelu", "gelu_tanh", "gelu_sigmoid")


def throughouts(observed: Sequence[Observed]) -> Iterator[Throughout]:
    """Other functions, constants and limits that a program may have throughout; the likeliest first."""
    yield from _functions(observed)
    yield from _clipped_gradients(observed)


# The activation ------------------------------------------------------------------------------------------------------


def _functions(observed: Sequence[Observed]) -> Iterator[Throughout]:
    seen = _seen(observed)
    yield from _straight(seen.get("softplus"))
    off = {name: pairs for name, pairs in seen.items() if not _is(_right(observed, name), pairs)}
    if not off:
        return
    constants = observed[0][0].problem.constants
    yield from _ignored(off, seen, constants)
    yield from _other_constants(off, constants)
    yield from _cuts(off, constants)


def _right(observed: Sequence[Observed], name: str) -> Activation:
    return activation(name, observed[0][0].problem.constants)


def _seen(observed: Sequence[Observed]) -> dict[str, Pairs]:
    """Activation -> pre-activations and activations of the program, as far as they can be read off."""
    found: dict[str, list[Pairs]] = {}
    for case, answer in observed:
        found.setdefault(case.problem.activation, []).extend(of_case(case, answer))
    joined = {
        name: (torch.cat([a for a, _ in pairs]), torch.cat([z for _, z in pairs]))
        for name, pairs in found.items()
        if pairs
    }
    return {name: (a, z) for name, (a, z) in joined.items() if len(a) > 3}


def of_case(case: Case, answer: Answer) -> Iterator[Pairs]:
    """Layer after layer the pre-activations of the program, and what it made of them."""
    p = case.problem
    below = p.x
    for l in range(1, p.L):
        a = below @ p.W[l - 1] + p.b[l - 1]
        z = answer.lines.get(f"z{l}")
        z = z if z is not None and z.shape == a.shape else _quotient(case, answer, l) if p.lam == 0 else None
        if z is None or not bool(torch.isfinite(z).all()):
            return
        yield a.flatten(), z.flatten()
        below = z


def _quotient(case: Case, answer: Answer, l: int) -> Tensor | None:
    """z(l) of one sample from dW(l+1) and db(l+1); without biases, from dW(l+1) alone."""
    p = case.problem
    dW, db = answer.lines.get(f"dW{l + 1}"), answer.lines.get(f"db{l + 1}")
    if p.N != 1 or dW is None or dW.shape != p.W[l].shape:
        return None
    terms = dW - p.rate * p.W[l]
    if db is not None and db.shape == terms.shape[1:] and bool((db != 0).any()):
        k = int(torch.argmax(db.abs()))
        return (terms[:, k] / db[k]).unsqueeze(0)
    return own_activations(case, terms, l)


def _is(f: Activation, pairs: Pairs) -> bool:
    made, z = f.f(pairs[0]), pairs[1]
    return bool(((made - z).abs() <= _ALIKE * made.abs() + _FLOOR).all())


def _ignored(off: Mapping[str, Pairs], seen: Mapping[str, Pairs], constants: Constants) -> Iterator[Throughout]:
    """One function under every name that is off, and it is another activation of the decks."""
    for name in ACTIVATIONS:
        f = activation(name, constants)
        if set(off) == _CUT_OFF.get(name) or not all(_is(f, pairs) for pairs in off.values()):
            continue
        functions = {other: fitted.another(other, f) for other in off}
        if all(other in _GELU and name in _GELU for other in off):
            yield Throughout(
                "constant-of-another-library", None, said("it-is-the-form", name=name), functions=functions,
                says=said("another-gelu"),
                wrong=f"{name} for {', '.join(off)}", right=", ".join(off), only=tuple(off),
            )  # fmt: skip
        else:
            for made in (functions, *_with_their_slopes(off, f)):
                yield Throughout(
                    "activation-ignored", None, said("it-is", name=name), functions=made, only=tuple(off),
                    wrong=f"{name} for {', '.join(off)}", right=", ".join(off),
                )  # fmt: skip


_CUT_OFF = {"relu6": {"relu"}, "hard_tanh": {"identity"}}  # another name for what is cut off at a limit


def _with_their_slopes(off: Iterable[str], f: Activation) -> Iterator[dict[str, Function]]:
    """f′ by the name all the same, of the output, where that formula is in use."""
    if set(off) <= set(SHORT_FORMULAS):
        yield {name: fitted.with_slope_of(name, f) for name in off}


def _other_constants(off: Mapping[str, Pairs], constants: Constants) -> Iterator[Throughout]:
    for name, word in _CONSTANTS.items():
        if set(off) != {name}:
            continue
        number = _constant(name, *off[name])
        if number is None:
            continue
        other = activation(name, replace(constants, **{name: number}))
        if _is(other, off[name]):
            own = getattr(constants, name)
            yield Throughout(
                "constant-of-another-library", number, said(f"constant-of-{name}", number=number, own=own),
                functions={name: fitted.another(name, other)}, wrong=f"{word} = {number:g}", right=f"{word} = {own:g}",
                only=(name,),
            )  # fmt: skip


def _constant(name: str, a: Tensor, z: Tensor) -> float | None:
    a, z = a[a < 0], z[a < 0]
    if not len(a):
        return None
    if name == "swish":
        s = z / a
        kept = (s > 0) & (s < 1)
        found = torch.log(s[kept] / (1 - s[kept])) / a[kept]
    else:
        found = z / (a if name == "leaky_relu" else torch.expm1(a))
    found = found[torch.isfinite(found)]
    return rounded(float(torch.median(found))) if len(found) else None


def _cuts(off: Mapping[str, Pairs], constants: Constants) -> Iterator[Throughout]:
    limits = {name: _limits(activation(name, constants), *pairs) for name, pairs in off.items()}
    cut = {name: found for name, found in limits.items() if found is not None}
    if len(cut) != len(off):
        return
    for way, slope in product((cut, {name: _both_sides(*found) for name, found in cut.items()}), SLOPES):
        yield from cut_at(way, slope, constants)


SLOPES = ("zero", "held", "free")
_SMALLEST = 1e-6  # a limit that somebody writes: activations that are all alike have none


def _both_sides(low: float, high: float) -> tuple[float, float]:
    """The limits of a program that cuts both sides alike, where one of them alone was met."""
    limit = min(-low, high)
    return -limit, limit


def cut_at(cut: Mapping[str, tuple[float, float]], slope: str, constants: Constants) -> Iterator[Throughout]:
    """Those activations with their arguments held between limits; slope: what f′ is beyond (`Cut`)."""
    numbers = {number for found in cut.values() for number in found if math.isfinite(number)}
    largest = max(abs(number) for number in numbers)
    pair = len(numbers) == 2 and sum(numbers) == 0
    at = f"±{largest:g}" if pair else " and ".join(f"{number:g}" for number in sorted(numbers)).replace("-", "−")
    if largest > _SMALLEST:
        functions: dict[str, Function] = {
            name: Cut(activation(name, constants), low, high, slope).function() for name, (low, high) in cut.items()
        }
        yield Throughout(
            "activation-clipped", largest, said("limit", limit=at), functions=functions, only=tuple(cut),
            wrong=f"f of a held at {at}", right="f(a)",
        )  # fmt: skip


def _limits(f: Activation, a: Tensor, z: Tensor) -> tuple[float, float] | None:
    """Between which arguments the program's function is the right one; None where it is not constant beyond."""
    right = (f.f(a) - z).abs() <= _ALIKE * f.f(a).abs() + _FLOOR
    if not bool(right.any()):
        return None
    low, high = -math.inf, math.inf
    above = ~right & (a > a[right].max())
    under = ~right & (a < a[right].min())
    if bool(above.any()):
        high = _argument(f, z[above], float(a[right].max()), float(a[above].min()))
    if bool(under.any()):
        low = _argument(f, z[under], float(a[under].max()), float(a[right].min()))
    if math.isfinite(low) and abs(high + low) < 0.01 * high:
        high = -low  # on the flat side an argument is read off with fewer digits
    inside = torch.clamp(a, low, high)
    return (low, high) if (low, high) != (-math.inf, math.inf) and _is(f, (inside, z)) else None


def _argument(f: Activation, z: Tensor, low: float, high: float) -> float:
    """The argument between the two at which f is what the program has beyond its limit."""
    wanted = float(torch.median(z))
    value = lambda v: float(f.f(torch.tensor([v], dtype=torch.float64, device="cpu")))
    rises = value(high) >= value(low)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if (value(middle) < wanted) == rises else (low, middle)
    return rounded((low + high) / 2, within=1e-5)


def _straight(pairs: Pairs | None) -> Iterator[Throughout]:
    """Softplus that is a itself from some a on; where it begins is known up to the pre-activations that came."""
    if pairs is None:
        return
    a, z = pairs
    softplus = torch.nn.functional.softplus(a, threshold=math.inf)
    telling = (softplus - a).abs() > _TELLING * softplus
    is_f, is_a = ((made - z).abs() <= 0.1 * _TELLING * softplus for made in (softplus, a))
    most = float(a[telling & is_a].min()) if bool((telling & is_a).any()) else 0.0
    below = a[telling & is_f & (a > 0)]
    least = float(below.max()) if len(below) else 0.0
    if not least < most or not bool((is_f | (is_a & (a >= most))).all()):
        return
    begins = next((v for v in _BEGINNINGS if least <= v < most), (least + most) / 2)
    for slope in ("one", "free"):
        yield Throughout(
            "activation-clipped", None, said("straight", least=float(f"{least:.4g}"), most=float(f"{most:.4g}")),
            functions={"softplus": Straight(begins, slope).function()}, only=("softplus",),
            says=said("straight-softplus"), wrong="f(a) = a", right="f(a) = ln(1 + eᵃ)",
        )  # fmt: skip


_TELLING = 1e-12
_BEGINNINGS = (20.0, 30.0, 15.0, 10.0)


# Gradients -----------------------------------------------------------------------------------------------------------


def _clipped_gradients(observed: Sequence[Observed]) -> Iterator[Throughout]:
    for kinds in (("dW", "db"), ("dW",), ("db",)):
        returned = [v for _, answer in observed for n, v in answer.lines.items() if n.startswith(kinds)]
        name = " and ".join(kinds)
        limit = _met_often([v.abs().flatten() for v in returned])
        if limit is not None:
            yield Throughout(
                "gradient-clipped", limit, said("limit-of-entries", what=name, limit=limit),
                fitted.gradients_clipped(limit, kinds), wrong=f"clip({name}, ±{limit:g})", right=name,
            )  # fmt: skip
        norm = _met_often([torch.linalg.vector_norm(v).reshape(1) for v in returned])
        if norm is not None:
            yield Throughout(
                "gradient-clipped", norm, said("limit-of-norm", what=name, limit=norm),
                fitted.gradients_of_norm(norm, kinds), wrong=f"{name} · {norm:g}/norm", right=name,
            )  # fmt: skip
    for limit in limits_of_delta(observed):
        for what, wrap in fitted.DELTA_CLIPS.items():
            yield Throughout("gradient-clipped", limit, said("limit-of-entries", what=what, limit=limit),
                             wrap(limit), wrong=f"clip({what}, ±{limit:g})", right=what)  # fmt: skip


_USUAL_LIMITS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


def limits_of_delta(observed: Sequence[Observed]) -> list[float]:
    """What db of one sample, which is δ, does not exceed; and the limits that people take."""
    deltas = [v for case, answer in observed if case.problem.N == 1 for n, v in answer.lines.items() if n[:2] == "db"]
    limit = _met_often([v.abs().flatten() for v in deltas])
    largest = max(
        (float(v.abs().max()) for case, _ in observed for n, v in case.truth.items() if n.startswith("delta")),
        default=0.0,
    )
    usual = [v for v in _USUAL_LIMITS if v < largest]
    return list(dict.fromkeys([*([] if limit is None else [limit]), *usual]))


def _met_often(sizes: Sequence[Tensor]) -> float | None:
    """The largest of all the numbers, where it occurs more than once."""
    every = torch.cat([v[torch.isfinite(v)] for v in sizes]) if sizes else torch.zeros(0, device="cpu")
    largest = every.topk(2).values.tolist() if len(every) > 1 else [0.0, 0.0]
    if largest[0] == 0 or largest[1] < largest[0] * (1 - 1e-12):
        return None
    return rounded(largest[0], 6, 1e-12)
