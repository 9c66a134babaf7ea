"""What the filter of system calls and the confined reader cost: each beside the same without it, in turns."""

from __future__ import annotations

import contextlib
import functools
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from verify.benchmarks.tables import Settings, Table, at_most, number
from verify.grading.assignment import Assignment
from verify.isolation import choose, servers, start
from verify.lessons.network.grade import examination, grade_submission
from verify.submissions import confined
from verify.submissions.reading import Entry, read_entry

_MODES = ("process", "namespaces")
_MOST_PERCENT = 3.0
_OPEN = "\n\ndef shut():\n    return True\n"


@contextlib.contextmanager
def _without_filter() -> Iterator[None]:
    """Servers that start here put no filter on their children."""
    modules = start._modules

    def changed() -> tuple[tuple[str, Any], ...]:
        source = (start._INSIDE / "syscalls.py").read_text() + _OPEN
        opened = compile(source, "<syscalls>", "exec")
        return tuple((name, opened if name == "syscalls" else code) for name, code in modules())

    start._modules = functools.cache(changed)
    try:
        yield
    finally:
        start._modules = modules


def walls_table(settings: Settings) -> Table:
    """Submissions a second with and without the filter, and with the confined reader or without."""
    rounds, each = (2, 4) if settings.quick else (12, 25)
    exam = examination(Assignment(), 0)
    rows, record, goals = [], {}, []
    with TemporaryDirectory() as folder:
        path = Path(folder, "student.py")
        path.write_text(Path(__file__).with_name("submission.py").read_text())
        entry = Entry("student.py", path)
        submission = read_entry(entry)
        direct = _seconds(lambda: read_entry(entry), each)
        for mode in _MODES:
            settings.progress(f"{mode}: with the filter and without")
            sandbox = choose(mode)
            graded = lambda: grade_submission(submission, exam, sandbox)  # noqa: B023
            pairs = [_pair(graded, each) for _ in range(rounds)]
            share = 100 * (statistics.median(on / off for on, off in pairs) - 1)
            seconds = statistics.median(on for on, _ in pairs)
            rows.append((f"filter, {mode}", *_cells(seconds, seconds / (1 + share / 100), share)))
            record[f"filter-{mode}"] = {"pairs": pairs, "percent": share}
            goals.append(at_most(f"cost of the filter, {mode}: % of the rate", _MOST_PERCENT, share))
        settings.progress("the confined reader")
        share, more = _reader(entry, direct, seconds, each * rounds)
        rows.append(("confined reader", *_cells(seconds + more, seconds, share)))
        record["reader"] = {"seconds_more": more, "percent": share}
        goals.append(at_most("cost of the confined reader: % of the rate", _MOST_PERCENT, share))
    columns = ("", "with: a second", "without: a second", "cost, %")
    notes = ["Of reading, running and judging one right submission after the other, in one process; medians of pairs."]
    return Table("walls", "What the walls cost", columns, rows, notes, record, goals)


def _cells(with_it: float, without: float, share: float) -> tuple[str, str, str]:
    return number(1 / with_it, 3), number(1 / without, 3), number(share)


def _pair(graded: Callable[[], Any], each: int) -> tuple[float, float]:
    """Seconds for one submission, with the filter and without: each server is started anew."""
    servers.pool.close()
    on = _seconds(graded, each)
    servers.pool.close()
    with _without_filter():
        off = _seconds(graded, each)
        servers.pool.close()
    return on, off


def _reader(entry: Entry, direct: float, seconds: float, times: int) -> tuple[float, float]:
    """What the confined reader takes beyond a direct one, in percent of a submission and in seconds."""
    more = max(0.0, _seconds(lambda: confined.read(entry), times) - direct)
    return 100 * more / seconds, more


def _seconds(function: Callable[[], Any], times: int) -> float:
    """Median seconds of a call, after one that is not counted."""
    function()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        function()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)
