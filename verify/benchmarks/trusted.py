"""A program that one trusts, run in this process: to measure the diagnosis, never for anybody's submission."""

from __future__ import annotations

import copy
import sys
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from verify.isolation import Call, Outcome, Reply, Run

_FUNCTIONS = ("gradients", "forward", "loss", "step")


def run_trusted(source: str, calls: Sequence[Call]) -> Run:
    """What `verify.isolation.run` gives, without walls and limits: the program is executed once, the calls in order."""
    start = time.perf_counter()
    module: dict[str, Any] = {"__name__": "submission"}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            exec(compile(source, "submission.py", "exec"), module)
        except Exception as error:
            return Run("error", (), message=_text(error))
        asked = {*_FUNCTIONS, *(call.function for call in calls)}
        functions = frozenset(name for name in asked if callable(module.get(name)))
        replies = tuple(_reply(module, call) for call in calls)
    return Run("ok", replies, functions, seconds=time.perf_counter() - start, sandbox="none")


def _reply(module: dict[str, Any], call: Call) -> Reply:
    function = module.get(call.function)
    if not callable(function):
        return Reply(Outcome.MISSING)
    given = _handed(call.arguments)
    try:
        value = copy.deepcopy(function(*given))
    except Exception as error:
        return Reply(Outcome.RAISED, message=_text(error), inputs_changed=not _equal(given, call.arguments))
    return Reply(Outcome.RETURNED, value, inputs_changed=not _equal(given, call.arguments))


def _handed(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The call's own copy. Text is interned, as in a sandbox: students compare names by `is`."""
    return tuple(sys.intern(v) if isinstance(v, str) else copy.deepcopy(v) for v in arguments)


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(_equal(a, b) for a, b in zip(first, second, strict=True))
    return np.array_equal(first, second, equal_nan=True) if isinstance(first, np.ndarray) else first == second


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
