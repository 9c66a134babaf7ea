"""The diagnosis: the smallest set of mistakes that reproduces a submission's numbers, or what is known of the error.

A wrong name is worse than none: a mistake is named only where it reproduces every number of every problem that came
back, within budget. Verdicts never depend on this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from manual import SLIDES, work
from verify.bounds.budget import FLOAT32, FLOAT64
from verify.grading.answers import Answer
from verify.grading.assignment import Assignment
from verify.grading.fixtures import GRADED, Case, Fixture
from verify.lessons.network.decoding import Decoder, Hypothesis, Observed
from verify.lessons.network.mistakes import CATALOGUE, rank
from verify.lessons.network.order import is_stale, kept_calls, same, stepped_each_sample, unpiled
from verify.problems.lines import gradient_names, kind_and_layer


@dataclass(frozen=True)
class Finding:
    """One mistake of a diagnosis."""

    mistake: str
    lines: tuple[str, ...]  # whose own equation is wrong, in the deepest network of the run
    says: str
    wrong: str
    right: str
    only: tuple[str, ...] = ()  # the activations to which it is confined
    form: str = ""
    number: float | None = None
    also: tuple[str, ...] = ()  # mistakes that give the same numbers


@dataclass(frozen=True)
class Diagnosis:
    """Findings, or none and what is known of the error."""

    findings: tuple[Finding, ...] = ()
    known: tuple[str, ...] = ()
    hypothesis: Hypothesis | None = None

    @property
    def wrong_kinds(self) -> frozenset[str]:
        """The kinds of line whose own equation the findings replace: delta below, delta output, dW, db, y."""
        kinds = {
            ("delta below" if CATALOGUE[f.mistake].hidden_only else "delta output") if kind == "delta" else kind
            for f in self.findings
            for kind in CATALOGUE[f.mistake].kinds
        }
        return frozenset(kinds)

    def blames(self, name: str, L: int) -> bool:
        """Whether the line's own equation is among the wrong ones."""
        kind, l = kind_and_layer(name)
        if kind == "delta":
            kind = "delta output" if l == L else "delta below"
        return kind in self.wrong_kinds


def diagnose(fixture: Fixture, answers: Sequence[Answer]) -> Diagnosis:
    """Why the answers to the fixture's cases (one each, in order) are wrong."""
    assignment = fixture.assignment
    asked = [(case, answers[i]) for i, case in fixture.of(*GRADED)]
    cases, came = [c for c, _ in asked], [a for _, a in asked]
    for apart in unpiled(cases, came):
        piled = _with_state("gradients-accumulated", assignment, _usable(zip(cases, apart, strict=True)))
        if piled is not None:
            return piled
    observed = _usable(asked)
    found = _decoded(assignment, observed) if observed else None
    if found is None:
        found = _stale(assignment, cases, came)
    if found is None and observed and (eta := stepped_each_sample(observed)) is not None:
        early = finding("updated-weights-in-backward", assignment.layers[1], form="after each sample", number=eta)
        found = Diagnosis((early,))
    return found or Diagnosis(known=tuple(_known(assignment, asked)))


def _usable(asked: Iterable[Observed]) -> list[Observed]:
    """The problems on which something finite came back."""
    return [(case, answer) for case, answer in asked if answer.returned and _finite(answer)]


def _with_state(id: str, assignment: Assignment, clean: Sequence[Observed]) -> Diagnosis | None:
    """A mistake of state, and what else is wrong once its effect is taken off; None where that stays unexplained."""
    state = finding(id, assignment.layers[1])
    if all(_right(c, a, assignment, slack=True) for c, a in clean):
        return Diagnosis((state,))
    rest = _decoded(assignment, clean, slack=True)
    return Diagnosis((*rest.findings, state), hypothesis=rest.hypothesis) if rest else None


