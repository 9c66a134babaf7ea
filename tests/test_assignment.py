"""The assignment file: its defaults, its digest, and one line of explanation for everything it does not take."""

from __future__ import annotations

import random
import tomllib
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from verify.errors import BadInput
from verify.grading.assignment import Assignment, assignment_from, read_assignment
from verify.grading.toml_file import MAX_FILE_BYTES

DEFAULT = """
lesson      = "network"
convention  = "rows"
backend     = "numpy"
activations = ["relu", "tanh", "sigmoid"]
output      = "softmax"
loss        = "cross-entropy"
layers      = [1, 3]
widths      = [1, 8]
inputs      = [1, 8]
outputs     = [2, 6]
batch       = [1, 8]
biases      = true
l2          = true
penalty     = "lam/2"
precision   = "float64"
seed        = "secret"
epsilon     = "allow"
forward_only = "allow"
functions   = []
time_limit  = 10.0
cpu_limit   = 0.0
program     = ""
memory_mib  = 1024
packages    = []
adapter     = ""
files       = []
name        = ""
due         = ""

[activation]
leaky_relu = 0.01
elu        = 1.0
swish      = 1.0
celu       = 1.0
prelu      = 0.25

[losses]
huber = 1.0
smoothing = 0.1
margin = 1.0

[points]
gradients = 10

[late]
per_day = 0.0
most    = 1.0
grace   = 0.0

[show]
before = "case"
after  = "case"
"""


WHEN = datetime(2026, 11, 20, 23, 59, tzinfo=timezone(timedelta(hours=1)))


def test_a_due_date_has_its_offset(tmp_path: Path) -> None:
    assert read_assignment(written(tmp_path, "due = 2026-11-20T23:59:00+01:00")).due == WHEN.isoformat()
    assert read_assignment(written(tmp_path, 'due = "2026-11-20T22:59:00Z"')).due == "2026-11-20T22:59:00+00:00"
    for text in ("2026-11-20T23:59:00", '"2026-11-20T23:59:00"', "2026-11-20", '"tomorrow"', "3"):
        assert "takes a date and time with its offset, as 2026-11-20T23:59:00+01:00" in refusal(
            tmp_path, f"due = {text}"
        )


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "assignment.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(folder: Path, content: str | bytes) -> str:
    with pytest.raises(BadInput) as caught:
        read_assignment(written(folder, content))
    return str(caught.value)


def test_the_default_is_what_the_design_writes_out(tmp_path: Path) -> None:
    assert (
        read_assignment(None) == read_assignment(written(tmp_path, DEFAULT)) == read_assignment(written(tmp_path, ""))
    )
    assert set(tomllib.loads(DEFAULT)) == set(Assignment.__struct_fields__)


def test_every_key_is_taken(tmp_path: Path) -> None:
    text = """
    lesson = "network"
    convention = "columns"
    backend = "torch"
    activations = ["gelu", "swish"]
    output = "tanh"
    loss = "squared-error"
    layers = [2, 2]
    widths = [300, 300]
    inputs = [784, 784]
    outputs = [1, 1]
    batch = [4, 16]
    biases = false
    l2 = false
    penalty = "lam"
    precision = "float32"
    seed = 7
    epsilon = "wrong"
    forward_only = "wrong"
    functions = ["loss", "step"]
    time_limit = 2
    cpu_limit = 1.5
        program = "hw3.py"
    memory_mib = 512
    packages = ["pandas", "scikit-learn"]
    name = "Homework 3"
    due = ""
    late = {per_day = 0.1, most = 0.5, grace = 15}
    show = {before = "states", after = "hints"}
    activation = {leaky_relu = 0.2, elu = 0.5, swish = 2, celu = 3, prelu = 0.5}
    losses = {huber = 2, smoothing = 0.2, margin = 3}
    [points]
    gradients = 4
    forward = 1.5
    loss = 1
    step = 2
    lines = {delta = 2.0, dW2 = 1, y = 0.5, E = 1}
    mistakes = {mean-missing = 2.0, inputs-mutated = 0}
    """
    read = read_assignment(written(tmp_path, text))
    said = {key: value for key, value in msgspec.to_builtins(read).items() if key not in ("adapter", "files")}
    assert said == {**tomllib.loads(text), **{key: tuple(said[key]) for key in said if isinstance(said[key], tuple)}}
    assert type(read.time_limit) is float
    assert type(read.points.lines["dW2"]) is float


def test_a_byte_order_mark_and_windows_lines_are_taken(tmp_path: Path) -> None:
    assert read_assignment(written(tmp_path, b"\xef\xbb\xbfseed = 3\r\n")).seed == 3


