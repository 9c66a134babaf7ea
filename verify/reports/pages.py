"""Templates and what they may use. HTML escapes every value; Markdown's tables escape what would end a cell."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from verify.language import language, tr
from verify.reports import words
from verify.witnesses.record import CompareRecord


def _environment(**options: Any) -> Environment:
    found = Environment(
        loader=PackageLoader("verify.reports"), undefined=StrictUndefined, keep_trailing_newline=True, **options
    )
    found.globals |= {"tr": tr, "language": language}
    found.filters |= {"size": words.size, "share": words.share, "verdict": words.verdict, "cell": cell}
    return found


def cell(text: str) -> str:
    """The text in a cell of a Markdown table: one line, no bar, no tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


HTML = _environment(autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True)
MARKDOWN = _environment(autoescape=False)


def compare_context(record: CompareRecord) -> dict[str, Any]:
    """What the templates of the main job read: the record, and the words that all reports share."""
    return {
        "record": record,
        "names": [w.name for w in record.witnesses],
        "problem": words.problem_rows(record),
        "witnesses": words.witness_rows(record),
        "pairs": words.pairs(record),
        "rows": words.rows(record),
        "sweep": words.sweep_sentence(record.sweep),
        "conclusion": words.conclusion(record),
        "outcome": words.outcome(record),
        "exact": words.exact_sentence(record),
        "exact_rows": words.exact_rows(record),
        "exact_witnesses": words.exact_witnesses(record),
    }