def _stale(assignment: Assignment, cases: Sequence[Case], came: Sequence[Answer]) -> Diagnosis | None:
    """Values of an earlier call: the calls that work on their own are clean, and explain the others."""
    for sources in kept_calls(cases):
        clean = _usable((c, a) for c, a, source in zip(cases, came, sources, strict=True) if source is None)
        right = bool(clean) and all(_right(c, a, assignment) for c, a in clean)
        rest = Diagnosis() if right else _decoded(assignment, clean) if clean else None
        if rest is None or (rest.findings and rest.hypothesis is None):
            return None  # what the fewest clean calls do not bear, more of them do not either
        equations = rest.hypothesis.equations if rest.hypothesis is not None else SLIDES
        if is_stale(cases, came, sources, equations):
            return Diagnosis((*rest.findings, finding("cache-stale", assignment.layers[1])), hypothesis=rest.hypothesis)
    return None


def _finite(answer: Answer) -> bool:
    return all(bool(torch.isfinite(v).all()) for v in answer.lines.values())


def _decoded(assignment: Assignment, observed: Sequence[Observed], *, slack: bool = False) -> Diagnosis | None:
    if _cut_off(observed):
        return Diagnosis((finding("integer-arrays", assignment.layers[1]),))
    depth = assignment.layers[1]
    if _inputs_in_single(assignment, observed):
        return Diagnosis((finding("precision-float32", depth, form="the arguments, on the way in"),))
    float32 = all(_in_single(a) for _, a in observed)
    if float32 and all(_right(c, a, assignment, float32=True) for c, a in observed):
        return Diagnosis((finding("precision-float32", depth),))
    decoder = Decoder(
        observed, assignment.activations, assignment.output, assignment.loss, assignment.biases, float32, slack
    )
    found = decoder.accepted()
    if found is None:
        return None
    hypothesis, others = found
    single = (finding("precision-float32", depth),) if float32 and assignment.precision != "float32" else ()
    return Diagnosis((*_findings(hypothesis, others, decoder, depth), *single), hypothesis=hypothesis)


def _in_single(answer: Answer) -> bool:
    """Whether the biases' gradients, which have no penalty, are numbers of float32 in whatever dtype they came."""
    values = [v for n, v in answer.lines.items() if n.startswith("db")]
    some = any(bool((v != 0).any()) for v in values)
    return answer.float32 or (some and all(torch.equal(v, v.float().double()) for v in values))


def _inputs_in_single(assignment: Assignment, observed: Sequence[Observed]) -> bool:
    """Whether the gradients are the right ones of arguments that were rounded to float32 on the way in."""
    return any(
        all(_right_of(case, answer, assignment, rounded) for case, answer in observed)
        for rounded in (("W", "b"), ("x",), ("W", "b", "x"))
    )


def _right_of(case: Case, answer: Answer, assignment: Assignment, rounded: tuple[str, ...]) -> bool:
    p = case.problem
    if len(answer.lines) == 0 or _right(case, answer, assignment):
        return False
    short: Callable[[Tensor], Tensor] = lambda v: v.float().double()
    W, b = (tuple(map(short, v)) if "W" in rounded else v for v in (p.W, p.b))
    net = work(W, b, short(p.x) if "x" in rounded else p.x, p.t, p.f, p.pair, p.lam)
    lines = {**{f"dW{l}": v for l, v in net.dW.items()}, **{f"db{l}": v for l, v in net.db.items()}}
    return all(
        n in answer.lines and answer.lines[n].shape == v.shape
        and bool(((answer.lines[n] - v).abs() <= 2 * case.allowed(n) + _decay_in_single(case, n)).all())
        for n, v in lines.items()
    )  # fmt: skip


def _decay_in_single(case: Case, name: str) -> Tensor | float:
    """What λW may lose where W is in float32 already."""
    return 2 * FLOAT32 * case.problem.lam * case.problem.W[int(name[2:]) - 1].abs() if name.startswith("dW") else 0.0


# What is cut off: the whole line, the mean over the samples before the penalty (as // does), or the sum before that.
_CUTS: tuple[Callable[[Tensor, Tensor, int], tuple[Tensor, Callable[[Tensor], Tensor]]], ...] = (
    lambda data, decay, N: (data / N + decay, torch.trunc),
    lambda data, decay, N: (data / N, lambda v: torch.floor(v) + decay),
    lambda data, decay, N: (data / N, lambda v: torch.trunc(v) + decay),
    lambda data, decay, N: (data, lambda v: torch.trunc(v) / N + decay),
)