@pytest.mark.parametrize(
    ("output", "loss"),
    [
        ("softmax", "cross-entropy"),
        ("sigmoid", "binary-cross-entropy"),
        ("sigmoid", "squared-error"),
        ("identity", "squared-error"),
        ("gelu_tanh", "squared-error"),
        ("softmax", "squared-error"),
        ("softmax", "mean-squared-error"),
        ("relu6", "mean-squared-error"),
        ("identity", "l1"),
        ("tanh", "huber"),
        ("identity", "hinge"),
    ],
)
def test_pairs_that_go_together(output: str, loss: str) -> None:
    assert assignment_from({"output": output, "loss": loss}, "file").output == output


@pytest.mark.parametrize(
    ("output", "loss", "fitting"),
    [
        (
            "softmax",
            "binary-cross-entropy",
            "softmax takes loss cross-entropy or squared-error or mean-squared-error or smoothed-cross-entropy",
        ),
        ("softmax", "l1", "loss l1 takes output relu, leaky_relu"),
        ("sigmoid", "cross-entropy", "sigmoid takes loss binary-cross-entropy or squared-error"),
        ("tanh", "binary-cross-entropy", "tanh takes loss squared-error"),
    ],
)
def test_pairs_that_do_not(output: str, loss: str, fitting: str) -> None:
    with pytest.raises(BadInput, match=fitting):
        assignment_from({"output": output, "loss": loss}, "file")


def refusal_if_any(folder: Path, content: bytes) -> str | None:
    try:
        read_assignment(written(folder, content))
    except BadInput as refused:
        return str(refused)
    return None


BAD = [
    ("sed = 1", '"sed"', "seed, epsilon, forward_only, functions, time_limit"),
    ('seed = "public"', 'seed = "public"', '"secret", or a whole number'),
    ('epsilon = "never"', 'epsilon = "never"', "allow, wrong"),
    ('functions = ["gradients"]', "gradients", "forward, loss, step"),
    ("points.mistakes.mean-missed = 1", "mean-missed", "mean-missing"),
    ("points.mistakes.mean-missing = -1", "mean-missing = -1", "of at least 0"),
    ("seed = true", "seed = true", "whole number from 0"),
    ("seed = 1.0", "seed = 1.0", "whole number"),
    ("seed = -1", "seed = -1", "from 0 to"),
    ("seed = 1" + "0" * 200, "more than 38 digits", "whole number"),
    ("lesson = 'convolution'", 'lesson = "convolution"', "one of network"),
    ("convention = 'row'", 'convention = "row"', "rows, columns"),
    ("backend = 'jax'", '"jax"', "numpy, torch"),
    ("activations = 'relu'", 'activations = "relu"', "list"),
    ("activations = []", "activations = []", "at least one"),
    ("activations = ['relu', 'relu']", "activations", "each once"),
    ("activations = ['rlu']", "rlu", "leaky_relu"),
    ("activations = [['relu']]", "activations", "list"),
    ("output = 'softmin'", '"softmin"', "softmax, relu"),
    ("loss = 'l3'", '"l3"', "squared-error"),
    ("losses = {huber = 0}", "huber = 0", "greater than 0"),
    ("losses = {hubert = 1}", "hubert", "huber"),
    ("losses = {smoothing = 1}", "smoothing = 1", "at most 0.9"),
    ("penalty = 'lam/N'", '"lam/N"', "lam/2, lam, lam/(2N)"),
    ("penalty = 2", "penalty = 2", "lam/2, lam, lam/(2N)"),
    ("layers = [3, 1]", "layers = [3, 1]", "from <= to"),
    ("layers = [0, 1]", "layers = [0, 1]", "1 <= from"),
    ("layers = [1, 2, 3]", "layers = [1, 2, 3]", "[from, to]"),
    ("layers = 2", "layers = 2", "[from, to]"),
    ("widths = [1.0, 2]", "widths = [1.0, 2]", "whole numbers"),
    ("widths = [true, true]", "widths", "whole numbers"),
    ("batch = [1, 10000000]", "batch", "<= 1024"),
    ("biases = 1", "biases = 1", "true or false"),
    ("l2 = 'yes'", "l2", "true or false"),
    ("precision = 'float16'", '"float16"', "float64, float32"),
    ("time_limit = 0", "time_limit = 0", "greater than 0"),
    ("time_limit = nan", "time_limit = nan", "greater than 0"),
    ("time_limit = -inf", "time_limit = -inf", "greater than 0"),
    ("time_limit = inf", "time_limit = inf", "at most 3600"),
    ("time_limit = '10'", "time_limit", "a number"),
    ('program = "../hw.py"', 'program = "../hw.py"', "the name of a .py file"),
    ("program = 3", "program = 3", "the name of a .py file"),
    ("cpu_limit = -1", "cpu_limit = -1", "at least 0"),
    ("cpu_limit = 4000", "cpu_limit = 4000", "at most 3600"),
    ("memory_mib = 1", "memory_mib = 1", "from 64"),
    ("memory_mib = 512.5", "memory_mib = 512.5", "whole number"),
    ("activation = 3", "activation = 3", "leaky_relu, elu, swish"),
    ("[activation]\ngelu = 1", '"activation.gelu"', "leaky_relu, elu, swish"),
    ("[activation]\nelu = 0", "activation.elu = 0", "greater than 0"),
    ("[activation]\nleaky_relu = nan", "activation.leaky_relu = nan", "at least 0"),
    ("[points]\nbackward = 1", '"points.backward"', "gradients, forward, loss, step"),
    ("[points]\nstep = -1", "points.step = -1", "at least 0"),
    ("[points]\ngradients = 0", "points", "more than 0"),
    ("[points.lines]\ndelta0 = 1", '"points.lines.delta0"', "delta1"),
    ("[points.lines]\ny1 = 1", '"points.lines.y1"', "y, E"),
    ("[points.lines]\ndW4 = 1", "points.lines.dW4", "layers = [1, 3]"),
    ("[points.lines]\ndW = inf", "points.lines.dW = inf", "at least 0"),
    ("[points]\nlines = 1", "points.lines = 1", "delta"),
    ("seed 1", "no TOML", "line 1"),
    ("seed = 1\nseed = 2\n", "no TOML", "line 2"),
    ("a = " + "[" * 5000, "nested too deeply", "one or two levels"),
    (b"seed = 1\n# \xff\xfe\n", "line 2", "UTF-8"),
    (b"\x00\x01\x02", "no TOML", "line 1"),
    ("#" * (MAX_FILE_BYTES + 1), str(MAX_FILE_BYTES), "short"),
]


