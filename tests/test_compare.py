"""scripts/compare.py as its users meet it: exit codes, JSON, reports, and one line for whatever is bad."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from manual import SLIDES, work
from verify.commands import main_job
from verify.commands.compare import app
from verify.commands.main_job import main_problem
from verify.problems.job import Job
from verify.reports import html, markdown, words
from verify.witnesses.record import CompareRecord

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = [sys.executable, str(ROOT / "scripts" / "compare.py")]
SMALL = ["--layers", "784,5,10", "--batch", "2", "--sweep", "2"]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The manual side loses its 1/N."""
    monkeypatch.setattr(
        "verify.witnesses.against.work", partial(work, equations=replace(SLIDES, mean=lambda net, total: total))
    )


@pytest.fixture(scope="module")
def record() -> CompareRecord:
    return main_job.run(Job(layers=(784, 5, 10), batch=2, sweep=2, activation="tanh"))


# Exit codes and JSON -------------------------------------------------------------------------------------------------


def test_agreement_is_0_and_the_terminal_says_what_was_shown() -> None:
    found = invoke(*SMALL)
    assert found.exit_code == 0, found.output
    assert found.stderr == ""
    for part in ("784-5-10, relu, softmax with cross-entropy, λ = 0.001", "2 images of fashion-mnist", "3,985", "dW2",
                 "deck 000 综上,误差反向传播求导及调整步骤", "Sweep: 2 problems", "no disagreement",
                 "agree on every one of the 3,985 parameters", "would have been seen from"):  # fmt: skip
        assert part in found.stdout, part


