"""From what was seen to the verdict: the power of the data, and what no probe could decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from verify.backward import words
from verify.backward.checker import Checker, Refused
from verify.backward.judging import DOUBT, FAIL, OPEN, RIGHT
from verify.backward.parts import cast, whole_of
from verify.backward.probes import normal
from verify.backward.record import CellRecord, Finding, PowerRecord
from verify.backward.subject import Case

if TYPE_CHECKING:
    from verify.backward.check import Seen

_WEAK = 0.1  # less than this share of the entries would show a zero gradient


def powers_of(seen: Seen) -> Iterator[PowerRecord]:
    for k, power in sorted(seen.powers.items()):
        shares = {name: power.share(name) for name in power.seen}
        known = {name: round(share, 4) for name, share in shares.items() if share is not None}
        yield PowerRecord(
            input=seen.name(k), entries=power.entries, seen=known,
            missing={name: round(share, 4) for name, share in power.missing().items()},
        )  # fmt: skip


def weak(powers: list[PowerRecord], seen: Seen, unruled: list[str]) -> Iterator[Finding]:
    """What nothing could be decided of, and what a wrong gradient would have passed in."""
    undecided = {name for name, cells in _cells(seen).items() if all(cell.state == OPEN for cell in cells)}
    undecided |= {seen.name(k) for k, power in seen.powers.items() if power.entries and not power.bounded}
    for power in powers:
        blind = [name for name in ("zero", "negated", "doubled") if power.seen.get(name, 1.0) == 0.0]
        low = power.seen.get("zero", 1.0)
        if power.input in undecided or not power.entries:
            continue
        if blind:
            yield words.blind(power.input, blind)
        elif low < 1 - _WEAK:
            yield words.weak(power.input, low, inconclusive=low < _WEAK)
    for name in sorted(undecided):
        yield words.undecided(name, unruled)


def _cells(seen: Seen) -> dict[str, list[CellRecord]]:
    found: dict[str, list[CellRecord]] = {}
    for cell in seen.cells:
        found.setdefault(cell.input, []).append(cell)
    return found


def flat(checker: Checker, case: Case, seen: Seen) -> Iterator[Finding]:
    """Inputs whose gradient is 0 in every entry of these data, and is not at others: a zero gradient would pass.

    Where it is 0 at other data as well, the function is constant in them, and 0 is what was to be shown.
    """
    zeros = [k for k, p in seen.powers.items() if p.entries and p.nonzero is not None and not bool(p.nonzero.any())]
    if not zeros:
        return
    draw = checker.draws("flat")
    moved = case.replaced(lambda k, v: v + normal(draw, v) if k in case.wanted else v)
    try:
        run = checker.run(moved)
        upstream = [cast(whole_of(normal(draw, v.value), v.complex), case.dtype) for v in run.outputs]
        elsewhere = run.gradients(upstream, zeros)
    except (Refused, RuntimeError, ValueError):
        return
    for k in zeros:
        if bool((elsewhere[k].value != 0).any()):
            yield words.blind(seen.name(k), ["zero", "negated", "doubled"])


def verdict_of(findings: list[Finding]) -> str:
    for state in (FAIL, DOUBT, "inconclusive"):
        if any(f.verdict == state for f in findings):
            return state
    return RIGHT
