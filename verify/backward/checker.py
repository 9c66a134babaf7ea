"""One probe at a time: the function and what is expected of it, side by side, and what looks wrong asked again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Generator, Tensor

from verify.backward.expected import Budget, ByDifferences, ByReference, Expected, Run
from verify.backward.judging import DOUBT, FAIL, RIGHT, WRONG, Judgement, common_factor, judge, threshold
from verify.backward.parts import parts_of, smooth, widened
from verify.backward.precision import Precision, roundoff
from verify.backward.probes import UPSTREAM, Probe, again
from verify.backward.subject import Answer, Case, Mismatch, call

_JITTERS = 6
_REFUSALS = (RuntimeError, ValueError, IndexError, TypeError, AssertionError, NotImplementedError)
_OF_THE_LARGEST = 256  # roundoffs of the largest entry that an algorithm may lose
_OUTPUT = -1  # the key of the forward pass among the inputs'


@dataclass
class Looked:
    """What one probe showed: the call, what was expected of it, and a judgement for each input."""

    case: Case
    answer: Answer
    budgets: dict[int, Budget]
    judged: dict[int, Judgement]
    loses: dict[int, float]  # inputs that an algorithm with a wider bound of its own explains: how much wider


class Refused(Exception):
    """The reference does not take these inputs."""


@dataclass
class Checker:
    """The function, what is expected, the arithmetic and the seed."""

    function: Callable[..., Any]
    expected: Expected
    precision: Precision
    seed: int
    unruled: set[str]
    wrong: set[int] = field(default_factory=set)  # inputs whose gradient is known to be wrong: not asked again

    def __post_init__(self) -> None:
        self._runs: dict[int, tuple[Case, Run]] = {}

    # Looking ---------------------------------------------------------------------------------------------------------

    def run(self, case: Case) -> Run:
        """What is expected of a case; kept, since many probes share their inputs."""
        kept = self._runs.get(id(case))
        if kept is None:
            try:
                kept = (case, self.expected.at(case, self.precision))
            except _REFUSALS as error:
                raise Refused(str(error)) from error
            self._runs[id(case)] = kept
        return kept[1]

    def refuses(self, case: Case) -> bool:
        """Whether the reference, called as the function is, cannot take a case: the dtype, the layout or the mark."""
        if not isinstance(self.expected, ByReference):
            return False
        try:
            call(self.expected.function, case, self.upstream(UPSTREAM[0], 0))
        except Exception:
            return True
        return False

    def writes(self, case: Case) -> list[str]:
        """What the reference itself writes into: running statistics, for one."""
        if not isinstance(self.expected, ByReference):
            return []
        try:
            return call(self.expected.function, case, self.upstream(UPSTREAM[0], 0)).changed
        except Exception:
            return []

    def forget(self, case: Case) -> None:
        """Give back the memory of a case's forward pass."""
        self._runs.pop(id(case), None)

    def look(
        self, probe: Probe, case: Case, draw: int = 0, needs: Sequence[int] | None = None,
        used: Sequence[int] | None = None,
    ) -> Looked:  # fmt: skip
        """Call the function under a probe and judge its gradients."""
        run = self.run(case)
        answer = call(self.function, case, self.upstream(probe, draw), needs, used)
        if answer.changed:
            allowed = self.writes(case)
            answer.changed = [what for what in answer.changed if what not in allowed or not what.startswith("input ")]
        return self.judged(case, run, answer)

    def upstream(self, probe: Probe, draw: int) -> Callable[[int, Tensor], Tensor]:
        """The probe's upstream gradient of each output, the same in each call."""
        return lambda j, out: probe.upstream(self.draws(probe.name, draw, j), out.detach())

    def draws(self, *key: object) -> Generator:
        """Random numbers that depend on the seed and the key alone."""
        text = repr((self.seed, *key)).encode()
        number = int.from_bytes(text[-7:], "little") ^ sum(b * 257**k % (1 << 40) for k, b in enumerate(text))
        return torch.Generator().manual_seed(number)

    def judged(self, case: Case, run: Run, answer: Answer) -> Looked:
        """The gradients of a call that was made already."""
        _same_shapes(answer, run)
        try:
            budgets = run.gradients(answer.upstream, list(answer.gradients))
        except _REFUSALS as error:
            raise Refused(str(error)) from error
        self.unruled |= run.unruled
        found = {k: judge(gradient_of(answer, k, budgets[k]), budgets[k]) for k in answer.gradients}
        for j, (out, wanted) in enumerate(zip(answer.outputs, run.outputs, strict=False)):
            if smooth(out) and out.shape == wanted.shape:
                found[_OUTPUT - j], budgets[_OUTPUT - j] = judge(parts_of(out), wanted), wanted
        looked = Looked(case, answer, budgets, found, {})
        self._numbers(looked)
        return looked

    def _numbers(self, seen: Looked) -> None:
        """What is no number, has no budget, and is one where the reference runs in the same dtype: wrong, in half
        precisions, where another way may overflow, doubtful.
        """
        lost = {
            k: ~torch.isfinite(_value(seen.answer, k, budget)) & torch.isfinite(budget.value)
            for k, budget in seen.budgets.items()
            if seen.judged[k].state not in (FAIL, DOUBT)
        }
        places = [k for k, v in lost.items() if bool(v.any())]
        for k, there, expected in self._numbers_expected(seen, lost, places):
            if bool(there.any()):
                at = tuple(int(i) for i in torch.nonzero(there)[0])
                seen.judged[k] = replace(
                    seen.judged[k], state=DOUBT if self.precision.half else FAIL, index=at, proved=True,
                    yours=float(_value(seen.answer, k, seen.budgets[k])[at]), beyond=int(there.sum()),
                    expected=float(expected[at]), budget=float("inf"),
                )  # fmt: skip

    def _numbers_expected(
        self, seen: Looked, lost: dict[int, Tensor], places: list[int]
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Where a number is expected, and which: by the reference in the same dtype, or by differences of the forward
        pass, which find one where the gradient is not even infinite.
        """
        if isinstance(self.expected, ByDifferences):
            for k in places:
                yield k, lost[k] & torch.isnan(_value(seen.answer, k, seen.budgets[k])), seen.budgets[k].value
        if not places or not isinstance(self.expected, ByReference):
            return
        try:
            plain = _called(self.expected.function, seen.case, seen.answer.upstream, list(seen.answer.gradients))
        except _REFUSALS:
            return
        for k in places:
            found = _value(plain, k, seen.budgets[k])
            yield k, lost[k] & torch.isfinite(found), found

    # Asking again ----------------------------------------------------------------------------------------------------

    def settle(
        self, probe: Probe, seen: Looked, needs: Sequence[int] | None = None, used: Sequence[int] | None = None
    ) -> Looked:
        """What looks wrong or doubtful and is not proved: on a second draw, with errors that hang together."""
        open_ = [k for k, j in seen.judged.items() if j.state in (FAIL, DOUBT) and not j.proved and k not in self.wrong]
        if open_:
            self._spread(probe, seen, open_)
            open_ = [k for k in open_ if seen.judged[k].state != RIGHT]
        if open_:
            second = self._second(probe, seen.case, needs, used)
            self._spread(probe, second, open_)
            for k in open_:
                seen.judged[k] = _milder(seen.judged[k], second.judged.get(k))
        self._own_condition(seen)
        return seen

    def _second(
        self, probe: Probe, case: Case, needs: Sequence[int] | None = None, used: Sequence[int] | None = None
    ) -> Looked:
        other = again(self.draws(probe.name, "again"), case)
        try:
            return self.look(probe, other, 1, needs, used)
        except Refused:
            return self.look(probe, case, 1, needs, used)

    def _spread(self, probe: Probe, seen: Looked, places: list[int]) -> None:
        """Judge again with the wider of two standard deviations."""
        for k, sigma in self._together(probe, seen, places).items():
            budget = replace(seen.budgets[k], sigma=torch.maximum(seen.budgets[k].sigma, sigma))
            value = _value(seen.answer, k, budget)
            seen.budgets[k], seen.judged[k] = budget, judge(value, budget)

    def _together(self, probe: Probe, seen: Looked, places: list[int]) -> dict[int, Tensor]:
        """The spread of runs in which every operation's rounding is drawn at random."""
        squares = {k: torch.zeros_like(seen.budgets[k].value) for k in places}
        needs = list(seen.answer.gradients)
        for n in range(_JITTERS):
            run = self.expected.at(seen.case, self.precision, self.draws(probe.name, "jitter", n))
            moved = run.gradients(seen.answer.upstream, needs)
            for k in places:
                value = run.outputs[_OUTPUT - k].value if k < 0 else moved[k].value
                squares[k] += torch.nan_to_num(value - seen.budgets[k].value, nan=0.0, posinf=0.0, neginf=0.0) ** 2
        found = {}
        for k in places:
            own = torch.sqrt(squares[k] / _JITTERS)
            base = seen.budgets[k].sigma
            fit = torch.isfinite(base) & (base > 0)
            ratio = (
                torch.sqrt((own[fit] / base[fit]).square().mean())
                if bool(fit.any())
                else torch.tensor(1.0, device="cpu")
            )
            found[k] = torch.maximum(own, base * ratio.clamp(min=1.0))
        if not probe.random:
            self._coherent(seen, needs, found)
        return found

    def _coherent(self, seen: Looked, needs: list[int], found: dict[int, Tensor]) -> None:
        """Terms that are all equal round all the same way: such sums grow with n, not √n."""
        run = self.expected.at(seen.case, replace(self.precision, coherent=True))
        wide = run.gradients(seen.answer.upstream, needs)
        for k in found:
            found[k] = torch.maximum(found[k], (run.outputs[_OUTPUT - k] if k < 0 else wide[k]).sigma)

    def _own_condition(self, seen: Looked) -> None:
        """Another algorithm, right in exact arithmetic, whose own rounding explains the error: doubtful."""
        proved = [k for k, j in seen.judged.items() if j.state == FAIL and k not in self.wrong]
        if not proved:
            return
        own, exact = self._own(seen, self.precision), self._own(seen, Precision.of(torch.float64))
        short = self._in_float32(seen, proved) if self.precision.storage == torch.float64 else {}
        if (own is None or exact is None) and self.precision.storage != torch.float64:
            short = self._by_formula(seen, proved)
        for k in proved:
            wider = _explained(seen, k, own[k], exact[k]) if own is not None and exact is not None else None
            if wider is None:
                wider = short.get(k)
            if wider is not None:
                seen.judged[k] = replace(seen.judged[k], state=DOUBT)
                seen.loses[k] = wider

    def _own(self, seen: Looked, precision: Precision) -> dict[int, Budget] | None:
        """The function itself under the mode, as another algorithm."""
        try:
            run = ByReference(self.function).at(seen.case, replace(precision, kinks=False))
            found = run.gradients(seen.answer.upstream, list(seen.answer.gradients))
        except Exception:  # a kernel that takes no float64, or no such tensor: it has no other algorithm to show
            return None
        if run.unruled:
            return None
        return found | {_OUTPUT - j: budget for j, budget in enumerate(run.outputs)}

    def _in_float32(self, seen: Looked, places: list[int]) -> dict[int, float]:
        """float64 gradients that float32's rounding explains: a constant or a step of theirs is kept in float32."""
        run = self.expected.at(seen.case, Precision.of(torch.float32))
        wide = run.gradients(seen.answer.upstream, list(seen.answer.gradients))
        found = {}
        for k in places:
            budget = run.outputs[_OUTPUT - k] if k < 0 else wide[k]
            value = _value(seen.answer, k, budget)
            numbers = torch.isfinite(value) | ~torch.isfinite(budget.value)
            if bool(numbers.all()) and judge(value, budget).state == RIGHT:
                found[k] = roundoff(torch.float32) / self.precision.u
        return found

    def _by_formula(self, seen: Looked, places: list[int]) -> dict[int, float]:
        """Gradients whose error shrinks with the roundoff in float64: the formula is right, and the way it is worked,
        an operation without a rule, loses digits of the largest entry.
        """
        wide = seen.case.replaced(lambda k, v: widened(v))
        precision = Precision.of(torch.float64)
        given = [None if g is None else widened(g) for g in seen.answer.upstream]
        try:
            answer = _called(self.function, wide, given, list(seen.answer.gradients))
            run = self.expected.at(wide, precision)
            exact = run.gradients(given, list(answer.gradients)) | {
                _OUTPUT - j: budget for j, budget in enumerate(run.outputs)
            }
        except Exception:  # a kernel that takes no float64 has nothing to show
            return {}
        found = {}
        for k in places:
            short = _in_roundoffs(_value(seen.answer, k, seen.budgets[k]), seen.budgets[k], self.precision.u)
            long = _in_roundoffs(_value(answer, k, exact[k]), exact[k], precision.u)
            if max(short, long) <= _OF_THE_LARGEST:
                ratio = seen.judged[k].ratio
                found[k] = 1.0 if ratio is None else float(ratio.max())
        return found

    def shared_factor(self, probe: Probe, seen: Looked, k: int) -> float | None:
        """The factor that the whole gradient shares, if rounding does not explain it on two draws."""
        one = self._factor(probe, seen, k)
        if one is None:
            return None
        second = self._second(probe, seen.case)
        two = self._factor(probe, second, k)
        return (one + two) / 2 if two is not None and one * two > 0 else None

    def _factor(self, probe: Probe, seen: Looked, k: int) -> float | None:
        off, sigma = common_factor(gradient_of(seen.answer, k, seen.budgets[k]), seen.budgets[k])
        floor = 2 * self.precision.u
        if abs(off) <= WRONG * max(sigma, floor):
            return None
        spread = 0.0
        for n in range(_JITTERS):
            run = self.expected.at(seen.case, self.precision, self.draws(probe.name, "factor", n))
            moved = run.gradients(seen.answer.upstream, list(seen.answer.gradients))[k]
            spread += common_factor(moved.value, seen.budgets[k])[0] ** 2 / _JITTERS
        return off if abs(off) > WRONG * (sigma**2 + spread + floor**2) ** 0.5 else None


def _called(function: Callable[..., Any], case: Case, given: Sequence[Tensor | None], needs: Sequence[int]) -> Answer:
    """One call with these upstream gradients; None stands for zeros."""
    return call(function, case, lambda j, out: torch.zeros_like(out) if (g := given[j]) is None else g, needs)


def _same_shapes(answer: Answer, run: Run) -> None:
    """Raises Mismatch where the outputs are not those of the reference."""
    ours, theirs = answer.outputs, run.outputs
    if len(ours) != len(theirs):
        raise Mismatch(f"the function returns {len(ours)} tensors, the reference {len(theirs)}: allowed are as many")
    for j, (one, two) in enumerate(zip(ours, theirs, strict=True)):
        name = "its output" if len(ours) == 1 else f"its output {j}"
        if one.shape != two.shape:
            raise Mismatch(
                f"the function gives {name} the shape {tuple(one.shape)}, the reference {tuple(two.shape)}: "
                "allowed are equal shapes"
            )
        if one.is_complex() != two.complex:
            of = lambda whether: "complex" if whether else "real"
            raise Mismatch(
                f"the function makes {name} {of(one.is_complex())}, the reference {of(two.complex)}: allowed are equal "
                "kinds of numbers"
            )


def _value(answer: Answer, k: int, budget: Budget) -> Tensor:
    return parts_of(answer.outputs[_OUTPUT - k]) if k < 0 else gradient_of(answer, k, budget)


def _in_roundoffs(yours: Tensor, budget: Budget, u: float) -> float:
    """The largest error in roundoffs of the largest entry."""
    off = (yours.detach().to(torch.float64) - budget.value).abs()
    largest = float(budget.value.abs().max()) if budget.value.numel() else 0.0
    return float(off.max()) / (u * largest) if largest > 0 else torch.inf


def gradient_of(answer: Answer, k: int, budget: Budget) -> Tensor:
    """The gradient that came back, a complex one as its parts; None stands for zeros."""
    found = answer.gradients[k]
    return torch.zeros_like(budget.value) if found is None else parts_of(found)


def _milder(one: Judgement, two: Judgement | None) -> Judgement:
    order = {RIGHT: 0, DOUBT: 1, FAIL: 2}
    if two is None or order.get(two.state, 0) >= order[one.state]:
        return one
    return replace(one, state=two.state)


def _explained(seen: Looked, k: int, own: Budget, exact: Budget) -> float | None:
    """How much wider the function's own bound is, where it is right in float64 and that bound covers the error."""
    budget = seen.budgets[k]
    yours = _value(seen.answer, k, budget)
    there = torch.isfinite(budget.value)
    room = 4 * exact.proof + torch.nan_to_num(threshold(budget), nan=0.0, posinf=0.0)
    agree = ((exact.value - budget.value).abs() <= room) & torch.isfinite(exact.proof)
    error = torch.nan_to_num((yours.detach().to(torch.float64) - budget.value).abs(), nan=torch.inf)
    covered = error <= own.proof + budget.proof
    if not bool((agree & covered | ~there).all()):
        return None
    at = seen.judged[k].index
    return float(own.proof[at] / budget.proof[at]) if float(budget.proof[at]) > 0 else float("inf")
