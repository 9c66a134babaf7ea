"""What a function may have beside one backward pass: unused outputs, a second derivative, forward mode, vmap."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from verify.backward import words
from verify.backward.checker import Checker, Refused
from verify.backward.expected import ByReference
from verify.backward.judging import DOUBT, FAIL
from verify.backward.parts import smooth, widened
from verify.backward.probes import UPSTREAM, again, normal
from verify.backward.subject import Case, defines, function_of, leaves_of, outputs_of

if TYPE_CHECKING:
    from verify.backward.check import Seen

_RANDOM = UPSTREAM[0]
# How far the reference's two modes may lie apart in float64, as a share of what is summed: far above its rounding.
_APART = 1e-6
_ROWS = 3  # calls that vmap does at once
DOUBLE, FORWARD, VMAP, ALONE = "double backward", "forward mode", "vmap", "output"
# What once_differentiable leaves: the words of torch's error, or the name of the node that would raise it.
_ONCE, _DELAYED = "once_differentiable", "Error"


# Outputs that are not used -------------------------------------------------------------------------------------------


def alone(checker: Checker, case: Case, seen: Seen) -> None:
    """Each output used by itself: the others' upstream gradients are None, or zeros that torch makes of them."""
    from verify.backward.check import keep

    outputs = checker.run(case).outputs
    for j in range(len(outputs) if len(outputs) > 1 else 0):
        name = f"{ALONE} {j + 1} alone"
        try:
            looked = checker.look(_RANDOM, case, used=(j,))
        except Refused:
            continue
        except Exception as error:
            seen.find(words.raised(name, error, FAIL))
            continue
        if looked.answer.upstream[j] is None:
            seen.note(f"Output {j + 1} takes no upstream gradient: the function marks it as not differentiable.")
            continue
        seen.probes[name] = "only this output is used: the others' upstream gradients are undefined"
        checker.settle(_RANDOM, looked, used=(j,))
        keep(seen, name, replace(looked, judged={k: v for k, v in looked.judged.items() if k >= 0}))


# The second derivative ---------------------------------------------------------------------------------------------


def double(checker: Checker, case: Case, seen: Seen) -> None:
    """The gradients as a function of inputs and upstream gradient, differentiated once more."""
    from verify.backward.check import keep

    if not isinstance(checker.expected, ByReference) or any(f.verdict == FAIL for f in seen.findings):
        return
    outputs = [v for v in outputs_of(checker.function(*leaves_of(case))) if v.requires_grad]
    given = [normal(checker.draws(DOUBLE, j), v.detach()) for j, v in enumerate(outputs)]
    wider = Case((*case.inputs, *given), (*case.wanted, *range(len(case.inputs), len(case.inputs) + len(given))))
    ours, theirs = (_gradients(f, case, len(given)) for f in (checker.function, checker.expected.function))
    other = Checker(ours, ByReference(theirs), checker.precision, checker.seed, checker.unruled)
    try:
        looked = other.look(_RANDOM, wider)
    except Refused:
        return
    except Exception as error:
        _without(seen, words.no_double(str(error), declared=_ONCE in str(error)))
        return
    if all(g is None for g in looked.answer.gradients.values()):
        declared = any(_DELAYED in name for name in looked.answer.nodes)
        _without(seen, words.no_double("the gradients come without a graph", declared=declared))
        return
    other.settle(_RANDOM, looked)
    names = [*(seen.name(k) for k in case.wanted), *(f"upstream {j + 1}" for j in range(len(given)))]
    bad = [name for k, name in zip(wider.wanted, names, strict=True) if looked.judged[k].state in (FAIL, DOUBT)]
    if bad and not seen.double:
        seen.note(words.wrong_double(bad))
        return
    seen.probes[DOUBLE] = "the gradient's own gradient, by create_graph"
    judged = {k: looked.judged[k] for k in case.wanted}
    keep(seen, DOUBLE, replace(looked, judged=judged))


def _without(seen: Seen, says: str) -> None:
    """There is no second derivative: inconclusive where it was asked for."""
    if seen.double:
        seen.find(words.missing_double(says))
    else:
        seen.note(says)


def _gradients(function: Callable[..., Any], case: Case, count: int) -> Callable[..., tuple[Tensor, ...]]:
    """(inputs, upstream) -> the gradients of the wanted inputs, with a graph."""

    def run(*arguments: Any) -> tuple[Tensor, ...]:
        inputs, given = arguments[: len(arguments) - count], arguments[len(arguments) - count :]
        live = [v for v in outputs_of(function(*inputs)) if v.requires_grad]
        found = torch.autograd.grad(
            live, [inputs[k] for k in case.wanted], list(given), create_graph=True, allow_unused=True
        )
        return tuple(torch.zeros_like(inputs[k]) if g is None else g for k, g in zip(case.wanted, found, strict=True))

    return run


# Forward mode ------------------------------------------------------------------------------------------------------


def forward_mode(checker: Checker, case: Case, seen: Seen) -> None:
    """A Function's own jvp, against the reference's forward-mode derivative."""
    owner = function_of(checker.function)
    if owner is None or not defines(owner, "jvp") or not isinstance(checker.expected, ByReference):
        return
    tangents = [normal(checker.draws(FORWARD, k), case.inputs[k]) for k in case.wanted]
    wider = Case((*case.inputs, *tangents), case.wanted)
    ours, theirs = (_pushed(f, case.wanted) for f in (checker.function, checker.expected.function))
    other = Checker(ours, ByReference(theirs), checker.precision, checker.seed, checker.unruled)
    if _contradicts_itself(checker.expected.function, wider, len(tangents), checker.draws(FORWARD, "upstream")):
        seen.note("The reference's forward mode and its reverse mode contradict each other: the jvp is not judged.")
        return
    seen.probes[FORWARD] = "the derivative along a random direction, by the Function's jvp"
    try:
        looked = other.look(_RANDOM, wider, needs=())
    except Refused as error:
        seen.note(f"The reference has no forward-mode derivative: {str(error).splitlines()[0][:120]}")
        return
    except Exception as error:
        seen.find(words.raised(FORWARD, error, FAIL))
        return
    other.settle(_RANDOM, looked, needs=())
    for j, found in looked.judged.items():
        if found.state in (FAIL, DOUBT):
            seen.find(words.tangent(seen.name(j), FORWARD, found))


