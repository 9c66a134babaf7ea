"""Adapters: programs in the forms that existing exercises have are graded as any other, and told what they lack."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.classes import NO_SLOPE, RIGHT
from verify import grade
from verify.errors import BadInput
from verify.grading.assignment import Assignment, read_assignment
from verify.grading.record import GradeRecord

SMALL = "layers = [1, 2]\nseed = 0\n"
# The same computation under a name that no form has, as the base of all of them.
BASE = "_lists"


def based(source: str) -> str:
    return source.replace("def gradients(", f"def {BASE}(")


DICT = """
def gradients(parameters, x, t, activation, lam):
    L = len(parameters) // 2
    W = [parameters[f"W{l}"] for l in range(1, L + 1)]
    b = [parameters[f"b{l}"] for l in range(1, L + 1)]
    dW, db = _lists(W, b, x, t, activation, lam)
    grads = {}
    for l in range(L):
        grads[KEY + f"W{l + 1}"], grads[KEY + f"b{l + 1}"] = dW[l], db[l]
    return RETURN
"""
CLASS = """
class Network:
    def __init__(self, W, b, activation, lam):
        self.W, self.b, self.activation, self.lam = W, b, activation, lam
    def forward(self, x):
        self.x = x
    def backward(self, t):
        self.dW, self.db = _lists(self.W, self.b, self.x, t, self.activation, self.lam)
        return RETURN
"""
FORMS = [
    ("dict", DICT.replace("KEY", "'d'").replace("RETURN", "grads")),
    ("dict", DICT.replace("KEY", "''").replace("RETURN", "grads, {'a1': x}")),
    ("dict", DICT.replace("KEY", "'d'").replace("RETURN", "grads, 0.5")),
    ("dict", DICT.replace("KEY", "'d'").replace("RETURN", "0.5, grads")),
    ("class", CLASS.replace("RETURN", "self.dW, self.db")),
    ("class", CLASS.replace("RETURN", "None") + "\n\ngradients = 'of no use'\n"),
]


def graded(tmp_path: Path, program: str, toml: str, name: str = "alice.py") -> GradeRecord:
    (tmp_path / "hw.toml").write_text(SMALL + toml, encoding="utf-8")
    (tmp_path / name).write_text(program, encoding="utf-8")
    return grade(tmp_path / name, tmp_path / "hw.toml", sandbox="process")


@pytest.mark.parametrize(("adapter", "form"), FORMS)
def test_right_and_wrong_programs_of_each_form(tmp_path: Path, adapter: str, form: str) -> None:
    toml = f'adapter = "{adapter}"'
    assert graded(tmp_path, based(RIGHT) + form, toml).state == "correct"
    wrong = graded(tmp_path, based(NO_SLOPE) + form, toml)
    assert (wrong.state, [finding.mistake for finding in wrong.diagnosis]) == ("wrong", ["derivative-missing"])


OWN = """
needs = "backprop"

def gradients(student, W, b, x, t, activation, lam):
    nabla_b, nabla_w = student.backprop(W, b, x, t, activation, lam)
    return nabla_w, nabla_b
