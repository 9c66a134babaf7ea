"""What the gradient should be, and what rounding can explain: by the reference, a declaration, or differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from verify.backward.bound import Bound
from verify.backward.parts import parts_of, smooth, whole_of, widened
from verify.backward.precision import Precision
from verify.backward.subject import Case, forward_of, outputs_of
from verify.backward.trace import Trace, tracing
from verify.witnesses.general import differences_of
from verify.witnesses.plan import Plan

Upstreams = Sequence[Tensor | None]  # one per output; None of an output that takes none


@dataclass
class Budget:
    """The expected values of one tensor, the worst case, and the standard deviation of an entry's error.

    complex: the last dimension, of 2, holds the real and the imaginary part of a complex tensor.
    """

    value: Tensor
    proof: Tensor
    sigma: Tensor
    complex: bool = False

    @property
    def shape(self) -> torch.Size:
        """The shape of the tensor itself."""
        return self.value.shape[:-1] if self.complex else self.value.shape

    @classmethod
    def of(cls, found: Bound, both: bool, *, complex: bool) -> Budget:
        """both: the reference's own run was rounded like the program's (float64)."""
        zero = torch.zeros_like(found.value)
        proof = zero if found.proof is None else found.proof.expand_as(zero)
        var = zero if found.var is None else found.var.expand_as(zero)
        factor = 2.0 if both else 1.0
        return cls(found.value, factor * proof, torch.sqrt(factor * var), complex)


class Run(Protocol):
    """One forward pass of what is expected."""

    @property
    def outputs(self) -> list[Budget]: ...

    @property
    def unruled(self) -> set[str]: ...

    def gradients(self, upstream: Upstreams, needs: Sequence[int]) -> dict[int, Budget]: ...


class Expected(Protocol):
    """A source of expected gradients: `at` runs it forward. jitter: see Trace."""

    def at(self, case: Case, precision: Precision, jitter: torch.Generator | None = None) -> Run: ...


@dataclass
class _TracedRun:
    """A reference's forward pass under the mode, kept for any number of backward passes."""

    mode: Trace
    leaves: list[Any]
    raw: list[Tensor]
    backward: Callable[[list[Any], list[Tensor], Upstreams, Sequence[int]], dict[int, Tensor | None]]

    @property
    def unruled(self) -> set[str]:
        return self.mode.unruled

    @property
    def outputs(self) -> list[Budget]:
        return [self._budget(v) for v in self.raw]

    def _budget(self, v: Tensor) -> Budget:
        found = self.mode.parts(v)
        if found.floating and not found.derived and bool(found.value.any()):
            self.mode.unruled.add("a part that is worked outside of torch")
            nothing = torch.full_like(found.value, torch.inf)
            found = replace(found, proof=nothing, var=nothing)
        return Budget.of(found, self.mode.p.storage == torch.float64, complex=v.is_complex())

    def gradients(self, upstream: Upstreams, needs: Sequence[int]) -> dict[int, Budget]:
        wide = [None if g is None else _alone(g) for g in upstream]
        for g in wide:
            if g is not None:
                self.mode.watch(g, exact=False)  # an output may be wider than what the gradient is stored in
        with tracing(self.mode):
            found = self.backward(self.leaves, self.raw, wide, needs)
        return {k: _nothing(self.leaves[k]) if v is None else self._budget(v.detach()) for k, v in found.items()}


def _nothing(like: Tensor) -> Budget:
    zeros = parts_of(torch.zeros_like(like).detach())
    return Budget(zeros, zeros, zeros, like.is_complex())


def _alone(v: Tensor) -> Tensor:
    """A copy in float64, in memory of its own."""
    return widened(v.detach()).resolve_conj().clone(memory_format=torch.contiguous_format)


def _wide_leaves(case: Case, mode: Trace) -> list[Any]:
    """The inputs widened to float64: born in their own dtype."""
    leaves: list[Any] = []
    for k, v in enumerate(case.inputs):
        if smooth(v):
            leaf = _alone(v)
            mode.watch(leaf)
            leaves.append(leaf.requires_grad_() if k in case.wanted else leaf)
        else:
            leaves.append(v)
    return leaves


def _by_autograd(
    leaves: list[Any], outputs: list[Tensor], upstream: Upstreams, needs: Sequence[int]
) -> dict[int, Tensor | None]:
    live = [(v, g) for v, g in zip(outputs, upstream, strict=False) if g is not None and v.requires_grad]
    if not live:
        return dict.fromkeys(needs)
    found = torch.autograd.grad(
        [v for v, _ in live], [leaves[k] for k in needs], [g for _, g in live], retain_graph=True, allow_unused=True
    )
    return dict(zip(needs, found, strict=True))


