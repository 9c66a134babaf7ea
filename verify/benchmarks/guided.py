"""Coverage-guided fuzzing of what hears a worker and of what reads files, by atheris (libFuzzer for Python).

`guided`: how many inputs were tried, and whether any of them was met with an exception. Each target is a process:

    python -m verify.benchmarks.guided decoder FOLDER -max_total_time=60
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from verify.benchmarks.tables import Settings, Table, none_of

TARGETS = ("decoder", "reader")
_INSTRUMENTED = ["verify.isolation.protocol", "verify.isolation.inside.codec", "verify.submissions", "verify.grading"]
_SEEDS = 40


# Targets -------------------------------------------------------------------------------------------------------------


def decoder() -> Callable[[bytes], None]:
    """Takes what a worker might say, a header and arrays: understood, or Malformed; and sorted, or told."""
    from verify.grading.answers import gradients_answer
    from verify.isolation.inside.codec import PREFIX_BYTES, TOKEN_BYTES, frame
    from verify.isolation.protocol import Malformed, Transcript

    token = bytes(TOKEN_BYTES)
    begun = frame(token, {"ready": True, "resident": 1}, [])
    begun += frame(token, {"imported": "returned", "functions": ["gradients"]}, [])

    def hear(data: bytes) -> None:
        header, _, payload = data.partition(b"\n")
        sizes = len(header).to_bytes(4, "big") + len(payload).to_bytes(PREFIX_BYTES - TOKEN_BYTES - 4, "big")
        said = Transcript(token, 3, 1 << 20, 1 << 22)
        with contextlib.suppress(Malformed):
            said.feed(begun)
            said.feed(token + sizes + data.replace(b"\n", b"", 1))
        for reply in said.replies:
            gradients_answer(reply.value, 2)

    return hear


def reader(folder: Path) -> Callable[[bytes], None]:
    """Takes a file of some form: a submission, or Ungradable in one line."""
    from verify.benchmarks.odd import read_file
    from verify.benchmarks.odd_files import FORMS

    names = sorted(FORMS)

    def read(data: bytes) -> None:
        if data:
            read_file(folder, names[data[0] % len(names)], data[1:])

    return read


def examples(target: str) -> list[bytes]:
    """Inputs to begin with."""
    from verify.benchmarks.odd import answers
    from verify.benchmarks.odd_files import FORMS
    from verify.isolation.inside.codec import Encoder

    chance = random.Random(0)
    if target == "reader":
        return [bytes([at]) + FORMS[name](chance) for at, name in enumerate(sorted(FORMS)) for _ in range(_SEEDS // 10)]
    found, drawn = [], answers(chance)
    for _ in range(_SEEDS):
        encoder = Encoder(1 << 16)
        said = {"call": 0, "outcome": "returned", "value": encoder.encode(next(drawn)), "line": None, "message": ""}
        found.append(json.dumps(said).encode() + b"\n" + b"".join(encoder.buffers))
    return found


def fuzz(target: str, corpus: str, options: list[str]) -> None:
    """Fuzzes one target in this process, until libFuzzer ends it."""
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=_INSTRUMENTED):
        import verify.grading.answers
        import verify.isolation.protocol
        import verify.submissions.reading  # noqa: F401
    with tempfile.TemporaryDirectory() as folder:
        for at, content in enumerate(examples(target)):
            Path(corpus, f"seed{at}").write_bytes(content)
        tried = decoder() if target == "decoder" else reader(Path(folder))
        atheris.Setup([sys.argv[0], corpus, *options], lambda data: tried(bytes(data)))
        atheris.Fuzz()


# The table -----------------------------------------------------------------------------------------------------------


def guided_table(settings: Settings) -> Table:
    """Inputs that coverage led to, for each target, and whether one of them was met with an exception."""
    seconds = 5 if settings.quick else 240
    rows, record, goals = [], {}, []
    if find_spec("atheris") is None:
        notes = ["atheris is not installed here: pip install 'backproof[fuzz]', where it has a wheel."]
        return Table("guided", "Fuzzing led by coverage", _COLUMNS, rows, notes, record, goals)
    for target in TARGETS:
        settings.progress(f"{target}: {seconds} s")
        tried, covered, failure = fuzzed(target, seconds, settings.seed)
        rows.append((target, f"{tried:,}", str(covered), failure.splitlines()[0][:80] if failure else "none"))
        record[target] = {"inputs": tried, "covered": covered, "failure": failure}
        goals.append(none_of(f"exceptions of the {target}, {tried:,} inputs led by coverage", int(bool(failure))))
    return Table("guided", "Fuzzing led by coverage", _COLUMNS, rows, [], record, goals)


_COLUMNS = ("", "inputs", "places covered", "exception")


def fuzzed(target: str, seconds: int, seed: int) -> tuple[int, int, str]:
    """Inputs tried, places covered, and what was raised, if anything."""
    with tempfile.TemporaryDirectory() as corpus:
        command = [sys.executable, "-m", "verify.benchmarks.guided", target, corpus]
        options = [f"-max_total_time={seconds}", f"-seed={seed + 1}", "-print_final_stats=1", "-max_len=20000"]
        done = subprocess.run(
            [*command, *options, f"-artifact_prefix={corpus}/"],
            capture_output=True, encoding="utf-8", errors="replace", check=False, cwd=corpus,
        )  # fmt: skip
    tried = re.search(r"stat::number_of_executed_units: (\d+)", done.stderr)
    covered = re.findall(r"cov: (\d+)", done.stderr)
    told = (done.stdout + done.stderr)[-4000:] if done.returncode else ""
    return int(tried[1]) if tried else 0, int(covered[-1]) if covered else 0, told


if __name__ == "__main__":
    fuzz(sys.argv[1], sys.argv[2], sys.argv[3:])
