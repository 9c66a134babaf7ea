"""The benchmarks of what the walls cost and of fuzzing: what is left out is left out, what is tried is tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile_runs import CALLS, LIMITS
from verify.benchmarks import guided, walls
from verify.isolation import choose, run, servers
from verify.isolation.inside import syscalls
from verify.submissions.submission import Submission

OPENS = """
import socket
try:
    socket.socket(socket.AF_UNIX).close()
    print("open")
except PermissionError:
    print("shut")

def gradients(*problem):
    return [], []
"""


def test_the_baseline_is_without_the_filter() -> None:
    if syscalls.filter_here() is None:
        pytest.skip("this kernel or machine has no filter")
    tried = lambda: run(Submission("a.py", OPENS, "a.py"), CALLS, limits=LIMITS, sandbox=choose("process")).output
    servers.pool.close()
    assert tried() == "shut\n"
    servers.pool.close()
    with walls._without_filter():
        assert tried() == "open\n"
        servers.pool.close()
    assert tried() == "shut\n"


@pytest.mark.parametrize("target", guided.TARGETS)
def test_what_fuzzing_begins_with_is_met_without_an_exception(target: str, tmp_path: Path) -> None:
    tried = guided.decoder() if target == "decoder" else guided.reader(tmp_path)
    examples = guided.examples(target)
    assert len(examples) >= 40
    for content in [*examples, b"", b"\n", b"{}\n", b"x" * 100]:
        tried(content)


def test_a_target_that_raises_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder's target hears what it is told: a message that is understood is sorted, with whatever that raises."""
    monkeypatch.setattr("verify.grading.answers.gradients_answer", lambda value, L: 1 / 0)
    tried = guided.decoder()
    with pytest.raises(ZeroDivisionError):
        tried(guided.examples("decoder")[0])
