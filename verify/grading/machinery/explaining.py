"""Why what came back is wrong: mistakes that reproduce it, those of state and precision, or what is known of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from verify.grading.answers import Answer
from verify.grading.finding import Finding, instead
from verify.grading.known_numbers import Factor, entries, factor, numerical, shape, turned
from verify.grading.lesson import Contract, Mistake
from verify.grading.machinery.decoding import Decoder, Forms, Observed, finite, usable
from verify.grading.machinery.posing import GRADED, Posed
from verify.grading.machinery.texts import said
from verify.grading.machinery.working import Case
from verify.said import Said


@dataclass(frozen=True)
class Explanation:
    """The findings of one function, or none and what is known of the error; where the program fails, in either case."""

    findings: tuple[Finding, ...] = ()
    known: tuple[Said, ...] = ()
    fails: tuple[Said, ...] = ()
    forms: Forms = ()


ALWAYS = {
    "inputs-mutated": "The program writes into its arguments. Whoever calls it has other arrays afterwards: work on "
                      "copies, and do not use += on what was handed in.",
    "gradients-accumulated": "Results pile up from call to call: += without a fresh start. Each call begins anew.",
    "precision-float32": "The computation runs in float32 although float64 came in.",
}  # fmt: skip


def always(id: str) -> Finding:
    """A mistake of any lesson, which is no replaced equation."""
    return Finding(id, (), (Said(f"mistake-{id}", {}, ALWAYS[id]),))


def explained(posed: Posed, contract: Contract, answers: Sequence[Answer]) -> Explanation:
    """Why the answers of a function are wrong."""
    asked = [(case, answers[i]) for i, case in posed.of(*GRADED)]
    fails = tuple(_fails(asked))
    observed = usable(asked, contract.returns)
    if not observed or all(_right(c, a, contract) for c, a in observed):
        return Explanation(fails=fails)
    found = _named(posed, contract, asked, observed)
    if found is None:
        found = Explanation(known=tuple(_known(contract, asked)))
    return replace(found, fails=fails)


def _right(case: Case, answer: Answer, contract: Contract, *, float32: bool = False) -> bool:
    return all(case.is_right(n, answer.lines[n], float32=float32) for n in contract.returns if n in answer.lines)


def _named(
    posed: Posed, contract: Contract, asked: Sequence[Observed], observed: Sequence[Observed]
) -> Explanation | None:
    if not any(bool(v.any()) for _, a in observed for n, v in a.lines.items() if n in contract.returns):
        return None  # zeros are what many mistakes give
    apart = _unpiled(asked)
    if apart is not None and all(_right(c, a, contract) for c, a in usable(apart, contract.returns)):
        return Explanation((always("gradients-accumulated"),))
    single = all(a.float32 or _is_single(a, contract) for _, a in observed)
    if single and all(_right(c, a, contract, float32=True) for c, a in observed):
        return Explanation((always("precision-float32"),))
    decoded = Decoder(posed.lesson, contract, observed, float32=single).accepted()
    if decoded is None:
        return None
    best, others = decoded
    findings = [_finding(posed, form, instead(form.id, best.ids, [h.ids for h in others])) for form in best.forms]
    if single and posed.assignment.precision != "float32":
        findings.append(always("precision-float32"))
    return Explanation(tuple(findings), forms=best.forms)


def _is_single(answer: Answer, contract: Contract) -> bool:
    values = [answer.lines[n] for n in contract.returns if n in answer.lines]
    return any(bool(v.any()) for v in values) and all(torch.equal(v, v.float().double()) for v in values)


def _finding(posed: Posed, form: Mistake, also: set[str]) -> Finding:
    first = next(iter(form.replaced))
    lesson = posed.lesson
    of_id = lesson.forms(form.id)
    at = f"-{of_id.index(form) + 1}" if len(of_id) > 1 else ""
    sentence = Said(f"mistake-{form.id}{at}", {}, form.says)
    right = lesson.lines[first].equation
    wrong = form.replaced[first].equation
    return Finding(form.id, tuple(form.replaced), (sentence,), wrong, right, also=tuple(sorted(also)))


# State ---------------------------------------------------------------------------------------------------------------


def _unpiled(asked: Sequence[Observed]) -> list[Observed] | None:
    """What each call would have answered had results not piled up since the first one; None where shapes differ."""
    apart: list[Observed] = []
    before: dict[str, torch.Tensor] = {}
    for case, answer in asked:
        if not answer.returned:
            return None
        held = {n: v for n, v in answer.lines.items() if n in before and before[n].shape == v.shape}
        lines = {n: v - before[n] if n in held else v for n, v in answer.lines.items()}
        apart.append((case, replace(answer, lines=lines)))
        before = dict(answer.lines)
    return apart[:3] if _alike(apart) else None


def _alike(apart: Sequence[Observed]) -> bool:
    """Whether A asked again then gives what A gave, and did not before."""
    first, again = apart[0][1].lines, apart[2][1].lines
    return first.keys() == again.keys() and all(
        v.shape == again[n].shape and torch.allclose(v, again[n], rtol=1e-9, atol=1e-12) for n, v in first.items()
    )


# Known ---------------------------------------------------------------------------------------------------------------


def _known(contract: Contract, asked: Sequence[Observed]) -> Iterator[Said]:
    """Sentences about the first wrong line: factor, transposition, where it shows."""
    first, again = asked[0][1], asked[2][1]
    if first.returned and not _same(first, again):
        yield said("answers-differ")
    observed = [(c, a) for c, a in asked if a.returned and finite(a)]
    for name in contract.returns:
        rows = [(c, a.lines[name], c.truth[name]) for c, a in observed if name in a.lines]
        wrong = [not c.is_right(name, y) for c, y, _ in rows]
        if not any(wrong):
            continue
        ways = (shape, lambda n, both: factor(n, both, _factors([c for c, _ in observed])), turned, numerical)
        found = next((s for way in ways for s in way(name, rows)), None)
        said_ = [
            *([] if found is None else [found]),
            *_places(name, [c for c, _, _ in rows], wrong),
            *entries(name, [row for row, bad in zip(rows, wrong, strict=True) if bad]),
        ]
        yield from said_
        if said_:
            return


def _same(first: Answer, again: Answer) -> bool:
    if first.returned != again.returned or first.lines.keys() != again.lines.keys():
        return False
    return all(torch.equal(v.nan_to_num(7.0), again.lines[k].nan_to_num(7.0)) for k, v in first.lines.items())


def _factors(cases: Sequence[Case]) -> list[Factor]:
    sentence = partial(said, "factor")
    made: list[Factor] = [
        (sentence, "−1", lambda c: -1.0), (sentence, "2", lambda c: 2.0), (sentence, "½", lambda c: 0.5)
    ]  # fmt: skip
    for letter in cases[0].sizes if cases else ():
        made.append((sentence, letter, lambda c, k=letter: float(c.sizes[k])))
        made.append((sentence, f"1/{letter}", lambda c, k=letter: 1 / c.sizes[k]))
    return made


def conditions(cases: Sequence[Case]) -> Iterator[tuple[Said, list[bool]]]:
    """Conditions on sizes and plain numbers in words, each with where it holds; those that hold on some problems."""
    for letter in cases[0].sizes if cases else ():
        for text, at in (
            (said("size-more", letter=letter), [c.sizes[letter] > 1 for c in cases]),
            (said("size-one", letter=letter), [c.sizes[letter] == 1 for c in cases]),
        ):
            if any(at) and not all(at):
                yield text, at
    for name in [n for n, v in cases[0].inputs.items() if isinstance(v, float)] if cases else ():
        values = sorted({c.inputs[name] for c in cases})
        for value in values if len(values) > 1 else ():
            yield said("number-is", name=name, value=value), [c.inputs[name] == value for c in cases]
        if 0.0 in values and len(values) > 2:
            yield said("number-not-zero", name=name), [c.inputs[name] != 0 for c in cases]
    letters = list(cases[0].sizes) if cases else []
    equal = [len(set(c.sizes.values())) == 1 for c in cases]
    if len(letters) > 1 and any(equal) and not all(equal):
        yield said("sizes-differ", letters=letters), [not e for e in equal]


def _places(name: str, cases: Sequence[Case], wrong: Sequence[bool]) -> Iterator[Said]:
    exact = next((text for text, at in conditions(cases) if at == list(wrong)), None)
    if exact is not None:
        yield said("shows-only", line=name, where=exact)


def _fails(asked: Sequence[Observed]) -> Iterator[Said]:
    """Where a program raises or gives inf or NaN, and that it does."""
    rows = [
        (key, [(c, a) for c, a in asked if key == "fails-only" or a.returned]) for key in ("fails-only", "not-finite")
    ]
    for key, of in rows:
        failing = [not a.returned if key == "fails-only" else not finite(a) for _, a in of]
        if not any(failing):
            continue
        where = next((text for text, at in conditions([c for c, _ in of]) if at == failing), None)
        if key == "not-finite":
            values = {"failed": sum(failing), "asked": len(of)}
            yield said(key, **values) if where is None else said("not-finite-where", **values, where=where)
        elif where is not None:
            yield said(key, where=where)
        elif not all(failing):
            yield said("fails-on-some", failed=sum(failing), asked=len(of))
