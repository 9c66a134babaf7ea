"""The main job's record as Markdown."""

from __future__ import annotations

from verify.compare_record import CompareRecord
from verify.reports import pages


def render(record: CompareRecord) -> str:
    """The report as GitHub's Markdown."""
    return pages.MARKDOWN.get_template("compare.md.j2").render(pages.compare_context(record))
