#!/usr/bin/env bash
# torch 2.14.1: a second derivative through a backward pass that is marked once_differentiable is None, without an error.
#
# The decorator is there so that nobody takes a second derivative of such a Function: `g.backward()` raises. With
# torch.autograd.grad(g, [x, v], …, allow_unused=True), the form that checkers use, since a true dependence may be
# absent, both entries come back as None, which reads as "g does not depend on x": for x³, d²/dx² = 6x is reported as
# no dependence at all. backproof's second-derivative probe looks at the gradient's graph node and says that the
# Function is differentiable once.
# Seen (torch 2.14.1, CPython 3.11): grad gives [None, None]; backward raises RuntimeError.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.4.6
seen=$("$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch.autograd.function import once_differentiable


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
v = torch.ones(2, dtype=torch.float64, requires_grad=True)
(g,) = torch.autograd.grad(Cube.apply(x), x, v, create_graph=True)
silent = list(torch.autograd.grad(g, [x, v], torch.ones_like(g), allow_unused=True, retain_graph=True))
try:
    g.sum().backward()
    loud = "nothing"
except RuntimeError:
    loud = "RuntimeError"
print(silent, loud)
PYTHON
)
echo "seen: $seen"
[ "$seen" = "[None, None] RuntimeError" ] || { echo "this has changed: [None, None] RuntimeError was seen before"; exit 1; }