@dataclass(frozen=True)
class ByReference:
    """A function of the same arguments in plain torch operations, differentiated by autograd."""

    function: Callable[..., Any]

    def at(self, case: Case, precision: Precision, jitter: torch.Generator | None = None) -> Run:
        mode = Trace(precision, jitter)
        leaves = _wide_leaves(case, mode)
        with torch.enable_grad(), tracing(mode):
            outputs = outputs_of(self.function(*leaves))
        return _TracedRun(mode, leaves, outputs, _by_autograd)


@dataclass(frozen=True)
class ByDeclaration:
    """declared(upstream, *inputs) -> gradient or gradients: what the backward pass is meant to give."""

    declared: Callable[..., Any]
    forward: Callable[..., Any]
    differentiable: tuple[int, ...]

    def at(self, case: Case, precision: Precision, jitter: torch.Generator | None = None) -> Run:
        mode = Trace(precision, jitter)
        leaves = _wide_leaves(case, mode)
        with torch.no_grad(), tracing(mode):
            outputs = outputs_of(self.forward(*leaves))
        return _TracedRun(mode, leaves, outputs, self._gradients)

    def _gradients(
        self, leaves: list[Any], outputs: list[Tensor], upstream: Upstreams, needs: Sequence[int]
    ) -> dict[int, Tensor | None]:
        with torch.no_grad():
            plain = [v.detach() if isinstance(v, Tensor) else v for v in leaves]
            found = self.declared(upstream[0] if len(upstream) == 1 else tuple(upstream), *plain)
        every = list(found) if isinstance(found, (tuple, list)) else [found]
        named = dict(zip(self.differentiable, every, strict=False))
        return {k: named.get(k) for k in needs}


# Differences ---------------------------------------------------------------------------------------------------------

FIRST, OTHERS = 1024, 64  # entries per input under the first probe on the given data, and under each other one


@dataclass
class _DifferenceRun:
    """Differences of the function's own forward pass; its own backward pass, traced, says what rounding explains."""

    by: ByDifferences
    case: Case
    traced: Run
    drawn: int = 0  # samples so far: each backward pass has another one

    @property
    def unruled(self) -> set[str]:
        return self.traced.unruled

    @property
    def outputs(self) -> list[Budget]:
        return self.traced.outputs

    def gradients(self, upstream: Upstreams, needs: Sequence[int]) -> dict[int, Budget]:
        rounding = self.traced.gradients(upstream, needs)
        wide = [_alone(v) if smooth(v) else v for v in self.case.inputs]
        given = [None if g is None else parts_of(_alone(g)) for g in upstream]
        forward = forward_of(self.by.function)

        def loss(*moved: Tensor) -> Tensor:
            arguments = list(wide)
            for k, v in zip(needs, moved, strict=True):
                arguments[k] = whole_of(v, wide[k].is_complex())
            pairs = zip(outputs_of(forward(*arguments)), given, strict=True)
            return torch.stack([(parts_of(v) * g).sum() for v, g in pairs if g is not None]).sum()

        plan = self.by.plan(self.case, self.drawn)
        self.drawn += 1
        found = differences_of(loss, *(parts_of(wide[k]) for k in needs), plan=plan, progress=self.by.heard)
        self.by.waves.update(k for k, e in zip(needs, found, strict=True) if bool(e.aliased.any()))
        return {
            k: replace(
                rounding[k],
                value=e.value,
                proof=rounding[k].proof + e.bar,
                sigma=torch.sqrt(rounding[k].sigma ** 2 + (e.bar / 4) ** 2),
            )
            for k, e in zip(needs, found, strict=True)
        }


@dataclass(frozen=True)
class ByDifferences:
    """No reference: finite differences of the function's own forward pass in float64.

    `given`: the data whose first backward pass is differenced in more entries. `waves`: inputs in which a wave between
    the points could not be excluded, filled as it goes on.
    """

    function: Callable[..., Any]
    given: Case
    seed: int = 0
    heard: Callable[[int, int], None] = lambda done, of: None
    waves: set[int] = field(default_factory=set)

    def plan(self, case: Case, drawn: int) -> Plan:
        """Which entries a backward pass is differenced in."""
        return Plan(FIRST if case is self.given and drawn == 0 else OTHERS, self.seed + drawn)

    def at(self, case: Case, precision: Precision, jitter: torch.Generator | None = None) -> Run:
        traced = ByReference(self.function).at(case, precision, jitter)
        return traced if jitter is not None else _DifferenceRun(self, case, traced)
