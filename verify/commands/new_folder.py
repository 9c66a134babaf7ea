"""A folder that a command fills: there whole, or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from verify.errors import BadInput
from verify.submissions.submission import shown


@contextmanager
def new_folder(option: str, path: Path) -> Iterator[Path]:
    """A folder to fill, which stands at the path once the block is through.

    Raises BadInput where something is there already, but an empty folder, or nothing can be written.
    """
    try:
        if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
            raise BadInput(shown(f"{option} {path}: is there already; allowed is a name for a new folder"))
        path.resolve().parent.mkdir(parents=True, exist_ok=True)
        filled = Path(tempfile.mkdtemp(prefix=".backproof-", dir=path.resolve().parent))
    except OSError as error:
        raise BadInput(shown(f"{option} {path}: cannot be written ({error.strerror})")) from None
    try:
        yield filled
        filled.chmod(0o755)
        filled.replace(path)
    except OSError as error:
        raise BadInput(shown(f"{option} {path}: cannot be written ({error.strerror or error})")) from None
    finally:
        shutil.rmtree(filled, ignore_errors=True)
