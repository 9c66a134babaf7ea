"""The arrows between the packages: who imports whom is what makes the agreement of two witnesses worth something."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("manual", "torch_ref", "verify", "scripts")


def _modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after the statement."""
    program = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.parametrize(("package", "strangers"), [("manual", {"torch_ref"}), ("torch_ref", {"manual"})])
def test_each_side_works_without_the_other(package: str, strangers: set[str]) -> None:
    held = _modules_after(f"import {package}")
    assert package in held
    assert held.isdisjoint(strangers | {"verify", "scripts"})


def test_the_above_would_see_a_stranger() -> None:
    assert {"verify", "manual", "torch_ref"} <= _modules_after("import verify.witnesses.against")


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"]
    wide = os.environ | {"COLUMNS": "300"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=wide)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages and their rules, to plant imports in."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


# module, the import planted in it, how the rule that it breaks begins
FORBIDDEN = [
    ("manual.activations", "torch_ref.activations", "scripts on top"),
    ("torch_ref.outputs", "manual.outputs", "scripts on top"),
    ("manual.network", "verify.errors", "scripts on top"),
    ("torch_ref.network", "verify.problems.problem", "scripts on top"),
    ("verify.problems.data", "scripts", "scripts on top"),
    ("verify.bounds.budget", "torch_ref.network", "the autograd reference"),
    ("verify.witnesses.differences", "torch_ref.activations", "differences know no autograd"),
    ("verify.witnesses.columns", "manual.network", "differences touch no backward pass"),
    ("verify.reports.html", "verify.witnesses.against", "reports read the record"),
]


def test_every_planted_import_is_caught(copy: Path) -> None:
    (copy / "verify" / "reports").mkdir(exist_ok=True)
    (copy / "verify" / "reports" / "__init__.py").touch()
    for module, imported, _ in FORBIDDEN:
        with (copy / Path(*module.split("."))).with_suffix(".py").open("a") as file:
            file.write(f"\nimport {imported}\n")
    said = _lint(copy)
    assert said.returncode == 1, said.stdout + said.stderr
    for module, imported, rule in FORBIDDEN:
        assert re.search(rf"^{rule}.* BROKEN$", said.stdout, re.MULTILINE), said.stdout
        assert re.search(rf"{re.escape(module)} -> {re.escape(imported)} \(l\.\d+\)", said.stdout), said.stdout


def test_the_rules_are_kept_where_nothing_is_planted(copy: Path) -> None:
    said = _lint(copy)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "0 broken" in said.stdout