@pytest.mark.usefixtures("wrong")
def test_disagreement_is_1_and_says_where() -> None:
    found = invoke(*SMALL)
    assert found.exit_code == 1
    assert "Manual and autograd disagree, first on dW2: " in found.stdout
    assert re.search(r"^dW2 .*disagree", found.stdout, re.MULTILINE)
    assert re.search(r"^delta2 .*agree", found.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", ["agree", "disagree"])
def test_json_on_standard_output_is_alone_there(name: str, request: pytest.FixtureRequest) -> None:
    if name == "disagree":
        request.getfixturevalue("wrong")
    found = invoke(*SMALL, "--json", "-")
    assert found.exit_code == (0 if name == "agree" else 1)
    assert json.loads(found.stdout)["agree"] is (name == "agree")
    assert found.stderr == ""


# The contract: these keys stay, more may come.
SCHEMA: dict[str, Any] = {
    "schema": str, "agree": bool,
    "problem": {"data": str, "layers": list, "batch": int, "activation": str, "output": str, "loss": str, "lam": float,
                "dtype": str, "device": str, "seed": int, "parameters": int},
    "witnesses": [{"name": str, "seconds": float}],
    "lines": [{"name": str, "pair": list, "verdict": str, "worst_error": float, "budget": float, "ratio": float,
               "index": list}],
    "sweep": {"problems": int, "disagreements": int},
    "detection_limit": {"manual/autograd": float, "manual/finite-differences": float},
}  # fmt: skip


def check(value: Any, schema: Any, path: str = "record") -> None:
    """The keys of the contract are there, with values of their types."""
    if isinstance(schema, dict):
        for key, kind in schema.items():
            assert key in value, f"{path}.{key}"
            check(value[key], kind, f"{path}.{key}")
    elif isinstance(schema, list):
        assert value, path
        for i, item in enumerate(value):
            check(item, schema[0], f"{path}[{i}]")
    else:
        assert type(value) is schema, f"{path} is {value!r}"


def test_the_json_is_that_of_the_contract() -> None:
    found = json.loads(invoke(*SMALL, "--json", "-").stdout)
    check(found, SCHEMA)
    assert next(iter(found)) == "schema"
    assert found["schema"] == "backproof.compare/1"
    by_name = {w["name"]: w for w in found["witnesses"]}
    assert by_name["finite-differences"].items() >= {"parameters_checked": 3985, "inconclusive": 0}.items()
    assert {tuple(line["pair"]) for line in found["lines"]} == {
        ("manual", "autograd"), ("manual", "finite-differences"),
    }  # fmt: skip


def test_a_record_without_a_key_would_be_seen() -> None:
    found = json.loads(invoke(*SMALL, "--json", "-").stdout)
    del found["lines"][3]["ratio"]
    with pytest.raises(AssertionError, match=r"record\.lines\[3\]\.ratio"):
        check(found, SCHEMA)


def test_files_are_written_beside_the_terminal(tmp_path: Path) -> None:
    files = {kind: tmp_path / f"report.{kind}" for kind in ("json", "html", "markdown")}
    found = invoke(*SMALL, *(part for kind, path in files.items() for part in (f"--{kind}", str(path))))
    assert found.exit_code == 0
    assert "dW1" in found.stdout
    msgspec.json.decode(files["json"].read_bytes(), type=CompareRecord)
    assert files["html"].read_text(encoding="utf-8").startswith("<!doctype html>")
    assert files["markdown"].read_text(encoding="utf-8").startswith("# Agree")


# Bad input -----------------------------------------------------------------------------------------------------------

BAD = [
    (["--activation", "sine"], "activation 'sine' is not known; allowed are relu"),
    (["--lam", "-1"], "lam -1.0: allowed is a finite number, 0 or more"),
    (["--lam", "nan"], "lam nan: allowed"),
    (["--penalty", "half"], "penalty 'half' is not known; allowed are lam/2, lam, lam/(2N)"),
    (["--lam", "much"], "'much', where a number is allowed"),
    (["--layers", "784,x,10"], "layers '784,x,10': allowed are whole numbers"),
    (["--layers", "100,10"], "layers '100,10' begin with 100: allowed is 784"),
    (["--layers", "784,9"], "layers '784,9' end with 9: allowed is 10"),
    (["--batch", "0"], "batch 0: allowed is a whole number from 1 on"),
    (["--batch", "7777777"], "a batch of 7777777 images: allowed is 1 to "),
    (["--batch", "two"], "'two', where a whole number is allowed"),
    (["--device", "cuda:x"], "device 'cuda:x' is not known; allowed are cpu, cuda"),
    (["--data", "/no/such/place"], "data /no/such/place: allowed are fashion-mnist, mnist and a folder"),
    (["--json", "/no/such/place/r.json"], "--json /no/such/place/r.json: there is no folder /no/such/place"),
    (["--html", "/"], "--html /: is a folder"),
    (["--output", "tanh"], "output 'tanh' with loss 'cross-entropy': allowed with cross-entropy is softmax"),
    (["--seed", "-3"], "seed -3: allowed is a whole number from 0"),
    (["--sweep", "-3"], "sweep -3: allowed is a whole number from 0"),
    (["--dtype", "half"], "dtype 'half' is not known; allowed are float64, float32"),
    (["--nonsense"], "No such option: --nonsense"),
    (["--batch"], "'--batch' requires an argument"),
    (["--activation", "a\nb\x1b[31m"], r"activation 'a\nb\x1b[31m' is not known"),
]


def refused(found: Result) -> str:
    """The one line of bad input: exit 2, nothing on stdout, no traceback."""
    assert found.exit_code == 2, found.output
    assert isinstance(found.exception, SystemExit)
    assert found.stdout == ""
    lines = found.stderr.splitlines()
    assert len(lines) == 1, found.stderr
    assert lines[0].isprintable()
    return lines[0]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_input_is_one_line(arguments: list[str], message: str) -> None:
    assert message in refused(invoke(*arguments))


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's own reason, of which only the first line is told."""

    def absent(*args: object, **kwargs: object) -> None:
        raise RuntimeError("Found no NVIDIA driver on your system.\nCheck that …")

    monkeypatch.setattr(main_job.torch, "zeros", absent)
    assert "device 'cuda': Found no NVIDIA driver on your system.; allowed here is cpu" in refused(
        invoke("--device", "cuda")
    )


def test_a_damaged_data_file_is_named(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(b"no images")
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(b"no labels")
    assert "train-images-idx3-ubyte" in refused(invoke("--data", str(tmp_path)))


def test_a_file_that_cannot_be_written_is_told_when_it_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    found = invoke(*SMALL, "--json", str(tmp_path / "r.json"))
    assert "r.json: cannot be written (No space left on device)" in refused(found)


def test_a_very_long_value_stays_one_short_line() -> None:
    assert len(refused(invoke("--layers", "7," * 9000))) < 1200


VALUES = st.one_of(
    st.sampled_from(["relu", "tanh", "softmax", "784,4,10", "1", "0", "-1", "nan", "inf", "1e400", "", "-", "--",
                     "cuda", "squared-error", "/dev/null/x", "mnist", "9" * 5000, "784,10", "float32", "½", "\ud800",
                     "1_0"]),
    st.text(max_size=6),
    st.integers(-3, 9).map(str),
)  # fmt: skip
OPTIONS = [f"--{name}" for name in ("layers", "batch", "activation", "output", "loss", "lam", "penalty", "data",
                                    "sweep", "seed", "device", "dtype", "Batch", "lamb", "")]  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(tokens=st.lists(st.tuples(st.sampled_from(OPTIONS), VALUES, st.sampled_from([" ", "=", "none"])), max_size=4))
def test_no_command_line_ends_in_a_traceback(
    tokens: list[tuple[str, str, str]], record: CompareRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is, up to the point where the network is computed."""

    def up_to_the_problem(job: Job, progress: object) -> CompareRecord:
        main_problem(job)
        return record

    monkeypatch.setattr(main_job, "run", up_to_the_problem)
    arguments: list[str] = []
    for option, value, joint in tokens:
        arguments += {" ": [option, value], "=": [f"{option}={value}"], "none": [option]}[joint]
    found = invoke(*arguments)
    assert found.exit_code in (0, 2), (arguments, found.output, found.exception)
    if found.exit_code == 2:
        refused(found)


def test_help_is_no_bad_input() -> None:
    found = invoke("--help")
    assert found.exit_code == 0
    for option in ("--layers", "--sweep", "--device", "--json"):
        assert option in found.stdout


# As a program --------------------------------------------------------------------------------------------------------


def test_from_another_folder_with_nothing_else_on_standard_output(tmp_path: Path) -> None:
    found = subprocess.run([*SCRIPT, *SMALL, "--json", "-"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    check(json.loads(found.stdout), SCHEMA)


def test_bad_input_needs_no_torch() -> None:
    """A word that is wrong is told at once, not after the seconds that torch takes to import."""
    program = (
        "import sys; sys.argv = ['compare.py', '--lam', '-1']; sys.path.insert(0, '.')\n"
        "try:\n    from scripts.compare import app; app()\n"
        "finally:\n    print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert found.returncode == 2
    assert found.stdout == "False\n"
    assert found.stderr == "compare.py: lam -1.0: allowed is a finite number, 0 or more\n"


def test_a_reader_that_stops_reading_is_no_traceback() -> None:
    program = subprocess.Popen([*SCRIPT, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert program.stdout is not None
    assert program.stderr is not None
    program.stdout.close()
    stderr = program.stderr.read()
    program.stderr.close()
    program.wait(60)
    assert b"Traceback" not in stderr


# Reports -------------------------------------------------------------------------------------------------------------


def test_the_page_is_one_file_and_escapes_what_it_shows(record: CompareRecord) -> None:
    problem = msgspec.structs.replace(record.problem, data="<script>alert(1)</script>")
    page = html.render(msgspec.structs.replace(record, problem=problem))
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    # What a picture has twice it names by #id in the page itself: that loads nothing.
    assert not re.search(r"""(src|href)=(?!"#)|url\((?!#)|@import|https?://""", page)
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page


def test_markdown_keeps_its_tables(record: CompareRecord) -> None:
    problem = msgspec.structs.replace(record.problem, data="a | b\n<i>")
    text = markdown.render(msgspec.structs.replace(record, problem=problem))
    assert r"a \| b &lt;i>" in text
    rows = [row for row in text.splitlines() if re.match(r"\| (d|a|z|y|E)", row)]
    cells = 1 + 3 * len(words.pairs(record)) + 2
    assert {len(re.findall(r"(?<!\\)\|", row)) - 1 for row in rows if "deck" in row} == {cells}


@pytest.mark.usefixtures("wrong")
def test_every_report_of_a_disagreement_names_the_line() -> None:
    found = main_job.run(Job(layers=(784, 5, 10), batch=2, sweep=3))
    for text in (html.render(found), markdown.render(found), words.conclusion(found)):
        assert "disagree, first on dW2" in text
    assert "disagree" in markdown.render(found).splitlines()[0].lower()
    for failure in found.sweep.failures:
        assert failure.line in markdown.render(found)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"agree": False}, "Nothing disagrees, but of some line no entry could be decided."),
        ({"detection_limit": {"manual/autograd": None}}, "No entry had a size to measure an error by."),
    ],
)
def test_the_conclusion_fits_what_happened(record: CompareRecord, change: dict, sentence: str) -> None:
    assert sentence in words.conclusion(msgspec.structs.replace(record, **change))


def test_the_conclusion_counts_what_is_open(record: CompareRecord) -> None:
    witnesses = (*record.witnesses[:2], msgspec.structs.replace(record.witnesses[2], inconclusive=1))
    assert "; 1 entry was left undecided." in words.conclusion(msgspec.structs.replace(record, witnesses=witnesses))
    sweep = msgspec.structs.replace(record.sweep, disagreements=2)
    failed = words.conclusion(msgspec.structs.replace(record, agree=False, sweep=sweep))
    assert failed.startswith("The network agrees; in the sweep 2 problems do not.")
    assert words.sweep_sentence(msgspec.structs.replace(record.sweep, problems=0)) == "No sweep was asked for."
