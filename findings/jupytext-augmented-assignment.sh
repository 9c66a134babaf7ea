#!/usr/bin/env bash
# jupytext 1.19.6: `ls += [loss]` or `mv *= 0.9` at the left margin of a cell is a comment in the .py that it writes.
#
# Jupyter runs `ls -l` and `mv a b` without a % before them; jupytext therefore writes lines that begin with cat, cd,
# cp, mv, rm, rmdir, mkdir, copy, ddir, echo, ls, ldir or ren as comments, unless a = or a comma follows. An augmented
# assignment to a variable of such a name (losses, a moving average, a copy) is taken for a command as well. jupytext
# itself reads the line back, so that its round-trip test passes; Python skips it: the program computes something else
# than the notebook did, without a word. Issue 339 of jupytext was the same for `cat = 1`.
# backproof executes such a line of a .py with jupytext's header, and says so (docs/INSTRUCTOR.md, "Other forms").
# Seen (CPython 3.11): the notebook gives [1, 2] 0.9, the .py that is made of it [1] 1.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jupytext==1.19.6
seen=$("$folder/venv/bin/python" - <<'PYTHON'
import jupytext
from nbformat.v4 import new_code_cell, new_notebook

cell = "ls, mv = [1], 1.0\nls += [2]\nmv *= 0.9"
notebook = new_notebook(cells=[new_code_cell(cell), new_code_cell("print(ls, mv, end=' ')")])
text = jupytext.writes(notebook, "py:percent")
exec("\n".join(cell.source for cell in notebook.cells))
exec(text)
print(jupytext.reads(text, "py:percent").cells[0].source == cell)
PYTHON
)
echo "seen: $seen"
[ "$seen" = "[1, 2] 0.9 [1] 1.0 True" ] || { echo "this has changed: [1, 2] 0.9 [1] 1.0 True was seen before"; exit 1; }
