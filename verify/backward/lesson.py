"""Any function as a lesson: an instructor's torch reference, its shapes and names, and no catalogue of mistakes.

A student writes the backward pass of a convolution, an LSTM cell, attention: autograd on the reference says what is
right, the running error analysis of `check_backward` what rounding explains, and differences of the reference whether
the two can be believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from verify.backward.expected import Budget, ByReference
from verify.backward.precision import Precision
from verify.backward.subject import Case, outputs_of
from verify.bounds.bounded import Bounded
from verify.bounds.budget import FLOAT64
from verify.errors import BadInput
from verify.grading.lesson import NUMBER, Lesson, Line, taking

DERIVATIVE = "d_"  # before an output, of E by it: what comes from upstream; before an input, what is asked for


def lesson_of(
    name: str,
    title: str,
    reference: Callable[..., Any],
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    *,
    by: tuple[str, ...] = (),
    sizes: Mapping[str, tuple[int, int]] | None = None,
    draw: Mapping[str, Callable[[Any], Any]] | None = None,
    place: str = "",
) -> Lesson:
    """The lesson whose right answers are autograd's on a reference.

    reference: takes the inputs by their names, gives a tensor or a tuple of them, in plain torch operations; inputs and
    outputs: name -> shape, as in `Lesson`. by: the inputs by which is derived; all with a shape that are not drawn as
    labels, where it is empty. A submission defines `backward(inputs…, d_y) -> d_x, …`: the derivatives of a loss of
    which d_y is that by y. `forward(inputs…) -> y` is optional. The other arguments are those of `Lesson`.

    Raises BadInput, one line, where the parts do not fit; further ones where the lesson is used: its reference has an
    operation without error analysis, or disagrees with differences.
    """
    derived = tuple(by) or tuple(n for n, shape in inputs.items() if shape != NUMBER and n not in (draw or {}))
    if not derived:
        raise BadInput(f"lesson {name!r}: every input is a number or drawn; by=('x',) names those with a gradient")
    if not outputs:
        raise BadInput(f"lesson {name!r}: outputs is empty; it is name -> shape, as {{'y': 'N K'}}")
    made = _Derived(name, reference, tuple(inputs), tuple(outputs), derived)
    upstream = {f"{DERIVATIVE}{n}": shape for n, shape in outputs.items()}
    given, gradients = ", ".join(inputs), ", ".join(f"{DERIVATIVE}{n}" for n in derived)
    return Lesson(
        name=name,
        title=title,
        place=place,
        functions=(f"backward({given}, {', '.join(upstream)}) -> {gradients}",),
        optional=(f"forward({given}) -> {', '.join(outputs)}",),
        inputs={**inputs, **upstream},
        sizes=sizes or {},
        draw=draw or {},
        lines=made.lines(),
        objective=_OBJECTIVE,
        gradients={f"{DERIVATIVE}{n}": n for n in derived},
        reference=taking((*inputs, *upstream), made.referred),
    )


_OBJECTIVE = "weighed"


class _Derived:
    """The lines of a reference: its outputs, and the derivatives of Σ d_y ⊙ y."""

    def __init__(
        self, name: str, reference: Callable[..., Any], inputs: tuple[str, ...], outputs: tuple[str, ...],
        by: tuple[str, ...],
    ) -> None:  # fmt: skip
        self.name, self.reference, self.inputs, self.outputs, self.by = name, reference, inputs, outputs, by
        self._last: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    def lines(self) -> dict[str, Line]:
        """The outputs, their sum weighed by the upstream gradients, the derivatives of that."""
        of = ", ".join(self.inputs)
        upstream = tuple(f"{DERIVATIVE}{n}" for n in self.outputs)
        weighed = " + ".join(f"Σ {DERIVATIVE}{n} ⊙ {n}" for n in self.outputs)
        every = (*self.inputs, *upstream)
        return {
            **{n: Line(f"{n} of {self.name}({of})", taking(self.inputs, self._line(n))) for n in self.outputs},
            _OBJECTIVE: Line(f"E = {weighed}", taking((*self.outputs, *upstream), self._weighed)),
            **{
                f"{DERIVATIVE}{n}": Line(f"∂E/∂{n}, E = {weighed}", taking(every, self._line(f"{DERIVATIVE}{n}")))
                for n in self.by
            },
        }

    def referred(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs and E by torch alone."""
        found = self._forward(given)
        return {**found, _OBJECTIVE: self._weighed({**given, **found})}

    def _forward(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return self._named(outputs_of(self.reference(*(given[n] for n in self.inputs))))

    def _weighed(self, given: Mapping[str, Any]) -> Any:
        return sum((given[n] * given[f"{DERIVATIVE}{n}"]).sum() for n in self.outputs)

    def _line(self, name: str) -> Callable[[Mapping[str, Any]], Any]:
        return lambda given: self._worked(given)[name]

    def _worked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All lines, worked once for one set of arguments; without upstream gradients the outputs alone."""
        key = tuple(given.values())
        if len(key) != len(self._last[0]) or any(a is not b for a, b in zip(key, self._last[0], strict=True)):
            self._last = (key, self._run(given))
        return self._last[1]

    def _run(self, given: Mapping[str, Any]) -> dict[str, Any]:
        bounded = [v for v in given.values() if isinstance(v, Bounded)]
        if bounded:
            plain = {n: v.value if isinstance(v, Bounded) else v for n, v in given.items()}
            return {n: Bounded(b.value, b.proof, bounded[0].u) for n, b in self._budgets(plain, bounded[0].u).items()}
        upstream = all(f"{DERIVATIVE}{n}" in given for n in self.outputs)
        return self._by_autograd(given) if upstream else self._forward(given)

    def _named(self, outputs: list[Any]) -> dict[str, Any]:
        if len(outputs) != len(self.outputs):
            raise BadInput(
                f"lesson {self.name!r}: its reference gives {len(outputs)} tensors; outputs names {len(self.outputs)}"
            )
        return dict(zip(self.outputs, outputs, strict=True))

    def _by_autograd(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs, and the derivatives of E."""
        leaves = {n: given[n].detach().clone().requires_grad_() for n in self.by}
        found = self.referred({**given, **leaves})
        derived = torch.autograd.grad(found.pop(_OBJECTIVE), list(leaves.values()), allow_unused=True)
        zero = lambda n: torch.zeros_like(given[n])
        gradients = {f"{DERIVATIVE}{n}": zero(n) if g is None else g for n, g in zip(leaves, derived, strict=True)}
        return {n: v.detach() for n, v in found.items()} | gradients

    def _budgets(self, plain: Mapping[str, Any], u: float) -> dict[str, Budget]:
        """By the reference under the running error analysis, in the arithmetic of that roundoff."""
        places = {n: self.inputs.index(n) for n in self.by}
        case = Case(tuple(plain[n] for n in self.inputs), tuple(places.values()))
        run = ByReference(self.reference).at(case, Precision.of(torch.float64 if u == FLOAT64 else torch.float32))
        found = self._named(run.outputs)
        upstream = [plain.get(f"{DERIVATIVE}{n}") for n in self.outputs]
        if all(isinstance(g, Tensor) for g in upstream):
            gradients = run.gradients([g for g in upstream if isinstance(g, Tensor)], tuple(places.values()))
            found |= {f"{DERIVATIVE}{n}": gradients[k] for n, k in places.items()}
        if run.unruled:
            raise BadInput(
                f"lesson {self.name!r}: {', '.join(sorted(run.unruled))} in its reference has no running error "
                "analysis; write it by operations that have (docs/BACKWARD.md lists them)"
            )
        return found