def _cut_off(observed: Sequence[Observed]) -> bool:
    """Whether every gradient is the right one with what stands behind the decimal point cut off somewhere."""
    return any(all(_is_cut(case, answer, cut) for case, answer in observed) for cut in _CUTS)


def _is_cut(case: Case, answer: Answer, cut: Callable[..., tuple[Tensor, Callable[[Tensor], Tensor]]]) -> bool:
    N = case.problem.N
    for name in gradient_names(case.problem.L):
        truth, actual = case.truth[name], answer.lines.get(name)
        if actual is None or actual.shape != truth.shape:
            return False
        decay = (
            case.problem.lam * case.problem.W[int(name[2:]) - 1] if name.startswith("dW") else torch.zeros_like(truth)
        )
        whole, made = cut((truth - decay) * N, decay, N)
        # A number that is whole but for its rounding may be cut to either side.
        sides = [(made(whole + shift) - actual).abs() <= 1e-9 for shift in (0.0, 1e-9, -1e-9)]
        if not bool((sides[0] | sides[1] | sides[2]).all()):
            return False
    return True


def line_is_right(case: Case, name: str, value: Tensor, *, float32: bool = False) -> bool:
    """Whether a line's value is the right one within budget; of what shape and how finite is asked first."""
    truth = case.truth[name]
    allowed = case.allowed(name, float32=float32)
    return value.shape == truth.shape and bool(((value - truth).abs() <= allowed).all())


def _right(case: Case, answer: Answer, assignment: Assignment, *, float32: bool = False, slack: bool = False) -> bool:
    """Whether all gradients of a case are right; with slack, to the ten digits that a difference of sums keeps."""
    return all(
        name in answer.lines
        and (
            torch.allclose(answer.lines[name], case.truth[name], rtol=1e-10, atol=1e-10)
            if slack and answer.lines[name].shape == case.truth[name].shape
            else line_is_right(case, name, answer.lines[name], float32=float32)
        )
        for name in gradient_names(case.problem.L)
        if assignment.biases or name.startswith("dW")
    )


# Findings ------------------------------------------------------------------------------------------------------------


def finding(
    id: str,
    depth: int,
    *,
    only: tuple[str, ...] = (),
    form: str = "",
    number: float | None = None,
    also: tuple[str, ...] = (),
) -> Finding:
    """A mistake of the catalogue as a finding, with the lines it stands in and its text."""
    m = CATALOGUE[id]
    says = m.says
    if only:
        says += f" Only under {', '.join(only)}: with the other activations it is right."
    if form:
        says += f" ({form[0].upper()}{form[1:]}.)"
    if number is not None:
        says += f" The program's own number here is {number:.6g}."
    return Finding(id, lines_of_mistake(id, depth), says, m.wrong, m.right, only, form, number, (*m.also, *also))


def lines_of_mistake(id: str, depth: int) -> tuple[str, ...]:
    """The lines whose own equation the mistake replaces, from the output down."""
    m = CATALOGUE[id]
    lines: list[str] = []
    for kind in m.kinds:
        if kind in ("y", "E"):
            lines.append(kind)
        elif kind == "delta":
            lines += [f"delta{l}" for l in range(depth - 1, 0, -1)] if m.hidden_only else [f"delta{depth}"]
        else:
            lines += [f"{kind}{l}" for l in range(depth, 0, -1)]
    return tuple(lines)


