"""What a person's page shows, from the record alone: the parts that its template lays out."""

from __future__ import annotations

from typing import Any, NamedTuple

from markupsafe import Markup
from msgspec import UNSET

from verify import plain
from verify.grading.record import FindingRecord, GradeRecord, HeatMap, LessonCase, LessonRecord, LineRecord
from verify.reports import drawing, formula, heat, reproduce, worked
from verify.reports import graded_words as words
from verify.reports.texts import say

_OUTPUT_LINES = 400
_KINDS = {"delta": "δ({})", "dW": "∂E/∂W({})", "db": "∂E/∂b({})"}
_STATES = {"right": "good", "wrong": "bad"}


class Finding(NamedTuple):
    """A mistake as the page shows it: its lines, a hint, both formulas, and folded away the answer."""

    lines: str
    equation: str
    hint: str
    pair: formula.Pair | None
    says: str
    mistake: str
    where: str
    also: str


class Heat(NamedTuple):
    """The heat maps of a line with their captions."""

    says: str
    note: str
    maps: list[heat.Map]
    key: list[heat.Key]


def context(record: GradeRecord) -> dict[str, Any]:
    """What the template reads."""
    printed, left_out = plain.lines(record.output, _OUTPUT_LINES)
    case = record.counterexample
    first = words.first_differing(case) if case is not None else ""
    return {
        "record": record,
        "words": words,
        "say": say,
        "tone": {"correct": "good", "undecided": "open", "withheld": "open", "incomplete": "open"}.get(
            record.state, "bad"
        ),
        "first_line": symbol(record.first_wrong_line, record) if record.first_wrong_line else "",
        "findings": [_finding(f, record) for f in record.diagnosis],
        "unknown": words.unknown(record),
        "case": case,
        "drawing": drawing.drawn(case, first) if case is not None else None,
        "givens": worked.givens(case) if case is not None else [],
        "before": worked.before(case) if case is not None else [],
        "steps": worked.steps(case, _sizes(record)) if case is not None else [],
        "heat": _heat(record.heat, record) if record.heat is not UNSET else None,
        "rows": [(row, share(line), _STATES.get(row.state, "open"))
                 for row, line in zip(words.rows(record), record.lines, strict=True)],
        "lost": lost(record),
        "printed": printed,
        "left_out": left_out,
        "command": reproduce.command(record),
        "program": reproduce.program(record),
    }  # fmt: skip


def _sizes(record: GradeRecord) -> dict[str, int]:
    case = record.counterexample
    if not isinstance(record, LessonRecord) or record.task is None or not isinstance(case, LessonCase):
        return {}
    return worked.sizes_of(record.task.inputs, case)


def _finding(finding: FindingRecord, record: GradeRecord) -> Finding:
    lines = ", ".join(symbol(line, record) for line in finding.lines)
    pair = formula.pair(finding.wrong, finding.right) if finding.wrong and finding.right else None
    hints = [say(f"hint-{pair.kind}")] if pair is not None else []
    if finding.lines and record.counterexample is not None:
        hints.append(say("hint-work", line=symbol(finding.lines[0], record)))
    return Finding(
        lines, _equation(finding, record), " ".join(hints), pair, finding.says, finding.mistake, words.where(finding),
        words.also(finding),
    )  # fmt: skip


def _equation(finding: FindingRecord, record: GradeRecord) -> str:
    """The whole right line, where the mistake's formula is a part of it."""
    found = next((line.equation for line in record.lines if line.name in finding.lines), "")
    return "" if " = " in finding.right or " ← " in finding.right else found


def symbol(line: str, record: GradeRecord) -> str:
    """A line's name as the slides write it: dW3 is ∂E/∂W(3). Of a lesson, by its equation's left-hand side."""
    if isinstance(record, LessonRecord):
        found = [w.symbol for w in record.counterexample.working if w.name == line] if record.counterexample else []
        return found[0] if found else line
    kind = line.rstrip("0123456789")
    number = line[len(kind) :]
    return _KINDS.get(kind, f"{kind}({{}})").format(number) if number else line


def lost(record: GradeRecord) -> list[tuple[str, str, str]]:
    """The lines that lost points: name, how many, why."""
    off = [line for line in record.lines if line.max_points - line.points > 5e-7]
    return [(words.line_name(line), words.points(line.max_points - line.points), plain.visible(line.reason))
            for line in off]  # fmt: skip


def share(line: LineRecord) -> str:
    """How much of its points a line earned, in percent; "" where it has none."""
    return f"{100 * line.points / line.max_points:.0f}" if line.max_points else ""


def _heat(found: HeatMap, record: GradeRecord) -> Heat:
    rows, columns = found.shape
    shown = (len(found.expected), len(found.expected[0]))
    line = symbol(found.line, record)
    if shown == (rows, columns):
        says = say("heat-of", line=line, rows=rows, columns=columns)
    else:
        says = say("heat-cut", line=line, rows=rows, columns=columns, shown=f"{shown[0]} × {shown[1]}",
                   row=found.origin[0] + 1, column=found.origin[1] + 1)  # fmt: skip
    yours = f"{len(found.yours)} × {len(found.yours[0])}" if found.yours else "0"
    note = "" if found.share else say("heat-shape", yours=yours, expected=f"{rows} × {columns}")
    return Heat(says, note, heat.maps(found), heat.key() if found.share else [])


def shown(value: Any) -> Any:
    """Text that a student may have written, made visible; markup of ours as it is."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else plain.visible(value)
