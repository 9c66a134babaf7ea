"""The layers by hand of docs/examples, each with its check, and the command that runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from verify.commands.check import app

LAYERS = sorted((Path(__file__).parents[2] / "docs" / "examples" / "layers").glob("*.py"))


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments), standalone_mode=False)


@pytest.mark.parametrize("path", LAYERS, ids=lambda p: p.stem)
def test_a_layer_by_hand_is_right(path):
    found = run(f"{path}:{path.stem}", "--json", "-", "--no-shapes")
    assert found.return_value == 0, found.output
    assert json.loads(found.stdout)["verdict"] == "right"
