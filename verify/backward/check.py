"""The whole check: every probe, what it showed, and the verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from verify.backward import calls, ties, words
from verify.backward.checker import Checker, Looked, Refused
from verify.backward.expected import OTHERS, ByDeclaration, ByDifferences, ByReference, Expected
from verify.backward.judging import DOUBT, FAIL, RIGHT
from verify.backward.modules import opened
from verify.backward.orders import ORDERS
from verify.backward.pictures import picture
from verify.backward.power import Power
from verify.backward.precision import Precision
from verify.backward.probes import INPUTS, UPSTREAM, Probe
from verify.backward.record import CellRecord, CheckRecord, Finding, ProbeRecord
from verify.backward.shapes import SMALL, cut, largest, variants
from verify.backward.subject import Case, Declined, Mismatch, case_of, names_of, title_of
from verify.backward.verdict import flat, powers_of, verdict_of, weak
from verify.errors import BadInput

_RANDOM = UPSTREAM[0]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """The arguments of check_backward."""

    function: Callable[..., Any]
    inputs: Sequence[Any]
    reference: Callable[..., Any] | None = None
    declared: Callable[..., Any] | None = None
    accumulate: torch.dtype | str | None = None
    shapes: bool = True
    seed: int = 0
    device: str | torch.device | None = None
    probes: tuple[str, ...] | None = None
    progress: Progress = lambda text: None
    double: bool = False
    fixed: frozenset[int] = frozenset()  # sizes that stay: those of a module's parameters

    def against(self) -> str:
        return "declared" if self.declared else "reference" if self.reference else "differences"

    def expected(self, case: Case) -> Expected:
        if self.declared is not None:
            return ByDeclaration(self.declared, self.reference or self.function, case.wanted)
        if self.reference is not None:
            return ByReference(self.reference)
        return ByDifferences(self.function, case, self.seed, lambda *at: self.progress(words.progress(*at)))


@dataclass
class Seen:
    """What the probes have shown so far."""

    names: list[str]
    cells: list[CellRecord] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    probes: dict[str, str] = field(default_factory=dict)
    powers: dict[int, Power] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    worst: dict[int, tuple[float, Looked, str]] = field(default_factory=dict)
    ran: tuple[str, ...] = ()
    left_out: int = 0
    declined: dict[str, Exception] = field(default_factory=dict)  # probe -> what the forward pass raised
    double: bool = False  # whether the second derivative is asked for
    sampled: bool = False  # by differences, in some entries of the larger inputs

    def name(self, k: int) -> str:
        """An input's name; of the forward pass "output"."""
        if k >= 0:
            return self.names[k]
        return "output" if k == -1 else f"output {-k - 1}"

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def find(self, finding: Finding) -> None:
        """Keep a finding, one a kind, input and probe."""
        same = (finding.kind, finding.input, finding.probe)
        if all((f.kind, f.input, f.probe) != same for f in self.findings):
            self.findings.append(finding)


def examine(asked: Asked) -> CheckRecord:
    """Run every probe and give the record. Raises BadInput for arguments that cannot be checked."""
    start = time.perf_counter()
    names = names_of(asked.function, len(asked.inputs), asked.reference)
    if isinstance(asked.function, torch.nn.Module):
        whole = opened(asked.function, asked.reference, asked.inputs)
        asked = replace(
            asked, function=whole.function, reference=whole.reference, inputs=whole.inputs, fixed=whole.fixed
        )
        names += whole.names
    case = case_of(asked.inputs, asked.device)
    checker = Checker(
        asked.function, asked.expected(case), Precision.of(case.dtype, asked.accumulate), asked.seed, set()
    )
    seen = Seen(names, double=asked.double)
    _probe_all(asked, checker, case, seen)
    _what_was_differenced(checker.expected, case, seen)
    record = _record(asked, case, checker, seen)
    return replace_seconds(record, time.perf_counter() - start)


def replace_seconds(record: CheckRecord, seconds: float) -> CheckRecord:
    """The record with the time that it took."""
    import msgspec

    return msgspec.structs.replace(record, seconds=round(seconds, 3))


# Probes --------------------------------------------------------------------------------------------------------------


