"""A class in the terminal: how many came to what, what goes wrong most often, and what changed."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from verify.classroom.class_record import ClassRecord, Group, Regraded, number
from verify.classroom.gradebook import HISTORY, TABLE
from verify.submissions.submission import typed

_COLOURS = {
    "correct": "green",
    "wrong": "yellow",
    "undecided": "yellow",
    "incomplete": "yellow",
    "grader-error": "bold red",
}
_MOST_GROUPS = 8
_MOST_NAMES = 4
_MOST_REGRADED = 40


def show(record: ClassRecord, folder: Path, out: Console) -> None:
    """Print the summary."""
    out.print(_states(record))
    out.print()
    out.print(_scores(record))
    if record.groups:
        out.print()
        out.print(_groups(record.groups))
    if record.regraded:
        out.print()
        _show_regraded(record.regraded, out)
    out.print()
    for line in _notes(record):
        out.print(Text(line, style="yellow"))
    out.print(Text(f"The gradebook is {folder / TABLE}; beside it lie a record and a page for every submission."))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, justify="right" if column in ("submissions", "old score", "new score") else "left")
    return table


def _states(record: ClassRecord) -> Table:
    table = _table("state", "submissions")
    for state, count in record.states.items():
        table.add_row(Text(state, style=_COLOURS.get(state, "red")), str(count))
    return table


def _scores(record: ClassRecord) -> Text:
    scores = record.scores
    if scores.mean is None:
        return Text("No submission has a score.")
    return Text(
        f"Scores of {scores.count}: mean {scores.mean:.2f} of {number(record.max_score)}, "
        f"median {number(scores.median)}, from {number(scores.lowest)} to {number(scores.highest)}."
    )


def _groups(groups: list[Group]) -> Table:
    table = _table("diagnosis", "submissions", "of")
    for group in groups[:_MOST_GROUPS]:
        name = " and ".join(group.diagnosis) or f"unknown, first at {group.first_wrong_line}"
        more = f", and {group.count - _MOST_NAMES} more" if group.count > _MOST_NAMES else ""
        table.add_row(Text(name), str(group.count), Text(", ".join(group.submissions[:_MOST_NAMES]) + more))
    if len(groups) > _MOST_GROUPS:
        rest = groups[_MOST_GROUPS:]
        table.add_row(Text(f"{len(rest)} other diagnoses", style="dim"), str(sum(group.count for group in rest)), "")
    return table


def _show_regraded(regraded: list[Regraded], out: Console) -> None:
    changed = [entry for entry in regraded if entry.changed]
    if changed:
        table = _table("graded again", "old state", "old score", "new state", "new score")
        for entry in changed[:_MOST_REGRADED]:
            old, new = (number(score) or "–" for score in (entry.old_score, entry.score))
            table.add_row(Text(typed(entry.submission)), entry.old_state, old, entry.state, new)
        out.print(table)
    more = len(changed) - _MOST_REGRADED
    if more > 0:
        out.print(f"and {more} more, all in class.json")
    out.print(f"Graded again: {len(regraded)}; with another result: {len(changed)}. Old records are in {HISTORY}/.")


def _notes(record: ClassRecord) -> list[str]:
    found = []
    if record.grader_errors:
        names = ", ".join(record.grader_errors)
        found.append(f"The grader failed at {names}: no score, and not the student's fault. Their records say why.")
    found += _capped("Passed over", record.passed_over)
    found += _capped("In doubt", record.doubts)
    found += _capped("Handed in nothing", record.missing)
    if record.restored:
        names = ", ".join(record.restored)
        found.append(f"Changed by something else while this ran, and put right: {names}.")
    if record.earlier:
        many = len(record.earlier)
        from_before = f"{many} submissions" if many != 1 else "1 submission"
        found.append(f"Graded by an earlier run, not given this time, and kept as they were: {from_before}.")
    return found


def _capped(what: str, texts: list[str]) -> list[str]:
    """One line for each text, up to what one reads."""
    more = len(texts) - _MOST_REGRADED
    return [
        *(f"{what}: {text}." for text in texts[:_MOST_REGRADED]),
        *([f"{what}: {more} more, all in class.json."] if more > 0 else []),
    ]
