"""A class in the terminal: how many came to what, what goes wrong most often, and what changed."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from verify.classroom.class_record import ClassRecord, Group, Regraded, number
from verify.classroom.gradebook import HISTORY, TABLE
from verify.language import tr
from verify.reports import graded_words as words
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
    table = str(folder / TABLE)
    out.print(
        Text(tr("The gradebook is {table}; beside it lie a record and a page for every submission.", table=table))
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        right = column in (tr("submissions"), tr("old score"), tr("new score"))
        table.add_column(column, justify="right" if right else "left")
    return table


def _states(record: ClassRecord) -> Table:
    table = _table(tr("state"), tr("submissions"))
    for state, count in record.states.items():
        table.add_row(Text(words.state_in_a_list(state), style=_COLOURS.get(state, "red")), str(count))
    return table


def _scores(record: ClassRecord) -> Text:
    scores = record.scores
    if scores.mean is None:
        return Text(tr("No submission has a score."))
    return Text(
        tr(
            "Scores of {n:submission}: mean {mean:.2f} of {most}, median {median}, from {lowest} to {highest}.",
            n=scores.count, mean=scores.mean, most=number(record.max_score), median=number(scores.median),
            lowest=number(scores.lowest), highest=number(scores.highest),
        )
    )  # fmt: skip


def _groups(groups: list[Group]) -> Table:
    table = _table(tr("diagnosis"), tr("submissions"), tr("of whom"))
    for group in groups[:_MOST_GROUPS]:
        unknown = tr("unknown; the first wrong line is {line}", line=str(group.first_wrong_line))
        name = tr(" and ").join(group.diagnosis) or unknown
        more = tr(", and {n} more", n=group.count - _MOST_NAMES) if group.count > _MOST_NAMES else ""
        table.add_row(Text(name), str(group.count), Text(", ".join(group.submissions[:_MOST_NAMES]) + more))
    if len(groups) > _MOST_GROUPS:
        rest = groups[_MOST_GROUPS:]
        table.add_row(
            Text(tr("other diagnoses: {n}", n=len(rest)), style="dim"), str(sum(group.count for group in rest)), ""
        )
    return table


def _show_regraded(regraded: list[Regraded], out: Console) -> None:
    changed = [entry for entry in regraded if entry.changed]
    if changed:
        table = _table(tr("graded again"), tr("old state"), tr("old score"), tr("new state"), tr("new score"))
        for entry in changed[:_MOST_REGRADED]:
            old, new = (number(score) or "–" for score in (entry.old_score, entry.score))
            states = words.state_in_a_list(entry.old_state), words.state_in_a_list(entry.state)
            table.add_row(Text(typed(entry.submission)), states[0], old, states[1], new)
        out.print(table)
    more = len(changed) - _MOST_REGRADED
    if more > 0:
        out.print(tr("and {n} more, all in class.json", n=more))
    out.print(
        tr("Graded again: {n}; with another result: {changed}. Old records are in {folder}/.",
           n=len(regraded), changed=len(changed), folder=HISTORY)
    )  # fmt: skip


def _notes(record: ClassRecord) -> list[str]:
    found = []
    if record.grader_errors:
        names = ", ".join(record.grader_errors)
        found.append(
            tr("The grader failed at {names}: there is no score, and the student is not at fault. The records say why.",
               names=names)
        )  # fmt: skip
    found += _capped(tr("Passed over"), record.passed_over)
    found += _capped(tr("In doubt"), record.doubts)
    found += _capped(tr("Handed in nothing"), record.missing)
    if record.restored:
        names = ", ".join(record.restored)
        found.append(tr("Changed by something else while this ran, and put right: {names}.", names=names))
    if record.earlier:
        many = len(record.earlier)
        found.append(tr("Graded by an earlier run, left out this time, and kept as they were: {n:submission}.", n=many))
    return found


def _capped(what: str, texts: list[str]) -> list[str]:
    """One line for each text, up to what one reads."""
    more = len(texts) - _MOST_REGRADED
    return [
        *(tr("{what}: {text}.", what=what, text=text) for text in texts[:_MOST_REGRADED]),
        *([tr("{what}: {n} more, all in class.json.", what=what, n=more)] if more > 0 else []),
    ]