def _probe_all(asked: Asked, checker: Checker, case: Case, seen: Seen) -> None:
    wanted = lambda name: asked.probes is None or any(name.startswith(p) for p in asked.probes)
    base = _first(asked, checker, case, seen)
    if base is None:
        return
    small = _small(asked, checker, case, seen)
    complex = case.complex or any(v.is_complex() for v in base.answer.outputs)
    for probe in UPSTREAM[1:]:
        if wanted(probe.name) and (complex or not probe.complex):
            big = small is case or probe.name == "upstream expanded"
            _put(asked, checker, probe, case if big else small, seen)
    for probe in INPUTS:
        if wanted(probe.name) and probe.inputs is not None and (case.complex or not probe.complex):
            _put(asked, checker, probe, probe.inputs(checker.draws(probe.name), small), seen)
    for name, run in {**calls.CALLS, **ORDERS, ties.NAME: ties.together}.items():
        if wanted(name):
            asked.progress(name)
            run(checker, small, seen)
    if asked.shapes:
        _sizes(asked, checker, small, seen, wanted)


def _first(asked: Asked, checker: Checker, case: Case, seen: Seen) -> Looked | None:
    """The given data, a random upstream gradient: what fails here is bad input, or a backward pass that cannot run."""
    asked.progress(_RANDOM.name)
    seen.probes[_RANDOM.name] = _RANDOM.changes
    try:
        checker.run(case)
    except Refused as error:
        raise BadInput(f"{asked.against()} does not take these inputs: {error}") from error
    try:
        looked = checker.look(_RANDOM, case)
    except BadInput:
        raise
    except Declined as error:
        raise BadInput(words.not_taken(error.error)) from error
    except Refused as error:
        raise BadInput(f"{asked.against()} cannot be differentiated here: {error}") from error
    except Mismatch as error:
        raise BadInput(str(error)) from error
    except Exception as error:
        seen.find(words.raised(_RANDOM.name, error, FAIL))
        return None
    seen.ran = looked.answer.nodes
    calls.kernel_ran(asked.function, looked.answer, seen)
    _keep(checker, _RANDOM, looked, seen)
    checker.wrong |= {k for k, j in looked.judged.items() if j.state == FAIL}
    for k in case.wanted:
        factor = checker.shared_factor(_RANDOM, looked, k) if looked.judged[k].state == RIGHT else None
        if factor is not None:
            seen.find(words.factor(seen.name(k), _RANDOM.name, factor))
    return looked


def _small(asked: Asked, checker: Checker, case: Case, seen: Seen) -> Case:
    """What most probes are put to: the given data, or a cut of them where they are large and both sides take it."""
    if largest(case) <= 4 * SMALL:
        return case
    small = cut(case, fixed=asked.fixed)
    try:
        checker.look(_RANDOM, small)
    except Exception:
        return case
    shapes = ", ".join(str(tuple(small.inputs[k].shape)) for k in small.wanted)
    seen.note(f"Two probes judged all entries of the given data, the others were put to a cut of them: {shapes}.")
    return small


def _put(asked: Asked, checker: Checker, probe: Probe, case: Case, seen: Seen) -> None:
    asked.progress(probe.name)
    try:
        looked = checker.look(probe, case)
    except Refused:
        seen.left_out += 1
        return
    except Exception as error:
        if checker.refuses(case):
            seen.left_out += 1
            return
        if isinstance(error, Declined) and probe.layout:
            seen.declined[probe.name] = error.error
            return
        seen.probes[probe.name] = probe.changes
        seen.find(words.raised(probe.name, error, DOUBT))
        return
    seen.probes[probe.name] = probe.changes
    _keep(checker, probe, looked, seen)


def _keep(checker: Checker, probe: Probe, looked: Looked, seen: Seen) -> None:
    """Settle what looks wrong, and put all of it into what was seen."""
    checker.settle(probe, looked)
    keep(seen, probe.name, looked)
    if probe.inputs is None:
        for k in looked.answer.gradients:
            power = seen.powers.get(k)
            if power is None or power.entries == looked.budgets[k].value.numel():
                seen.powers.setdefault(k, Power()).add(looked.budgets[k])