def _findings(hypothesis: Hypothesis, others: Sequence[Hypothesis], decoder: Decoder, depth: int) -> list[Finding]:
    made = []
    for id in hypothesis.mistakes:
        chosen = [v for v in (*hypothesis.slots.values(), *hypothesis.slopes.values()) if v.mistake == id]
        only = tuple(n for n, v in hypothesis.slopes.items() if v.mistake == id) if id in hypothesis.confined else ()
        forms = dict.fromkeys(v.form for v in chosen if v.form)
        rest = set(hypothesis.mistakes) - {id}
        also = {o for h in others for o in set(h.mistakes) - rest if rest <= set(h.mistakes)} - {id}
        made.append(finding(id, depth, only=only, form=", ".join(forms), also=tuple(sorted(also, key=rank))))
    return made


# What is known of an error without a name ----------------------------------------------------------------------------

Wrong = tuple[Case, Tensor, Tensor]  # the case, yours, expected


def _known(assignment: Assignment, asked: Sequence[Observed]) -> list[str]:
    """Sentences about the first wrong line: factor, parts, transposition, where it shows."""
    kept = [] if same(asked[0][1], asked[2][1]) else ["The same problem asked twice gives two answers."]
    asked = _usable(asked)
    name = first_wrong_gradient(assignment, asked)
    both = [(c, a.lines[name], c.truth[name]) for c, a in asked if name in a.lines and name in c.truth] if name else []
    if name is None or not both:
        return kept
    deepest = max(c.problem.L for c, _, _ in both)
    both = [w for w in both if deepest == w[0].problem.L]
    said = [s for s in (_factor(name, both), _parts(name, both), _turned(name, both), _numerical(name, both)) if s][:1]
    return [*kept, *said, *_places(name, both)]


def first_wrong_gradient(assignment: Assignment, asked: Sequence[Observed]) -> str | None:
    """The first of dW and db, in the order of the working, that is wrong in the deepest network that shows it."""
    for depth in range(assignment.layers[1], 0, -1):
        for name in gradient_names(depth):
            if not assignment.biases and name.startswith("db"):
                continue
            for c, a in asked:
                if depth == c.problem.L and not (name in a.lines and line_is_right(c, name, a.lines[name])):
                    return name
    return None


def _fits(both: Sequence[Wrong], predict: Callable[[Case, Tensor], Tensor]) -> bool:
    return all(
        yours.shape == (p := predict(c, right)).shape
        and bool(((yours - p).abs() <= 1e-7 * p.abs().max() + 1e-12).all())
        for c, yours, right in both
    )


_FACTORS: tuple[tuple[str, Callable[[Case], float]], ...] = (
    ("−1", lambda c: -1.0),
    ("2", lambda c: 2.0),
    ("½", lambda c: 0.5),
    ("N, the size of the batch,", lambda c: c.problem.N),
    ("1/N", lambda c: 1 / c.problem.N),
    ("K, the number of outputs,", lambda c: c.problem.t.shape[1]),
    ("1/K", lambda c: 1 / c.problem.t.shape[1]),
)


def _factor(name: str, both: Sequence[Wrong]) -> str:
    for text, factor in _FACTORS:
        if _fits(both, lambda c, right, factor=factor: factor(c) * right):
            return f"Every entry of your {name} is {text} times the expected one."
    sums = [(float((y * r).sum()), float((r * r).sum())) for _, y, r in both if y.shape == r.shape]
    if len(sums) == len(both) and sum(s for _, s in sums) > 0:
        constant = sum(s for s, _ in sums) / sum(s for _, s in sums)
        if abs(constant) > 1e-9 and _fits(both, lambda c, right: constant * right):
            return f"Every entry of your {name} is {constant:.6g} times the expected one."
    return ""


def _parts(name: str, both: Sequence[Wrong]) -> str:
    """dW as α times the data's part plus β times λW."""
    kind, l = kind_and_layer(name)
    if kind != "dW" or l is None or any(y.shape != r.shape for _, y, r in both):
        return ""
    decays = [(c.problem.lam * c.problem.W[l - 1]).flatten() for c, _, _ in both]
    rows = [torch.stack([r.flatten() - decay, decay], 1) for (_, _, r), decay in zip(both, decays, strict=True)]
    system, target = torch.cat(rows), torch.cat([y.flatten() for _, y, _ in both])
    alpha, beta = torch.linalg.lstsq(system, target.unsqueeze(1)).solution.flatten().tolist()
    residual = (system @ torch.tensor([alpha, beta], dtype=target.dtype, device=target.device) - target).abs().max()
    if float(residual) > 1e-7 * float(target.abs().max()):
        return ""
    return f"Your {name} is {alpha:.4g} times the data's part plus {beta:.4g} times λW; both factors should be 1."


