"""A matplotlib figure that becomes a file: no display, closed in the end, one line where it cannot be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from verify.errors import BadInput


@contextmanager
def figure_for(option: str, path: Path, *, dpi: int, size: tuple[float, float], layout: str = "tight") -> Iterator[Any]:
    """A figure to draw on, written in the format of the name's ending when the block ends.

    option: on the command line, for BadInput where the file cannot be written. size: inches.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=size, layout=layout)
    try:
        yield figure
        # Without the program's name in it, the same record gives the same bytes.
        figure.savefig(path, dpi=dpi, metadata={"Software": None} if path.suffix == ".png" else None)
    except (OSError, ValueError) as error:
        raise BadInput(f"{option} {path}: cannot be written ({' '.join(str(error).split())})") from error
    finally:
        pyplot.close(figure)