"""
SWAPPED = (
    "\ndef backprop(*given):\n    dW, db = _lists(*given)\n    return db, dW\n\nraise SystemExit('a plot at the end')\n"
)


def test_an_adapter_of_ones_own_beside_the_assignment(tmp_path: Path) -> None:
    (tmp_path / "adapter.py").write_text(OWN)
    record = graded(tmp_path, based(RIGHT) + SWAPPED, 'adapter = "adapter.py"')
    assert record.state == "correct"
    assert any("ends the program" in text for text in record.advice), "what fails below costs nothing, as without one"


def test_what_the_program_lacks_or_gives_is_told(tmp_path: Path) -> None:
    (tmp_path / "adapter.py").write_text(OWN)
    record = graded(tmp_path, RIGHT, 'adapter = "adapter.py"')
    assert record.state == "incomplete"
    assert record.message == "The program defines no backprop, which the assignment uses; found f, slope."
    record = graded(tmp_path, based(RIGHT) + "\ndef gradients(*given):\n    return 3\n", 'adapter = "dict"')
    assert record.state == "error"
    assert "gradients is to return a dict with dW1, db1, ... or W1, b1, ..." in record.message


def test_of_several_programs_the_one_that_defines_what_is_needed(tmp_path: Path) -> None:
    (tmp_path / "hw.toml").write_text(SMALL + 'adapter = "class"')
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "net.py").write_text(based(RIGHT) + FORMS[4][1])
    (tmp_path / "a" / "old.py").write_text(RIGHT)
    assert grade(tmp_path / "a", tmp_path / "hw.toml", sandbox="process").state == "correct"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("list", "", 'takes dict, class, or the name of a .py file beside the assignment, as "adapter.py"'),
        ("../adapter.py", "", "is not allowed"),
        ("none.py", "", "none.py cannot be read"),
        ("adapter.py", "def (", "adapter.py is no Python"),
        ("adapter.py", "x = 1", 'is to have needs = "NAME"'),
        ("adapter.py", 'needs = "a b"\ndef gradients(student): ...', 'is to have needs = "NAME"'),
    ],
)
def test_an_adapter_that_is_none_is_one_line(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / "adapter.py").write_text(text)
    (tmp_path / "hw.toml").write_text(f'adapter = "{name}"')
    with pytest.raises(BadInput) as caught:
        read_assignment(tmp_path / "hw.toml")
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "hw.toml"))
    assert "\n" not in str(caught.value)


# Files ---------------------------------------------------------------------------------------------------------------

READS = """
factor = float(open("data/factor.txt").read())
open("data/factor.txt", "w").write("2")
"""


def test_files_of_the_assignment_lie_beside_every_program(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "factor.txt").write_text("1.0")
    (tmp_path / "data" / ".hidden").write_text("x")
    for _ in range(2):
        record = graded(tmp_path, READS + RIGHT.replace("/ len(x)", "* factor / len(x)"), 'files = ["data/"]')
        assert record.state == "correct", record.message
    assert (tmp_path / "data" / "factor.txt").read_text() == "1.0", "each program has its own copy"


def test_files_are_part_of_what_is_graded_by(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a")
    (tmp_path / "hw.toml").write_text('files = ["words.txt"]')
    first = read_assignment(tmp_path / "hw.toml")
    assert first.files.contents == {"words.txt": b"a"}
    (tmp_path / "words.txt").write_text("b")
    assert len({first.digest(), read_assignment(tmp_path / "hw.toml").digest(), Assignment().digest()}) == 3


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ('["none/"]', "none cannot be read|none/ cannot be read"),
        ('["../x"]', "is not allowed; files takes a list of files and folders beside the assignment"),
        ('["/etc/passwd"]', "is not allowed"),
        ('["link"]', "leads out of the folder"),
        ('["big"]', "holds more than 200 files and 8 MiB"),
    ],
)
def test_files_that_cannot_be_offered_are_one_line(tmp_path: Path, names: str, says: str) -> None:
    (tmp_path / "link").symlink_to("/etc")
    (tmp_path / "big").write_bytes(b"x" * (9 << 20))
    (tmp_path / "hw.toml").write_text(f"files = {names}")
    with pytest.raises(BadInput, match=says):
        read_assignment(tmp_path / "hw.toml")


# Packages ------------------------------------------------------------------------------------------------------------

# Installed wherever the tests run, for the project itself needs it.
USES = "\nimport yaml\nfactor = float(yaml.safe_load('1.0'))\n"


@pytest.mark.parametrize("sandbox", ["process", "auto"])
def test_a_package_is_there_where_it_is_offered_and_nowhere_else(tmp_path: Path, sandbox: str) -> None:
    program = USES + RIGHT.replace("/ len(x)", "* factor / len(x)")
    (tmp_path / "alice.py").write_text(program)
    offered = {"layers": [1, 1], "packages": ["PyYAML"]}
    assert grade(tmp_path / "alice.py", offered, sandbox=sandbox).state == "correct"
    record = grade(tmp_path / "alice.py", {"layers": [1, 1]}, sandbox=sandbox)
    assert (record.state, record.score) == ("error", 0)
    assert "No module named 'yaml'" in record.message


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("jax", "packages: jax differentiates"),
        ("no-such-package", "packages: no-such-package is not installed here; pip install it where submissions run"),
    ],
)
def test_packages_that_cannot_be_offered_are_one_line(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "alice.py").write_text(RIGHT)
    with pytest.raises(BadInput, match=says):
        grade(tmp_path / "alice.py", {"packages": [name]}, sandbox="process")
