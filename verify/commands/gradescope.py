"""What an autograder runs at Gradescope: grades the one submission there, and writes results.json whatever happens.

Its one argument is the root: /autograder, with source/ (what was uploaded), submission/ and submission_metadata.json.
"""

from __future__ import annotations

import contextlib
import json
import sys
import traceback
from pathlib import Path
from typing import Any

from verify.classroom.exports.gradescope import encoded, gradescope
from verify.classroom.sitting import Sitting, Work, finished, read, record_of
from verify.commands.autograder import lesson_in
from verify.errors import BadInput
from verify.grading.course import days_late
from verify.grading.record import decode
from verify.lessons.registry import read_any
from verify.submissions.downloads import moment
from verify.submissions.reading import Entry
from verify.submissions.submission import safe_name, shown

_FAILED = "The autograder failed, not the submission. Please tell your instructor."


def main() -> int:
    """Write results/results.json under the root that the command line names."""
    root = Path(sys.argv[1])
    try:
        results = graded(root)
    except Exception as error:
        # The instructor reads standard output, students do not.
        print(error if isinstance(error, BadInput) else traceback.format_exc())
        results = {"output": _FAILED, "stdout_visibility": "hidden", "tests": []}
    (root / "results").mkdir(exist_ok=True)
    (root / "results" / "results.json").write_bytes(encoded(results))
    return 0


def graded(root: Path) -> dict[str, Any]:
    """The results of the submission under a root. Raises BadInput for an autograder that is not whole."""
    asked = read_any(root / "source" / "assignment.toml", lesson_in(root / "source"))
    sitting = Sitting(asked, _seed(root / "source" / "seed"), secret=not isinstance(asked.seed, int))
    entry = _entry(root / "submission")
    record = record_of(Work(entry, read(entry, asked), sitting))
    whole = decode(finished(record, sitting).record)
    if whole.state == "grader-error":
        print(whole.message)
    days = days_late(_submitted(root / "submission_metadata.json"), asked.due, asked.late, marked=False)
    return gradescope(whole, asked, days=days)


def _seed(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        raise BadInput(shown(f"{path}: holds no whole number; build the autograder again")) from None


def _entry(folder: Path) -> Entry:
    """The submission, called as the one file in it."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return Entry(safe_name(names[0] if len(names) == 1 else "submission"), folder)


def _submitted(path: Path) -> str:
    """When it was handed in, as Gradescope says it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return moment(str(json.loads(path.read_bytes()).get("created_at", "")))
    return ""


if __name__ == "__main__":
    sys.exit(main())