def _contradicts_itself(function: Callable[..., Any], wider: Case, count: int, draw: torch.Generator) -> bool:
    """Whether ⟨u, J t⟩ by forward mode is another number than ⟨Jᴴ u, t⟩ by reverse mode, for random u, in float64.

    torch's own formulas are wrong in one mode in places (findings/torch-scatter-product-forward-mode.sh).
    """
    wide = [widened(v.detach()).clone() if smooth(v) else v for v in wider.inputs]
    inputs, tangents = wide[:-count], wide[-count:]
    try:
        forward = _pushed(function, wider.wanted)(*wide)
        upstream = [normal(draw, v) for v in forward]
        backward = _pulled(function, wider.wanted, inputs, upstream)
    except Exception:  # it has no such mode, or takes no float64: the probe itself says so
        return False
    ahead, back = _products(upstream, forward), _products(backward, tangents)
    return bool((ahead.sum() - back.sum()).abs() > _APART * (ahead.abs().sum() + back.abs().sum()))


def _pulled(
    function: Callable[..., Any], wanted: Sequence[int], inputs: Sequence[Any], upstream: Sequence[Tensor]
) -> list[Tensor]:
    """The gradients of the wanted inputs by reverse mode."""
    leaves = [v.requires_grad_() if k in wanted else v for k, v in enumerate(inputs)]
    outputs = [v for v in outputs_of(function(*leaves)) if smooth(v)]
    live = [(v, g) for v, g in zip(outputs, upstream, strict=True) if v.requires_grad]
    asked = [leaves[k] for k in wanted]
    found = torch.autograd.grad([v for v, _ in live], asked, [g for _, g in live], allow_unused=True)
    return [torch.zeros_like(v) if g is None else g for v, g in zip(asked, found, strict=True)]


def _products(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """The real parts of the entries' products, all of them."""
    return torch.cat([(a.conj() * b).real.flatten().cpu() for a, b in zip(first, second, strict=True)])


def _pushed(function: Callable[..., Any], wanted: Sequence[int]) -> Callable[..., tuple[Tensor, ...]]:
    """(inputs, tangents of the wanted ones) -> tangents of the outputs."""

    def run(*arguments: Any) -> tuple[Tensor, ...]:
        count = len(arguments) - len(wanted)
        inputs = [v.detach() if isinstance(v, Tensor) else v for v in arguments[:count]]
        with forward_ad.dual_level(), warnings.catch_warnings():
            # torch 2.14 brings its formulas in by torch.jit.script, which it has itself deprecated.
            warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)
            warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)
            for k, t in zip(wanted, arguments[count:], strict=True):
                inputs[k] = forward_ad.make_dual(inputs[k], t.detach())
            pairs = [forward_ad.unpack_dual(v) for v in outputs_of(function(*inputs)) if smooth(v)]
            return tuple(torch.zeros_like(p.primal) if p.tangent is None else p.tangent.clone() for p in pairs)

    return run


# vmap --------------------------------------------------------------------------------------------------------------


def vmapped(checker: Checker, case: Case, seen: Seen) -> None:
    """A Function that says that vmap may take it, under vmap, against one call per sample."""
    from verify.backward.check import keep

    owner = function_of(checker.function)
    if owner is None or not (defines(owner, "vmap") or owner.generate_vmap_rule):
        return
    if not isinstance(checker.expected, ByReference):
        return
    rows = [case, *(again(checker.draws(VMAP, n), case) for n in range(1, _ROWS))]
    stacked = list(case.inputs)
    for k in case.wanted:
        stacked[k] = torch.stack([row.inputs[k] for row in rows])
    wider = Case(tuple(stacked), case.wanted)
    dims = tuple(0 if k in case.wanted else None for k in range(len(stacked)))
    batched = lambda *inputs: torch.func.vmap(checker.function, in_dims=dims)(*inputs)
    each = ByReference(_one_by_one(checker.expected.function, case.wanted))
    other = Checker(batched, each, checker.precision, checker.seed, checker.unruled)
    seen.probes[VMAP] = f"{_ROWS} samples at once by torch.func.vmap"
    try:
        looked = other.look(_RANDOM, wider)
    except Refused:
        return
    except Exception as error:
        seen.find(words.raised(VMAP, error, FAIL))
        return
    other.settle(_RANDOM, looked)
    keep(seen, VMAP, looked)


def _one_by_one(function: Callable[..., Any], wanted: Sequence[int]) -> Callable[..., tuple[Tensor, ...]]:
    def run(*stacked: Any) -> tuple[Tensor, ...]:
        rows = [
            outputs_of(function(*(v[n] if k in wanted else v for k, v in enumerate(stacked)))) for n in range(_ROWS)
        ]
        return tuple(torch.stack(each) for each in zip(*rows, strict=True))

    return run


ORDERS: dict[str, Callable[[Checker, Case, Seen], None]] = {
    ALONE: alone,
    DOUBLE: double,
    FORWARD: forward_mode,
    VMAP: vmapped,
}
