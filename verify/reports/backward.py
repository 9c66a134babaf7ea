"""What check_backward returns: the record, and every way to read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from verify.backward.record import CheckRecord, Finding, PowerRecord


@dataclass(frozen=True, repr=False)
class Report:
    """The outcome of a check. `verdict` is "right", "doubtful", "wrong" or "inconclusive"."""

    record: CheckRecord

    @property
    def verdict(self) -> str:
        return self.record.verdict

    @property
    def findings(self) -> list[Finding]:
        """What is wrong, doubtful or cannot be told: input, probe, entry, yours, expected, budget, a sentence."""
        return self.record.findings

    @property
    def power(self) -> dict[str, PowerRecord]:
        """What would have been seen on these data, by input."""
        return {power.input: power for power in self.record.power}

    def __str__(self) -> str:
        from verify.reports.backward_terminal import render

        return render(self.record)

    def _repr_html_(self) -> str:
        """The page, where a notebook shows a report."""
        from verify.reports.backward_html import render
        from verify.reports.notebook import framed

        return framed(render(self.record))

    def __repr__(self) -> str:
        return f"<Report: {self.record.sentence}>"

    def json(self) -> str:
        """The record as JSON, schema backproof.check/1."""
        return self.record.json()

    def html(self, path: str | Path) -> Path:
        """Write the report as one HTML file, one pixel per entry; returns its path."""
        from verify.reports.backward_html import render

        target = Path(path)
        target.write_text(render(self.record), encoding="utf-8")
        return target

    def raise_if_wrong(self, allow: Sequence[str] = ()) -> None:
        """AssertionError with the report, unless the verdict is right or stands in `allow`."""
        allowed = (allow,) if isinstance(allow, str) else tuple(allow)
        unknown = [a for a in allowed if a not in ("doubtful", "inconclusive", "wrong")]
        if unknown:
            from verify.errors import BadInput

            raise BadInput(f"allow={unknown[0]!r}: allowed are 'doubtful', 'inconclusive' and 'wrong'")
        if self.verdict != "right" and self.verdict not in allowed:
            raise AssertionError(str(self))
