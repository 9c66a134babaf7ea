#!/usr/bin/env bash
# torch 2.14.1: at kinks autograd does not always give the subgradient of minimum norm, as its documentation says.
#
# "Autograd mechanics", section "Gradients for non-differentiable functions", promises in this order: the gradient
# where there is one; where the function is convex, the subgradient of the smallest norm; where it is concave, the
# supergradient of the smallest norm. Four places where it is another one:
#   SELU at 0, concave there with the slopes 1.7581 and 1.0507: 1.7581 comes, 1.0507 is the smaller.
#   ELU with α = 2 at 0, concave there with the slopes 2 and 1: 2 comes.
#   x.max(dim=0) of two equal numbers, convex: (1, 0) of norm 1 comes; (½, ½) has the norm 0.71, and x.max() gives it.
#   the nuclear norm of a zero matrix, convex: the identity comes, where 0 is a subgradient; the Frobenius norm gives 0.
# All four are subgradients, so no checker may call them wrong; one that expects the documented choice does, for a right
# program as for autograd. backproof accepts every subgradient (docs/FRAMEWORKS.md, "At a kink").
# Seen (CPython 3.11, CPU): selu 1.7581; elu 2.0; max 1.0 0.0; nuclear norm 1.0 0.0 0.0 1.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.4.6
seen=$("$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch.func import grad

zero = torch.zeros((), dtype=torch.float64)
print(f"selu {grad(torch.nn.functional.selu)(zero).item():.4f}", end="; ")
print(f"elu {grad(lambda x: torch.nn.functional.elu(x, 2.0))(zero).item()}", end="; ")
print("max", *grad(lambda x: x.max(dim=0).values)(torch.ones(2, dtype=torch.float64)).tolist(), end="; ")
nuclear = grad(lambda x: torch.linalg.matrix_norm(x, "nuc"))(torch.zeros(2, 2, dtype=torch.float64))
print("nuclear norm", *nuclear.flatten().tolist())
PYTHON
)
echo "seen: $seen"
expected="selu 1.7581; elu 2.0; max 1.0 0.0; nuclear norm 1.0 0.0 0.0 1.0"
[ "$seen" = "$expected" ] || { echo "this has changed: $expected was seen before"; exit 1; }
