"""What a diagnosis finds: a mistake of the catalogue, the lines it stands in, and what is said of it.

A finding's lines are those of the deepest network of the run. Its texts are deck 000's, in rows: {delta} stands for the
formula of δ(L).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from verify.grading.finding import Finding, instead
from verify.lessons.network.fitted import Throughout
from verify.lessons.network.hypothesis import Hypothesis
from verify.lessons.network.mistakes import CATALOGUE, Variant, rank
from verify.lessons.network.texts import form_of, mistake_text, said
from verify.said import Said


@dataclass(frozen=True)
class Diagnosis:
    """Findings, or none and what is known of the error; where the program fails, in either case."""

    findings: tuple[Finding, ...] = ()
    known: tuple[Said, ...] = ()
    hypothesis: Hypothesis | None = None
    fails: tuple[Said, ...] = ()
    eta: float | None = None  # the program hands over (W − W after a step of η) / η

    @property
    def explains(self) -> bool:
        """Whether its findings reproduce every number that came back."""
        return any(explains_numbers(f) for f in self.findings)

    def blames(self, name: str) -> bool:
        """Whether the line's own equation is among the wrong ones."""
        return any(name in f.lines for f in self.findings)

    def joined(self, more: Sequence[Finding]) -> Diagnosis:
        """With more findings, each mistake once."""
        known = {f.mistake for f in self.findings}
        return replace(self, findings=(*self.findings, *(f for f in more if f.mistake not in known)))


def explains_numbers(found: Finding) -> bool:
    """Whether a finding says why numbers are wrong, and not only where the program fails."""
    return found.mistake != "layers-hard-coded"


def finding(
    id: str,
    depth: int,
    *,
    only: tuple[str, ...] = (),
    form: Sequence[Said] = (),
    number: float | None = None,
    also: tuple[str, ...] = (),
    variants: Sequence[Variant] = (),
    says: Said | None = None,
) -> Finding:
    """A mistake of the catalogue as a finding; form: what is said of the form it has here; says: in place of its text.

    A mistake in two slots has the sentence of each.
    """
    m = CATALOGUE[id]
    first = variants[0] if variants else None
    texts = [says] if says is not None else [mistake_text(id, v) for v in variants] or [mistake_text(id)]
    sentences = [*{one.key: one for one in texts}.values()]
    if only:
        sentences.append(said("only-under", names=only))
    sentences += form
    if number is not None and not any(f"{number:.6g}" in one.text for one in form):
        sentences.append(said("number", number=number))
    return Finding(
        id, lines_of_mistake(id, depth, variants), tuple(sentences),
        first.wrong if first is not None and first.wrong else m.wrong,
        first.right if first is not None and first.right else m.right,
        only, number, (*m.also, *also),
    )  # fmt: skip


def lines_of_mistake(id: str, depth: int, variants: Sequence[Variant] = ()) -> tuple[str, ...]:
    """The lines whose own equation the mistake replaces, from the output down."""
    lines: list[str] = []
    if not variants:
        return tuple(line for kind in CATALOGUE[id].kinds for line in _lines(kind, depth, "all"))
    for v in variants:
        for kind in v.wrong_kinds:
            lines += [line for line in _lines(kind, depth, v.layers) if line not in lines]
    return tuple(lines)


def _lines(kind: str, depth: int, layers: str) -> list[str]:
    if kind in ("y", "E", "W"):
        return [kind] if kind != "W" else [f"W{l}" for l in range(depth, 0, -1)]
    if kind == "delta output":
        return [f"delta{depth}"]
    if kind == "delta below" or kind == "z":
        return [f"{kind.split()[0]}{l}" for l in range(depth - 1, 0, -1)]
    high, low = (depth, depth - 1) if layers == "output" else (depth - 1 if layers == "below" else depth, 0)
    return [f"{kind}{l}" for l in range(high, low, -1)]


def findings_of(hypothesis: Hypothesis, others: Sequence[Hypothesis], depth: int) -> list[Finding]:
    """One finding per mistake of a hypothesis; others: hypotheses that give the same numbers."""
    made = []
    for id in hypothesis.mistakes:
        chosen = [v for v in hypothesis.variants if v.mistake == id]
        if not chosen:
            assert hypothesis.throughout is not None
            made.append(finding_throughout(hypothesis.throughout, depth))
            continue
        only = tuple(n for n, v in hypothesis.slopes.items() if v.mistake == id) if id in hypothesis.confined else ()
        number = next((v.number for v in chosen if v.number is not None), None)
        forms = {v.at: form_of(v) for v in chosen if v.form and not v.says}
        form = [*forms.values(), *([said("eta", number=number)] if number is not None else [])]
        also = instead(id, hypothesis.mistakes, [h.mistakes for h in others])
        made.append(
            finding(
                id, depth, only=only, form=form, number=number, also=tuple(sorted(also, key=rank)), variants=chosen
            )
        )  # fmt: skip
    return made


def finding_throughout(t: Throughout, depth: int) -> Finding:
    """What a program does throughout, with its number."""
    made = finding(t.mistake, depth, form=[t.form] if t.form is not None else [], number=t.number, says=t.says)
    lines = tuple(line for kind in t.kinds for line in _lines(kind, depth, "all")) or made.lines
    return replace(made, lines=lines, wrong=t.wrong or made.wrong, right=t.right or made.right, only=t.only)
