"""What every report of the main job says in the same words, and how it writes numbers."""

from __future__ import annotations

from msgspec import UNSET

from verify.problems.written import PENALTIES
from verify.witnesses.record import CompareRecord, LinePart, OffPart, SweepPart

# How a witness comes to its gradients, and its short name at the head of a column.
WITNESSES = {
    "manual": "the slides' equations by hand",
    "autograd": "torch.nn and autograd",
    "finite-differences": "every parameter moved, forward passes only",
    "complex-step": "every pre-activation moved by an imaginary step, forward passes only",
    "exact": "every line enclosed in balls, by forward differentiation",
}
# From such a size of an entry on, an error that is seen is no agreement of a witness to speak of.
_BLUNT = 0.01


def size(value: float | None) -> str:
    """A number of one line's errors: '0', '5.6e-17', '–' where there is none."""
    if value is None:
        return "–"
    return "0" if value == 0 else f"{value:.1e}"


def share(line: LinePart) -> str:
    """How much of its budget the line's worst entry takes."""
    if line.ratio is None:
        return "–"
    return f"{100 * line.ratio:.1f} %" if line.ratio < 10 else f"{line.ratio:.1e} ×"


def count(n: int, word: str, plural: str = "") -> str:
    """'1 problem', '235,146 parameters'."""
    return f"{n:,} {word if n == 1 else plural or word + 's'}"


def pairs(record: CompareRecord) -> list[tuple[str, str]]:
    """The pairs of witnesses, in the order in which they were set against one another."""
    return list(dict.fromkeys(line.pair for line in record.lines))


def rows(record: CompareRecord) -> list[tuple[str, dict[tuple[str, str], LinePart]]]:
    """Line by line, what each pair of witnesses says."""
    names = dict.fromkeys(line.name for line in record.lines)
    return [(name, {line.pair: line for line in record.lines if line.name == name}) for name in names]


def verdict(said: dict[tuple[str, str], LinePart]) -> str:
    """One word for a line: the worst of what its pairs say."""
    verdicts = [line.verdict for line in said.values()]
    return next((v for v in verdicts if v not in ("agree", "inconclusive")), max(verdicts))


def problem_rows(record: CompareRecord) -> list[tuple[str, str]]:
    """What was judged: name and value."""
    p = record.problem
    # The slides' own penalty goes without saying.
    penalty = "" if p.penalty == "lam/2" else f", penalty {PENALTIES[p.penalty].added}"
    network = f"{'-'.join(map(str, p.layers))}, {p.activation}, {p.output} with {p.loss}, λ = {p.lam:g}{penalty}"
    return [
        ("network", network),
        ("batch", f"{count(p.batch, 'image')} of {p.data}"),
        ("parameters", f"{p.parameters:,}"),
        ("computed", f"in {p.dtype} on {p.device}, seed {p.seed}, torch {record.versions.get('torch', '?')}"),
    ]


def witness_rows(record: CompareRecord) -> list[tuple[str, str, str]]:
    """The witnesses: name, how each works, and what it took."""
    return [
        (w.name, WITNESSES.get(w.name, ""), f"{w.seconds:.2f} s" if w.seconds >= 0.01 else f"{1000 * w.seconds:.1f} ms")
        for w in record.witnesses
    ]


def sweep_sentence(sweep: SweepPart) -> str:
    """What the sweep went through and what came out."""
    if not sweep.problems:
        return "No sweep was asked for."
    through = (
        f"{count(sweep.activations, 'activation')}, {count(sweep.losses, 'loss', 'losses')}, "
        f"λ of {', '.join(f'{lam:g}' for lam in sweep.lambdas)}, {count(len(sweep.shapes), 'shape')}"
    )
    outcome = f"{count(sweep.disagreements, 'disagreement')}" if sweep.disagreements else "no disagreement"
    return (
        f"Sweep: {count(sweep.problems, 'problem')}, {count(sweep.parameters, 'parameter')} ({through}): {outcome}"
        f"{_undecided(sweep.inconclusive)}{_of_a_line(sweep.undecided)}."
    )


def conclusion(record: CompareRecord) -> str:
    """What was shown, and how small an error would have been seen."""
    shown = _shown(record)
    return f"{shown[0].upper()}{shown[1:]} {_limits(record)}"


def _shown(record: CompareRecord) -> str:
    wrong = [line for line in record.lines if line.verdict not in ("agree", "inconclusive")]
    if wrong:
        first, more = wrong[0], len({line.name for line in wrong}) - 1
        others = f", and {count(more, 'line')} more" if more else ""
        return f"{first.pair[0]} and {first.pair[1]} disagree, first on {first.name}: {_reason(first)}{others}."
    open_ = _open_lines(record)
    network = "Nothing disagrees on the network" if open_ else "The network agrees"
    if record.sweep.disagreements:
        does, do = ("disagrees", "disagree") if open_ else ("does not", "do not")
        return f"{network}; in the sweep {count(record.sweep.disagreements, f'problem {does}', f'problems {do}')}."
    if _off(record) and not open_:
        return "Nothing disagrees between two witnesses."
    if record.sweep.undecided and not open_:
        return f"{network}; in the sweep nothing disagrees, but{_of_a_line(record.sweep.undecided)[1:]}."
    if not record.agree:
        return f"Nothing disagrees, but of {_undecided_lines(open_)} no entry could be decided."
    undecided = sum(w.inconclusive for w in record.witnesses if w.inconclusive is not UNSET)
    names = ["manual", *(other for _, other in pairs(record) if not _blunt(record, other))]
    every = f"every one of the {record.problem.parameters:,} parameters"
    agreeing = f"{', '.join(names[:-1])} and {names[-1]} agree on {every}" if names[1:] else "Nothing disagrees"
    return f"{agreeing}, within what rounding and truncation can explain of each{_undecided(undecided)}."


