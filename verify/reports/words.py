"""What every report of the main job says in the same words, and how it writes numbers."""

from __future__ import annotations

from msgspec import UNSET

from verify.witnesses.record import CompareRecord, LinePart, SweepPart

# How a witness comes to its gradients, and its short name at the head of a column.
WITNESSES = {
    "manual": "the slides' equations by hand",
    "autograd": "torch.nn and autograd",
    "finite-differences": "every parameter moved, forward passes only",
    "complex-step": "every pre-activation moved by an imaginary step, forward passes only",
}


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
    return [
        ("network", f"{'-'.join(map(str, p.layers))}, {p.activation}, {p.output} with {p.loss}, λ = {p.lam:g}"),
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
        f"{_undecided(sweep.inconclusive)}."
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
    if not record.agree and not record.sweep.disagreements:
        return "Nothing disagrees, but of some line no entry could be decided."
    if not record.agree:
        failed = count(record.sweep.disagreements, "problem does", "problems do")
        return f"The network agrees; in the sweep {failed} not."
    undecided = sum(w.inconclusive for w in record.witnesses if w.inconclusive is not UNSET)
    names = [w.name for w in record.witnesses]
    return (
        f"{', '.join(names[:-1])} and {names[-1]} agree on every one of the {record.problem.parameters:,} parameters, "
        f"within what rounding and truncation can explain of each{_undecided(undecided)}."
    )


def _reason(line: LinePart) -> str:
    if line.detail:
        return line.detail
    at = f"{line.name}{list(line.index)}" if line.index else line.name
    return (
        f"{line.wrong:,} of {count(line.entries, 'entry', 'entries')}, at {at} by {size(line.worst_error)} "
        f"where {size(line.budget)} can be explained"
    )


def _limits(record: CompareRecord) -> str:
    seen = [
        f"{size(limit)} of its size by {pair.split('/')[1]}"
        for pair, limit in record.detection_limit.items()
        if limit is not None
    ]
    if not seen:
        return "No entry had a size to measure an error by."
    return f"An error in one parameter's gradient would have been seen from {', from '.join(seen)} (medians)."


def _undecided(n: int) -> str:
    return f"; {count(n, 'entry was', 'entries were')} left undecided" if n else ""
