"""What the site has that does not lie in docs/: its first page, which is the README, and the API from docstrings.

Links that lead out of docs/ are shown as the names of files: the site stands by itself.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# Page -> what stands on it: the names that users import first, then the slides' equations and what a lesson is made of.
API = {
    "api/verify.md": ("Public names", ["verify"]),
    "api/manual.md": ("The slides by hand", ["manual.network", "manual.activations", "manual.graphs"]),
    "api/lesson.md": ("Lessons", ["verify.grading.lesson"]),
    "api/backward.md": ("Backward passes", ["verify.backward.check"]),
    "api/record.md": ("Records", ["verify.grading.record"]),
}
_PAGES = (".md", ".png")
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """The pages that are made: the README and the API."""
    made = import_module("mkdocs.structure.files").File.generated  # of the extra site, which is not always there
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    files.append(made(config, "index.md", content=_LINK.sub(_from_root, readme)))
    for path, (title, modules) in API.items():
        content = "\n\n".join([f"# {title}", *(f"::: {module}" for module in modules)])
        files.append(made(config, path, content=content))
    return files


def _from_root(link: re.Match[str]) -> str:
    inside = link[2].removeprefix("docs/") if link[2].startswith("docs/") else f"../{link[2]}"
    return f"[{link[1]}]({inside}{link[3] or ''})"


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links to files that are no part of the site as their text; a page that is not there stays one, for strict."""
    here = Path(page.file.src_uri).parent

    def kept(link: re.Match[str]) -> str:
        target = _normal(here / link[2])
        return link[0] if target is not None and target.endswith(_PAGES) else link[1]

    return _LINK.sub(kept, markdown)


def _normal(path: Path) -> str | None:
    """A path within docs/, without ..; None where it leads out. A folder is its README."""
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
