"""Notebooks as the tools write them, with their metadata and outputs: right gradients are graded correct."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.classes import NO_MEAN, RIGHT
from verify import grade

ASKED = {"layers": [1, 1], "seed": 0}
IMPORTS, _, PROGRAM = RIGHT.partition("import numpy as np\n")
NUMPY = "import numpy as np"
PYTHON3 = {"display_name": "Python 3", "language": "python", "name": "python3"}


def code(text: str, outputs: list[dict[str, Any]] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": metadata, "source": text.strip("\n").splitlines(keepends=True),
            "outputs": outputs or [], "execution_count": None}  # fmt: skip


def prose(text: str, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": metadata, "source": [text]}


def raw(text: str, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "raw", "metadata": metadata, "source": [text]}


def notebook(cells: list[dict[str, Any]], minor: int = 4, **metadata: Any) -> str:
    """A notebook of format 4; from 4.5 on each cell has an id."""
    if minor >= 5:
        cells = [{"id": f"cell-{at}", **cell} for at, cell in enumerate(cells)]
    about = {"kernelspec": PYTHON3, "language_info": {"name": "python", "version": "3.12.3"}, **metadata}
    return json.dumps({"nbformat": 4, "nbformat_minor": minor, "metadata": about, "cells": cells})


STREAM = {"output_type": "stream", "name": "stdout", "text": ["accuracy 0.97\n"]}
PICTURE = {
    "output_type": "display_data",
    "data": {"image/png": "iVBORw0KGgo=", "text/plain": ["<Figure>"]},
    "metadata": {},
}
FAILED = {
    "output_type": "error",
    "ename": "ValueError",
    "evalue": "x",
    "traceback": ["\u001b[0;31mValueError\u001b[0m"],
}


# Google Colab --------------------------------------------------------------------------------------------------------


def colab(*cells: dict[str, Any], **more: Any) -> str:
    made = [cell | {"metadata": {"id": f"Xy{at}zQ", **cell["metadata"]}} for at, cell in enumerate(cells)]
    return notebook(made, 0, colab={"provenance": [], "toc_visible": True, "gpuType": "T4"}, accelerator="GPU", **more)


COLAB = {
    "a mounted drive and a package that is installed": colab(
        code("from google.colab import drive\ndrive.mount('/content/drive')\n%cd /content/drive/MyDrive/hw3"),
        code("!pip install -q torchinfo\n!nvidia-smi"), code(NUMPY), code(PROGRAM),
    ),
    "a form, and files that are asked for": colab(
        code("#@title Settings { run: 'auto' }\nlr = 0.1 #@param {type: 'slider', min: 0, max: 1}", cellView="form"),
        code(NUMPY), code(PROGRAM), code("from google.colab import files\nfiles.upload()\nfiles.download('w.npz')"),
    ),
    "widgets of a progress bar": colab(
        code(f"{NUMPY}\nfrom tqdm.auto import tqdm"), code(PROGRAM),
        code("for k in tqdm(range(2)):\n    pass", [{"output_type": "display_data", "metadata": {}, "data": {
            "application/vnd.jupyter.widget-view+json": {"model_id": "a", "version_major": 2, "version_minor": 0}}}]),
        widgets={"application/vnd.jupyter.widget-state+json": {"a": {"model_name": "HBoxModel"}}},
    ),
    "secrets and a data set that is fetched": colab(
        code("from google.colab import userdata\nkey = userdata.get('KAGGLE')"), code(NUMPY), code(PROGRAM),
        code("!wget -q https://example.org/mnist.npz\nd = np.load('mnist.npz')", [FAILED]),
    ),
}  # fmt: skip


# Kaggle --------------------------------------------------------------------------------------------------------------


def kaggle(*cells: dict[str, Any]) -> str:
    made = [cell | {"metadata": {"_uuid": f"8f{at}", "_cell_guid": f"b1-{at}", "trusted": True, "execution": {
        "iopub.status.busy": "2026-11-18T09:00:00.1Z", "shell.execute_reply": "2026-11-18T09:00:00.2Z"}}}
        for at, cell in enumerate(cells)]  # fmt: skip
    return notebook(made, kaggle={"accelerator": "nvidiaTeslaT4", "dataSources": [], "isGpuEnabled": True})


HEAD = (
    f"# This Python 3 environment comes with many helpful analytics libraries installed\n{NUMPY}\nimport pandas as pd\n"
    "import os\nfor dirname, _, filenames in os.walk('/kaggle/input'):\n    for filename in filenames:\n"
    "        print(os.path.join(dirname, filename))"
)
KAGGLE = {
    "the head that every notebook has": kaggle(code(HEAD), code(PROGRAM)),
    "a table that is not there": kaggle(
        code(HEAD), code(PROGRAM), code("train = pd.read_csv('/kaggle/input/digit-recognizer/train.csv')\ntrain.head()")
    ),
    "a submission that is written": kaggle(
        code(HEAD), code(PROGRAM), code("%%time\nout = pd.DataFrame({'id': [1]})\nout.to_csv('submission.csv')")
    ),
}

# Visual Studio Code --------------------------------------------------------------------------------------------------

VSCODE_ABOUT = {"orig_nbformat": 4, "vscode": {"interpreter": {"hash": "31f2aee4e71d21fbe5cf8b01ff0e069b"}}}


def vscode(*cells: dict[str, Any]) -> str:
    return notebook([*cells], 2, **VSCODE_ABOUT)


VSCODE = {
    "autoreload and a local module": vscode(
        code("%load_ext autoreload\n%autoreload 2\nimport sys\nsys.path.append('..')"), code(NUMPY), code(PROGRAM),
        code("from src.plots import show\nshow()", [FAILED]), code("", vscode={"languageId": "python"}),
    ),
    "cells in other languages": vscode(
        code("%%bash\nls -l", vscode={"languageId": "shellscript"}), code(f"{NUMPY}\n{PROGRAM}"),
        code("%%html\n<h1>Results</h1>", vscode={"languageId": "html"}),
    ),
    "the kernel's name of a virtual environment": notebook(
        [code(f"{NUMPY}\n%matplotlib widget"), code(PROGRAM), code("gradients?")], 2,
        kernelspec={"display_name": ".venv (3.12.3)", "language": "python", "name": "python3"}, **VSCODE_ABOUT,
    ),
}  # fmt: skip

# JupyterLab ----------------------------------------------------------------------------------------------------------


def lab(*cells: dict[str, Any], **more: Any) -> str:
    return notebook([*cells], 5, **more)


LAB = {
    "timings, collapsed cells and tags": lab(
        code("%%time\nimport numpy as np", tags=["hide-input"]), code(PROGRAM, jupyter={"source_hidden": True}),
        code("%timeit -n 2 -r 1 np.ones(3)", [STREAM], collapsed=True, scrolled=True), toc={"base_numbering": 1},
    ),
    "attachments, raw cells and slides": lab(
        {**prose("![x](attachment:x.png)", slideshow={"slide_type": "slide"}),
         "attachments": {"x.png": {"image/png": "iV"}}},
        raw("---\ntitle: hw3\n---"), code(NUMPY), code(PROGRAM),
        code("import matplotlib.pyplot as plt\nplt.plot([1])", [PICTURE]),
    ),
    "run out of order, an old definition below a new one is not there any more": lab(
        code(NUMPY), code(NO_MEAN.replace("gradients", "gradients_old")), code(PROGRAM),
        code("W, b = init([784, 10])", [FAILED]),
    ),
    "a debugger's and an interactive cell": lab(
        code(f"{NUMPY}\nfrom ipywidgets import interact, FloatSlider"), code(PROGRAM),
        code("@interact(lr=FloatSlider(0.1))\ndef show(lr): print(lr)"), code("%debug\n%who\n%history -n 1-2"),
    ),
}  # fmt: skip

# Deepnote ------------------------------------------------------------------------------------------------------------


def deepnote(*cells: dict[str, Any]) -> str:
    kinds = {"code": "code", "markdown": "text-cell-p", "raw": "raw"}
    made = [cell | {"metadata": {"cell_id": f"0{at}-e8", "deepnote_cell_type": kinds[cell["cell_type"]],
            "source_hash": "b623e53d", "execution_start": 1700000000000 + at, "execution_millis": 12,
            "deepnote_to_be_reexecuted": False, **cell["metadata"]}} for at, cell in enumerate(cells)]  # fmt: skip
    return notebook(made, 0, deepnote_notebook_id="0f", deepnote_execution_queue=[], deepnote={"is_reactive": False})


DEEPNOTE = {
    "an input block and a chart": deepnote(
        code("lr = '0.1'", deepnote_cell_type="input-text", deepnote_variable_name="lr"), code(NUMPY), code(PROGRAM),
        code("DeepnoteChart(df_1, '''{}''')", [FAILED], deepnote_cell_type="visualization"),
    ),
    "a block of SQL": deepnote(
        code("df_1 = _deepnote_execute_sql('SELECT 1', 'SQL_DEEPNOTE', audit_sql_comment='')\ndf_1", [FAILED],
             deepnote_cell_type="sql", deepnote_variable_name="df_1"), code(f"{NUMPY}\n{PROGRAM}"),
    ),
    "a heading, and the link at its end": deepnote(
        prose("Homework 3"), code(NUMPY), code(PROGRAM),
        prose("<a href='https://deepnote.com'>Created in Deepnote</a>", created_in_deepnote_cell=True),
    ),
}  # fmt: skip

# nbgrader ------------------------------------------------------------------------------------------------------------


def graded(id: str, *, solution: bool = True, points: int = 0) -> dict[str, Any]:
    about = {
        "grade": points > 0,
        "grade_id": id,
        "locked": not solution,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    return {"nbgrader": about | ({"points": points} if points else {})}


NBGRADER = {
    "a question that is left open": notebook(
        [code(NUMPY), code(PROGRAM, **graded("gradients")),
         code("# YOUR CODE HERE\nraise NotImplementedError()", [FAILED], **graded("bonus")),
         prose("YOUR ANSWER HERE", **graded("why", points=2))], 4,
    ),
    "tests that fail elsewhere": notebook(
        [code(f"{NUMPY}\nNAME = ''\nCOLLABORATORS = ''"), code(PROGRAM, **graded("g")),
         code("assert NAME != '', 'enter your name'", [FAILED], **graded("t", solution=False, points=1))], 4,
    ),
    "the source version with its marks": notebook(
        [code(NUMPY), code(f"### BEGIN SOLUTION\n{PROGRAM.strip()}\n### END SOLUTION", **graded("g")),
         code("### BEGIN HIDDEN TESTS\nassert gradients\n### END HIDDEN TESTS", **graded("t", solution=False))], 4,
        celltoolbar="Create Assignment",
    ),
}  # fmt: skip

# Otter ---------------------------------------------------------------------------------------------------------------

OTTER_HEAD = '# Initialize Otter\nimport otter\ngrader = otter.Notebook("hw3.ipynb")'
OTTER_ABOUT = {"otter": {"OK_FORMAT": True, "tests": {"q1": {"name": "q1", "points": 1, "suites": []}}}}
OTTER = {
    "a student's version with its checks": notebook(
        [code(OTTER_HEAD, tags=["otter_ignore"]), code(NUMPY), code(PROGRAM, tags=["otter_answer_cell"]),
         code('grader.check("q1")', deletable=False, editable=False),
         code("# Save your notebook first, then run this cell to export it.\ngrader.export(run_tests=True)")],
        5, **OTTER_ABOUT,
    ),
    "an answer that is still an ellipsis": notebook(
        [code(OTTER_HEAD), code(f"{NUMPY}\n{PROGRAM}"), code("loss_at_start = ...\nassert loss_at_start > 0", [FAILED]),
         code("grader.check_all()")], 5, **OTTER_ABOUT,
    ),
    "the assignment's source": notebook(
        [raw("# ASSIGNMENT CONFIG\nname: hw3\nexport_cell: true"), raw("# BEGIN QUESTION\nname: q1\npoints: 3"),
         raw("# BEGIN SOLUTION"), code(f"{NUMPY}\n{PROGRAM}"), raw("# END SOLUTION"), raw("# BEGIN TESTS"),
         code("gradients is not None", [STREAM]), raw("# END TESTS"), raw("# END QUESTION")], 4,
    ),
    "a public check that raises": notebook(
        [code(OTTER_HEAD), code(NUMPY), code(PROGRAM), code("grader.check('q9')", [FAILED]),
         code("q9_plot = plt.plot(history)")], 5, **OTTER_ABOUT,
    ),
}  # fmt: skip

TOOLS = {"Colab": COLAB, "Kaggle": KAGGLE, "VS Code": VSCODE, "JupyterLab": LAB, "Deepnote": DEEPNOTE,
         "nbgrader": NBGRADER, "Otter": OTTER}  # fmt: skip
NOTEBOOKS = {f"{tool}: {what}": text for tool, made in TOOLS.items() for what, text in made.items()}


def test_there_are_two_dozen_of_seven_tools() -> None:
    assert (len(TOOLS), len(NOTEBOOKS)) == (7, 24)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_right_gradients_are_correct(tmp_path: Path, name: str) -> None:
    (tmp_path / "hw3.ipynb").write_text(NOTEBOOKS[name], encoding="utf-8")
    record = grade(tmp_path / "hw3.ipynb", ASKED, sandbox="process")
    assert (record.state, record.score) == ("correct", 10), (record.message, record.advice)


@pytest.mark.parametrize("tool", TOOLS)
def test_wrong_gradients_are_wrong(tmp_path: Path, tool: str) -> None:
    text = next(iter(TOOLS[tool].values()))
    wrong = text.replace("delta / len(x)", "delta").replace("delta.sum(axis=0) / len(x)", "delta.sum(axis=0)")
    assert wrong != text
    (tmp_path / "hw3.ipynb").write_text(wrong, encoding="utf-8")
    record = grade(tmp_path / "hw3.ipynb", ASKED, sandbox="process")
    assert [found.mistake for found in record.diagnosis] == ["mean-missing"]
