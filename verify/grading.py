"""Grading one submission: the calls of a run, the judgement of what came back, points, and the record.

The verdict rests on the budgets alone. The diagnosis explains it and carries errors forward; it never decides whether a
line is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from manual import SLIDES, Working
from verify.answers import Answer, as_array, columns_name, describe, gradients_answer
from verify.assignment import Assignment
from verify.bounded import Bounded
from verify.budget import FLOAT32, FLOAT64
from verify.counterexample import counterexample
from verify.decoding import Decoder
from verify.diagnosis import Diagnosis, Finding, diagnose, finding, line_is_right
from verify.fixtures import Case, Fixture, fixture
from verify.isolation import Call, Calls, Limits, Outcome, Reply, Run, Sandbox
from verify.isolation import run as run_isolated
from verify.lines import equation, gradient_names, kind_and_layer, names, place
from verify.mistakes import CATALOGUE
from verify.record import FindingRecord, GradeRecord, LineRecord, Worst
from verify.submission import Submission

ETA = 0.1
_FUNCTION_CASES = 16
_PARTIAL = ("ok", "timeout", "memory")


# Calls ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A call of the run: which function, on which case."""

    function: str
    case: int


def plan(fixture: Fixture) -> list[Asked]:
    """Every call in order: `gradients` on all cases, then the optional functions on some; missing ones cost nothing."""
    some = [i for i, _ in fixture.of("rung", "general")]
    some = some[:: max(1, len(some) // _FUNCTION_CASES)]
    optional = [Asked(function, i) for function in ("forward", "loss", "step") for i in some]
    return [*(Asked("gradients", i) for i in range(len(fixture.cases))), *optional]


def calls(fixture: Fixture) -> list[Call]:
    """The plan with its arguments, as the submission's convention has them."""
    return [Call(asked.function, arguments(fixture, asked)) for asked in plan(fixture)]


def arguments(fixture: Fixture, asked: Asked) -> tuple[Any, ...]:
    """W, b, x[, t], activation[, lam[, eta]] as arrays in the assignment's convention."""
    p = fixture.cases[asked.case].problem
    columns = fixture.assignment.convention == "columns"
    turn = (lambda v: np.ascontiguousarray((v if v.dim() == 2 else v.unsqueeze(0)).T.numpy())) if columns else Tensor.numpy
    W, b = [turn(w) for w in p.W], [turn(v) for v in p.b]
    if asked.function == "forward":
        return W, b, turn(p.x), p.activation
    last = (ETA,) if asked.function == "step" else ()
    return W, b, turn(p.x), turn(p.t), p.activation, p.lam, *last


@dataclass(frozen=True)
class Examination:
    """An assignment made ready: its problems with their right answers, and the calls, encoded once for all submissions."""

    fixture: Fixture
    calls: Calls

    @property
    def assignment(self) -> Assignment:
        return self.fixture.assignment


def examination(assignment: Assignment, seed: int | None = None) -> Examination:
    """The problems of an assignment, drawn from its seed or from another, checked for what they expose."""
    drawn = fixture(assignment, seed)
    return Examination(drawn, Calls(calls(drawn)))


def grade_submission(submission: Submission, exam: Examination, sandbox: Sandbox, *, device: str = "cpu") -> GradeRecord:
    """Run one submission in its sandbox and grade what comes back. Raises IsolationError where the sandbox fails."""
    a = exam.assignment
    limits = Limits(time_limit=a.time_limit, memory_mib=a.memory_mib)
    ran = run_isolated(submission, exam.calls, limits=limits, backend=a.backend, device=device, sandbox=sandbox)
    record = grade(submission.name, ran, exam.fixture)
    record.digests = {"submission": submission.digest, "assignment": a.digest()}
    return record


def ungradable(name: str, reason: str, exam: Examination) -> GradeRecord:
    """The record of what cannot be read as Python."""
    return _without_run(name, "ungradable", 0.0, reason, exam)


def grader_error(name: str, reason: str, exam: Examination) -> GradeRecord:
    """The record of our own failure: no score, never the student's fault."""
    return _without_run(name, "grader-error", None, reason, exam)


def _without_run(name: str, state: str, score: float | None, reason: str, exam: Examination) -> GradeRecord:
    return GradeRecord(
        submission=name, state=state, score=score, max_score=_max_score(exam.assignment), seed=exam.fixture.seed,
        message=reason, digests={"assignment": exam.assignment.digest()},
    )  # fmt: skip


# What came back ------------------------------------------------------------------------------------------------------


def _answer(fixture: Fixture, asked: Asked, reply: Reply) -> Answer:
    L = fixture.cases[asked.case].problem.L
    if reply.outcome is not Outcome.RETURNED:
        return Answer(failed=reply.message or reply.outcome.value, line=reply.line)
    columns = fixture.assignment.convention == "columns"
    return gradients_answer(reply.value, L, columns=columns, inputs_changed=reply.inputs_changed)


# Judgement -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """One line over all problems: right, or in how many wrong; and on the student's own values upstream."""

    name: str
    asked: int
    wrong: int
    carried: int  # of the wrong ones, how many are right on the student's own upstream values
    undecided: int  # of the wrong ones, how many have no upstream values to be judged on
    worst: Worst | None
    reason: str
    function: str = "gradients"


def local_name(name: str, deepest: int, L: int) -> str | None:
    """A line of the deepest network in one of L layers, counted from the output: dW3 of three is dW2 of two.

    The output layer has equations of its own, so it is the output layer's lines that belong together.
    """
    kind, l = kind_and_layer(name)
    if l is None:
        return name
    return f"{kind}{l - deepest + L}" if l - deepest + L >= 1 and (kind != "z" or l < deepest) else None


def _judge_line(fixture: Fixture, answers: Sequence[Answer], name: str, *, float32: bool) -> Judged | None:
    asked = wrong = carried = undecided = 0
    worst: tuple[float, Worst] | None = None
    reason = ""
    for i, case in fixture.of("state", "rung", "general"):
        answer, here = answers[i], local_name(name, fixture.assignment.layers[1], case.problem.L)
        if here is None or not answer.returned or (here not in answer.lines and here not in answer.faults):
            continue
        asked += 1
        if here in answer.faults:
            wrong, undecided, reason = wrong + 1, undecided + 1, reason or answer.faults[here]
            continue
        found = _worst(case, here, answer.lines[here], float32)
        if not line_is_right(case, here, answer.lines[here], float32=float32):
            wrong += 1
            reason = reason or _shape_reason(case, here, answer.lines[here])
            on_own = _carried_forward(case, answer, here, float32)
            carried, undecided = carried + (on_own is True), undecided + (on_own is None)
            worst = max(worst or found, found, key=lambda w: w[0]) if worst is None or worst[1].error is not None else found
        elif wrong == 0:
            worst = max(worst or found, found, key=lambda w: w[0])
    return Judged(name, asked, wrong, carried, undecided, worst[1] if worst else None, reason) if asked else None


def _shape_reason(case: Case, name: str, value: Tensor) -> str:
    truth = case.truth[name]
    if value.shape != truth.shape:
        return f"{name} has shape {tuple(value.shape)} where {tuple(truth.shape)} is expected"
    if not bool(torch.isfinite(value).all()):
        return f"{name} is not finite: {int((~torch.isfinite(value)).sum())} of {value.numel()} entries"
    return ""


def _worst(case: Case, name: str, value: Tensor, float32: bool) -> tuple[float, Worst]:
    truth = case.truth[name]
    budget = case.budget[name] + (case.budget32 if float32 else case.budget)[name]
    if value.shape != truth.shape:
        index = [0] * truth.dim()
        at = tuple(index)
        return float("inf"), Worst(index, None, float(truth[at]), None, float(budget[at]), case.problem.label)
    error = (value - truth).abs()
    ratio = torch.nan_to_num(torch.where(error > 0, error / budget, error * 0), nan=torch.inf)
    at = np.unravel_index(int(torch.argmax(ratio)), tuple(truth.shape)) if truth.dim() else ()
    at = tuple(int(i) for i in at)
    yours, off = _finite(value[at]), _finite(error[at])
    return float(ratio[at]), Worst(list(at), yours, float(truth[at]), off, float(budget[at]), case.problem.label)


def _finite(value: Tensor) -> float | None:
    return float(value) if bool(torch.isfinite(value)) else None


# What each kind of line is computed from, and by which equation of the slides.
_UPSTREAM: dict[str, tuple[str, tuple[str, ...]]] = {
    "a": ("affine", ("z-",)),
    "z": ("activated", ("a",)),
    "y": ("output", ("a",)),
    "E": ("total_error", ("a", "y")),
    "delta output": ("delta_output", ("a", "y")),
    "delta": ("delta_hidden", ("delta+", "a")),
    "dW": ("weight_gradient", ("z-", "delta")),
    "db": ("bias_gradient", ("delta",)),
}


def _carried_forward(case: Case, answer: Answer, name: str, float32: bool) -> bool | None:
    """Whether a wrong line is right on the student's own upstream values; None where no wrong one was handed over."""
    L = case.problem.L
    kind, l = kind_and_layer(name)
    layer = L if l is None else l
    key = "delta output" if kind == "delta" and layer == L else kind
    field, upstream = _UPSTREAM[key]
    net = case.bounded_net(FLOAT32 if float32 else FLOAT64)
    own = 0
    for source in (_source(u, layer) for u in upstream):
        if source not in answer.lines or source not in case.truth or answer.lines[source].shape != case.truth[source].shape:
            continue
        own += not line_is_right(case, source, answer.lines[source], float32=float32)
        _place(net, source, Bounded.exact(answer.lines[source], net.x.u))  # type: ignore[attr-defined]
    if not own:
        handed = all(_source(u, layer) in answer.lines or _source(u, layer) == "z0" for u in upstream)
        return False if handed else None
    line: Bounded = getattr(SLIDES, field)(net, layer)
    value = answer.lines[name]
    return line.shape == value.shape and bool(((line.value - value).abs() <= 2 * line.error).all())


def _source(code: str, layer: int) -> str:
    kind, shift = code.rstrip("+-"), {"+": 1, "-": -1}.get(code[-1], 0)
    return kind if kind in ("y", "E") else f"{kind}{layer + shift}"


def _place(net: Working, name: str, value: Any) -> None:
    kind, l = kind_and_layer(name)
    if l is None:
        setattr(net, kind, value)
    else:
        getattr(net, kind)[l] = value


# The optional functions ----------------------------------------------------------------------------------------------


def _judge_functions(fixture: Fixture, run: Run, answers: Sequence[Answer], *, float32: bool) -> list[Judged]:
    judged = []
    for function, names_ in (("forward", ("y",)), ("loss", ("E",)), ("step", ("W", "b"))):
        if function not in run.functions:
            continue
        rows = [(a, r) for a, r in zip(plan(fixture), run.replies, strict=False) if a.function == function]
        judged += [_judge_function(fixture, function, name, rows, answers, float32) for name in names_]
    return judged


def _judge_function(
    fixture: Fixture, function: str, name: str, rows: Sequence[tuple[Asked, Reply]], answers: Sequence[Answer], float32: bool
) -> Judged:
    asked = wrong = carried = 0
    reason, worst = "", None
    for ask, reply in rows:
        case = fixture.cases[ask.case]
        if name == "b" and not fixture.assignment.biases:
            continue
        asked += 1
        for expected, allowed, value, own in _function_values(fixture, case, name, reply, answers[ask.case], float32):
            if value is None or value.shape != expected.shape or not bool(((value - expected).abs() <= allowed).all()):
                wrong += 1
                came = reply.message or describe(reply.value) if value is None else f"shape {tuple(value.shape)}"
                mismatch = value is None or value.shape != expected.shape
                reason = reason or (f"{function} gave {came} where {tuple(expected.shape)} is expected" if mismatch else "")
                carried += own is not None and not mismatch and bool(((value - own).abs() <= 2 * allowed).all())
                worst = worst or _function_worst(expected, allowed, value, case.problem.label)
                break
    return Judged(name, asked, wrong, carried, 0, worst, reason, function)


def _function_worst(expected: Tensor, allowed: Tensor, value: Tensor | None, label: str) -> Worst:
    if value is None or value.shape != expected.shape:
        at = (0,) * expected.dim()
        return Worst(list(at), None, float(expected[at]), None, float(allowed[at]), label)
    error = (value - expected).abs()
    flat = int(torch.argmax(torch.nan_to_num(error / allowed, nan=torch.inf)))
    at = tuple(int(i) for i in np.unravel_index(flat, tuple(expected.shape))) if expected.dim() else ()
    return Worst(list(at), _finite(value[at]), float(expected[at]), _finite(error[at]), float(allowed[at]), label)


FunctionValue = tuple[Tensor, Tensor, Tensor | None, Tensor | None]  # expected, allowed, yours, expected on own gradients


def _function_values(
    fixture: Fixture, case: Case, name: str, reply: Reply, answer: Answer, float32: bool
) -> list[FunctionValue]:
    columns = fixture.assignment.convention == "columns"
    budgets = case.budget32 if float32 else case.budget
    value = reply.value if reply.outcome is Outcome.RETURNED else None
    if name in ("y", "E"):
        array = _as_rows(value, columns)
        if name == "E" and array is not None and array.numel() == 1:
            array = array.reshape(())
        return [(case.truth[name], case.budget[name] + budgets[name], array, None)]
    parts = value[0 if name == "W" else 1] if isinstance(value, list | tuple) and len(value) == 2 else None
    result: list[FunctionValue] = []
    for l, before in enumerate(case.problem.W if name == "W" else case.problem.b, 1):
        line = f"d{name}{l}"
        part = _as_rows(parts[l - 1], columns) if isinstance(parts, list | tuple) and len(parts) == case.problem.L else None
        if part is not None and name == "b" and columns and part.dim() == 2 and part.shape[0] == 1:
            part = part[0]
        u = FLOAT32 if float32 else FLOAT64
        gradient = case.truth[line]
        allowed = ETA * (case.budget[line] + budgets[line]) + 6 * u * (before.abs() + ETA * gradient.abs())
        own = answer.lines.get(line)
        on_own = before - ETA * own if own is not None and own.shape == before.shape else None
        result.append((before - ETA * gradient, allowed, part, on_own))
    return result


def _as_rows(value: Any, columns: bool) -> Tensor | None:
    array = as_array(value)
    if array is None or array.dtype.kind not in "fiub":
        return None
    return torch.from_numpy(np.array(array.T if columns and array.ndim == 2 else array, dtype=np.float64))


def _step_findings(fixture: Fixture, run: Run, answers: Sequence[Answer]) -> list[Finding]:
    """What is wrong with a step whose gradients are right: its sign, its number, or the weights it is computed from."""
    rows = [(a, r) for a, r in zip(plan(fixture), run.replies, strict=False) if a.function == "step"]
    implied: list[tuple[Case, Answer]] = []
    for ask, reply in rows:
        case = fixture.cases[ask.case]
        values = [v for n in ("W", "b") for v in _function_values(fixture, case, n, reply, answers[ask.case], False)]
        lines = [f"d{n}{l}" for n in ("W", "b") for l in range(1, case.problem.L + 1)]
        starts = [*case.problem.W, *case.problem.b]
        if all(v[2] is not None and v[2].shape == v[0].shape for v in values):
            gradients = {n: (s - v[2]) / ETA for n, s, v in zip(lines, starts, values, strict=True)}  # type: ignore
            implied.append((case, Answer(gradients)))
    return _step_diagnosis(fixture, implied)


def _step_diagnosis(fixture: Fixture, implied: Sequence[tuple[Case, Answer]]) -> list[Finding]:
    depth = fixture.assignment.layers[1]
    factors = {"step-sign": lambda c: -1.0, "step-repeated": lambda c: float(c.problem.N)}
    if not implied:
        return []
    for id, factor in factors.items():
        if all(
            bool(((v - factor(c) * c.truth[n]).abs() <= 1e-6 * (1 + c.truth[n].abs())).all())
            for c, a in implied for n, v in a.lines.items() if fixture.assignment.biases or n.startswith("dW")
        ):  # fmt: skip
            return [finding(id, depth)]
    a = fixture.assignment
    found = Decoder(implied, a.activations, a.output, a.loss, a.biases, float32=True).accepted()
    return [finding(id, depth, number=_eta_of(found[0])) for id in found[0].mistakes] if found else []


def _eta_of(hypothesis: Any) -> float | None:
    return ETA if "updated-weights-in-backward" in hypothesis.mistakes else None


# The record ----------------------------------------------------------------------------------------------------------


def grade(name: str, run: Run, fixture: Fixture) -> GradeRecord:
    """The graded record of what a submission's run gave. The caller adds digests."""
    assignment = fixture.assignment
    record = GradeRecord(
        submission=name, state=run.state, max_score=_max_score(assignment), seed=fixture.seed,
        problems=len(fixture.of("state", "rung", "general")), hidden_mistakes=list(fixture.hidden),
        output=run.output, sandbox=run.sandbox, timings={"seconds": run.seconds},
    )  # fmt: skip
    if run.state not in _PARTIAL:
        record.score, record.message = 0.0, run.message or run.state
        return record
    missing = _missing(assignment, run)
    if run.state == "ok" and "gradients" in missing:
        record.state, record.score = "incomplete", 0.0
        record.message = f"The function gradients is missing; found {_listed(run.functions) or 'no function'}."
        return record
    answers = _answers(fixture, run)
    if run.state == "ok" and not any(a.returned for a in answers):
        record.state, record.score, record.message = "error", 0.0, _raised_text(answers[0])
        return record
    _judge(record, fixture, run, answers, missing)
    return record


def _answers(fixture: Fixture, run: Run) -> list[Answer]:
    asked = [a for a in plan(fixture) if a.function == "gradients"]
    replies = [*run.replies[: len(asked)], *[Reply(Outcome.NOT_RUN)] * (len(asked) - len(run.replies[: len(asked)]))]
    return [_answer(fixture, a, r) for a, r in zip(asked, replies, strict=True)]


def _judge(record: GradeRecord, fixture: Fixture, run: Run, answers: list[Answer], missing: Sequence[str]) -> None:
    assignment = fixture.assignment
    float32, judged = _judged(fixture, run, answers)
    graded = fixture.of("state", "rung", "general")
    failed = [(c, answers[i]) for i, c in graded if not answers[i].returned]
    changed = any(a.inputs_changed for a in answers)
    wrong = any(j.wrong for j in judged) or bool(failed)
    diagnosis = Diagnosis()
    if any(j.wrong for j in judged if j.function == "gradients") or failed:
        diagnosis = diagnose(fixture, answers)
    found = [*diagnosis.findings]
    if any(j.wrong and j.function == "step" and j.carried < j.wrong for j in judged):
        found += [f for f in _step_findings(fixture, run, answers) if f.mistake not in {g.mistake for g in found}]
    if changed:
        found.append(finding("inputs-mutated", assignment.layers[1]))
    record.lines = _line_records(fixture, judged, diagnosis, len(failed) / len(graded))
    record.score = _round(sum(line.points for line in record.lines))
    record.raised = [f"{c.problem.label}: {_raised_text(a)}" for c, a in failed][:5]
    record.diagnosis = [_finding_record(f, assignment) for f in found]
    record.known = list(diagnosis.known)
    record.first_wrong_line = _first_wrong(record, fixture, answers)
    record.detection_limit = _detection_limit(fixture, answers, float32)
    record.advice = _advice(fixture, answers, float32)
    if wrong:
        record.counterexample = counterexample(fixture, answers)
    if run.state == "ok":
        record.state = "incomplete" if missing else "wrong" if wrong or changed else "correct"
    record.message = _message(record, run, missing)


def _judged(fixture: Fixture, run: Run, answers: Sequence[Answer]) -> tuple[bool, list[Judged]]:
    """All lines and functions, judged in float64; in float32 where the assignment lets that pass and float64 does not."""
    for float32 in (False, True):
        every = names(fixture.assignment.layers[1])
        shown = [n for n in every if fixture.assignment.biases or not n.startswith("db")]
        lines = [j for name in shown if (j := _judge_line(fixture, answers, name, float32=float32)) is not None]
        judged = [*_with_mean_inside(fixture, answers, lines), *_judge_functions(fixture, run, answers, float32=float32)]
        if float32 or fixture.assignment.precision != "float32" or not any(j.wrong for j in judged):
            return float32, judged
    raise AssertionError("the second round always returns")


def _with_mean_inside(fixture: Fixture, answers: Sequence[Answer], judged: list[Judged]) -> list[Judged]:
    """δ may hold the 1/N already: where all gradients are right and every δ is the slides' over N, δ is right."""
    deltas = [j for j in judged if j.name.startswith("delta") and j.wrong]
    if not deltas or any(j.wrong for j in judged if j.name.startswith("d") and j not in deltas):
        return judged
    for i, case in fixture.of("state", "rung", "general"):
        for j in deltas:
            here = local_name(j.name, fixture.assignment.layers[1], case.problem.L)
            value = answers[i].lines.get(here or "")
            if here and value is not None and not line_is_right(case, here, value * case.problem.N):
                return judged
    note = "δ holds the 1/N of the mean already, and the gradients use it so"
    return [Judged(j.name, j.asked, 0, 0, 0, j.worst, note) if j in deltas else j for j in judged]


# Points --------------------------------------------------------------------------------------------------------------


def _line_records(fixture: Fixture, judged: Sequence[Judged], diagnosis: Diagnosis, lost: float) -> list[LineRecord]:
    assignment = fixture.assignment
    L = assignment.layers[1]
    blamed = [n for f in diagnosis.findings for n in f.lines if n not in {j.name for j in judged}]
    blamed = [n for n in dict.fromkeys(blamed) if kind_and_layer(n)[0] in ("delta", "y", "a", "z")]
    every = [*judged, *(Judged(n, 0, 1, 0, 0, None, "found by the diagnosis") for n in blamed)]
    weights = {(j.function, j.name): _weight(assignment, j) for j in every}
    totals: dict[str, float] = {}
    for (function, _), weight in weights.items():
        totals[function] = totals.get(function, 0.0) + weight
    order = {n: i for i, n in enumerate(names(L))}
    every.sort(key=lambda j: (j.function != "gradients", j.function, order.get(j.name, 99)))
    open_ = _open_lines(every, diagnosis)
    share = lambda j: getattr(assignment.points, j.function) * weights[j.function, j.name] / (totals[j.function] or 1)  # noqa: E731
    return [_line_record(j, share(j), fixture, diagnosis, lost, blamed, open_) for j in every]


def _weight(assignment: Assignment, j: Judged) -> float:
    """A line's share of its function's points: [points.lines] by name or by kind, else 1."""
    lines = assignment.points.lines
    kind = j.name if j.function == "step" else kind_and_layer(j.name)[0]
    return lines.get(j.name, lines.get(kind, 1.0))


def _line_record(
    j: Judged, worth: float, fixture: Fixture, diagnosis: Diagnosis, lost: float, blamed: Sequence[str],
    open_: frozenset[str],
) -> LineRecord:
    L = fixture.assignment.layers[1]
    state, carried = _states(j, diagnosis, L, found=j.name in blamed, open_=open_)
    points = worth * (1 - lost) if state == "right" or carried == "right" else 0.0
    step = j.function == "step"
    columns = fixture.assignment.convention == "columns"
    return LineRecord(
        name=columns_name(j.name, L) if columns and not step else j.name, function=j.function, state=state,
        carried_forward=carried, points=points, max_points=worth, wrong_problems=j.wrong,
        problems=j.asked, reason=_reason(j, state, carried, lost),
        place="" if step else str(place(j.name)),
        equation="" if step else equation(j.name, L, fixture.assignment.output, fixture.assignment.loss), worst=j.worst,
    )  # fmt: skip


def _states(
    j: Judged, diagnosis: Diagnosis, L: int, *, found: bool, open_: frozenset[str]
) -> tuple[str, str | None]:
    if not j.wrong:
        return "right", None
    if j.function != "gradients":
        return "wrong", "right" if j.carried == j.wrong else None
    if found:
        return "wrong", None
    if j.carried == j.wrong:
        return "wrong", "right"
    if diagnosis.hypothesis is not None and not diagnosis.blames(j.name, L):
        return "wrong", "right"
    if diagnosis.findings or j.undecided < j.wrong:
        return "wrong", "wrong"
    return ("blocked", "blocked") if j.name in open_ else ("wrong", None)


def _open_lines(judged: Sequence[Judged], diagnosis: Diagnosis) -> frozenset[str]:
    """Where nothing names the error: gradients of the layers below the first wrong one, without δ to be judged on."""
    layered = [(kind_and_layer(j.name), j) for j in judged if j.function == "gradients"]
    wrong = [(l, j) for (kind, l), j in layered if l is not None and j.wrong and kind in ("dW", "db", "delta")]
    if diagnosis.findings or not wrong:
        return frozenset()
    first = max(l for l, _ in wrong)
    return frozenset(j.name for l, j in wrong if l < first and j.undecided == j.wrong)


def _reason(j: Judged, state: str, carried: str | None, lost: float) -> str:
    if state == "right":
        return j.reason or (f"{lost:.0%} of the problems raised" if lost else "")
    if carried == "right":
        return "follows from an earlier error; right on the values it was given"
    if state == "blocked":
        return "an earlier error makes this line undecidable; hand over delta lines to have it marked"
    return j.reason or f"wrong in {j.wrong} of {j.asked} problems"


def _max_score(assignment: Assignment) -> float:
    p = assignment.points
    return _round(p.gradients + p.forward + p.loss + p.step)


def _round(points: float) -> float:
    return round(points, 6)


# Texts ---------------------------------------------------------------------------------------------------------------


def _missing(assignment: Assignment, run: Run) -> list[str]:
    """Required functions that are not there: gradients always, the others where they have points."""
    wanted = ["gradients", *(f for f in ("forward", "loss", "step") if getattr(assignment.points, f) > 0)]
    return [f for f in wanted if f not in run.functions]


def _raised_text(answer: Answer) -> str:
    return answer.failed + (f" (line {answer.line})" if answer.line else "")


def _listed(functions: frozenset[str]) -> str:
    return ", ".join(sorted(functions))


def _finding_record(f: Finding, assignment: Assignment) -> FindingRecord:
    columns = assignment.convention == "columns"
    lines = [columns_name(n, assignment.layers[1]) if columns and n[0] in "azyd" else n for n in f.lines]
    return FindingRecord(
        mistake=f.mistake, lines=lines, says=f.says, wrong=f.wrong, right=f.right, only=list(f.only),
        number=f.number, also=list(f.also),
    )  # fmt: skip


def _first_wrong(record: GradeRecord, fixture: Fixture, answers: Sequence[Answer]) -> str | None:
    """The first line, in the order of the working, whose own equation is wrong."""
    wrong = [line for line in record.lines if line.state != "right"]
    own = [line for line in wrong if line.carried_forward != "right"]
    first = (own or wrong or [None])[0]
    if first is None or first.function != "gradients":
        return None if first is None else f"{first.function}: {first.name}"
    unnamed = not record.diagnosis and first.name.startswith("dW")
    return f"delta{first.name[2:]}" if unnamed and _delta_is_wrong(first.name, fixture, answers) else first.name


def _delta_is_wrong(name: str, fixture: Fixture, answers: Sequence[Answer]) -> bool:
    """Of one sample, db(l) is δ(l): where dW(l) is right on that δ, and both are wrong, the error is in δ(l)."""
    seen = False
    for i, case in fixture.of("rung", "general"):
        here = local_name(name, fixture.assignment.layers[1], case.problem.L)
        answer = answers[i]
        if here is None or case.problem.N != 1 or f"db{here[2:]}" not in answer.lines or here not in answer.lines:
            continue
        delta = answer.lines[f"db{here[2:]}"].unsqueeze(0)
        guess = Answer({here: answer.lines[here], f"delta{here[2:]}": delta})
        if delta.shape != case.truth[f"delta{here[2:]}"].shape:
            return False
        if not line_is_right(case, f"delta{here[2:]}", delta):
            seen = True
            if _carried_forward(case, guess, here, False) is not True:
                return False
    return seen


def _detection_limit(fixture: Fixture, answers: Sequence[Answer], float32: bool) -> float | None:
    """Median over the gradients' entries of the smallest relative error that would have been seen."""
    limits = []
    for i, case in fixture.of("state", "rung", "general"):
        for name in gradient_names(case.problem.L):
            value, truth = answers[i].lines.get(name), case.truth[name]
            if value is None or value.shape != truth.shape:
                continue
            allowed = case.budget[name] + (case.budget32 if float32 else case.budget)[name]
            seen = torch.where(truth != 0, allowed / truth.abs(), torch.inf)
            limits.append(seen.flatten())
    return float(torch.cat(limits).median()) if limits else None


def _advice(fixture: Fixture, answers: Sequence[Answer], float32: bool) -> list[str]:
    """What costs nothing and is worth knowing: overflow at large scores, single precision, unused keys."""
    said = []
    for i, _ in fixture.of("large"):
        answer = answers[i]
        if answer.returned and not all(bool(torch.isfinite(v).all()) for v in answer.lines.values()):
            said.append("softmax-overflow: " + CATALOGUE["softmax-overflow"].says)
    if float32:
        said.append("precision-float32: " + CATALOGUE["precision-float32"].says + " The assignment lets it pass.")
    return said


def _message(record: GradeRecord, run: Run, missing: Sequence[str]) -> str:
    if record.state == "correct":
        return f"All lines are right on {record.problems} problems."
    if record.state in ("timeout", "memory"):
        return run.message
    text = [f"Missing: {', '.join(missing)}."] if missing else []
    if record.raised:
        text.append(f"The program failed on some problems: {record.raised[0]}.")
    if record.diagnosis:
        text += [f.says for f in record.diagnosis]
    elif record.first_wrong_line:
        text.append(f"{record.first_wrong_line} is the first wrong line; no known mistake explains it.")
        text += record.known
    return " ".join(text)