def _blunt(record: CompareRecord, other: str) -> bool:
    """Whether a witness would have seen none but large errors, so that its agreement shows nothing."""
    return any(limit is not None and limit > _BLUNT for limit in (_limit(record, other),)) or _all_open(record, other)


def _limit(record: CompareRecord, other: str) -> float | None:
    return next((v for pair, v in record.detection_limit.items() if pair.split("/")[1] == other), None)


def _all_open(record: CompareRecord, other: str) -> bool:
    """Whether it has decided no parameter at all."""
    lines = [line for line in record.lines if line.pair[1] == other and line.name.startswith(("dW", "db"))]
    return bool(lines) and all(line.inconclusive == line.entries for line in lines)


def _open_lines(record: CompareRecord) -> list[LinePart]:
    return [line for line in record.lines if line.verdict == "inconclusive" and line.inconclusive == line.entries]


def _undecided_lines(open_: list[LinePart]) -> str:
    if not open_:
        return "some line"
    more = f" and {count(len(open_) - 1, 'more line')}" if open_[1:] else ""
    return f"{open_[0].name} by {open_[0].pair[1]}{more}"


def _reason(line: LinePart) -> str:
    if line.detail:
        return line.detail
    at = f"{line.name}{list(line.index)}" if line.index else line.name
    return (
        f"{line.wrong:,} of {count(line.entries, 'entry', 'entries')}, at {at} by {size(line.worst_error)} "
        f"where {size(line.budget)} can be explained"
    )


def _limits(record: CompareRecord) -> str:
    limits = {pair.split("/")[1]: limit for pair, limit in record.detection_limit.items() if limit is not None}
    if not limits:
        return "No entry had a size to measure an error by."
    seen = [f"{size(v)} of its size by {other}" for other, v in limits.items() if not _blunt(record, other)]
    said = [
        f"An error in one parameter's gradient would have been seen from {', from '.join(seen)} "
        f"(medians{_largest(record)})."
        if seen
        else "",
        *(
            f"{other[0].upper()}{other[1:]} would have seen an error only from {size(v)} of an entry's size (median): "
            "that confirms little."
            for other, v in limits.items()
            if _blunt(record, other)
        ),
    ]
    return " ".join(filter(None, said))


def _largest(record: CompareRecord) -> str:
    """'; the largest: 3.1e-10 by autograd', of those whose median is worth a sentence."""
    limits = {pair.split("/")[1]: limit for pair, limit in record.largest_limit.items()}
    said = [
        f"{size(v)} by {other}" if v is not None else f"without a bound by {other}"
        for other, v in limits.items()
        if not _blunt(record, other)
    ]
    return f"; the largest: {', '.join(said)}" if said else ""


# The exact witness ---------------------------------------------------------------------------------------------------


def outcome(record: CompareRecord) -> str:
    """'agree', 'disagree' or 'inconclusive': what the record comes to."""
    if record.agree:
        return "agree"
    wrong = any(line.verdict not in ("agree", "inconclusive") for line in record.lines)
    return "disagree" if wrong or record.sweep.disagreements or _off(record) else "inconclusive"


def _off(record: CompareRecord) -> list[OffPart]:
    return [line for line in record.exact.lines if line.off] if record.exact else []


def exact_sentence(record: CompareRecord) -> str:
    """What the exact witness enclosed, and who is off; empty where it was not asked for."""
    exact = record.exact
    if exact is None:
        return ""
    all_of = record.problem.parameters
    covered = f"all {all_of:,}" if exact.parameters == all_of else f"{exact.parameters:,} of {all_of:,}"
    hulls = f"; {count(exact.hulls, 'entry', 'entries')} at a kink, enclosed as the hull of all subgradients"
    blunt = f"; {count(exact.open, 'entry', 'entries')} that no precision up to {exact.bits} bits made sharp"
    said = (
        f"The exact gradient is enclosed in balls of up to {exact.bits} bits for {covered} parameters"
        f"{hulls if exact.hulls else ''}{blunt if exact.open else ''}."
    )
    off = _off(record)
    if not off:
        return f"{said} Every witness is as near to it as it says."
    return f"{said} {' '.join(_who(name, off) for name in dict.fromkeys(line.witness for line in off))}"


def _who(name: str, off: list[OffPart]) -> str:
    mine = [line for line in off if line.witness == name]
    first, more = mine[0], len(mine) - 1
    at = f"{first.line}{list(first.index)}" if first.index else first.line
    ulp = (
        f"by up to {size(first.worst_ulp)} units in the last place" if first.worst_ulp is not None else "beyond its bar"
    )
    others = f", and on {count(more, 'more line')}" if more else ""
    return f"{name[0].upper()}{name[1:]} is off, first on {first.line} {ulp} (worst at {at}){others}."


def exact_rows(record: CompareRecord) -> list[tuple[str, dict[str, OffPart], str]]:
    """Line by line: how far each witness is off, and the names of those that are further off than they can explain."""
    lines = record.exact.lines if record.exact else ()
    found = []
    for name in dict.fromkeys(line.line for line in lines):
        said = {line.witness: line for line in lines if line.line == name}
        found.append((name, said, ", ".join(w for w, line in said.items() if line.off) or "nobody"))
    return found


def exact_witnesses(record: CompareRecord) -> list[str]:
    """Those that are set against the exact lines."""
    return list(dict.fromkeys(line.witness for line in record.exact.lines)) if record.exact else []


def _of_a_line(problems: int) -> str:
    return f"; in {count(problems, 'problem')} no entry of some line could be decided" if problems else ""


def _undecided(n: int) -> str:
    return f"; {count(n, 'entry was', 'entries were')} left undecided" if n else ""
