"""The tables as text, and as a record for programs."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Iterable

import rich.box
import rich.table
import rich.text
import torch
from rich.console import Console

from verify.benchmarks.tables import Goal, Settings, Table

SCHEMA = "backproof.benchmark/1"


def show(tables: Iterable[Table], console: Console) -> None:
    """Every table with its notes, then the goals and what was reached."""
    tables = list(tables)
    for table in tables:
        console.print(_drawn(table.title, table.columns, table.rows))
        for note in table.notes:
            console.print(note, style="dim", highlight=False, markup=False)
        console.print()
    goals = [goal for table in tables for goal in table.goals]
    if goals:
        console.print(_drawn("Goals", ("what", "goal", "measured", "reached"), [_goal_row(goal) for goal in goals]))


def _goal_row(goal: Goal) -> tuple[str, ...]:
    return goal.what, goal.goal, goal.measured, "yes" if goal.reached else "no"


def _drawn(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> rich.table.Table:
    drawn = rich.table.Table(title=title, title_justify="left", box=rich.box.SIMPLE_HEAD)
    for k, column in enumerate(columns):
        drawn.add_column(rich.text.Text(column), justify="left" if k == 0 else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*map(rich.text.Text, row))
    return drawn


def record_of(tables: Iterable[Table], settings: Settings) -> dict[str, object]:
    """What `--json` writes: the machine in general words, each table's record, the goals."""
    tables = list(tables)
    return {
        "schema": SCHEMA,
        "quick": settings.quick,
        "seed": settings.seed,
        "share": list(settings.share),
        "machine": machine(),
        "tables": {table.name: table.record for table in tables},
        "goals": [
            {"what": g.what, "goal": g.goal, "measured": g.measured, "reached": g.reached}
            for t in tables
            for g in t.goals
        ],
    }


def machine() -> dict[str, object]:
    """Cores, threads, the kind of processor, versions."""
    return {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def as_json(record: dict[str, object]) -> str:
    """The record as JSON; a number that is not finite becomes null."""
    return json.dumps(_finite(record), indent=1, ensure_ascii=False) + "\n"


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
