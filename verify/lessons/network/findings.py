"""What a diagnosis finds: a mistake of the catalogue, the lines it stands in, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from verify.grading.sentence import Said, listed, said
from verify.lessons.network.fitted import Throughout
from verify.lessons.network.hypothesis import Hypothesis
from verify.lessons.network.mistakes import CATALOGUE, Variant, rank


@dataclass(frozen=True)
class Finding:
    """One mistake of a diagnosis. Its texts are deck 000's, in rows: {delta} stands for the formula of δ(L)."""

    mistake: str
    lines: tuple[str, ...]  # whose own equation is wrong, in the deepest network of the run
    sentences: tuple[Said, ...]
    wrong: str
    right: str
    only: tuple[str, ...] = ()  # the activations to which it is confined
    form: str = ""
    number: float | None = None
    also: tuple[str, ...] = ()  # mistakes that give the same numbers

    @property
    def says(self) -> str:
        """The sentences, one after the other."""
        return " ".join(s.text for s in self.sentences)


@dataclass(frozen=True)
class Diagnosis:
    """Findings, or none and what is known of the error; where the program fails, in either case."""

    findings: tuple[Finding, ...] = ()
    known: tuple[str, ...] = ()
    hypothesis: Hypothesis | None = None
    known_said: tuple[Said, ...] = ()
    fails: tuple[Said, ...] = ()

    def blames(self, name: str, L: int) -> bool:
        """Whether the line's own equation is among the wrong ones."""
        return any(name in f.lines for f in self.findings)

    def joined(self, more: Sequence[Finding]) -> Diagnosis:
        """With more findings, each mistake once."""
        known = {f.mistake for f in self.findings}
        return replace(self, findings=(*self.findings, *(f for f in more if f.mistake not in known)))

    @property
    def wrong_kinds(self) -> frozenset[str]:
        """The kinds of line whose own equation the findings replace: delta below, delta output, dW, db, y."""
        return frozenset(kind for f in self.findings for kind in CATALOGUE[f.mistake].kinds)


def told(known: Sequence[Said], **rest) -> Diagnosis:
    """A diagnosis of what is known alone."""
    return Diagnosis(known=tuple(s.text for s in known), known_said=tuple(known), **rest)


def finding(
    id: str,
    depth: int,
    *,
    only: tuple[str, ...] = (),
    form: str = "",
    number: float | None = None,
    also: tuple[str, ...] = (),
    variants: Sequence[Variant] = (),
) -> Finding:
    """A mistake of the catalogue as a finding; form: a sentence on the form it has here."""
    m = CATALOGUE[id]
    first = variants[0] if variants else None
    special = next((v for v in variants if v.says), None)
    key = f"mistake-{id}" + (f"-{special.form}" if special is not None else "")
    text = special.says if special is not None else m.says
    sentences = [Said(key, {}, text)]
    if only:
        sentences.append(said("only-under", names=listed(only)))
    if form:
        sentences.append(Said(f"form-of-{id}", {"form": form}, form))
    if number is not None and f"{number:.6g}" not in form:
        sentences.append(said("number", number=float(f"{number:.6g}")))
    return Finding(
        id, lines_of_mistake(id, depth, variants), tuple(sentences),
        first.wrong if first is not None and first.wrong else m.wrong,
        first.right if first is not None and first.right else m.right,
        only, form, number, (*m.also, *also),
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
        forms = dict.fromkeys(v.form for v in chosen if v.form and not v.says)
        rest = set(hypothesis.mistakes) - {id}
        also = {o for h in others for o in set(h.mistakes) - rest if rest <= set(h.mistakes)} - {id}
        one = finding(id, depth, only=only, form=" ".join(forms), also=tuple(sorted(also, key=rank)), variants=chosen)
        made.append(_with_all_says(one, chosen))
    return made


def _with_all_says(one: Finding, chosen: Sequence[Variant]) -> Finding:
    """A mistake in two slots has the sentence of each."""
    m = CATALOGUE[one.mistake]
    texts = dict.fromkeys(v.says or m.says for v in chosen)
    if len(texts) < 2:
        return one
    first, *rest = one.sentences
    said_ = [Said(f"mistake-{one.mistake}" + ("" if t == m.says else "-output"), {}, t) for t in texts]
    del first
    return replace(one, sentences=(*said_, *rest))


def finding_throughout(t: Throughout, depth: int) -> Finding:
    """What a program does throughout, with its number."""
    made = finding(t.mistake, depth, form=t.form, number=t.number, only=())
    if t.says:
        made = replace(made, sentences=(Said(made.sentences[0].key, {}, t.says), *made.sentences[1:]))
    return replace(made, wrong=t.wrong or made.wrong, right=t.right or made.right, only=t.only)
