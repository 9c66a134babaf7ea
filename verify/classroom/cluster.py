"""Graders on a Dask cluster, where one machine is too small: the extra `cluster`.

Its workers need backproof with the same versions, and a sandbox of their own; submissions are sent to them.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

from verify.classroom.classroom import Graders
from verify.classroom.grade_job import scheduler
from verify.errors import BadInput

_CONNECT_SECONDS = 10


@contextmanager
def dask(executor: str) -> Iterator[Graders]:
    """The workers of the scheduler at dask://HOST:PORT. Raises BadInput where there are none, or no Dask here."""
    address = scheduler(executor)
    if importlib.util.find_spec("distributed") is None:
        raise BadInput(f"--executor {executor}: needs the extra cluster: pip install 'backproof[cluster]'")
    distributed = importlib.import_module("distributed")
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(f"--executor {executor}: no Dask scheduler answers there ({reason})") from None
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise BadInput(f"--executor {executor}: its scheduler has no workers; allowed is one that has some")
        # Not pure: Dask would otherwise give one record for two tasks that look alike to it.
        yield Graders(lambda: client.get_executor(pure=False), 2 * threads, f"--executor {executor}")
