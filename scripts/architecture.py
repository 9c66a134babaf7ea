"""Draw the folders of the project and who imports whom into docs/ARCHITECTURE.md, from the source itself.

Only imports that run when a module is loaded count: what is imported inside a function is asked for when it is needed,
what stands under TYPE_CHECKING never runs. Exit code 1, with --check, where the page's drawing is out of date.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from verify.commands.command_line import has_only

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "ARCHITECTURE.md"
BEGIN, END = "<!-- drawn by scripts/architecture.py -->", "<!-- end of the drawing -->"
PACKAGES = ("manual", "torch_ref", "verify")


def room(module: str) -> str:
    """The folder that a module belongs to: verify.grading.record -> grading; of verify itself, its name."""
    parts = module.split(".")
    if parts[0] != "verify":
        return parts[0]
    return parts[1] if len(parts) > 1 and (ROOT / "verify" / parts[1]).is_dir() else "verify"


def imported(path: Path) -> Iterator[str]:
    """The modules of ours that a file imports when it is loaded."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module if node.module != "verify" else f"verify.{node.names[0].name}"
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def arrows() -> set[tuple[str, str]]:
    """(folder, folder that it imports)."""
    found = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            here = room(".".join(path.relative_to(ROOT).with_suffix("").parts))
            found |= {(here, room(m)) for m in imported(path) if m.split(".")[0] in PACKAGES}
    return {(one, other) for one, other in found if one != other and "verify" not in (one, other)}


def drawing() -> str:
    """The drawing as Mermaid, which GitHub shows."""
    lines = [f"    {one} --> {other}" for one, other in sorted(arrows())]
    return "\n".join((BEGIN, "```mermaid", "graph TD", *lines, "```", END))


def main() -> int:
    """Put the drawing into the page, or with --check say whether it is there."""
    only_check = has_only("--check")
    text = PAGE.read_text(encoding="utf-8")
    begin, end = text.index(BEGIN), text.index(END) + len(END)
    drawn = text[:begin] + drawing() + text[end:]
    if only_check:
        if drawn != text:
            print(f"{PAGE}: its drawing is out of date; .venv/bin/python scripts/architecture.py draws it anew")
        return int(drawn != text)
    PAGE.write_text(drawn, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