@pytest.mark.parametrize(("content", "value", "allowed"), BAD, ids=[str(entry[0])[:30] for entry in BAD])
def test_what_is_refused_is_named_with_what_is_allowed(tmp_path: Path, content: str, value: str, allowed: str) -> None:
    message = refusal(tmp_path, content)
    assert str(tmp_path / "assignment.toml") in message
    assert value in message
    assert allowed in message
    assert len(message.splitlines()) == 1


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    for path, reason in [
        (tmp_path, "folder"),
        (tmp_path / "none.toml", "no such file"),
        (Path("/dev/zero"), "no regular file"),
        (Path("a\0b"), "no such file"),
        (tmp_path / ("x" * 5000), "cannot be read"),
    ]:
        with pytest.raises(BadInput, match=reason) as caught:
            read_assignment(path)
        assert len(str(caught.value).splitlines()) == 1


def test_no_mutation_of_the_default_gives_anything_but_bad_input(tmp_path: Path) -> None:
    chance = random.Random(5)
    messages: list[str] = []
    for _ in range(300):
        content = bytearray(DEFAULT.encode())
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(content))
            content[place : place + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        messages.append(refusal_if_any(tmp_path, bytes(content)) or "")
    messages = [message for message in messages if message]
    assert len(messages) > 200
    assert {len(message.splitlines()) for message in messages} == {1}


def test_the_digest_depends_on_every_value_and_on_nothing_else(tmp_path: Path) -> None:
    default = Assignment()
    shuffled = "\n".join(sorted(DEFAULT.split("[activation]")[0].splitlines(), reverse=True))
    assert read_assignment(written(tmp_path, shuffled + "\n# another comment")).digest() == default.digest()
    others = [
        {"convention": "columns"},
        {"backend": "torch"},
        {"activations": ["tanh", "relu", "sigmoid"]},
        {"output": "relu", "loss": "squared-error"},
        {"layers": [1, 2]},
        {"widths": [1, 7]},
        {"inputs": [1, 7]},
        {"outputs": [2, 5]},
        {"batch": [2, 8]},
        {"biases": False},
        {"l2": False},
        {"precision": "float32"},
        {"seed": 1},
        {"epsilon": "wrong"},
        {"forward_only": "wrong"},
        {"functions": ["step"]},
        {"points": {"mistakes": {"l2-sign": 1}}},
        {"time_limit": 9.0},
        {"memory_mib": 1025},
        {"activation": {"elu": 1.5}},
        {"activation": {"celu": 0.5}},
        {"activation": {"prelu": 0.5}},
        {"points": {"step": 1}},
        {"points": {"lines": {"dW": 1}}},
        {"points": {"lines": {"dW": 2}}},
    ]
    digests = {assignment_from(other, "file").digest() for other in others} | {default.digest()}
    assert len(digests) == len(others) + 1
    of_the_course = [{"name": "Homework 3"}, {"due": WHEN}, {"late": {"per_day": 0.1}}, {"show": {"before": "hints"}}]
    assert {assignment_from(other, "file").digest() for other in of_the_course} == {default.digest()}
    order = [{"points": {"lines": {"dW": 1, "db": 2}}}, {"points": {"lines": {"db": 2, "dW": 1}}}]
    assert len({assignment_from(entry, "file").digest() for entry in order}) == 1
