"""Notebooks and scripts as people hand them in: what is right in them is run, and what fails is told with its place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from verify.grading.passed_over import passed_over
from verify.isolation import Call, Calls, Limits, Run, choose, run
from verify.submissions.confined import Unread, read
from verify.submissions.reading import Entry
from verify.submissions.submission import Submission

SHORT = Limits(time_limit=8.0, memory_mib=512)
CUT = Limits(time_limit=1.5, memory_mib=512)
CALLS = Calls([Call("gradients", ([np.eye(2)], [np.ones(2)], np.ones((3, 2)), np.eye(3, 2), "tanh", 0.5))])
DEF = "def gradients(W, b, x, t, activation, lam):\n    return [2 * w for w in W], [2 * v for v in b]"


def as_notebook(cells: Sequence[str], **more: Any) -> str:
    """A notebook of version 4 with these code cells, between texts."""
    code = {"cell_type": "code", "metadata": {"id": "x"}, "outputs": [], "execution_count": None}
    made: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": ["# Homework 3"]}]
    made += [code | {"source": text.splitlines(keepends=True)} for text in cells]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made, **more})


def handed_in(folder: Path, name: str, content: str | bytes) -> Submission:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = read(Entry(name, path))
    assert isinstance(found, Submission), found
    return found


def executed(submission: Submission) -> Run:
    limits = CUT if "True:\n    n += 1" in submission.source or "10**9" in submission.source else SHORT
    return run(submission, CALLS, limits=limits, sandbox=choose("process"))


def is_right(ran: Run) -> bool:
    value = ran.replies[0].value
    return (
        ran.state == "ok" and np.array_equal(value[0][0], 2 * np.eye(2)) and np.array_equal(value[1][0], 2 * np.ones(2))
    )


# Cells, and what is told of them: each text is in the words, and there are as many of them as failures.
NOTEBOOKS: dict[str, tuple[list[str], list[str]]] = {
    "Colab mounts a drive": (
        ["from google.colab import drive, files\ndrive.mount('/content/drive')", "!pip install -q numpy==1.26", DEF],
        [],
    ),
    "Colab clones a repository and enters it": (
        [
            "!git clone https://example.org/hw.git\n%cd hw\n!ls -l",
            DEF,
            "%load_ext tensorboard\n%tensorboard --logdir .",
        ],
        [],
    ),
    "Colab's form and widgets": (
        ["lr = 0.1 #@param {type:'slider'}\nimport ipywidgets as w\n@w.interact(k=(1, 3))\ndef show(k): print(k)", DEF],
        [],
    ),
    "Kaggle lists its input": (
        [
            "import numpy as np\nimport pandas as pd\nimport os\nfor d, *_ in os.walk('/kaggle/input'):\n    print(d)",
            DEF,
            "train = pd.read_csv('/kaggle/input/mnist/train.csv')\ntrain.head()",
        ],
        ["Cell 3, line 1 raised ModuleNotFoundError: No module named 'pandas'", "Cell 1, line 2 imports pandas"],
    ),
    "Kaggle's secrets": (
        ["from kaggle_secrets import UserSecretsClient\nkey = UserSecretsClient().get_secret('k')", DEF],
        [],
    ),
    "VS Code's autoreload": (["%load_ext autoreload\n%autoreload 2\n%matplotlib widget", DEF, "gradients??"], []),
    "JupyterLab times a cell": (["%%time\nimport numpy as np\n" + DEF, "%timeit -n 3 sum(range(9))"], []),
    "JupyterLab captures output": (["%%capture out\n" + DEF, "%%bash\necho done", "%%html\n<b>x</b>"], []),
    "Deepnote's chart and SQL": (["import seaborn as sns\nsns.set_theme()", DEF, "%%sql\nSELECT 1"], []),
    "nbgrader's open question": (
        ["### BEGIN SOLUTION\n" + DEF + "\n### END SOLUTION", "# YOUR CODE HERE\nraise NotImplementedError()"],
        ["Cell 2, line 2 raised NotImplementedError"],
    ),
    "nbgrader's hidden test": (
        [DEF, "assert gradients.__name__ == 'gradient', 'rename it'"],
        ["Cell 2, line 1 raised AssertionError: rename it"],
    ),
    "Otter's checks": (
        [
            "import otter\ngrader = otter.Notebook('hw3.ipynb')",
            DEF,
            "grader.check('q1')",
            "grader.export(run_tests=True)",
        ],
        [],
    ),
    "a syntax error in another cell": (["def forward(:\n    pass", DEF], ["Cell 1, line 1 raised SyntaxError"]),
    "a broken cell above, and the same cell defines it": (
        ["import numpy as np\ndata = np.load('mnist.npz')\nscale = 2\n" + DEF.replace("2 *", "scale *")],
        ["Cell 1, line 2 raised FileNotFoundError"],
    ),
    "an exit in the middle": (
        ["import sys\nsys.exit('stop here')", DEF],
        ["Cell 1, line 2 ends the program (SystemExit: stop here)"],
    ),
    "an input": (
        ["layers = int(input('How many layers? '))", DEF],
        ["Cell 1, line 1 raised EOFError: input() was called"],
    ),
    "output of a command": (["files = !ls data\nprint(files.n, len(files))\nx = %pwd", DEF], []),
    "annotations from the future, later": (
        ["x = 1", "from __future__ import annotations", DEF.replace("(W,", "(W: nowhere,")],
        [],
    ),
    "a file that is written and run": (
        ["%%writefile helper.py\ndef twice(v):\n    return 2 * v", "%run helper.py", DEF.replace("2 * w", "twice(w)")],
        [],
    ),
    "a file that is written twice": (
        [
            "%%writefile lib/m.py\nx = 1",
            "%%writefile net.py\n" + DEF,
            "%%writefile -a net.py\n\nlast = 1",
            "from net import *\nlast",
        ],
        ["Cell 1, line 1 raised FileNotFoundError"],
    ),
    "await over a gather": (
        ["import asyncio\nasync def one(): return 2\nc, = await asyncio.gather(one())", DEF.replace("2 *", "c *")],
        [],
    ),
    "a plot and a progress bar": (
        [
            "import matplotlib.pyplot as plt\nfrom tqdm.notebook import tqdm, trange\n" + DEF,
            "total = 0\nfor k in tqdm(range(3)):\n    total += k\nassert total == 3 and list(trange(2)) == [0, 1]",
            "plt.plot([1, 2])\nplt.show()\ndisplay(plt.gcf())",
        ],
        [],
    ),
    "torch for the data alone": (
        [
            "import torch\nfrom torch.utils.data import DataLoader\nimport torchvision.transforms as T",
            DEF,
            "loader = DataLoader(None)",
        ],
        [
            "Cell 3, line 1 raised ModuleNotFoundError: No module named 'torch' (it is not offered",
            "Cell 1, line 1 imports torch,",
            "Cell 1, line 3 imports torchvision,",
        ],
    ),
    "main guard and a cell that prompts": (
        [
            "if __name__ == '__main__':\n    k = 2",
            ">>> j = k\n>>> j",
            "    indented = j\n    " + DEF.replace("\n", "\n    ").replace("2 *", "j *"),
        ],
        [],
    ),
    "a training loop without an end": (
        [DEF, "n = 0\nwhile True:\n    n += 1", "def later(): return 1\nprint('never')"],
        ["Cell 2, line"],
    ),
    "a redefinition counts": (["def gradients(*p): return None", DEF], []),
}


def right_and_told(submission: Submission, words: list[str]) -> list[str]:
    """What was passed over of a submission whose gradients are right: as many sentences as words, each with its own."""
    ran = executed(submission)
    told = [said.text for said in passed_over(submission, ran)]
    assert is_right(ran), (ran.state, ran.message, ran.output, told)
    assert len(told) == len(words), told
    for said, wanted in zip(told, words, strict=True):
        assert wanted in said
    return told


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_that_work_where_they_were_written(tmp_path: Path, name: str) -> None:
    cells, words = NOTEBOOKS[name]
    submission = handed_in(tmp_path, "hw3.ipynb", as_notebook(cells))
    for said in right_and_told(submission, words):
        assert said.startswith("passed-over: ")


def test_a_notebook_of_format_3(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "heading", "level": 1, "source": ["Homework"], "metadata": {}},
        {
            "cell_type": "code",
            "input": DEF.splitlines(keepends=True),
            "language": "python",
            "outputs": [],
            "metadata": {},
        },
    ]
    text = json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]})
    assert is_right(executed(handed_in(tmp_path, "old.ipynb", text)))


def test_an_error_in_a_call_has_the_cell_and_its_line(tmp_path: Path) -> None:
    cells = ["import numpy as np", "!pip install \\\n  x\n\ndef gradients(*p):\n    return undefined"]
    ran = executed(handed_in(tmp_path, "hw3.ipynb", as_notebook(cells)))
    assert (ran.state, ran.replies[0].place) == ("error", "cell 2, line 5")
    assert ran.message == "gradients, cell 2, line 5: NameError: name 'undefined' is not defined"


def test_a_notebook_in_another_language_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.ipynb"
    path.write_text(
        as_notebook(["x <- 1"]).replace(
            '"metadata": {}, "cells"', '"metadata": {"kernelspec": {"language": "R"}}, "cells"'
        )
    )
    assert read(Entry("r.ipynb", path)) == Unread("r.ipynb: is a notebook of R; what is graded is Python")


# Scripts and other forms ---------------------------------------------------------------------------------------------

IMPORT = "import numpy as np\n"
SCRIPTS: dict[str, tuple[str, str, list[str]]] = {
    "a training loop at the end": (
        "hw.py",
        f"{DEF}\nfor step in range(10**9):\n    step += 1\nLATER = [1]\nprint('never')\ndef later(): pass\n",
        ["took more than half of the time"],
    ),
    "arguments that are not there": (
        "hw.py",
        f"import sys\n{DEF}\nn = int(sys.argv[1])\nm = 2 * n\n",
        ["Line 4 raised IndexError", "Line 5 raised NameError"],
    ),
    "data that is not there": (
        "hw.py",
        f"{DEF}\nx = open('mnist.bin').read()\nk = 1\n",
        ["Line 3 raised FileNotFoundError"],
    ),
    "it ends itself": ("hw.py", f"{DEF}\nexit_code = 0\nraise SystemExit(exit_code)\n", ["Line 4 ends the program"]),
    "an absent package in a loop": (
        "hw.py",
        f"import sklearn.datasets as d\n{DEF}\nif True:\n    d.load_digits()\n",
        ["Line 5 raised ModuleNotFoundError: No module named 'sklearn'", "Line 1 imports sklearn"],
    ),
    "a package that is tried": (
        "hw.py",
        f"try:\n    import cupy as np\nexcept ImportError:\n    import numpy as np\n{DEF}\n",
        [],
    ),
    "percent format with magics": (
        "hw.py",
        f"# %%\n%matplotlib inline\n!pip install numpy\n# %% [markdown]\n# text\n# %%\n{DEF}\n# %%\n1 / 0\n",
        ["Line 10 raised ZeroDivisionError"],
    ),
    "percent format, the future later": (
        "hw.py",
        f"# %%\nx = 1\n# %%\nfrom __future__ import annotations\n{DEF}\n",
        [],
    ),
    "light format": (
        "hw.py",
        f"# ---\n# jupyter:\n#   jupytext:\n#     format_name: light\n# ---\n\n# # Title\n\n# +\nk = 2\n# -\n\n{DEF}\n",
        [],
    ),
    "statements that jupytext takes for commands": (
        "hw.py",
        (
            "# ---\n# jupyter:\n#   jupytext:\n#     format_name: percent\n# ---\n\n# %%\nls, mv = [1], 2\n"
            f"# ls += [3]\n# mv *= 2\n# # mv *= 5\n# ls -l\nk = mv / len(ls)\n\n# %%\n{DEF.replace('2 *', 'k *')}\n"
        ),
        ["it was executed (line 9: ls += [3], line 10: mv *= 2)"],
    ),
    "nbconvert": (
        "hw.py",
        (
            "#!/usr/bin/env python\n# coding: utf-8\n\n# In[3]:\n\n\n"
            f"get_ipython().system('pip install x')\n\n\n# In[ ]:\n\n\n{DEF}\n"
        ),
        [],
    ),
    "nbconvert of an await": (
        "hw.py",
        f"# In[1]:\n\nimport asyncio\nawait asyncio.sleep(0)\n\n# In[2]:\n\n{DEF}\n",
        [],
    ),
    "Colab's export": ("hw.py", f'# -*- coding: utf-8 -*-\n"""hw.ipynb"""\n\n!pip install numpy\n\n{DEF}\n', []),
    "Markdown": (
        "hw.md",
        (
            "# Title\n\n```python\nk = 2\n```\n\ntext\n\n```bash\nls\n```\n\n"
            f"```python\n{DEF.replace('2 *', 'k *')}\n```\n"
        ),
        [],
    ),
    "Quarto": (
        "hw.qmd",
        (
            f"---\ntitle: hw\n---\n\n```{{python}}\n#| label: one\n%matplotlib inline\n{DEF}\n```\n\n"
            "```{python}\n#| eval: false\n1 / 0\n```\n"
        ),
        [],
    ),
    "R Markdown": (
        "hw.Rmd",
        f"```{{r}}\nx <- 1\n```\n\n```{{python, echo=FALSE}}\n{DEF}\n```\n\n```{{python eval=FALSE}}\n1 / 0\n```\n",
        [],
    ),
    "MyST": (
        "hw.md",
        (
            f"```{{code-cell}} ipython3\n:tags: [hide]\n\n{DEF}\n```\n\n"
            "```{code-cell} ipython3\n---\ntags: [x]\n---\n1 / 0\n```\n"
        ),
        ["Line 12 raised ZeroDivisionError"],
    ),
    "GBK": ("hw.py", f"# 反向传播的作业\n{DEF}\n", ["read: It was read as GBK: save it as UTF-8."]),
    "UTF-16": ("hw.py", f"# 作业\n{DEF}\n", ["read: It was read as UTF-16: save it as UTF-8."]),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_and_other_forms(tmp_path: Path, name: str) -> None:
    file, text, words = SCRIPTS[name]
    content = text.encode({"GBK": "gbk", "UTF-16": "utf-16"}.get(name, "utf-8"))
    submission = handed_in(tmp_path, file, content)
    right_and_told(submission, words)


MARIMO = """import marimo

