"""What a check says, in one sentence each; the values that a sentence is made of stand beside it in the finding."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from verify.backward.judging import DOUBT, FAIL, Judgement, convention
from verify.backward.record import Finding, Worst
from verify.backward.subject import Declined, Mismatch

if TYPE_CHECKING:
    from verify.backward.check import Asked
    from verify.backward.checker import Looked

INCONCLUSIVE, NOTE = "inconclusive", "note"


def finite(value: float) -> float | None:
    """A number that JSON has, or None."""
    return value if math.isfinite(value) else None


def place(j: Judgement) -> str:
    """The worst entry: [3, 1], the imaginary part of [3, 1]; () of a single number."""
    found = f"[{', '.join(map(str, j.entry))}]" if j.entry else "()"
    return f"the {j.part} of {found}" if j.part else found


def what(name: str) -> str:
    """The gradient of an input, or the output itself."""
    return f"the {name}" if name.startswith("output") else f"the gradient of {name}"


def upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def worst(j: Judgement) -> Worst:
    """The worst entry, as the record has it."""
    return Worst(list(j.entry), finite(j.yours), finite(j.expected), finite(j.budget), part=j.part)


def beyond(name: str, probe: str, j: Judgement, looked: Looked, k: int) -> Finding:
    """Entries that rounding does not explain, or hardly."""
    of = "real and imaginary parts" if j.complex else "entries"
    at = f"{j.beyond:,} of {j.entries:,} {of}" if j.entries > 1 else "it"
    where = place(j)
    numbers = f"yours {j.yours:.9g}, expected {j.expected:.9g}, budget {j.budget:.3g}"
    if j.state == FAIL:
        says = f"{upper(what(name))} is wrong under {probe!r}: {at} beyond the budget, worst at {where}: {numbers}."
        says += _as(convention(looked.answer.gradients.get(k), looked.budgets[k]))
        kind = "none" if k >= 0 and looked.answer.gradients[k] is None else "wrong"
        if kind == "none":
            says = f"There is no gradient of {name} (None) under {probe!r}: {j.expected:.9g} is expected at {where}."
    elif k in looked.loses:
        lead = f"{upper(what(name))} is right in exact arithmetic and loses digits under {probe!r}"
        says = f"{lead}: {numbers}; {_lost(looked.loses[k])}."
        kind = "loses"
    else:
        off = f"{at} further off than rounding usually is ({j.deviations:.1f} standard deviations)"
        says = f"{upper(what(name))} is doubtful under {probe!r}: {off}, worst at {where}: {numbers}."
        kind = "doubtful"
    return Finding(
        kind=kind, verdict=j.state, says=says, input=name, probe=probe, index=list(j.entry), yours=finite(j.yours),
        expected=finite(j.expected), budget=finite(j.budget),
        values={"beyond": j.beyond, "entries": j.entries, "deviations": round(min(j.deviations, 1e300), 2), **_part(j)},
    )  # fmt: skip


def _part(j: Judgement) -> dict[str, str]:
    """Of a complex tensor, which part the finding's numbers are."""
    return {"part": j.part} if j.part else {}


def _as(right: str) -> str:
    """What a complex gradient would be right as."""
    if not right:
        return ""
    return f" {upper(right)} would be right: torch's gradient by a complex z is ∂E/∂(Re z) + i ∂E/∂(Im z)."


def _lost(wider: float) -> str:
    if math.isinf(wider):
        return "the way it is computed overflows, or loses every digit"
    return f"the way it is computed may lose {wider:.3g} times what the reference's may"


OTHER_SIZES = (
    "All sizes under which it is wrong are others than the given ones. A function that is not made for them should "
    "refuse them; shapes=False leaves them out."
)


def declined(found: dict[str, Exception]) -> str:
    """What the forward pass refuses and the reference takes: layouts of the inputs, and sizes."""
    first, error = next(iter(found.items()))
    line = next(iter(str(error).strip().splitlines()), "no message")[:120]
    many = f"{len(found)} layouts and sizes that the reference takes" if len(found) > 1 else "what the reference takes"
    return f"The function refuses {many}: under {first!r} it raises {type(error).__name__}: {line}"


def tied(alike: str, probe: str, yours: float, slope: float) -> Finding:
    """Gradients of tied entries that no choice among them explains."""
    says = (
        f"The gradients of tied entries do not add up under {probe!r}: with {alike}, the loss has the slope "
        f"{slope:.6g}, and the gradients say {yours:.6g}. A tie may go to either side or be shared; it is not counted "
        "twice, nor dropped."
    )
    return Finding(
        kind="ties", verdict=FAIL, says=says, probe="ties together", yours=finite(yours), expected=finite(slope),
        values={"alike": alike, "inputs": probe},
    )  # fmt: skip


def raised(probe: str, error: Exception, verdict: str) -> Finding:
    """The function refused what the reference takes."""
    error = error.error if isinstance(error, Declined) else error
    if isinstance(error, Mismatch):
        return Finding(
            kind="shape", verdict=verdict, says=f"Under {probe!r} {error}. One of both is not made for it.", probe=probe
        )
    text = str(error).strip()
    line = text.splitlines()[0][:200] if text else "no message"
    says = f"Under {probe!r} the function raises {type(error).__name__}: {line}"
    values: dict[str, float | int | str] = {"error": type(error).__name__, "message": line}
    return Finding(kind="raises", verdict=verdict, says=says, probe=probe, values=values)


def not_taken(error: Exception) -> str:
    line = next(iter(str(error).strip().splitlines()), "no message")[:200]
    return f"the function does not take these inputs, its forward pass raises {type(error).__name__}: {line}"