def keep(seen: Seen, probe: str, looked: Looked) -> None:
    """Cells and findings of one look."""
    for k, j in looked.judged.items():
        cell = CellRecord(
            input=seen.name(k), probe=probe, state=j.state, entries=j.entries, beyond=j.beyond, undecided=j.open,
            ratio=words.finite(float(j.ratio.max())) if j.ratio is not None and j.ratio.numel() else None,
            worst=words.worst(j) if j.entries else None,
        )  # fmt: skip
        seen.cells.append(cell)
        if j.state in (FAIL, DOUBT):
            seen.find(words.beyond(seen.name(k), probe, j, looked, k))
        size = cell.ratio or 0.0
        if k >= 0 and (k not in seen.worst or size > seen.worst[k][0]):
            seen.worst[k] = (size, looked, probe)
    for what in looked.answer.changed:
        seen.find(words.changed(_named(what, seen), probe))
    for k in looked.answer.aliased:
        seen.find(words.aliased(seen.name(k), probe))


def _named(what: str, seen: Seen) -> str:
    return seen.name(int(what.split()[1])) if what.startswith("input ") else what


def _sizes(asked: Asked, checker: Checker, case: Case, seen: Seen, wanted: Callable[[str], bool]) -> None:
    """Each size of the inputs replaced by 1, 2, odd ones, and those around 64 and 128."""
    limit = max(1 << 15, 8 * SMALL)
    for old, new, other in variants(case, limit, asked.fixed):
        name = f"size {old} → {new}"
        if not wanted(name):
            continue
        asked.progress(name)
        try:
            looked = checker.look(_RANDOM, other)
        except Refused:
            seen.left_out += 1
            continue
        except Exception as error:
            if checker.refuses(other):
                seen.left_out += 1
            elif isinstance(error, Declined):
                seen.declined[name] = error.error
            else:
                seen.find(words.raised(name, error, DOUBT))
            continue
        finally:
            checker.forget(other)
        seen.probes[name] = f"every dimension of size {old} cut or tiled to {new}"
        checker.settle(_RANDOM, looked)
        keep(seen, name, looked)


def _what_was_differenced(by: Expected, case: Case, seen: Seen) -> None:
    """The plan, where it left entries out, and waves that differences cannot exclude."""
    if not isinstance(by, ByDifferences):
        return
    for k in case.wanted:
        says = by.plan(case, 0).says(seen.name(k), case.inputs[k].numel())
        if says is not None:
            seen.note(f"Differences were taken in {says}.")
    for k in sorted(by.waves):
        seen.note(words.wave(seen.name(k)))
    seen.sampled = any(v.numel() > OTHERS for v in (case.inputs[k] for k in case.wanted))
    if seen.sampled:
        seen.note(f"Every other probe differences {OTHERS} entries per input, drawn anew for each.")


# The verdict ---------------------------------------------------------------------------------------------------------


def _record(asked: Asked, case: Case, checker: Checker, seen: Seen) -> CheckRecord:
    powers = list(powers_of(seen))
    for finding in (*weak(powers, seen, sorted(checker.unruled)), *flat(checker, case, seen)):
        seen.find(finding)
    verdict = verdict_of(seen.findings)
    if seen.declined:
        seen.note(words.declined(seen.declined))
    if verdict == FAIL and all(f.probe.startswith("size") for f in seen.findings if f.verdict == FAIL):
        seen.note(words.OTHER_SIZES)
    order = {FAIL: 0, DOUBT: 1, "inconclusive": 2, "note": 3}
    findings = sorted(seen.findings, key=lambda f: order[f.verdict])
    title = title_of(asked.function)
    dtype = str(case.kind).removeprefix("torch.")
    return CheckRecord(
        function=title, dtype=dtype, device=str(case.device), against=asked.against(), seed=asked.seed, verdict=verdict,
        sentence=words.sentence(title, verdict, findings, len(case.wanted), len(seen.probes), dtype,
                                sampled=seen.sampled),
        inputs=[seen.name(k) for k in case.wanted], shapes=[list(case.inputs[k].shape) for k in case.wanted],
        probes=[ProbeRecord(*item) for item in seen.probes.items()], cells=seen.cells, findings=findings, power=powers,
        notes=seen.notes, unruled=sorted(checker.unruled), ran=list(seen.ran), left_out=seen.left_out,
        pictures=[picture(seen.name(k), probe, looked, k) for k, (_, looked, probe) in sorted(seen.worst.items())],
        reproduce=words.reproduce(title, asked, findings),
    )  # fmt: skip


__all__ = ["Asked", "Seen", "examine", "keep", "replace"]