app = marimo.App(width="medium")


@app.cell
def _(k, np):
    def gradients(W, b, x, t, activation, lam):
        return [k * w for w in W], [np.multiply(k, v) for v in b]
    return (gradients,)


@app.cell
def _():
    import numpy as np
    import marimo as mo
    mo.md("# text")
    return mo, np


@app.cell
async def _(np):
    k = int(np.sqrt(4))
    return (k,)


@app.cell
def _(gradients):
    gradients()
    return


if __name__ == "__main__":
    app.run()
"""


def test_a_marimo_notebook_runs_in_the_order_of_what_its_cells_need(tmp_path: Path) -> None:
    submission = handed_in(tmp_path, "hw.py", MARIMO)
    ran = executed(submission)
    assert is_right(ran), (ran.state, ran.message)
    assert ["Line 29 raised TypeError" in said.text for said in passed_over(submission, ran)] == [True]


def test_before_what_is_graded_a_script_stops_as_python_does(tmp_path: Path) -> None:
    ran = executed(handed_in(tmp_path, "hw.py", f"x = [1][5]\n{DEF}\n"))
    assert (ran.state, ran.message) == ("error", "on import, line 1: IndexError: list index out of range")


def test_of_several_programs_the_one_that_defines_it_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / "hw"
    folder.mkdir()
    for name, text in {"net.py": DEF, "train.py": "import net\n", "plots.py": "x = 1\n"}.items():
        (folder / name).write_text(text)
    found = read(Entry("hw", folder))
    assert isinstance(found, Submission)
    assert (found.entry, found.notes) == ("net.py", ("Of 3 programs net.py was taken, for it defines gradients.",))
    (folder / "old.py").write_text(DEF)
    refused = read(Entry("hw", folder))
    assert isinstance(refused, Unread)
    assert "has 4 programs and no single submission.py" in refused.reason
    named = read(Entry("hw", folder), "old.py")
    assert isinstance(named, Submission)
    assert (named.entry, named.notes) == ("old.py", ())


def test_colabs_export_of_a_timed_cell_has_a_remedy(tmp_path: Path) -> None:
    commented = "\n".join(f"# {line}" for line in ["%%time", *DEF.splitlines()])
    path = tmp_path / "hw.py"
    path.write_text(f"# Commented out IPython magic to ensure Python compatibility.\n{commented}\n")
    found = read(Entry("hw.py", path))
    assert isinstance(found, Unread)
    assert "hand in the notebook itself" in found.reason