def _turned(name: str, both: Sequence[Wrong]) -> str:
    if both[0][2].dim() == 2 and _fits(both, lambda c, right: right.T):
        return f"Your {name} is the expected one, transposed."
    ordered = lambda v: torch.sort(v.flatten()).values
    if all(y.numel() == r.numel() for _, y, r in both):
        if _fits([(c, y.reshape(r.shape), r) for c, y, r in both], lambda c, right: right):
            shapes = f"{tuple(both[0][1].shape)} for {tuple(both[0][2].shape)}"
            return f"The values of your {name} are right, its shape is not: {shapes}."
        if _fits([(c, ordered(y), ordered(r)) for c, y, r in both], lambda c, right: right):
            return f"Your {name} holds the expected numbers in another order."
    return ""


def _numerical(name: str, both: Sequence[Wrong]) -> str:
    """Small errors everywhere, far above rounding, are those of a difference quotient."""
    errors = [
        ((y - r).abs() / r.abs().max()).max() for _, y, r in both if y.shape == r.shape and float(r.abs().max()) > 0
    ]
    if len(errors) != len(both) or not errors:
        return ""
    worst = float(torch.stack(errors).max())
    if not FLOAT64 * 1e3 < worst < 1e-3:
        return ""
    off = f"Your {name} is off by {worst:.1e} of its largest entry"
    if worst < 100 * FLOAT32:
        return f"{off}: too much for rounding in float64, about that of float32."
    return f"{off} everywhere: it looks like a numerical difference, not a derivative."


_CONDITIONS: tuple[tuple[str, Callable[[Case], bool]], ...] = (
    ("with more than one sample (N > 1)", lambda c: c.problem.N > 1),
    ("with λ > 0", lambda c: c.problem.lam > 0),
    ("where matrices are not square", lambda c: len(set(c.problem.layers)) > 1),
)


def _places(name: str, both: Sequence[Wrong]) -> list[str]:
    """Where the error shows: under which conditions, with which activations, in which rows or columns."""
    wrong = [not line_is_right(c, name, y) for c, y, _ in both]
    said = []
    for text, holds in _CONDITIONS:
        at = [holds(c) for c, _, _ in both]
        if not all(at) and any(at) and all(not w or h for w, h in zip(wrong, at, strict=True)):
            said.append(f"It shows only {text}.")
    names = {c.problem.activation for c, _, _ in both}
    guilty = {c.problem.activation for (c, _, _), w in zip(both, wrong, strict=True) if w}
    if guilty and guilty < names:
        said.append(f"It shows only with {', '.join(sorted(guilty))}.")
    return said + _entries(name, [w for w, bad in zip(both, wrong, strict=True) if bad])


def _entries(name: str, wrong: Sequence[Wrong]) -> list[str]:
    """One row, column or unit only, the same in every problem."""
    if not wrong or any(y.shape != r.shape for _, y, r in wrong):
        return []
    bad = [(y - r).abs() > c.budget[name] * 2 for c, y, r in wrong]
    for axis, word in ((0, "row" if wrong[0][2].dim() == 2 else "unit"), (1, "column")):
        if axis >= wrong[0][2].dim() or not any(b.shape[axis] > 1 for b in bad):
            continue
        hit = [_along(b, axis) for b in bad]
        if all(len(h) == 1 for h in hit):
            same_one = {h[0] for h in hit}
            return [f"Only one {word} of it is wrong" + (f", number {same_one.pop()}." if len(same_one) == 1 else ".")]
    return []


def _along(bad: Tensor, axis: int) -> list[int]:
    return torch.nonzero(bad if bad.dim() == 1 else bad.any(1 - axis)).flatten().tolist()
