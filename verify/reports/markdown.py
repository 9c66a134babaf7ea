"""The main job's record as Markdown."""

from __future__ import annotations

from verify.reports import pages
from verify.witnesses.record import CompareRecord


def render(record: CompareRecord) -> str:
    """The report as GitHub's Markdown."""
    return pages.MARKDOWN.get_template("compare.md.j2").render(pages.compare_context(record))