def changed(name: str, probe: str) -> Finding:
    says = f"The function writes into {name}, which it may only read (seen under {probe!r})."
    return Finding(kind="changed", verdict=FAIL, says=says, input=name)


def aliased(name: str, probe: str) -> Finding:
    why = "whoever scales or clips it in place changes that input"
    says = f"The gradient of {name} shares memory with an input: {why} (seen under {probe!r})."
    return Finding(kind="aliased", verdict=FAIL, says=says, input=name)


def factor(name: str, probe: str, off: float) -> Finding:
    why = "no entry shows it alone, all of them together do"
    says = f"The whole gradient of {name} is {1 + off:.6g} times the expected one under {probe!r}: {why}."
    return Finding(kind="factor", verdict=FAIL, says=says, input=name, probe=probe, values={"factor": 1 + off})


def no_double(error: str, *, declared: bool) -> str:
    if declared:
        return "It is differentiable once: it says so by once_differentiable."
    line = error.strip().splitlines()[0][:120] if error.strip() else "no message"
    return f"Its second derivative cannot be had (create_graph): {line}"


def missing_double(says: str) -> Finding:
    return Finding(kind="no-double", verdict=INCONCLUSIVE, says=says, probe="double backward")


def wrong_double(names: list[str]) -> str:
    return (
        f"Its second derivative (create_graph) is wrong in {', '.join(names)}: torch takes what the forward pass kept "
        "beside inputs and outputs for constants. Decorated with once_differentiable, backward raises there instead."
    )


def tangent(name: str, probe: str, j: Judgement) -> Finding:
    numbers = f"yours {j.yours:.9g}, expected {j.expected:.9g}, budget {j.budget:.3g}"
    where = place(j)
    says = f"The forward-mode derivative (jvp) of the {name} is {j.state}: {j.beyond:,} of {j.entries:,} entries, "
    return Finding(
        kind="tangent", verdict=j.state, says=f"{says}worst at {where}: {numbers}.", input=name, probe=probe,
        index=list(j.entry), yours=finite(j.yours), expected=finite(j.expected), budget=finite(j.budget),
    )  # fmt: skip


def unsteady(name: str, probe: str, j: Judgement) -> Finding:
    numbers = f"{j.expected:.9g}, then {j.yours:.9g} at {place(j)}, budget {j.budget:.3g}"
    says = (
        f"The gradient of {name} differs from call to call by more than another order of its sums explains: {numbers}."
    )
    return Finding(
        kind="unsteady", verdict=j.state, says=says, input=name, probe=probe, index=list(j.entry),
        yours=finite(j.yours), expected=finite(j.expected), budget=finite(j.budget),
    )  # fmt: skip


def never_ran(name: str, nodes: tuple[str, ...]) -> Finding:
    says = f"The backward pass of {name} never ran: the graph has {', '.join(nodes) or 'no node'}."
    return Finding(kind="never-ran", verdict=FAIL, says=says, values={"nodes": ", ".join(nodes)})


def blind(name: str, missed: list[str]) -> Finding:
    says = f"These data cannot tell for {name}: a gradient that is {' or '.join(missed)} would pass in every entry."
    return Finding(kind="no-power", verdict=INCONCLUSIVE, says=says, input=name, values={"missed": ", ".join(missed)})


def weak(name: str, share: float, *, inconclusive: bool) -> Finding:
    passing = 1 - share
    shown = f"{passing:.0%}" if passing < 0.995 else f"{passing:.1%}"
    says = f"A zero gradient of {name} would pass in {shown} of its entries."
    verdict = INCONCLUSIVE if inconclusive else NOTE
    return Finding(kind="weak", verdict=verdict, says=says, input=name, values={"share": round(passing, 4)})


def undecided(name: str, unruled: list[str]) -> Finding:
    why = f"there is no rule for {', '.join(unruled)}" if unruled else "its budget is without bound"
    says = f"No entry of {what(name)} is decided under any probe: {why}."
    return Finding(
        kind="undecided", verdict=INCONCLUSIVE, says=says, input=name, values={"unruled": ", ".join(unruled)}
    )


def progress(done: int, of: int) -> str:
    """How far differences have come, as a bar."""
    full = round(20 * done / max(of, 1))
    return f"differences {'█' * full}{'░' * (20 - full)} {done / max(of, 1):.0%}"


def wave(name: str) -> str:
    why = "the function goes up and down between the points, so that a wave cannot be excluded"
    return f"Some entries of {what(name)} are undecided: {why}."


def sentence(
    title: str, verdict: str, findings: list[Finding], inputs: int, probes: int, dtype: str, *, sampled: bool = False
) -> str:
    """The verdict in one sentence."""
    gradients = "the gradient" if inputs == 1 else f"all {inputs} gradients"
    if sampled:
        gradients = f"{gradients} in the entries that were differenced"
    if verdict == "right":
        return f"The backward pass of {title} is right: rounding in {dtype} explains {gradients} under {probes} probes."
    first = next(f for f in findings if f.verdict == verdict)
    lead = {
        FAIL: f"The backward pass of {title} is wrong.",
        DOUBT: f"The backward pass of {title} is doubtful.",
        INCONCLUSIVE: f"The check of {title} is inconclusive.",
    }[verdict]
    return f"{lead} {first.says}"


def reproduce(title: str, asked: Asked, findings: list[Finding]) -> str:
    """The call that shows the first finding again."""
    probe = next((f.probe for f in findings if f.probe), "")
    only = f", probes=({probe!r},)" if probe else ""
    reference = ", reference" if asked.reference is not None else ""
    declared = ", declared=declared" if asked.declared is not None else ""
    return f"check_backward({title}, inputs{reference}{declared}, seed={asked.seed}{only})"
